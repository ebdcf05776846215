"""Writing a deployment list: a plan of operations, then their application.

Old or new, never neither: everything that the new list needs is on stable storage before
one rename makes it the active one, and nothing after that rename can fail the write.
"""

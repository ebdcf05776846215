"""Hooks: programs of the administrator and of packages that follow every write of the list.

They run after the swap, for a limited time, and cannot fail it.  A stamp in /boot, written
before the swap, remembers which have still to run.
"""

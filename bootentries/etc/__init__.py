"""The 3-way merge of /etc: old defaults, local changes, new defaults.

`diff` finds the local changes, `check` foresees what a merge would do with them, `merge`
carries them over, with `copy` for single files and trees, and `target` for where they go.
"""

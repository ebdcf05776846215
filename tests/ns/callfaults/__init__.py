"""Every write-class system call of every writing verb fails once; the parts of the sweep.

`calls` knows system calls, `lab` runs programs on a sysroot that can be put back, `cases` are
the verbs, `judge` says what may be left, and `sweep` tries everything.
"""

"""Looking at the whole chain, from the loader's link to the deployment, without writing.

`verify` names everything that is wrong, `explain` walks one entry.  Both go on where
`bootentries.sysroot.load` stops at the first fault.
"""

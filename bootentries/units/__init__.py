"""The service manager's side of staging: libostree's units, running our commands.

`ostree admin deploy --stage` and rpm-ostree start `ostree-finalize-staged.service` by its
name, so that unit stays libostree's, and drop-ins replace what it runs.  Where libostree has
not installed it, the unit is ours under the same name.  There is never a second one that
finalises.
"""

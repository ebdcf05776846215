"""Recipes for guests that run OSTree: a Debian tree, commits of it, and bootable disks.

Everything OSTree-shaped about tests lives here; `bootvm` beside it knows only machines.
Needs root (mounts, owners, the immutable flag) and the packages that `scripts/setup-host`
names.  Results are cached in `${XDG_CACHE_HOME:-~/.cache}/bootchain`.
"""

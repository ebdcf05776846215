#!/bin/bash
# Installs the hook for mkinitcpio and the static executable.
#
#   mkinitcpio/install.sh PREPARE_ROOT [DESTDIR]
#
# PREPARE_ROOT is what `prepare-root-image binary` built.  Below DESTDIR (default: /) goes
# everything that `mkinitcpio` then needs; HOOKS names it.
set -euo pipefail

fail() {
    echo "mkinitcpio/install.sh: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

usage="mkinitcpio/install.sh PREPARE_ROOT [DESTDIR]"
[[ $# -ge 1 && $# -le 2 ]] || fail "read arguments: $#: one or two are needed" "$usage"
binary=$1
dest=${2:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

[[ -f $binary && -x $binary ]] \
    || fail "install executable: $binary: not an executable file" \
        "build it with: prepare-root-image binary $binary"

top=$dest/usr/lib/initcpio
install -D -m 0755 "$binary" "$dest/usr/lib/bootchain/prepare-root"
install -D -m 0644 "$here/install/bootchain" "$top/install/bootchain"
install -D -m 0644 "$here/hooks/bootchain" "$top/hooks/bootchain"
install -D -m 0644 -t "$top/bootchain" \
    "$here/../dracut-module/50bootchain/bootchain-prepare-root.service"

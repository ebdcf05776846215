#!/bin/sh
# Hook of a dracut image without systemd; sourced by its init with the root at $NEWROOT.

# shellcheck disable=SC2154 # dracut's
if getarg ostree= > /dev/null; then
    /usr/lib/bootchain/prepare-root "$NEWROOT" \
        || die "bootchain: prepare-root failed; the reason is in the lines above"
fi

#!/bin/bash
# dracut module: prepare an OSTree deployment's root with bootchain's prepare-root.
#
# dracut sources this and calls the functions.  Nothing here runs at boot.

# The static executable on the machine that builds the image.
bootchain_binary() {
    echo "${BOOTCHAIN_PREPARE_ROOT:-${dracutsysrootdir-}/usr/lib/bootchain/prepare-root}"
}

# Ends the whole build.  dracut goes on when install() only returns an error, and an image
# that cannot boot would replace one that can.
bootchain_fail() {
    dfatal "bootchain: $1"
    dfatal "hint: $2"
    exit 1
}

# Two programs that both move the root filesystem leave a root that neither meant.  Modules
# are installed in the order of their numbers, so libostree's may be in already or to come.
bootchain_refuse_libostree() {
    # shellcheck disable=SC2154 # dracut's
    if [[ " ${mods_to_load-} ${modules_loaded-} " == *" ostree "* ]] \
        || [[ -e "$initdir/usr/lib/ostree/ostree-prepare-root" ]] \
        || [[ -e "$initdir/usr/lib/systemd/system/ostree-prepare-root.service" ]] \
        || [[ -e "$initdir/lib/systemd/system/ostree-prepare-root.service" ]]; then
        bootchain_fail \
            "install module: ostree: libostree's own module is in this image too" \
            "omit_dracutmodules+=\" ostree \", and nothing that adds it by force"
    fi
}

# Only when asked for.  A missing executable is found by install(), which can say so.
check() {
    return 255
}

depends() {
    echo base
}

installkernel() {
    # For composefs, an unlocked /usr and a transient /etc: whatever the build machine uses.
    hostonly='' instmods erofs overlay
}

install() {
    local binary
    bootchain_refuse_libostree
    binary=$(bootchain_binary)
    if [[ ! -f $binary || ! -x $binary ]]; then
        bootchain_fail "install executable: $binary: not an executable file" \
            "build it there with: prepare-root-image binary $binary"
    fi
    # `command`: this very function is called install.
    command install -D -m 0755 -- "$binary" "$initdir/usr/lib/bootchain/prepare-root" \
        || bootchain_fail "install executable: $binary: cannot copy it into the image" \
            "look for a full disk below ${initdir%/*}"

    inst_multiple -o \
        /usr/lib/ostree/prepare-root.conf \
        /etc/ostree/prepare-root.conf \
        /etc/ostree/initramfs-root-binding.key

    # shellcheck disable=SC2154 # dracut's
    if dracut_module_included systemd; then
        inst_simple "$moddir/bootchain-prepare-root.service" \
            "$systemdsystemunitdir/bootchain-prepare-root.service"
        mkdir -p "$initdir$systemdsystemunitdir/initrd-root-fs.target.wants"
        ln_r "$systemdsystemunitdir/bootchain-prepare-root.service" \
            "$systemdsystemunitdir/initrd-root-fs.target.wants/bootchain-prepare-root.service"
    else
        inst_hook pre-pivot 50 "$moddir/bootchain-pre-pivot.sh"
    fi
}

"""What can be wrong with a sysroot: one function for each way, and the code it has to give.

A damage works on any sound sysroot with two deployments, made by hand or by libostree.
"""

import re
import shutil
import stat
from collections.abc import Callable

from victims import (
    Victim,
    away,
    put,
    relink,
    rename_bootcsum,
    with_devicetree,
    with_dtb,
    with_grub,
    with_hmac,
    with_overlay,
)

from bootentries.loaders.grub_stub import LAST_GOOD
from prepare_root.image.cpio import TRAILER, Member

DAMAGES: list[tuple[str, Callable[[Victim], None]]] = []


def damage(code: str):
    """Register a function as a damage that gives `code`."""

    def register(function):
        DAMAGES.append((code, function))
        return function

    return register


# Where everything starts


@damage("unreadable")
def an_entry_that_is_a_circular_link(victim):
    relink(victim.loader / "entries/ostree-9.conf", "ostree-9.conf")


@damage("unreadable")
def a_kernel_that_is_a_circular_link(victim):
    relink(victim.kernel(), victim.kernel().name)


@damage("repo-config")
def no_repository_configuration(victim):
    away(victim.top / "ostree/repo/config")


@damage("repo-config")
def a_bootloader_that_nobody_knows(victim):
    put(victim.top / "ostree/repo/config", "[sysroot]\nbootloader=lilo\n")


@damage("boot-missing")
def no_boot_directory(victim):
    away(victim.top / "boot")


@damage("boot-self-link")
def no_boot_in_boot(victim):
    away(victim.top / "boot/boot")


@damage("finalize-failed")
def a_stamp_of_a_failure(victim):
    put(victim.top / "boot/ostree/finalize-failure.stamp", "error: no space\n")


@damage("finalize-loop")
def a_commit_that_failed_too_often(victim):
    text = f"target=testos/{'e' * 64}.0\ncount=3\nreason=no space\n"
    put(victim.top / "boot/ostree/finalize-attempts.stamp", text)


@damage("hooks-pending")
def a_stamp_of_hooks(victim):
    put(victim.top / "boot/ostree/bootentries-hooks.stamp", "reason=deploy\nwaits=10-a\n")


# boot/loader


@damage("loader-missing")
def no_loader(victim):
    away(victim.top / "boot/loader")


@damage("loader-not-a-link")
def a_loader_directory(victim):
    away(victim.top / "boot/loader")
    victim.loader.rename(victim.top / "boot/loader")


@damage("loader-target")
def a_third_loader(victim):
    victim.loader.rename(victim.top / "boot/loader.2")
    relink(victim.top / "boot/loader", "loader.2")


@damage("loader-target")
def a_roundabout_loader(victim):
    relink(victim.top / "boot/loader", f"../boot/loader.{victim.n}")


@damage("loader-dangling")
def the_other_loader(victim):
    relink(victim.top / "boot/loader", f"loader.{1 - victim.n}")


# Entries


@damage("entry-dangling")
def an_entry_that_leads_nowhere(victim):
    relink(victim.loader / "entries/ostree-9.conf", "nowhere")


@damage("entry-not-utf8")
def latin_1(victim):
    put(victim.loader / "entries/ostree-9.conf", b"title caf\xe9\n")


@damage("entry-too-large")
def an_entry_of_two_megabytes(victim):
    with (victim.loader / "entries/ostree-9.conf").open("wb") as file:
        file.truncate(2 << 20)


@damage("entry-options-long")
def more_options_than_a_kernel_takes(victim):
    victim.edit(" ostree=", f" {'x' * 2000} ostree=")


@damage("entry-not-a-file")
def a_directory_named_as_an_entry(victim):
    (victim.loader / "entries/ostree-9.conf").mkdir()


@damage("entry-duplicate")
def counted_and_not_counted(victim):
    shutil.copy(victim.entry(), victim.entry().with_name(f"{victim.entry().stem}+3.conf"))


@damage("entry-duplicate")
def a_copy_by_another_name(victim):
    shutil.copy(victim.entry(), victim.entry().with_name("ostree-7.conf"))


@damage("entry-version-duplicate")
def two_of_one_version(victim):
    victim.edit(victim.line("version", 1), victim.line("version", 0), 1)


@damage("entry-order")
def versions_the_wrong_way_round(victim):
    first, second = victim.line("version", 0), victim.line("version", 1)
    victim.edit(first, second, 0)
    victim.edit(second, first, 1)


@damage("entry-key-missing")
def no_title(victim):
    victim.edit(victim.line("title"), "")


@damage("entry-key-missing")
def no_linux(victim):
    victim.edit(victim.line("linux"), "")


@damage("entry-key-missing")
def no_version(victim):
    victim.edit(victim.line("version"), "")


@damage("entry-no-ostree")
def no_ostree_argument(victim):
    victim.edit(" ostree=", " osttree=")


@damage("entry-ostree-form")
def a_third_boot_version(victim):
    victim.edit(f"/ostree/boot.{victim.n}/", "/ostree/boot.2/")


@damage("entry-ostree-form")
def an_argument_that_climbs(victim):
    victim.edit(f"/ostree/boot.{victim.n}/", f"/ostree/boot.{victim.n}/../")


@damage("entry-bootversion")
def the_other_boot_version(victim):
    victim.edit(f"/ostree/boot.{victim.n}/", f"/ostree/boot.{1 - victim.n}/")


@damage("entry-bootversion")
def the_other_boot_version_that_is_there(victim):
    victim.edit(f"/ostree/boot.{victim.n}/", f"/ostree/boot.{1 - victim.n}/")
    shutil.copytree(victim.links, victim.top / f"ostree/boot.{1 - victim.n}", symlinks=True)


@damage("entry-overlay-name")
def an_overlay_with_any_name(victim):
    victim.edit(victim.line("initrd"), f"{victim.line('initrd')}initrd /ostree/extra.img\n")


@damage("entry-name")
def a_name_without_number(victim):
    victim.entry().rename(victim.entry().with_name("ostree-two.conf"))


@damage("entry-name")
def a_name_with_a_space(victim):
    victim.entry().rename(victim.entry().with_name("ostree-2 .conf"))


@damage("entry-title-duplicate")
def two_of_one_title(victim):
    victim.edit(victim.line("title", 1), victim.line("title", 0), 1)


@damage("entry-options-repeated")
def two_lines_of_options(victim):
    victim.edit(victim.line("options"), f"options first\n{victim.line('options')}")


@damage("entry-blank-line")
def a_blank_line_in_between(victim):
    victim.edit(victim.line("linux"), f"\n{victim.line('linux')}")


@damage("entry-init")
def neither_initramfs_nor_init(victim):
    victim.initramfs().unlink()
    for index in victim.sharing():
        next(victim.modules(index).glob("initramfs*")).unlink()
        victim.edit(victim.line("initrd", index), "", index)
    rename_bootcsum(victim)


@damage("permissions")
def an_entry_for_root_alone(victim):
    victim.entry().chmod(0o600)


@damage("permissions")
def entries_for_root_alone(victim):
    (victim.loader / "entries").chmod(0o700)


# Boot links


@damage("bootversion-missing")
def no_boot_n(victim):
    away(victim.top / f"ostree/boot.{victim.n}")


@damage("bootversion-not-a-link")
def a_directory_boot_n(victim):
    away(victim.top / f"ostree/boot.{victim.n}")
    victim.links.rename(victim.top / f"ostree/boot.{victim.n}")


@damage("bootversion-target")
def a_third_boot_n_m(victim):
    relink(victim.top / f"ostree/boot.{victim.n}", f"boot.{victim.n}.2")


@damage("bootversion-dangling")
def the_other_boot_n_m(victim):
    relink(victim.top / f"ostree/boot.{victim.n}", f"boot.{victim.n}.{1 - victim.m}")


@damage("bootlink-missing")
def no_boot_link(victim):
    away(victim.bootlink())


@damage("bootlink-not-a-link")
def a_directory_for_a_boot_link(victim):
    away(victim.bootlink())
    victim.bootlink().mkdir()


@damage("bootlink-target")
def a_boot_link_to_no_deployment(victim):
    relink(victim.bootlink(), "../../../deploy")


@damage("bootlink-target")
def a_boot_link_out_of_the_stateroot(victim):
    text = str(victim.bootlink().readlink())
    relink(victim.bootlink(), text.replace("/deploy/", "/deploy/../deploy/", 1))


# Deployments


@damage("deployment-missing")
def no_deployment(victim):
    away(victim.deployment())


@damage("deployment-name")
def a_directory_that_is_no_deployment(victim):
    (victim.deploy / "lost+found").mkdir()


@damage("deployment-mount-point")
def no_proc(victim):
    (victim.deployment() / "proc").rmdir()


@damage("deployment-mount-point")
def var_is_a_link(victim):
    relink(victim.deployment() / "var", "sysroot/var")


@damage("deployment-link")
def no_ostree_in_the_tree(victim):
    away(victim.deployment() / "ostree")


@damage("deployment-link")
def ostree_leads_elsewhere(victim):
    relink(victim.deployment() / "ostree", "sysroot")


@damage("deployment-link")
def ostree_is_a_directory(victim):
    away(victim.deployment() / "ostree")
    (victim.deployment() / "ostree").mkdir()


@damage("deployment-usr")
def no_usr(victim):
    away(victim.deployment() / "usr")


@damage("deployment-etc")
def no_etc(victim):
    away(victim.deployment() / "etc")


@damage("deployment-os-release")
def a_nameless_system(victim):
    put(victim.deployment() / "usr/lib/os-release", "VERSION=1\n")


@damage("deployment-os-release")
def no_os_release(victim):
    away(victim.deployment() / "usr/lib/os-release")


@damage("stateroot-var")
def no_var(victim):
    away(victim.deploy.parent / "var")


@damage("origin-missing")
def no_origin(victim):
    away(victim.deploy / f"{victim.item().name}.origin")


@damage("origin-form")
def an_origin_that_is_no_key_file(victim):
    put(victim.deploy / f"{victim.item().name}.origin", "[origin\n")


@damage("commit-missing")
def no_commit(victim):
    away(victim.commit())


@damage("commit-damaged")
def a_commit_with_a_flipped_bit(victim):
    data = bytearray(victim.commit().read_bytes())
    data[-1] ^= 1
    put(victim.commit(), bytes(data))


@damage("commit-damaged")
def an_empty_commit(victim):
    put(victim.commit(), b"")


# Kernels


@damage("kernel-layout")
def two_kernels(victim):
    put(victim.deployment() / "usr/lib/modules/9.9/vmlinuz", "another")


@damage("kernel-layout")
def no_kernel_in_the_tree(victim):
    away(victim.modules() / "vmlinuz")


@damage("kernel-missing")
def no_kernel(victim):
    away(victim.kernel())


@damage("kernel-missing")
def a_directory_for_a_kernel(victim):
    path = victim.kernel()
    away(path)
    path.mkdir()


@damage("initramfs-missing")
def no_initramfs(victim):
    away(victim.initramfs())


@damage("devicetree-missing")
def no_device_tree(victim):
    away(with_devicetree(victim))


@damage("devicetree-missing")
def no_tree_of_device_trees(victim):
    away(with_dtb(victim))


@damage("payload-missing")
def no_hmac(victim):
    away(with_hmac(victim))


@damage("overlay-missing")
def no_overlay(victim):
    away(with_overlay(victim))


@damage("overlay-damaged")
def an_overlay_of_other_bytes(victim):
    put(with_overlay(victim), "other")


@damage("payload-elsewhere")
def a_kernel_from_elsewhere(victim):
    victim.edit(victim.line("linux"), "linux /vmlinuz\n")


@damage("payload-elsewhere")
def an_initramfs_from_elsewhere(victim):
    victim.edit(victim.line("initrd"), f"initrd /ostree/../{victim.initramfs().name}\n")


@damage("payload-differs")
def a_kernel_of_other_bytes(victim):
    put(victim.kernel(), "other")


@damage("payload-differs")
def a_kernel_cut_short(victim):
    put(victim.kernel(), victim.kernel().read_bytes()[:-1])


@damage("payload-differs")
def an_hmac_of_other_bytes(victim):
    put(with_hmac(victim), "other")


@damage("payload-differs")
def a_device_tree_of_other_bytes(victim):
    put(with_dtb(victim) / "vendor/a.dtb", "other")


@damage("bootcsum-mismatch")
def a_kernel_changed_in_the_tree(victim):
    put(victim.modules() / "vmlinuz", "other")


@damage("bootcsum-mismatch")
def a_kernel_changed_in_both_places(victim):
    put(victim.kernel(), "other")
    for index in victim.sharing():
        put(victim.modules(index) / "vmlinuz", "other")


@damage("initramfs-config")
def an_initramfs_that_demands_two_things_at_once(victim):
    config = b"[root]\ntransient = true\ntransient-ro = true\n"
    image = Member("usr/lib/ostree/prepare-root.conf", stat.S_IFREG | 0o644, data=config).encode()
    image += Member(TRAILER, 0).encode()
    for index in victim.sharing():
        for path in victim.modules(index).glob("initramfs*"):
            put(path, image)
    put(victim.initramfs(), image)
    rename_bootcsum(victim)


@damage("initramfs-not-named")
def no_initrd_line(victim):
    victim.edit(victim.line("initrd"), "")


# Bootloaders


def use(victim: Victim, bootloader: str) -> None:
    """Name the bootloader in the repository's configuration."""
    config = victim.top / "ostree/repo/config"
    put(config, f"{config.read_text()}\n[sysroot]\nbootloader={bootloader}\n")


@damage("loader-backend")
def syslinux_without_a_configuration(victim):
    use(victim, "syslinux")


@damage("loader-backend")
def aboot_without_an_image(victim):
    use(victim, "aboot")
    # 2025.2 writes the keys whether there is an image or not.
    lines = victim.entry().read_text().splitlines(keepends=True)
    put(victim.entry(), "".join(line for line in lines if not line.startswith("aboot")))


@damage("menu-missing")
def no_environment_for_u_boot(victim):
    use(victim, "uboot")


@damage("menu-differs")
def an_old_environment_for_u_boot(victim):
    use(victim, "uboot")
    put(victim.loader / "uEnv.txt", "bootargs=quiet\n")


@damage("menu-differs")
def an_old_syslinux_menu(victim):
    use(victim, "syslinux")
    put(victim.loader / "syslinux.cfg", "TIMEOUT 1\nLABEL Old\n\tKERNEL /ostree/vmlinuz\n")
    put(victim.top / "boot/syslinux/.keep", "")
    relink(victim.top / "boot/syslinux/syslinux.cfg", "../loader/syslinux.cfg")


@damage("loader-pending")
def zipl_has_not_run(victim):
    use(victim, "zipl")
    put(victim.top / "boot/ostree-bootloader-update.stamp", "")


@damage("menu-missing")
def no_menu(victim):
    with_grub(victim)
    away(victim.loader / "grub.cfg")


@damage("menu-incomplete")
def a_menu_cut_short(victim):
    with_grub(victim)
    put(victim.loader / "grub.cfg", (victim.loader / "grub.cfg").read_bytes()[:-40])


@damage("menu-stale")
def a_menu_for_the_other_boot_version(victim):
    with_grub(victim)
    menu = (victim.loader / "grub.cfg").read_text()
    for old, new in (("boot.{}/", "boot.{}/"), ("version='{}'", "version='{}'")):
        menu = menu.replace(old.format(victim.n), new.format(1 - victim.n))
    put(victim.loader / "grub.cfg", menu)


@damage("menu-stale")
def somebody_elses_menu_without_the_default(victim):
    with_grub(victim)
    link = str(victim.found.deployments[1].options.split("ostree=")[1])
    put(victim.loader / "grub.cfg", f"menuentry 'x' {{\n linux /vmlinuz ostree={link}\n}}\n")


@damage("menu-differs")
def a_menu_with_another_argument(victim):
    with_grub(victim)
    menu = (victim.loader / "grub.cfg").read_text()
    put(victim.loader / "grub.cfg", menu.replace("'quiet'", "'debug'"))


@damage("menu-ids")
def a_menu_with_the_ids_before_last(victim):
    with_grub(victim)
    menu = (victim.loader / "grub.cfg").read_text()
    changed = re.sub(r"(--id 'ostree-[^']*)-0'", r"\1-7'", menu)
    assert changed != menu
    put(victim.loader / "grub.cfg", changed)


@damage("stub-missing")
def no_stub(victim):
    with_grub(victim)
    away(victim.top / "boot/grub/grub.cfg")


@damage("stub-foreign")
def a_configuration_of_update_grub(victim):
    with_grub(victim)
    put(victim.top / "boot/grub/grub.cfg", "menuentry 'Debian' {\n linux /vmlinuz\n}\n")


@damage("last-good-missing")
def no_last_good_menu(victim):
    with_grub(victim)
    away(victim.top / "boot/grub" / LAST_GOOD)


@damage("last-good-stale")
def an_old_last_good_menu(victim):
    with_grub(victim)
    put(victim.top / "boot/grub" / LAST_GOOD, "set bootchain_bootversion='0'\n")


# Leftovers


@damage("temporary-file")
def a_swap_that_was_not_made(victim):
    relink(victim.top / "boot/loader.tmp", f"loader.{victim.n}")


@damage("temporary-file")
def a_link_swap_that_was_not_made(victim):
    relink(victim.top / f"ostree/boot.{victim.n}.tmp", f"boot.{victim.n}.{victim.m}")


@damage("temporary-file")
def half_an_entry(victim):
    put(victim.loader / "entries/.ostree-2.conf.tmp", "title")


@damage("temporary-file")
def half_a_kernel(victim):
    put(victim.payload() / ".vmlinuz-6.1.part", "ker")


@damage("temporary-file")
def half_a_last_good_menu(victim):
    with_grub(victim)
    put(victim.top / f"boot/grub/.{LAST_GOOD}.tmp", "menuentry")


@damage("loader-unused")
def another_loader(victim):
    shutil.copytree(victim.loader, victim.top / f"boot/loader.{1 - victim.n}")


@damage("bootversion-unused")
def links_of_the_other_boot_version(victim):
    other = 1 - victim.n
    shutil.copytree(victim.links, victim.top / f"ostree/boot.{other}.0", symlinks=True)
    relink(victim.top / f"ostree/boot.{other}", f"boot.{other}.0")


@damage("bootversion-unused")
def links_of_the_other_sub_version(victim):
    shutil.copytree(
        victim.links, victim.top / f"ostree/boot.{victim.n}.{1 - victim.m}", symlinks=True
    )


@damage("bootlink-unused")
def a_further_boot_link(victim):
    relink(victim.bootlink().with_name("7"), str(victim.bootlink().readlink()))


@damage("deployment-unused")
def a_further_deployment(victim):
    (victim.deploy / f"{'c' * 64}.0").mkdir()
    put(victim.deploy / f"{'c' * 64}.0.origin", "[origin]\nrefspec=r:b\n")


@damage("deployment-remains")
def an_origin_alone(victim):
    put(victim.deploy / f"{'c' * 64}.0.origin", "[origin]\nrefspec=r:b\n")


@damage("deployment-remains")
def a_backing_directory_alone(victim):
    (victim.deploy.parent / f"backing/{'c' * 64}.0").mkdir(parents=True)


@damage("payload-unused")
def a_further_kernel(victim):
    shutil.copytree(victim.payload(), victim.payload().with_name(f"testos-{'d' * 64}"))


@damage("overlay-unused")
def a_further_overlay(victim):
    put(victim.top / f"boot/ostree/initramfs-overlays/{'e' * 64}.img", "further")


@damage("refs-out-of-step")
def no_ref(victim):
    away(victim.refs / f"{victim.n}/{victim.m}/0")


@damage("refs-out-of-step")
def a_ref_to_another_commit(victim):
    put(victim.refs / f"{victim.n}/{victim.m}/0", f"{'c' * 64}\n")


@damage("ref-unused")
def a_further_ref(victim):
    put(victim.refs / f"{victim.n}/{victim.m}/2", f"{'c' * 64}\n")


@damage("ref-unused")
def a_ref_of_the_other_list(victim):
    put(victim.refs / f"{1 - victim.n}/{victim.m}/0", f"{victim.item().checksum}\n")

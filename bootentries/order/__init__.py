"""The order in which each reader of the entries takes them; one module for each reader.

Every module has `order(entries)`: a pure function that takes the entry files of one
directory, in the order in which the directory yields them, and returns those which that
reader shows, in its order; the first is what it boots when nothing else was chosen.

The readers disagree.  libostree's own order is `libostree`, and it is the list's; what the
others do with the same files is in `sdboot` (systemd-boot and bootctl), `grub` (GRUB 2.14),
`grub_fedora` (Fedora's GRUB) and `filename` (zipl, Petitboot).
"""

from bootentries.order.libostree import newest_first, strverscmp

__all__ = ["newest_first", "strverscmp"]

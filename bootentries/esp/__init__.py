"""EFI partitions that are kept in step with the list: what systemd-boot reads.

The boot directory stays the truth.  A partition that the firmware can read holds copies of
its kernels under a directory of our own, and entries that name them.  `docs/esp.md` says what
is written in which order, and what a power cut leaves.
"""

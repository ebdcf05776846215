"""The power-cut explorer: records what a guest writes, and judges the disk after every cut.

`log` reads what QEMU recorded, `cuts` says which disks a cut can leave, `sampling` chooses
among them, `contents` tells equal ones, `replay` makes their images, `explore` has them judged.
Knows blocks, flushes and filesystems; nothing of what the guest was doing.
"""

"""Boots real disks in QEMU, through real firmware and loaders, and says what happened.

Knows disks, firmware and consoles; nothing of OSTree.
"""

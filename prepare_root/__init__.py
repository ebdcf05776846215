"""What runs in the initramfs: it turns a physical root into a deployment's root.

Everything here outside `image/` and `__main__.py` is core-only Python: it imports `sys`,
`errno`, the system-call module `_bootsys` and itself, and is frozen into the static
executable.  The host runs the same modules in tests and shares `formats/`.
"""

VERSION = "0.1.0"

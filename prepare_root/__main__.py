"""`python3 -m prepare_root`: the same code on the host's own interpreter.

For tests and for trying a configuration; the initramfs gets the static executable.
"""

import os
import sys

from prepare_root.main import run

sys.exit(
    run(
        [os.fsencode(word) for word in sys.argv],
        [os.fsencode(f"{name}={value}") for name, value in os.environ.items()],
    )
)

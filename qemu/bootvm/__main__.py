"""`python3 -m bootvm` is the `bootvm` command."""

import sys

from bootvm.cli import main

sys.exit(main())

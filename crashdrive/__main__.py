"""``python -m crashdrive`` is ``crashdrive``."""

from __future__ import annotations

import sys

# Python's -m looks for modules in the current directory first: a dump's folder is filled by others.
if not sys.flags.safe_path:
    del sys.path[0]

from crashdrive.cli import main

sys.exit(main())

"""``python -m crashdrive`` is ``crashdrive``."""

from __future__ import annotations

import sys

# Python's -m looks for modules in the current directory first: a dump's folder is filled by others.
if not sys.flags.safe_path:
    del sys.path[0]

try:
    from crashdrive.cli import program
except KeyboardInterrupt:  # the status and the words of `crashdrive.cli._ending`, which isn't loaded yet
    sys.stderr.write("crashdrive: interrupted\n")
    sys.exit(130)
sys.exit(program())

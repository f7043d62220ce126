"""``python -m crashdrive`` is ``crashdrive``."""

from __future__ import annotations

import sys

from crashdrive.cli import main

sys.exit(main())

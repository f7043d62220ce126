"""``crashdrive`` with counters: ``python -m benchmarks.counting FILE WORDS...``, for `benchmarks.measure`."""

from __future__ import annotations

import sys

from benchmarks.measure import counting
from crashdrive.cli import main

if __name__ == "__main__":
    with counting(sys.argv[1]):
        status = main(sys.argv[2:])
    sys.exit(status)

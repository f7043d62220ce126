"""Faults for a report to meet: pages that are missing or damaged, and what it says of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def _of_code() -> int:
    """A number that is another one for each state of the package; 1 where git doesn't tell.

    What passes here passes elsewhere, and a change of the package brings another sample.
    """
    command = ["git", "-C", str(_CHECKOUT), "rev-parse", "--short=8", "HEAD:crashdrive"]
    try:
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout, 16)
    except (OSError, subprocess.CalledProcessError):
        return 1


SEED = int(os.environ.get("CRASHDRIVE_FAULTS_SEED") or (_of_code() if os.environ.get("CI") else 1))
"""What tests choose by: the same in each run; in CI another one for each state of the package."""

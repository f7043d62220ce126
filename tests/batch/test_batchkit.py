"""What `scripts/batchcheck` judges by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from batchkit import left_over


def test_processes_that_are_left_are_found(tmp_path: Path) -> None:
    """Also those that name no folder of the batch: workers, and what forks them."""
    words = [sys.executable, "-c", "input()"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as process:
        found = left_over(tmp_path, seconds=0)
        process.kill()
    assert [line.split()[1:] for line in found] == [["-c", "input()"]]
    assert left_over(tmp_path, seconds=0) == []

"""What `scripts/batchcheck` judges by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from batchkit import left_over


def test_processes_that_are_left_are_found(tmp_path: Path) -> None:
    """Also those that name no folder of the batch: workers, and what forks them."""
    # it says that it runs: while a program is being started, /proc has no command line of it
    words = [sys.executable, "-c", "input(1)"]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"1"
        found = left_over(tmp_path, seconds=0)
        process.kill()
    assert [line.split()[1:] for line in found] == [["-c", "input(1)"]]
    assert left_over(tmp_path, seconds=0) == []

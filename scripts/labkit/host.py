"""The host: running programs, telling the user what goes on, timing the steps."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from labkit.errors import LabError


def say(text: str) -> None:
    """Tell the user on stderr; stdout is kept for data."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    stdin: int | None = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return its stdout; LabError with its last line of output if it fails."""
    words = [str(word) for word in command]
    merged = {**os.environ, "LC_ALL": "C", **(env or {})}
    try:
        done = subprocess.run(words, cwd=cwd, stdin=stdin, env=merged, capture_output=True, check=False)
    except FileNotFoundError:
        raise LabError(f"{words[0]}: no such program") from None
    if done.returncode:
        raise LabError(f"{words[0]} failed ({done.returncode}): {_last_line(done)}")
    return done.stdout.decode(errors="replace")


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")
    return text.splitlines()[-1] if text else "no message"


class Stopwatch:
    """Named steps and how many seconds each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time the body of a with statement."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - start, 2)

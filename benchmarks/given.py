"""What the programs are given: dumps and crash binaries that are there, or one line and exit status 3."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from benchmarks.measure import HERE
from crashdrive.errors import CrashdriveError


def fail(message: str, status: int = 3) -> NoReturn:
    """End the program: it can't measure."""
    sys.stderr.write(f"benchmarks: {message}\n")
    raise SystemExit(status)


@contextmanager
def failures() -> Iterator[None]:
    """An error of crashdrive ends the program by one line and by its exit status, one of drgn's by 3."""
    try:
        yield
    except CrashdriveError as error:
        fail(str(error), error.exit_status)
    except (OSError, ValueError, LookupError) as error:  # what drgn says of files that it can't use
        if "drgn" not in sys.modules:
            raise
        fail(f"drgn: {error}")


def apart(program: str, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a program of benchmarks in a process of its own."""
    places = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return (
        [sys.executable, "-m", f"benchmarks.{program}", *words],
        {**os.environ, "PYTHONPATH": os.pathsep.join(places)},
    )


def dump_folder(dump: Path) -> Path:
    """A folder that holds vmlinux and vmcore."""
    if not all((dump / name).is_file() for name in ("vmlinux", "vmcore")):
        fail(f"{dump} holds no vmlinux and vmcore: scripts/lab dump makes one")
    return dump


def readable(path: str) -> str:
    """A file that is there."""
    if not Path(path).is_file():
        fail(f"{path}: no such file")
    return path

"""Recorded outputs that are damaged: which, and what they hold."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from crashdrive.errors import UsageError

GOLDEN = Path(__file__).resolve().parents[1] / "golden_outputs"

LONGEST_OF_SAMPLE = 60_000
"""Bytes; the sample is part of the test run."""


class Case(NamedTuple):
    """A recorded output; ``name`` is its path below golden_outputs without suffix."""

    name: str
    command: str
    line: str
    text: str


def load(path: Path) -> Case | None:
    """A case by its .cmd file; None where crash refused the command, or printed nothing."""
    answer = path.with_suffix(".json").read_bytes()
    text = path.with_suffix(".out").read_bytes().decode("utf-8", "backslashreplace")
    if not text.strip() or msgspec.json.decode(answer) == {"failure": True}:
        return None
    line = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return Case(str(path.relative_to(GOLDEN).with_suffix("")), path.parent.name, line, text)


def paths(commands: Iterable[str] = (), pattern: str = "*") -> list[Path]:
    """The .cmd files of these commands (all without any) whose name has the pattern. UsageError: none has."""
    every = sorted(GOLDEN.glob("*/*/*/*.cmd"))
    chosen = set(commands)
    if unknown := chosen - {path.parent.name for path in every}:
        raise UsageError(f"no output of {min(unknown)!a} is recorded")
    found = [
        path
        for path in every
        if (not chosen or path.parent.name in chosen)
        and fnmatch.fnmatch(str(path.with_suffix("")), f"*{pattern}")
    ]
    if not found:
        raise UsageError(f"no case has a path that ends in {pattern!a}")
    return found


def sample_paths() -> list[Path]:
    """For each name of a case the shortest good output, whatever crash and dump it is from."""
    by_name: dict[tuple[str, str], Path] = {}
    for path in sorted(paths(), key=lambda path: (path.with_suffix(".out").stat().st_size, path)):
        name = path.parent.name, path.stem.partition("@")[0]
        if (
            name not in by_name
            and path.with_suffix(".out").stat().st_size <= LONGEST_OF_SAMPLE
            and load(path)
        ):
            by_name[name] = path
    return list(by_name.values())

"""Recorded outputs for tests that hold a parser against something else than itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crashdrive.parsers import parse
from crashdrive.records import Answer

GOLDEN = Path(__file__).resolve().parents[2] / "golden_outputs"


def failed(case: Path) -> bool:
    """Whether crash refused the command of a case."""
    path = case.with_suffix(".json")
    return path.exists() and msgspec.json.decode(path.read_bytes()) == {"failure": True}


def cases(command: str, pattern: str = "*") -> list[Path]:
    """The .cmd files of a command's good outputs, by a pattern of their names (without .cmd)."""
    found = sorted(GOLDEN.glob(f"*/*/{command}/{pattern}.cmd"))
    return [case for case in found if not failed(case)]


def each(command: str, pattern: str = "*") -> pytest.MarkDecorator:
    """A test's parameter ``case``: each good output of a command; a pattern that none has is an error."""
    found = cases(command, pattern)
    if not found:
        raise ValueError(f"no recorded output of {command} is named {pattern}")
    return pytest.mark.parametrize(
        "case", found, ids=lambda case: str(case.relative_to(GOLDEN).with_suffix(""))
    )


def output(case: Path) -> tuple[str, str]:
    """Command line and text of a case."""
    command = case.read_text(encoding="utf-8").split("\n", 1)[0]
    return command, case.with_suffix(".out").read_bytes().decode("utf-8", "backslashreplace")


def parsed(case: Path) -> Answer[object]:
    """What the parser makes of a case."""
    return parse(*output(case))

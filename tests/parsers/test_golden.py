"""Every recorded output parses as its JSON says: all of golden_outputs, found by itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from tests.groups import grouped

GOLDEN = Path(__file__).resolve().parents[2] / "golden_outputs"
CASES = sorted(GOLDEN.glob("*/*/*/*.cmd"))


def command_of(case: Path) -> str:
    """A .cmd file's first line is the command; the others say where the output came from."""
    return case.read_text(encoding="utf-8").split("\n", 1)[0]


@grouped(
    CASES,
    group=lambda case: str(case.parent.relative_to(GOLDEN)),
    name=lambda case: str(case.relative_to(GOLDEN).with_suffix("")),
)
def test_golden(case: Path) -> None:
    text = case.with_suffix(".out").read_bytes().decode("utf-8", "backslashreplace")
    path = case.with_suffix(".json")
    assert path.exists(), f"no {path.name}: scripts/record --expect {case} writes it; read it then"
    expected = msgspec.json.decode(path.read_bytes())
    if expected == {"failure": True}:
        with pytest.raises(ParseError):
            parse(command_of(case), text)
        return
    answer = parse(command_of(case), text)
    assert msgspec.json.decode(msgspec.json.encode(answer)) == expected


def test_every_output_has_a_command() -> None:
    outputs = {path.with_suffix("") for path in GOLDEN.glob("*/*/*/*.out")}
    assert outputs == {case.with_suffix("") for case in CASES}


def test_a_case_says_where_it_came_from() -> None:
    for case in CASES:
        lines = case.read_text(encoding="utf-8").splitlines()[1:]
        keys = {line.partition(": ")[0] for line in lines if line}
        assert {"crash", "kernel", "format", "dump", "date", "options"} <= keys, case

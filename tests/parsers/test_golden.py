"""Every recorded output parses as its JSON says: all of golden_outputs, found by itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crashdrive.parsers import parse

GOLDEN = Path(__file__).resolve().parents[2] / "golden_outputs"
CASES = sorted(GOLDEN.glob("*/*/*/*.cmd"))


def command_of(case: Path) -> str:
    """A .cmd file's first line is the command; the others say where the output came from."""
    return case.read_text().split("\n", 1)[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.relative_to(GOLDEN).with_suffix("")))
def test_golden(case: Path) -> None:
    text = case.with_suffix(".out").read_bytes().decode("utf-8", "backslashreplace")
    expected = case.with_suffix(".json")
    assert expected.exists(), f"no {expected.name}: scripts/record --expect {case} writes it; read it then"
    answer = parse(command_of(case), text)
    assert msgspec.json.decode(msgspec.json.encode(answer)) == msgspec.json.decode(expected.read_bytes())


def test_every_output_has_a_command() -> None:
    outputs = {path.with_suffix("") for path in GOLDEN.glob("*/*/*/*.out")}
    assert outputs == {case.with_suffix("") for case in CASES}

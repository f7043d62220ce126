"""Scripts in PyKdump's API over recorded sessions: what they print, and what drgn says of the same dump."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pykdumpkit as kit
import pytest

from crashdrive.crash import Crash, open_dump

FOLDERS = sorted(path.parent for path in kit.RECORDINGS.glob(f"*/{kit.SESSION}"))


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: str(folder.name))
def recorded(request: pytest.FixtureRequest) -> Iterator[tuple[Crash, dict[str, Any]]]:
    """A recorded session, and what is expected of it."""
    folder: Path = request.param
    expected = json.loads((folder / kit.EXPECTED).read_text(encoding="utf-8"))
    with open_dump(None, None, replay=folder / kit.SESSION) as crash:
        yield crash, expected


def test_there_are_enough_of_them() -> None:
    assert len(kit.scripts()) >= 40
    assert FOLDERS


@pytest.mark.parametrize("script", kit.scripts(), ids=lambda path: str(path.stem))
def test_it_prints_what_it_printed(recorded: tuple[Crash, dict[str, Any]], script: Path) -> None:
    crash, expected = recorded
    status, text = kit.output(crash, script)
    assert text == expected["outputs"][script.stem]
    assert status in (0, 5)


@pytest.mark.parametrize("name", sorted(kit.FACTS))
def test_drgn_says_the_same(recorded: tuple[Crash, dict[str, Any]], name: str) -> None:
    _, expected = recorded
    assert not kit.disagreements(expected["outputs"][name], expected["drgn"][name])

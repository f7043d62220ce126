"""docs/architecture.md says what the code says (its picture: tests/parsers/test_docs.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dockit import house

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named_paths() -> list[str]:
    """The paths of the package that the page names; those with a NAME to fill in by their folder."""
    found = re.findall(r"`(crashdrive/[\w./]*)`", PAGE)
    return sorted({re.sub(r"[A-Z]{3,}.*", "", path) for path in found})


@pytest.mark.parametrize("path", named_paths())
def test_what_the_page_names_is_there(path: str) -> None:
    assert (CHECKOUT / path).exists()


def test_every_package_stands_above_what_it_imports() -> None:
    found = house.imports()
    heights = house.heights(found)
    assert {"cli", "linux", "kernel", "session", "parsers", "dump"} <= set(found)
    assert all(heights[room] > heights[below] for room in found for below in found[room])


def test_an_import_that_others_imply_is_not_drawn() -> None:
    found = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset[str]()}
    assert house.drawn(found) == [("a", "b"), ("b", "c")]
    assert house.heights(found) == {"a": 2, "b": 1, "c": 0}


def test_every_room_at_the_top_has_its_row() -> None:
    rows = {path.strip("/").removeprefix("crashdrive/").removesuffix(".py") for path in named_paths()}
    packages = {room for room in house.imports() if (CHECKOUT / "crashdrive" / room).is_dir()}
    assert packages <= rows


def test_every_room_of_linux_is_on_the_page() -> None:
    """Who looks for a subsystem finds it by the page as well as by ls."""
    folders = [
        path for path in (CHECKOUT / "crashdrive" / "linux").iterdir() if (path / "__init__.py").exists()
    ]
    named = " ".join(named_paths())
    assert [path.name for path in folders if f"crashdrive/linux/{path.name}/" not in named] == []

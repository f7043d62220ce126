"""The generated pages of docs/ are those that scripts/docs would write."""

from __future__ import annotations

import dockit
import pytest

from crashdrive.parsers import _catalog, command_names


@pytest.mark.parametrize("name", sorted(dockit.PAGES))
def test_page_is_up_to_date(name: str) -> None:
    path = dockit.DOCS / name
    assert path.read_text(encoding="utf-8") == dockit.PAGES[name](), "run scripts/docs"


def test_vocabulary_names_every_field() -> None:
    page = dockit.vocabulary()
    for command in command_names():
        for record in _catalog.records_of(command):
            assert all(f"| `{field.name}` |" in page for field in _catalog.fields_of(record))


def test_cells_cannot_break_the_table() -> None:
    assert dockit.table(["a"], [["x | y"]]) == "| a |\n| --- |\n| x \\| y |\n"

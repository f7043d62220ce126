"""Pages: whole, escaped, without a network."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.records import Finding, Notice, Report, Table
from crashdrive.render import Output, render

HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m\x07"


def page(value: Any) -> str:
    stream = io.StringIO()
    render(value, "html", Output(stream))
    return stream.getvalue()


class Tree(HTMLParser):
    """Elements opened and never closed, elements by name, attributes that lead elsewhere."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.leads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.leads += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_with_everything() -> None:
    rows = [{"pid": pid, "comm": HOSTILE} for pid in range(12)]
    report = Report(
        report="hostile",
        dump={"vmcore": HOSTILE},
        complete=False,
        warnings=(Notice(kind="hole", message=HOSTILE),),
        findings=(
            Finding(severity="critical", kind="bad", message=HOSTILE, evidence=(HOSTILE,), advice=HOSTILE),
        ),
        tables=(
            Table(name="tasks", rows=rows),
            Table(name="one", rows=[{"name": HOSTILE}], layout="fields"),
            Table(name="none", rows=[]),
        ),
    )
    text = page(report)
    tree = Tree(text)
    assert tree.open == []
    assert tree.count["script"] == 1
    assert tree.count["tr"] == 13
    assert tree.leads == []
    assert "\x1b" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert "Incomplete" in text
    assert "(none)" in text
    assert text.count("\\x1b[31m") == 12 + 5 + 1


@given(text=st.text(min_size=1, max_size=40))
def test_any_text_stays_text(text: str) -> None:
    tree = Tree(page([{"a": text, "b": 1}]))
    assert (tree.open, tree.count["script"], tree.count["td"]) == ([], 1, 2)


@pytest.mark.parametrize("value", [-1.5, None, 2**63, "text"])
def test_numbers_are_sorted_as_such(value: object) -> None:
    text = page([{"value": value}, {"value": 1}])
    assert bool(re.search(r'<th scope="col" class="number">', text)) is (not isinstance(value, str))

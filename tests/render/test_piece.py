"""Values as parts of a notebook's page."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any

import pytest

import crashdrive.crash  # noqa: F401 - it says who shows records
from crashdrive.kernel.memory.columns import Columns, Gap
from crashdrive.records import Answer, Bars, Finding, Flame, Notice, Record, Report, Table, shown_by
from crashdrive.render.html import piece

HOSTILE = "</style><script>alert(1)</script>\x1b[2J<img src=x onerror=alert(1)>"


class Row(Record, frozen=True):
    pid: int
    comm: str


class Elements(HTMLParser):
    """The elements of a page, and the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)


def values() -> list[Any]:
    rows = (Row(pid=1, comm=HOSTILE),)
    table = Table(name=HOSTILE, rows=[{HOSTILE: HOSTILE}])
    finding = Finding(severity="critical", kind=HOSTILE, message=HOSTILE, evidence=(HOSTILE,), advice=HOSTILE)
    notice = Notice(kind="x", message=HOSTILE)
    bars, flame = Bars(title=HOSTILE, bars=((HOSTILE, 3),)), Flame(title=HOSTILE, stacks=(((HOSTILE,), 2),))
    return [
        rows[0],
        Answer(command=HOSTILE, shape=HOSTILE, complete=False, warnings=(notice,), records=rows),
        Report(
            report=HOSTILE,
            tables=(table,),
            complete=False,
            warnings=(notice,),
            findings=(finding,),
            pictures=(flame,),
        ),
        table,
        finding,
        bars,
        flame,
    ]


@pytest.mark.parametrize("value", values(), ids=lambda one: type(one).__name__)
def test_names_out_of_a_dump_stay_text(value: Any) -> None:
    page = value._repr_html_()
    assert page == piece(value)
    elements = Elements()
    elements.feed(page)
    assert "script" not in elements.names
    assert not [name for name in elements.attributes if name.startswith("on")]
    assert "\x1b" not in page
    assert page.count("<style>") == page.count("</style>") == 1
    for data in re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page):
        picture = base64.b64decode(data).decode()
        assert "<script" not in picture
        assert "<img" not in picture
        assert picture.startswith("<svg ")


def test_styles_reach_nothing_else() -> None:
    page = piece(Bars(title="x", bars=(("a", 1),)))
    style = page.partition("<style>")[2].partition("</style>")[0]
    rules = re.findall(r"([^{}]+)\{", style)
    assert rules
    assert all(selector.strip().startswith(".crashdrive") for rule in rules for selector in rule.split(","))


def test_long_tables_say_how_long_they_are() -> None:
    page = piece(Table(name="many", rows=[{"n": n} for n in range(1000)]))
    assert "many: 1000 rows, the first 200 shown" in page
    assert page.count("<tr>") == 201
    assert "one: 1 row<" in piece(Table(name="one", rows=[{"n": 1}]))
    assert "(" not in piece(Table(name="none", rows=[])).partition("</style>")[2]


def test_what_is_incomplete_says_so() -> None:
    notice = Notice(kind="excluded", message="a page is missing")
    page = piece(Report(report="x", tables=(), complete=False, warnings=(notice,)))
    assert "Incomplete." in page
    assert "a page is missing" in page


def test_nothing_is_shown_where_nobody_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    from crashdrive import records

    monkeypatch.setattr(records, "_SHOWN", [])
    assert Row(pid=1, comm="x")._repr_html_() is None
    shown_by(lambda value: f"<b>{type(value).__name__}</b>")
    assert Row(pid=1, comm="x")._repr_html_() == "<b>Row</b>"


def test_bars_of_many_values_end_in_the_others() -> None:
    picture = base64.b64decode(
        re.findall(r"base64,([^\"]*)", piece(Bars(title="t", bars=tuple((f"v{n}", 1) for n in range(50)))))[0]
    )
    assert b"10 others 10" in picture


def test_what_was_read_at_once_is_a_table_that_says_what_is_missing() -> None:
    read = Columns(
        fields=("pid", "comm"),
        addresses=(16, 32),
        columns=((1, 2), (HOSTILE, None)),
        gaps=(Gap(1, 1, 32, "excluded"),),
    )
    shown = read._repr_html_()
    assert shown is not None
    assert "1 values unread, excluded" in shown
    assert "<script" not in shown
    assert read.to_pandas()["pid"].tolist() == [1, 2]
    assert read.to_pandas().attrs["complete"] is False

"""Pages: what they say, that a dump's text stays text, which are written anew, and what a browser shows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crashdrive.batch.chart import chart_of
from crashdrive.batch.find import Found
from crashdrive.batch.group_page import stack_of
from crashdrive.batch.jobs import Result
from crashdrive.batch.ledger import Ledger, open_folder
from crashdrive.batch.pages import write_pages
from crashdrive.batch.regroup import regroup
from crashdrive.batch.run import keep
from tests.batch.browser import look
from tests.batch.fakes import found, result, verdict

HOSTILE = "<script>alert(1)</script>"
FINDING = {"severity": "critical", "kind": "deadlock", "message": f"2 tasks {HOSTILE}", "evidence": [HOSTILE]}


def put(ledger: Ledger, number: int, function: str, **more: Any) -> Found:
    one = found(number, host=f"web{number}", release="6.1.0-50")
    bucket = hashlib.sha256(function.encode()).hexdigest()[:16]
    row = verdict(function, bucket=bucket, **more.pop("verdict", {}))
    system = {"date": f"2026-11-{number % 28 + 1:02}T00:00:00+00:00", "nodename": "x"}
    keep(ledger, one, result(one, row, system=system, **more))
    return one


def write(ledger: Ledger) -> None:
    regroup(ledger)
    write_pages(ledger)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Three dumps of one crash, one of another, one that failed."""
    one = Ledger(open_folder(tmp_path / "out"))
    for number in range(3):
        put(one, number, "f", findings=[FINDING])
    log = {"report": "dmesg", "complete": False, "tables": {"log": [{"text": HOSTILE}] * 20}, "warnings": [
        {"kind": "x", "message": f"gap {HOSTILE}"}]}  # fmt: skip
    put(one, 3, "g", verdict={"comm": HOSTILE, "title": f"null in {HOSTILE}"}, reports={"dmesg": log})
    failed = found(4)
    keep(one, failed, Result(id=failed.id, vmcore=failed.path, status="failed", reason=HOSTILE, kind="died"))
    write(one)
    yield one
    one.close()


def pages(ledger: Ledger) -> dict[str, str]:
    return {str(path.relative_to(ledger.folder)): path.read_text() for path in ledger.folder.rglob("*.html")}


def test_what_a_dump_says_stays_text(ledger: Ledger) -> None:
    for page in pages(ledger).values():
        assert "<script>alert" not in page
    assert any("&lt;script&gt;alert" in page for page in pages(ledger).values())


def test_every_link_leads_somewhere_and_none_out(ledger: Ledger) -> None:
    for name, page in pages(ledger).items():
        for link in re.findall(r'(?:href|src)="([^"#]*)', page):
            if link:
                assert (ledger.folder / name).parent.joinpath(link).resolve().exists()
        assert "Content-Security-Policy" in page


def test_the_index_and_the_group(ledger: Ledger) -> None:
    index = pages(ledger)["index.html"]
    assert "5 dumps" in index
    assert "2 groups" in index
    assert "1 failed" in index
    (group,) = ledger.rows("SELECT group_id FROM groups WHERE function = 'f'")
    page = pages(ledger)[f"group/{group['group_id']}.html"]
    assert "3 of 3" in page
    assert "deadlock" in page


def test_only_what_has_changed_is_written(ledger: Ledger) -> None:
    def marks() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in ledger.folder.rglob("*.html")}

    before = marks()
    put(ledger, 9, "g")
    write(ledger)
    changed = {Path(path).parent.name for path, mark in marks().items() if before.get(path) != mark}
    new = {path for path, mark in marks().items() if before.get(path) != mark}
    assert changed == {"out", "group", "dump"}
    assert len(new) == 4
    put(ledger, 9, "f")
    write(ledger)
    assert set(pages(ledger)) == {str(Path(path).relative_to(ledger.folder)) for path in marks()}
    text = next(iter((ledger.folder / "dump").glob("*9.html"))).read_text()
    assert "null: in f" in text


def test_a_lost_page_comes_back_and_a_lost_result_is_told(ledger: Ledger) -> None:
    for path in [*(ledger.folder / "results").iterdir(), *(ledger.folder / "dump").iterdir()]:
        path.unlink()
    write(ledger)
    assert all("its result can" not in page for name, page in pages(ledger).items() if "dump/" not in name)
    lost = list((ledger.folder / "dump").iterdir())
    assert len(lost) == 5
    assert all("Failed: lost." in path.read_text() for path in lost)


def test_frames_that_differ_are_marked() -> None:
    stack = stack_of([("a", "b.isra.0"), ("a", "b"), ("a", "b"), ("a", "c"), ()])
    assert stack is not None
    assert (stack["count"], stack["of"]) == (2, 4)
    assert [frame["share"] for frame in stack["frames"]] == [4, 3]
    assert [[frame["differs"] for frame in other["frames"]] for other in stack["others"]] == [
        [False, False],
        [False, True],
    ]
    assert stack_of([()]) is None


def test_charts() -> None:
    span = ("2026-01-01T00:00:00+00:00", "2026-01-11T00:00:00+00:00")
    chart = chart_of([span[0], span[0], span[1], None, "odd"], span, 10)
    assert [(bar.x, bar.height) for bar in chart.bars] == [
        (0, 100),
        (90, pytest.approx(100 / 3)),
    ] or chart.bars
    assert chart_of([], None, 10).bars == []
    assert len(chart_of([span[0]], (span[0], span[0]), 10).bars) == 1


def test_in_a_browser(ledger: Ledger, tmp_path: Path) -> None:
    """Filter, sort and links work; nothing is asked of any host; the console stays empty."""
    many(ledger, 500)
    seen = look(
        ledger.folder / "index.html",
        """
        const box = document.querySelector("section.table");
        const rows = () => [...box.querySelectorAll("tbody tr")];
        const shown = () => rows().filter(row => !row.hidden).map(row => row.cells[0].textContent);
        const counts = shown();
        const find = box.querySelector("input");
        find.value = "null script"; find.dispatchEvent(new Event("input"));
        const filtered = shown();
        find.value = ""; find.dispatchEvent(new Event("input"));
        box.querySelector("th button").click();
        const sorted = shown();
        rows()[1].cells[0].textContent = "";
        box.querySelector("th button").click();
        const down = shown();
        return {counts, filtered, sorted, down, alerts: document.querySelectorAll("td script").length,
                asked: performance.getEntriesByType("resource").length,
                width: document.documentElement.scrollWidth <= window.innerWidth};
        """,
        tmp_path,
    )
    assert seen.found == {
        "counts": ["500", "3", "1"], "filtered": ["1"], "sorted": ["1", "3", "500"],
        "down": ["500", "1", ""], "alerts": 0, "asked": 0, "width": True,
    }  # fmt: skip
    assert seen.console == []
    assert seen.asked == []
    (group,) = ledger.rows("SELECT group_id FROM groups WHERE count = 500")
    page = ledger.folder / "group" / f"{group['group_id']}.html"
    script = "return [...document.querySelectorAll('tbody tr')].length"
    assert look(page, script, tmp_path).found == 500


def many(ledger: Ledger, count: int) -> Sequence[Found]:
    made = [put(ledger, 100 + number, "h") for number in range(count)]
    write(ledger)
    return made


def test_a_telephone_shows_the_trend_beside_the_title(ledger: Ledger, tmp_path: Path) -> None:
    """Whole, without being pushed aside: 390 px are a narrow telephone's."""
    html = json.dumps((ledger.folder / "index.html").read_text()).replace("</", "<\\/")
    bare = tmp_path / "bare.html"
    bare.write_text("<!doctype html><body></body>")
    seen = look(
        bare,
        f"""
        const frame = document.createElement("iframe");
        frame.style.width = "390px";
        document.body.append(frame);
        frame.contentDocument.write({html}); frame.contentDocument.close();
        const box = frame.contentDocument.querySelector("div.wide");
        return [...box.querySelectorAll("svg.spark")].map(
          one => box.getBoundingClientRect().right - one.getBoundingClientRect().right);
        """,
        tmp_path,
    )
    assert len(seen.found) == 2
    assert min(seen.found) > 0

"""What the pages say: of recorded reports, of a made-up kernel, of a batch; a dump's text stays text."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from crashdrive.crash import Crash
from crashdrive.errors import FaultError, SessionClosedError
from crashdrive.records import Report, Table
from crashdrive.serve.batch_site import BatchSite
from crashdrive.serve.desk import BusyError, Desk
from crashdrive.serve.site import page_names
from tests.kernel.fake_memory import BASE
from tests.serve.conftest import LIST_AT, MANY, Client, Recorded, at_desk, served

PAGES = [
    "", "log", "tasks", "tasks?threads=1", "stacks", "locks", "memory", "timeline",
    "reports", "report/netns",
    f"structure?type=robot&address={BASE:x}", f"bytes?address={BASE:x}", "structure", "bytes",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_its_text_is_text(client: Client, path: str) -> None:
    found = client.page(path)
    assert found.status == 200
    assert "alert(1)</script>" not in found.text
    assert "\x1b" not in found.text
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=|javascript:[^a]", found.text)
    assert 'aria-current="page"' in found.text or path.startswith(("report/", "structure", "bytes"))
    for link in re.findall(r'(?:href|src|action|data-url)="([^"]*)"', found.text):
        assert link.startswith((client.guard.root, "data:,")), link


def test_every_page_is_tested() -> None:
    asked = {path.partition("?")[0].partition("/")[0] or "overview" for path in PAGES}
    assert set(page_names()) == asked | {"cells", "find", "task"}


def test_the_overview_leads_on(client: Client) -> None:
    text = client.page("").text
    assert "deadlock" in text
    assert f'href="{client.guard.root}locks"' in text
    assert "<svg" in text
    assert "<style" not in text


def test_incomplete_reports_are_marked(client: Client) -> None:
    assert "Incomplete." in client.page("report/netns").text
    assert "Incomplete." not in client.page("stacks").text


def test_an_address_space_that_is_known_in_part_is_marked(client: Client) -> None:
    page = client.page("memory/space").text
    assert "kernel vmalloc base" in page
    assert "Incomplete." in page
    assert "mach -m: line 1" in page


def test_a_task_without_its_stack_is_marked() -> None:
    def fails() -> Report:
        raise FaultError("no unwinder", 0, 0, "no unwinder")

    with ExitStack() as stack:
        recorded = Recorded(stack)
        recorded.own["stacks"] = fails
        with at_desk(recorded) as client:
            page = client.page("task?pid=1").text
    assert "its stack: no unwinder" in page
    assert "Incomplete." in page


@pytest.mark.parametrize(
    ("complete", "told"),
    [(True, "No crash in its log"), (False, "No crash in what could be read of its log")],
)
def test_a_log_that_is_missing_is_no_log_without_a_crash(complete: bool, told: str) -> None:  # noqa: FBT001 - a case
    tables = tuple(Table(name=name, rows=()) for name in ("verdict", "system", "look"))
    with ExitStack() as stack:
        recorded = Recorded(stack)
        recorded.own["triage"] = lambda: Report(report="triage", tables=tables, complete=complete)
        with at_desk(recorded) as client:
            assert f"<h1>{told}</h1>" in client.page("").text


def test_a_report_takes_its_options(client: Client) -> None:
    page = client.page("report/ps?pid=1&show=memory&maps=1").text
    assert "rss_anonymous" in page
    assert 'name="pid" value="1"' in page
    assert '<input type="checkbox" name="maps" value="1" checked>' in page
    assert "area_start" in page


def test_a_large_table_is_fetched(client: Client) -> None:
    page = client.page("report/netns").text
    (url,) = re.findall(r'data-url="([^"]*)"', page)
    assert page.count("<tr>") < 200
    found = json.loads(client.ask(url).text)
    assert found["count"] == MANY
    assert [column["name"] for column in found["columns"]] == ["number", "name", "share"]
    assert [len(column) for column in found["cells"]] == [MANY] * 3


def test_the_tree_of_tasks(client: Client) -> None:
    found = json.loads(client.page("tasks/cells").text)
    names = [column["name"] for column in found["columns"]]
    assert names[:2] == ["name", "pid"]
    pids = found["cells"][1]
    assert len(found["depth"]) == found["count"] == len(set(pids))
    assert found["depth"][pids.index("1")] == 0
    assert max(found["depth"]) > 1
    more = json.loads(client.page("tasks/cells?threads=1").text)
    assert more["count"] > found["count"]


def test_a_task(client: Client) -> None:
    page = client.page("task?pid=1").text
    assert "struct+task_struct" in page
    assert client.page("task?pid=999999").status == 400


def test_a_structure_and_where_its_pointers_lead(client: Client) -> None:
    page = client.page(f"structure?type=robot&address={BASE:x}").text
    assert "&lt;script&gt;alert(1)" in page
    root = client.guard.root
    assert f'href="{root}structure?type=struct+robot&amp;address={BASE:x}">0x{BASE:x}' in page
    node = f"structure?type=struct+list_head&amp;address={BASE + LIST_AT:x}"
    assert node in page
    assert 'class="guess"' in page
    assert "right" in page
    for link in re.findall(rf'href="{root}(structure\?[^"]*robot[^"]*)"', page):
        assert client.page(link.replace("&amp;", "&")).status == 200


def test_an_array_of_its_own_page_is_shown_as_a_whole(client: Client) -> None:
    page = client.page(f"structure?type=struct%20parts%20[20]&address={BASE:x}").text
    assert [f">[{at}]<" in page for at in range(21)] == [True] * 20 + [False]
    assert "[...]" not in page
    long = client.page(f"structure?type=struct%20parts%20[30000]&address={BASE:x}").text
    assert "The first 4000 members" in long
    assert long.count("<tr>") == 4001


def test_what_is_larger_than_a_page_is_not_read(client: Client) -> None:
    found = client.page(f"structure?type=int%20[999999][999999]&address={BASE:x}")
    assert found.status == 400
    assert "3999992000004 bytes" in found.text


def test_missing_memory_is_told(client: Client) -> None:
    page = client.page(f"bytes?address={BASE + (1 << 20):x}&size=32").text
    assert page.count("not in the dump") == 2
    assert "Incomplete." in page
    lost = client.page(f"structure?type=robot&address={BASE + (1 << 20):x}")
    assert lost.status == 200
    assert "Incomplete." in lost.text
    assert client.page("structure?type=nosuch&address=10").status == 400


@pytest.mark.parametrize(
    ("words", "to"),
    [
        ("1", "task?pid=1"),
        ("0xffff888003a54000", "bytes?address=ffff888003a54000"),
        ("ffff888003A54000", "bytes?address=ffff888003a54000"),
        ("struct robot ffff888003a54000", "structure?type=struct+robot&address=ffff888003a54000"),
        ("robot 0xffff888003a54000", "structure?type=robot&address=ffff888003a54000"),
        ("netstat", "report/netstat"),
        ("robots", f"bytes?address={BASE:x}"),
    ],
)
def test_the_box_finds(client: Client, words: str, to: str) -> None:
    from urllib.parse import quote

    found = client.page(f"find?q={quote(words)}")
    assert (found.status, found.headers.get("Location")) == (303, client.guard.root + to)


def test_slow_pages_say_how_far_they_are_and_quick_ones_overtake() -> None:
    desk, go = Desk(cast("Crash", object())), threading.Event()
    order: list[str] = []

    def slow(_crash: Any) -> int:
        go.wait(30)
        order.append("slow")
        return 1

    with pytest.raises(BusyError):
        desk.ask("a", "a report", slow, patience=0)
    with pytest.raises(BusyError) as busy:
        desk.ask("b", "another", lambda _crash: order.append("long"), patience=0)
    with pytest.raises(BusyError):
        desk.ask("c", "bytes", lambda _crash: order.append("short"), short=True, patience=0)
    assert busy.value.work.told()["waiting"]
    thread = threading.Thread(target=desk.work)
    thread.start()
    go.set()
    assert desk.ask("a", "a report", slow, patience=30) == 1
    desk.ask("b", "another", lambda _crash: order.append("again"), patience=30)
    assert order == ["short", "slow", "long"]
    told = desk.look("a")
    assert told is not None
    assert told.told()["done"]
    desk.close()
    thread.join(30)
    with pytest.raises(SessionClosedError):
        desk.ask("d", "late", slow)


def test_an_error_is_told_once_and_tried_again() -> None:
    desk = Desk(cast("Crash", object()))
    thread = threading.Thread(target=desk.work)
    thread.start()
    tries: list[int] = []

    def fails(_crash: Any) -> None:
        tries.append(1)
        if len(tries) > 2:
            raise ZeroDivisionError
        raise FaultError("gone", 0, 0, "gone")

    for _ in range(2):
        with pytest.raises(FaultError, match="gone"):
            desk.ask("a", "a", fails, patience=30)
    with pytest.raises(Exception, match="a defect of crashdrive: ZeroDivisionError"):
        desk.ask("a", "a", fails, patience=30)
    desk.close()
    thread.join(30)


def test_an_end_wakes_those_who_wait() -> None:
    desk = Desk(cast("Crash", object()))
    ended: list[str] = []

    def wait() -> None:
        try:
            desk.ask("a", "a", lambda _crash: None, patience=30)
        except SessionClosedError as error:
            ended.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    while desk.look("a") is None:
        time.sleep(0.01)
    desk.close()
    desk.work()
    thread.join(30)
    assert ended


def test_a_batch(tmp_path: Path) -> None:
    from crashdrive.batch.ledger import Ledger, open_folder
    from tests.batch.test_pages import FINDING, HOSTILE, put, write

    ledger = Ledger(open_folder(tmp_path / "out"))
    for number in range(3):
        put(ledger, number, "f", findings=[FINDING], verdict={"title": f"null in {HOSTILE}"})
    write(ledger)
    written = {path.relative_to(ledger.folder): path for path in ledger.folder.rglob("*.html")}
    with served(BatchSite(ledger.folder).answer) as client:
        assert client.page("").headers["Location"] == f"{client.guard.root}index.html"
        for name in written:
            found = client.page(str(name))
            assert found.status == 200
            assert "<script>alert" not in found.text
            assert not re.search(r"<script(?! src=)|<style|\sstyle=", found.text)
        assert client.page("dump/../triage.sqlite").status == 404
        assert client.page("dump/nosuch.html").status == 404
        put(ledger, 9, "g")  # what is found meanwhile is there
        write(ledger)
        assert "4 dumps" in client.page("index.html").text
    ledger.close()

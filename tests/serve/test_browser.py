"""The pages in Chromium: tables of 40,000 rows, the tree, the flame graph; nobody else is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.fake_memory import BASE
from tests.serve.chrome import Chrome, chrome
from tests.serve.conftest import HOSTILE, MANY, Client

GRID = "document.querySelector('div.grid').grid"
FIRST = "[...document.querySelectorAll('div.grid tbody tr[data-row]')].map(row => row.cells[0].textContent)"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Iterator[Chrome]:
    with chrome(tmp_path_factory.mktemp("chrome")) as one:
        one.size(1400, 900)
        one.go(client.url)
        yield one


@pytest.fixture
def page(tab: Chrome, client: Client) -> Iterator[Chrome]:
    """The tab; afterwards nothing was said in its console, and nobody else was asked."""
    tab.console.clear()
    tab.asked.clear()
    tab.size(1400, 900)
    yield tab
    assert tab.console == []
    assert [
        url for url in tab.asked if not url.startswith((f"http://127.0.0.1:{client.port}/", "data:"))
    ] == []


def come(page: Chrome, client: Client, path: str) -> None:
    """Open a page, and wait until it is made."""
    page.go(f"http://127.0.0.1:{client.port}{client.guard.root}{path}")
    page.until("document.readyState === 'complete' && !document.getElementById('busy')")


def click(page: Chrome, selector: str) -> None:
    page.run(f"document.querySelector({selector!r}).click()")


def test_the_address_that_was_printed_opens_the_overview(page: Chrome, client: Client) -> None:
    page.go(client.url)
    page.until("!document.getElementById('busy') && !!document.querySelector('h1')")
    assert page.run("location.pathname") == client.guard.root
    assert page.run("document.cookie") == ""
    assert "deadlock" in page.run("document.body.textContent")


def test_forty_thousand_rows(page: Chrome, client: Client) -> None:
    come(page, client, "report/netns")
    page.until(f"!!{GRID}")
    assert page.run("document.querySelectorAll('div.grid tbody tr').length") < 200
    click(page, "div.grid th button")
    assert page.run(FIRST)[:3] == ["0", "1", "2"]
    click(page, "div.grid th button")
    assert page.run(FIRST)[:2] == [str(MANY - 1), str(MANY - 2)]
    assert page.run("document.querySelector('div.grid th').getAttribute('aria-sort')") == "descending"
    page.run("document.querySelector('div.grid .scroll').scrollTop = 1e9")
    page.until(f"{FIRST}.at(-1) === '0'")
    page.run(
        "(() => { const find = document.querySelector('div.grid input'); find.value = '/row 1234.$/';"
        " find.dispatchEvent(new Event('input')); })()"
    )
    assert page.run("document.querySelector('div.grid [role=status]').textContent") == f"10 of {MANY} rows"
    assert page.run("document.querySelector('div.grid mark').textContent").startswith("row 1234")
    page.run(
        "(() => { const find = document.querySelector('div.grid input'); find.value = '/(/';"
        " find.dispatchEvent(new Event('input')); })()"
    )
    assert "Invalid regular expression" in page.run("document.querySelector('[role=status]').textContent")


def test_paper_has_the_first_rows(page: Chrome, client: Client) -> None:
    come(page, client, "report/netns")
    page.until(f"!!{GRID}")
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run(f"{FIRST}.length") == 5000
    assert "the first 5000 of 40000 rows" in page.run("document.querySelector('div.grid').textContent")
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run(f"{FIRST}.length") < 200


def test_hostile_text_is_text(page: Chrome, client: Client) -> None:
    come(page, client, "report/netns")
    shown = HOSTILE.replace("\x1b", "\\x1b")
    assert page.run("[...document.querySelectorAll('td')].map(cell => cell.textContent)").count(shown) == 1
    assert page.run("document.querySelectorAll('td script').length") == 0
    assert page.run("document.querySelectorAll('a[href^=\"javascript:\"]').length") == 0


def test_the_tree_folds(page: Chrome, client: Client) -> None:
    come(page, client, "tasks")
    page.until(f"!!{GRID}")
    rows = f"{GRID}.order.length"
    before = page.run(rows)
    click(page, "div.grid button.fold:not([disabled])")
    assert page.run(rows) < before
    click(page, "div.grid button.fold:not([disabled])")
    assert page.run(rows) == before
    page.run(
        "(() => { const find = document.querySelector('div.grid input'); find.value = 'kworker';"
        " find.dispatchEvent(new Event('input')); })()"
    )
    assert page.run(FIRST)[0].endswith("kthreadd")  # whose children they are
    assert page.run("document.querySelector('div.grid a').href").endswith("task?pid=2")


def test_a_flame_graph_is_looked_into(page: Chrome, client: Client) -> None:
    come(page, client, "stacks")
    width = "(group => parseFloat(group.querySelector('rect').getAttribute('width')))"
    groups = "[...document.querySelectorAll('g.flame')]"
    before = page.run(f"{width}({groups}[1])")
    page.run(f"{groups}[1].dispatchEvent(new Event('click'))")
    assert page.run(f"{width}({groups}[1])") > before
    assert page.run(f"{groups}.filter(one => one.classList.contains('away')).length") > 0
    page.run(f"{groups}[0].dispatchEvent(new Event('click'))")
    assert page.run(f"{groups}.filter(one => one.classList.contains('away')).length") == 0
    assert page.run(f"{width}({groups}[1])") == pytest.approx(before)


def test_a_slow_page_comes_by_itself(page: Chrome, client: Client) -> None:
    page.go(f"http://127.0.0.1:{client.port}{client.guard.root}report/softnet")
    assert page.run("!!document.getElementById('busy')")
    page.until("document.querySelector('h1').textContent === 'Report softnet'")


def test_pointers_are_followed(page: Chrome, client: Client) -> None:
    come(page, client, f"structure?type=robot&address={BASE:x}")
    click(page, "section.members a[href*='robot']")
    page.until("document.readyState === 'complete' && document.title.includes('struct robot at')")
    assert page.run("location.search") == f"?type=struct+robot&address={BASE:x}"


def test_scripts_of_others_are_not_run(page: Chrome, client: Client) -> None:
    come(page, client, "reports")
    page.run(
        "(() => { const one = document.createElement('script'); one.textContent = 'window.bad = 1';"
        " document.body.append(one); document.body.insertAdjacentHTML('beforeend',"
        ' \'<img src="data:," onerror="window.bad = 1">\'); })()'
    )
    assert page.run("window.bad ?? 0") == 0
    refused = [line for line in page.console if "Content Security Policy" in line]
    assert refused
    page.console.clear()


@pytest.mark.parametrize(
    "path", ["", "log", "tasks", "stacks", "locks", "memory", "timeline", "reports", "report/ps"]
)
def test_a_telephone_is_wide_enough(page: Chrome, client: Client, path: str) -> None:
    page.size(390, 844, dark=True)
    come(page, client, path)
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"

"""docs/ways.md: the lines of each task run on its recording, and are counted as its table counts them."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from dockit import examples

from crashdrive.cli import main as crashdrive
from crashdrive.crash import Crash
from crashdrive.mcp.desk import Desk
from crashdrive.session import Session

CHECKOUT = Path(__file__).resolve().parents[1]
HEAD, *SECTIONS = (CHECKOUT / "docs" / "ways.md").read_text(encoding="utf-8").split("\n## ")


class Task(NamedTuple):
    """One of the ten: its name, its recording (None: it is of two dumps), and the codes of each way."""

    name: str
    recorded: str | None
    ways: dict[str, list[str]]


def _task(section: str) -> Task:
    recorded = re.search(r"<!-- recorded: (\S+) -->", section)
    ways = {
        way: re.findall(r"`([^`]+)`", text)
        for way, text in re.findall(r"^- ([\w ]+): (.*)$", section, re.MULTILINE)
    }
    return Task(section.partition("\n")[0], recorded and recorded[1], ways)


TASKS = [_task(section) for section in SECTIONS]
RECORDED = [pytest.param(task, task.recorded, id=task.name) for task in TASKS if task.recorded]


def calls_of(task: Task) -> list[str]:
    """An agent's calls that a recording answers without crash."""
    return [code for code in task.ways["MCP"] if "(" in code and not code.startswith("command(")]


CALLED = [
    pytest.param(task, task.recorded, id=task.name) for task in TASKS if task.recorded and calls_of(task)
]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in examples._SETTINGS.items():
        monkeypatch.setenv(name, value)


def counted() -> dict[str, list[str]]:
    """The rows of the table by the names of the tasks."""
    rows = [line.strip("| ").split(" | ") for line in HEAD.splitlines() if line.startswith("| ")]
    return {name: cells for name, *cells in rows[1:]}


def _script(name: str) -> str:
    """A script of docs/howto.md, without the line that names it."""
    page = (CHECKOUT / "docs" / "howto.md").read_text(encoding="utf-8")
    found = re.search(rf"```python\n# {name}\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def test_each_task_has_its_row_and_its_ways() -> None:
    assert len(TASKS) == 10
    assert len(CALLED) == 6
    assert list(counted()) == [task.name for task in TASKS]
    for task in TASKS:
        assert list(task.ways) == ["command line", "shell", "notebook", "page", "MCP"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_steps_and_keys_are_those_of_the_lines(task: Task) -> None:
    cells = counted()[task.name]
    for cell, way in ((cells[1], "shell"), (cells[2], "notebook")):
        steps, keys = map(int, cell.split(" / "))
        lines = task.ways[way]
        assert keys == sum(len(line) + 1 for line in lines)
        assert steps >= len(lines)
    line = task.ways["command line"][-1]
    script = re.search(r"(\w+\.py)$", line)
    written = len(_script(script[1])) if script else 0
    assert cells[0] == f"{2 if script else 1} / {written + len(line) + 1}"
    if calls := [code for code in task.ways["MCP"] if "(" in code]:
        assert cells[4] == str(len(calls))


@pytest.mark.parametrize(("task", "recorded"), RECORDED)
def test_the_shells_lines(task: Task, recorded: str, tmp_path: Path) -> None:
    session = str(examples._recording(recorded))
    for line in task.ways["shell"]:
        heard, told = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(told):
            status = crashdrive(["shell", "--replay", session, "-c", line])
        assert status in {0, 5}, told.getvalue()
        assert heard.getvalue().strip() or (tmp_path / "hang.json").stat().st_size > 100


@pytest.mark.parametrize(("task", "recorded"), CALLED)
def test_the_agents_calls(task: Task, recorded: str) -> None:
    desk = Desk(lambda: Crash(Session.replay(examples._recording(recorded)), keep=False))
    for call in calls_of(task):
        parsed = ast.parse(call, mode="eval").body
        assert isinstance(parsed, ast.Call)
        assert isinstance(parsed.func, ast.Name)
        asked = {str(word.arg): ast.literal_eval(word.value) for word in parsed.keywords}
        found = getattr(desk, parsed.func.id)(**asked)
        assert found["data"].get("rows") or found["data"]["tables"]
    desk.close()


@pytest.fixture(scope="module")
def ipython(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    hook = sys.displayhook
    home = str(tmp_path_factory.mktemp("ipython"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("IPYTHONDIR", home)
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        shell.run_line_magic("load_ext", "crashdrive")
        yield shell
        shell.run_line_magic("unload_ext", "crashdrive")
        InteractiveShell.clear_instance()
    sys.displayhook = hook


@pytest.mark.parametrize(("task", "recorded"), RECORDED)
def test_the_notebooks_cells(ipython: Any, task: Task, recorded: str) -> None:
    ipython.run_line_magic("dump", f"--replay {examples._recording(recorded)}")
    for cell in task.ways["notebook"]:
        with contextlib.redirect_stdout(io.StringIO()):
            ran = ipython.run_cell(cell)
        assert ran.success
        assert ran.result is not None

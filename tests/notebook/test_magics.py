"""A dump in IPython: its own InteractiveShell, and a notebook that nbclient runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crashdrive
from crashdrive.notebook.starter import notebook
from crashdrive.records import Answer, Bars, Report

SESSION = Path(__file__).parents[2] / "golden_outputs" / "sessions" / "6.12-kdump-sysrq-9.0.2" / "session.xz"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session that holds a hostile name, too."""
    import lzma

    with lzma.open(SESSION, "rt", encoding="utf-8") as file:
        lines = file.read()
    ps = (
        "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n"
        "        1       0   1  ffff888003a54000  IN   0.1     2388      800  <img src=x>\n"
    )
    for command in ("ps", "ps 1"):
        lines += json.dumps({"op": "run", "command": command, "text": ps}) + "\n"
    made = tmp_path / "made.session"
    made.write_text(lines, encoding="utf-8")
    return made


@pytest.fixture
def ipython(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    hook = sys.displayhook
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "crashdrive")
    yield shell
    shell.run_line_magic("unload_ext", "crashdrive")
    InteractiveShell.clear_instance()
    sys.displayhook = hook


def shown(shell: Any, value: object) -> str:
    formats, _ = shell.display_formatter.format(value)
    return str(formats["text/html"])


def test_a_dump_its_commands_and_reports(ipython: Any, session: Path) -> None:
    ipython.run_line_magic("dump", f"--replay {session}")
    crash = ipython.user_ns["crash"]
    assert isinstance(crash, crashdrive.Crash)
    answer = ipython.run_line_magic("crash", "ps")
    assert isinstance(answer, Answer)
    assert answer.one().comm == "<img src=x>"
    page = shown(ipython, answer)
    assert "&lt;img src=x&gt;" in page
    assert "<img src=x>" not in page
    assert "<dl>" in shown(ipython, answer.one())
    report = ipython.run_line_magic("report", "netstat -lt --where local_port=8005 --limit 1")
    assert isinstance(report, Report)
    assert "8005" in shown(ipython, report)
    bars = ipython.run_line_magic("report", "netstat -a --bars state")
    assert isinstance(bars, Bars)
    assert dict(bars.bars)["LISTEN"] == 23
    assert 'src="data:image/svg+xml;base64,' in shown(ipython, bars)


def test_commands_of_a_cell_and_as_text(
    ipython: Any, session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ipython.run_line_magic("dump", f"--replay {session}")
    ipython.run_cell_magic("crash", "", "# both\nsym init_net\n\nps 1\n")
    out = capsys.readouterr().out
    assert "init_net" in out
    assert "Process(" in out
    assert ipython.run_line_magic("crash", "-t sym init_net") is None
    assert capsys.readouterr().out == "ffffffffb3054a80 (B) init_net\n"


@pytest.mark.parametrize(
    ("magic", "line", "told"),
    [
        ("crash", "ps", "no dump is open"),
        ("report", "netstat", "no dump is open"),
        ("dump", "", "name a VMCORE"),
        ("dump", "/no/such/vmcore", "/no/such/vmcore"),
        ("dump", "--nosuch x", "unrecognized arguments"),
        ("dump", "'x", "No closing quotation"),
    ],
)
def test_errors_are_one_line(ipython: Any, magic: str, line: str, told: str) -> None:
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match=told) as error:
        ipython.run_line_magic(magic, line)
    assert "\n" not in str(error.value)


def test_errors_with_a_dump(ipython: Any, session: Path) -> None:
    from IPython.core.error import UsageError

    ipython.run_line_magic("dump", f"--replay {session}")
    for magic, line, told in (
        ("crash", "", "which command"),
        ("crash", "nosuch", "doesn't hold"),
        ("report", "nosuch", "no report"),
        ("report", "netstat --bars nosuch", "no column"),
        ("report", "netstat --bars", "wants a column"),
    ):
        with pytest.raises(UsageError, match=told):
            ipython.run_line_magic(magic, line)


def test_another_dump_takes_the_place_of_the_first(ipython: Any, session: Path) -> None:
    ipython.run_line_magic("dump", f"--replay {session}")
    first = ipython.user_ns["crash"]
    ipython.run_line_magic("dump", f"--replay {session}")
    assert ipython.user_ns["crash"] is not first
    with pytest.raises(crashdrive.CrashdriveError, match="closed"):
        first.run("ps")


def test_the_starting_notebook_runs(session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    document = nbformat.reads(notebook(["--replay", str(session)]), as_version=4)
    nbformat.validate(document)
    # triage and stacks ask for more than this session holds
    document.cells = [
        cell for cell in document.cells if "triage" not in cell.source and "stacks" not in cell.source
    ]
    nbclient.NotebookClient(document, timeout=120, kernel_name="python3").execute()
    outputs = [output.data for cell in document.cells[2:] for output in cell.outputs if "data" in output]
    assert any("data:image/svg+xml" in str(data.get("text/html", "")) for data in outputs)
    assert any("&lt;img" in str(data.get("text/html", "")) for data in outputs)


def test_importing_the_package_imports_no_notebook() -> None:
    program = "import crashdrive.crash, sys; print({'IPython', 'pandas', 'polars'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60
    )
    assert done.stdout == "set()\n"

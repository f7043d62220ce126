"""Reports from outside on the command line, and the worked example of docs/extending.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, bytes, str]]
Put = Callable[[str, str], Path]
CHECKOUT = Path(__file__).parents[2]
SESSION = str(CHECKOUT / "examples" / "demo.session")
GUIDE = (CHECKOUT / "docs" / "extending.md").read_text()
EXAMPLE = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]
MINIMAL = """\
from crashdrive.reports import Report
NAME, SUMMARY, OPTIONS = "{name}", "Does little.", ()
def report(crash):
    {body}
"""


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a report into the user's folder."""
    folder = tmp_path / "config" / "crashdrive" / "reports"
    folder.mkdir(parents=True, mode=0o755)
    monkeypatch.delenv("CRASHDRIVE_PLUGINS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "80")

    def write(name: str, text: str) -> Path:
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
        return folder / name

    return write


def minimal(name: str, body: str = "return Report(report=NAME, tables=())") -> str:
    return MINIMAL.format(name=name, body=body)


def told_of(err: str) -> list[str]:
    """What stderr says, but for the warnings of the demo's session."""
    return [line for line in err.splitlines() if not line.startswith("crashdrive: warning: ")]


def test_the_worked_example(cli: Cli, put: Put) -> None:
    path = put("talkers.py", EXAMPLE)
    status, out, err = cli("report", "--list")
    assert (status, err) == (0, "")
    own, _, foreign = out.decode().partition("From elsewhere")
    assert "netstat " in own
    assert "talkers" not in own
    assert str(path) in foreign
    assert b"-n, --count INTEGER" in cli("report", "talkers", "--help")[1]
    assert "Who writes most to the kernel's log." in cli("report", "--help")[1].decode()
    status, out, err = cli("report", "talkers", "-n", "3", "--format", "json", "--replay", SESSION)
    assert (status, told_of(err)) == (0, [])
    talkers = json.loads(out)["tables"]["talkers"]
    assert len(talkers) == 3
    assert talkers[0]["messages"] >= talkers[1]["messages"] >= talkers[2]["messages"] > 1


def test_a_script_has_it_too(cli: Cli, put: Put, tmp_path: Path) -> None:
    put("talkers.py", EXAMPLE)
    script = tmp_path / "script.py"
    script.write_text("print(len(crash.report('talkers', count=2).table('talkers').rows))")
    assert cli("run", "--replay", SESSION, str(script))[:2] == (0, b"2\n")


def test_broken_ones_hide_no_other(cli: Cli, put: Put) -> None:
    broken = put("broken.py", "x = nope\n")
    own = put("netstat.py", minimal("netstat"))
    put("good.py", minimal("good"))
    told = [
        f"crashdrive: {own}: refused: netstat is the name of one of crashdrive's own reports",
        f"crashdrive: {broken}: line 1: NameError: name 'nope' is not defined",
    ]
    for words in (["--list"], ["--help"]):
        status, out, err = cli("report", *words)
        assert (status, err.splitlines()) == (0, told)
        assert b"good" in out
        assert b"softnet" in out
    assert cli("report", "good", "--replay", SESSION)[0] == 0
    assert cli("report", "broken", "--replay", SESSION) == (1, b"", f"{told[1]}\n")
    assert cli("report", "netstat", "--help")[2] == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "its NAME is None, not 'odd'"),
        (minimal("other"), "its NAME is 'other', not 'odd'"),
        (minimal("odd").replace('"Does little."', "5"), "SUMMARY is no line of text"),
        (minimal("odd").replace("()\n", "[1]\n", 1), "OPTIONS is no tuple of Option"),
        ("BTF = 1\n" + minimal("odd"), "BTF is neither True nor False"),
        (minimal("odd").replace("def report", "def reports"), "it has no function report(crash, ...)"),
        (
            "from crashdrive.reports import Option\n"
            + minimal("odd").replace("()\n", "(Option(name='f', flags=('--format',), help=''),)\n", 1),
            "an option can't be '--format'",
        ),
    ],
)
def test_what_is_no_report_is_told(cli: Cli, put: Put, text: str, said: str) -> None:
    path = put("odd.py", text)
    assert cli("report", "odd", "--replay", SESSION) == (1, b"", f"crashdrive: {path}: {said}\n")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("return 1 // 0", 1, "{path}: line 4: ZeroDivisionError: integer division or modulo by zero"),
        ("return [1]", 1, "{path}: it gave list, no Report"),
        ("raise SystemExit(3)", 1, "{path}: line 4: SystemExit: 3"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("crash.run('never recorded')", 3, ""),
    ],
)
def test_how_one_fails(cli: Cli, put: Put, body: str, status: int, said: str) -> None:
    path = put("odd.py", minimal("odd", body))
    got, out, err = cli("report", "odd", "--replay", SESSION)
    assert (got, out) == (status, b"")
    (line,) = told_of(err)
    assert line.startswith(f"crashdrive: {said.format(path=path)}")
    assert "defect" not in line


def test_an_unknown_name_says_what_was_refused(cli: Cli, put: Put) -> None:
    path = put("mine.py", minimal("mine"))
    path.chmod(0o666)
    status, _, err = cli("report", "mine", "--replay", SESSION)
    assert status == 2
    assert err == (
        "crashdrive: no report 'mine'; `crashdrive report --list` shows all; "
        f"{path}: refused: others may write to it (chmod go-w)\n"
    )


def test_nothing_is_looked_for_where_crashdrive_has_the_report(
    cli: Cli, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("talkers.py", EXAMPLE)
    monkeypatch.setattr("crashdrive.reports.find", pytest.fail)
    assert cli("report", "netstat", "--help")[0] == 0


def test_completion_knows_the_name_and_minds_no_broken_one(
    cli: Cli, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("talkers.py", EXAMPLE)
    put("broken.py", "raise SystemExit")
    monkeypatch.setenv("_CRASHDRIVE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_CWORD", "3")
    for words, told in {"talkers --cou": b"plain,--count\n", "broken --cou": b""}.items():
        monkeypatch.setenv("COMP_WORDS", f"crashdrive report {words}")
        status, out, err = cli("report")
        assert (status, out.strip(), err) == (0, told.strip(), "")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("COMP_WORDS", "crashdrive report talk")
    assert cli("report")[1] == b"plain,talkers\n"

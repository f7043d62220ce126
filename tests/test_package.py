"""The public names, and that importing them costs nothing that isn't used."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import crashdrive

CHECKOUT = Path(__file__).parents[1]
HEAVY = {"pexpect", "pyparsing", "rich", "click", "jinja2", "sqlite3", "msgspec", "subprocess"}


def imported_by(statement: str) -> set[str]:
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    return set(json.loads(done.stderr.decode().splitlines()[-1]))


def test_public_names() -> None:
    assert crashdrive.__all__ == [
        "Answer",
        "CommandResult",
        "Crash",
        "CrashdriveError",
        "Notice",
        "Record",
        "Session",
        "__version__",
        "embedded",
        "nocache",
        "open_dump",
        "parse",
    ]
    assert dir(crashdrive) == sorted(crashdrive.__all__)


@pytest.mark.parametrize("name", crashdrive.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(crashdrive, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = crashdrive.nope


@pytest.mark.usefixtures("unmeasured")
def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not imported_by("import crashdrive") & HEAVY


@pytest.mark.usefixtures("unmeasured")
def test_help_needs_neither_session_nor_parsers_nor_rich() -> None:
    statement = "from crashdrive.cli import main; main(['--help'])"
    assert not imported_by(statement) & {"pexpect", "pyparsing", "rich", "jinja2", "sqlite3"}


def test_a_session_on_this_host_imports_nothing_of_other_hosts() -> None:
    loaded = imported_by("import crashdrive.crash, crashdrive.cli.run, crashdrive.session.session")
    assert "crashdrive.session.opening" in loaded
    assert not [name for name in loaded if name.startswith("crashdrive.session.remote")]


def test_one_parser_does_not_import_the_others() -> None:
    loaded = imported_by("from crashdrive.parsers import module_for; module_for('net')")
    assert "crashdrive.parsers.ps" not in loaded


def test_no_parser_imports_pyparsing_before_a_text_is_read() -> None:
    """Grammars are built when they are first used, of whatever command."""
    statement = (
        "from crashdrive.parsers import command_names, module_for; [*map(module_for, command_names())]"
    )
    assert "pyparsing" not in imported_by(statement)


@pytest.mark.parametrize(
    ("line", "text"),
    [("ptob 1", "1: 1000\n"), ("kmem -o", "PER-CPU OFFSET VALUES:\n  CPU 0: ffff8c3b3ec00000\n")],
)
def test_an_answer_imports_little(line: str, text: str) -> None:
    """Modules are pinned, as they are what takes time: `scripts/benchmark parsers --import` measures it."""
    libraries = imported_by("import crashdrive, msgspec, crashdrive.parsers.grammar.pyparsing_core")
    assert not libraries & {"unittest", "importlib.resources", "pyparsing.helpers", "pyparsing.common"}
    found = imported_by(f"from crashdrive import parse; parse({line!r}, {text!r})") - libraries
    assert {name.partition(".")[0] for name in found} <= {"crashdrive", "array", "keyword"}
    commands = {name.split(".")[2] for name in found if name.startswith("crashdrive.parsers.")}
    assert commands <= {"base", "grammar", line.split(maxsplit=1)[0], "set", "sym"}


def test_nothing_is_imported_from_the_current_directory(tmp_path: Path) -> None:
    for name in ("click", "msgspec", "pexpect", "tty", "zoneinfo"):
        (tmp_path / f"{name}.py").write_text("print('run')")
    (tmp_path / "vmcore").touch()
    done = subprocess.run(
        [sys.executable, "-m", "crashdrive", "exec", "vmcore", "sys"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("crashdrive: vmcore: ")


PROMISED = {
    ("parsers.ps", "Process"): "pid ppid cpu task state mem_percent vsz rss comm",
    ("linux.net.sockets.rows", "Socket"): (
        "proto family netns local_address local_port remote_address remote_port state recv_q send_q inode "
        "uid pid program address"
    ),
    ("linux.net.routing.rows", "Route"): (
        "family table type destination prefix_length gateway device metric scope protocol source"
    ),
    ("linux.net.devices.devices", "Interface"): (
        "name index address flags mtu mac operstate addresses statistics"
    ),
    ("records", "Finding"): "severity kind message evidence explanation advice source",
    ("records", "Notice"): "kind message line text",
    ("records", "Answer"): "command shape complete warnings records",
    ("records", "Report"): "report dump complete warnings tables findings",
}


@pytest.mark.parametrize(
    ("place", "fields"), PROMISED.items(), ids=lambda one: one[1] if isinstance(one, tuple) else ""
)
def test_fields_that_users_rely_on(place: tuple[str, str], fields: str) -> None:
    """They may get more company; none goes, and none is called something else."""
    module, name = place
    record = getattr(importlib.import_module(f"crashdrive.{module}"), name)
    assert set(fields.split()) <= set(record.__struct_fields__)

"""What was asked before is answered out of the store, and only while all that it rests on is unchanged."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.cache.answers import Answers
from crashdrive.cache.store import open_store
from crashdrive.dump.contents import file_mark
from crashdrive.records import Notice, Report, Table
from crashdrive.session.health import Attempt, HealthWarning
from tests.cli.conftest import FakeCrash

Cli = Callable[..., tuple[int, bytes, str]]


class Asked:
    """A crash that counts how often it was opened."""

    def __init__(self, crash: FakeCrash, vmlinux: str, vmcore: str) -> None:
        self.crash, self.vmlinux, self.vmcore = crash, vmlinux, vmcore
        self.opened = 0
        self.complete = True
        self.kind = "excluded"
        self.attempts: tuple[Attempt, ...] = ()
        self.meanwhile: Callable[[], object] = lambda: None

    def open(self, *files: str | None, **options: Any) -> FakeCrash:
        self.opened += 1
        crash: Any = self.crash
        crash.identity = {"vmcore": self.vmcore, "vmlinux": self.vmlinux, "build_id": "b1"}
        marks = {name: file_mark(Path(crash.identity[name]).stat()) for name in ("vmcore", "vmlinux")}
        crash.session = SimpleNamespace(marks=marks)
        self.meanwhile()
        return self.crash.open(*files, **options)

    def report(self, name: str, **options: Any) -> Report:
        rows = [{"name": name, "options": str(sorted(options.items())), "asked": self.opened}]
        notices = () if self.complete else (Notice(kind=self.kind, message="a page is missing"),)
        return Report(
            report=name, tables=(Table(name="rows", rows=rows),), source="crash",
            complete=self.complete, warnings=notices, dump={"vmcore": self.vmcore},
        )  # fmt: skip


@pytest.fixture
def binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bin/crash"
    path.parent.mkdir()
    shutil.copy("/bin/true", path)
    monkeypatch.setenv("CRASHDRIVE_CRASH", str(path))
    return path


@pytest.fixture
def asked(
    crash: FakeCrash,
    vmlinux: str,
    vmcore: str,
    binary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Asked:
    monkeypatch.delenv("CRASHDRIVE_NO_CACHE")
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    found = Asked(crash, vmlinux, vmcore)
    monkeypatch.setattr("crashdrive.crash.open_dump", found.open)
    fake: Any = crash
    fake.run_report = found.report
    health = type(crash).health.fget  # type: ignore[attr-defined]  # a property of the class

    class Told(FakeCrash):
        @property
        def health(self) -> Any:
            import msgspec

            return msgspec.structs.replace(health(self), binary=str(binary), attempts=found.attempts)

    crash.__class__ = Told
    return found


def test_the_same_line_again_is_answered_without_crash(cli: Cli, asked: Asked) -> None:
    first = cli("report", "netstat", "-a", "--format", "csv", asked.vmcore)
    assert first[0] == 0
    assert cli("report", "netstat", "-a", "--format", "csv", asked.vmcore) == first
    assert asked.opened == 1


def test_the_same_question_in_other_words_is_the_same(cli: Cli, asked: Asked) -> None:
    first = cli("report", "netstat", "-a", "-n", "--format", "csv", asked.vmcore)
    assert cli("report", "netstat", "--format=csv", "-n", "-a", asked.vmcore) == first
    assert asked.opened == 1


@pytest.mark.parametrize(
    "words",
    [
        ("report", "netstat", "--format", "csv"),
        ("report", "netstat", "-a", "--format", "jsonl"),
        ("report", "sockstat", "--format", "csv"),
        ("triage", "--format", "csv"),
    ],
)
def test_another_question_is_asked(cli: Cli, asked: Asked, words: tuple[str, ...]) -> None:
    cli("report", "netstat", "-a", "--format", "csv", asked.vmcore)
    cli(*words, asked.vmcore)
    assert asked.opened == 2


def test_a_reports_document_says_where_it_comes_from(cli: Cli, asked: Asked) -> None:
    line = ("report", "netstat", "--format", "json", asked.vmcore)
    first, second = json.loads(cli(*line)[1]), json.loads(cli(*line)[1])
    assert (first.pop("source"), second.pop("source")) == ("crash", "store")
    assert first == second


def test_what_was_said_is_said_again_with_the_exit_status(cli: Cli, asked: Asked) -> None:
    asked.complete = False
    first = cli("report", "netstat", asked.vmcore)
    assert first[0] == 5
    assert first[2] == "crashdrive: netstat: incomplete: a page is missing\n"
    assert cli("report", "netstat", asked.vmcore) == first
    assert asked.opened == 1


def test_a_dump_alone_is_kept_as_its_triage(cli: Cli, asked: Asked) -> None:
    first = cli("triage", asked.vmcore)
    assert cli(asked.vmcore) == first
    assert cli(asked.vmcore) == first
    assert asked.opened == 1


def test_triage_and_exec_are_kept(cli: Cli, asked: Asked) -> None:
    for line in (
        ("triage", "--format", "json", asked.vmcore),
        ("exec", asked.vmcore, "btop 512a"),
        ("exec", "--format", "json", asked.vmcore, "ps"),
    ):
        before = asked.opened
        assert cli(*line)[0] == 0
        assert cli(*line)[0] == 0
        assert asked.opened == before + 1


@pytest.mark.parametrize(
    "commands",
    [
        ["ps > out"], ["ps | cat"], ["set 1", "bt"], ["alias x ps"], ["mod -S"], ["gdb p 1"], ["repeat ps"],
        ["rd -r out ffff888003a54000 8"], ["!ls"], ["p panic()"], ["p a = 1"], ["nosuch"],
        ["foreach set"],
    ],
)  # fmt: skip
def test_commands_that_do_more_than_print_run_each_time(
    cli: Cli, asked: Asked, commands: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        cli("exec", asked.vmcore, *commands)
    assert asked.opened == 2


def test_a_failed_command_is_run_again(cli: Cli, asked: Asked) -> None:
    for _ in range(2):
        assert cli("exec", asked.vmcore, "ps 999999")[0] == 1
    assert asked.opened == 2


def test_commands_out_of_a_file_are_looked_at(cli: Cli, asked: Asked, tmp_path: Path) -> None:
    file = tmp_path / "commands"
    file.write_text("btop 512a\n")
    line = ("exec", asked.vmcore, f"< {file}")
    assert cli(*line)[1] == b"512a: 512a000\n"
    assert cli(*line)[1] == b"512a: 512a000\n"
    assert asked.opened == 1
    file.write_text("ps\n")
    assert b"init" in cli(*line)[1]
    assert asked.opened == 2


def replaced(path: str) -> None:
    """Another file under the same name, of the same size and mtime."""
    status = Path(path).stat()
    data = Path(path).read_bytes()
    fresh = Path(f"{path}.new")
    fresh.write_bytes(data[:-1] + b"\1")
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.rename(path)


def written_to(path: str) -> None:
    """The same file with another byte, its mtime set back."""
    status = Path(path).stat()
    with Path(path).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grown(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", [replaced, written_to, grown])
@pytest.mark.parametrize("which", ["vmcore", "vmlinux"])
def test_a_file_that_changed_is_asked_anew(
    cli: Cli, asked: Asked, change: Callable[[str], None], which: str
) -> None:
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    change(getattr(asked, which))
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    assert asked.opened == 2


def test_a_dump_that_grows_while_it_is_read_is_not_kept(cli: Cli, asked: Asked) -> None:
    asked.meanwhile = lambda: grown(asked.vmcore)
    for _ in range(2):
        cli("report", "netstat", asked.vmcore)
    assert asked.opened == 2


def test_another_crash_is_asked(
    cli: Cli, asked: Asked, binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    grown(str(binary))  # upgraded in place
    cli(*line)
    assert asked.opened == 2
    other = tmp_path / "other"
    shutil.copy(binary, other)
    monkeypatch.setenv("CRASHDRIVE_CRASH", f"{other}:{binary}")
    cli(*line)
    assert asked.opened == 3


def test_a_script_in_crashs_place_is_asked_for_its_version(cli: Cli, asked: Asked, binary: Path) -> None:
    said = binary.with_name("said")
    said.write_text("crash 8.0.2\nGNU gdb (GDB) 10.2\n")
    binary.write_text(f'#!/bin/sh\necho; cat "{said}"\n')
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    cli(*line)
    assert asked.opened == 1
    said.write_text("crash 9.0.2\nGNU gdb (GDB) 16.2\n")
    cli(*line)
    assert asked.opened == 2


def test_other_code_asks_anew(cli: Cli, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    monkeypatch.setattr("crashdrive.cache.code.code_digest", lambda: "another")
    cli(*line)
    assert asked.opened == 2


@pytest.mark.parametrize(
    ("name", "value"), [("TZ", "Asia/Tokyo"), ("NO_COLOR", "1"), ("CRASHDRIVE_OWNERS", "x")]
)
def test_another_environment_asks_anew(
    cli: Cli, asked: Asked, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    monkeypatch.setenv(name, value)
    cli(*line)
    assert asked.opened == 2


def test_a_plugin_that_came_asks_anew(
    cli: Cli, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path / "plugins"))
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    (tmp_path / "plugins/rules").mkdir(parents=True)
    (tmp_path / "plugins/rules/mine.py").write_text("")
    cli(*line)
    assert asked.opened == 2


def test_debug_data_of_a_module_that_came_asks_anew(cli: Cli, asked: Asked) -> None:
    """``panic`` has source lines of a module then; what else is written beside the dump is of no matter."""
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    Path(asked.vmcore).with_name("out.csv").touch()
    cli(*line)
    assert asked.opened == 1
    Path(asked.vmcore).with_name("ext4.ko.debug").touch()
    cli(*line)
    assert asked.opened == 2
    cli(*line)
    assert asked.opened == 2


def test_options_and_environment_turn_it_off(cli: Cli, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    cli(*line, "--no-cache")
    assert asked.opened == 2
    cli(*line, "--refresh")
    assert asked.opened == 3
    assert b",3\n" in cli(*line)[1]  # the one that was made last
    assert asked.opened == 3
    monkeypatch.setenv("CRASHDRIVE_NO_CACHE", "1")
    cli(*line)
    assert asked.opened == 4


@pytest.mark.parametrize(
    ("option", "cache", "refresh"),
    [((), True, False), (("--no-cache",), False, False), (("--refresh",), True, True)],
)
def test_the_session_is_told_what_may_be_kept(
    cli: Cli,
    asked: Asked,
    option: tuple[str, ...],
    cache: bool,  # noqa: FBT001 - a test's parameter
    refresh: bool,  # noqa: FBT001 - as above
) -> None:
    cli("exec", *option, asked.vmcore, "btop 1a2b")
    told: Any = asked.crash
    assert (told.options["cache"], told.options["refresh"]) == (cache, refresh)


def test_verbose_says_where_it_comes_from(cli: Cli, asked: Asked) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    first = cli(*line)
    status, out, err = cli(*line, "-v")
    assert (status, out) == first[:2]
    assert "crashdrive: out of the store in 0." in err
    assert "(--refresh makes it anew)" in err
    assert asked.opened == 1


@pytest.mark.parametrize("kind", ["restarted", "unchecked"])
def test_an_answer_that_a_fault_of_ours_spoiled_is_not_kept(cli: Cli, asked: Asked, kind: str) -> None:
    asked.crash.warnings = (HealthWarning(kind=kind, message="crash died"),)
    for _ in range(2):
        cli("report", "netstat", asked.vmcore)
    assert asked.opened == 2


def test_a_start_that_took_too_long_leaves_nothing_kept(cli: Cli, asked: Asked) -> None:
    slow = Attempt(binary="crash", version=None, options=(), seconds=9.0, outcome="deadline", said="")
    asked.attempts = (slow,)
    for _ in range(2):
        cli("report", "netstat", asked.vmcore)
    assert asked.opened == 2


@pytest.mark.parametrize("kind", ["failed", "rule", "unread"])
def test_a_report_of_which_a_part_failed_is_not_kept(cli: Cli, asked: Asked, kind: str) -> None:
    asked.complete, asked.kind = False, kind
    for words in (("triage",), ("report", "hang")):
        before = asked.opened
        for _ in range(2):
            assert cli(*words, asked.vmcore)[0] == 5
        assert asked.opened == before + 2


def test_a_link_that_leads_nowhere_is_no_obstacle(
    cli: Cli, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor's lock in the folder of plugins."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/.#mine.py").symlink_to("somebody@somewhere.1")
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path / "plugins"))
    for _ in range(2):
        assert cli("report", "netstat", asked.vmcore)[0] == 0
    assert asked.opened == 1


def test_without_standard_output_nothing_is_looked_up(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    from crashdrive.cli._again import said_before

    monkeypatch.setattr("sys.stdout", None)
    assert said_before(["report", "netstat", asked.vmcore]) is None


def entries() -> list[tuple[str, str]]:
    store = open_store()
    assert store is not None
    return [(kind, key) for kind in ("lines", "answers") for key in store.keys(kind)]


def test_a_damaged_answer_is_made_again(cli: Cli, asked: Asked, tmp_path: Path) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    first = cli(*line)
    (path,) = (tmp_path / "cache").glob("*.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET value = zeroblob(length(value)) WHERE kind = 'answers'")
    database.close()
    second = cli(*line)
    assert second[0] == 0
    assert asked.opened == 2
    assert second[1] != first[1]
    assert cli(*line) == second


@pytest.mark.parametrize("harm", ["zeros", "cut", "folder", "other"])
def test_a_damaged_store_costs_the_answer_alone(cli: Cli, asked: Asked, harm: str) -> None:
    line = ("report", "netstat", "--format", "csv", asked.vmcore)
    cli(*line)
    store = open_store()
    assert store is not None
    store.close()
    path = store.path
    size = path.stat().st_size
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    if harm == "zeros":
        path.write_bytes(bytes(size))
    elif harm == "cut":
        os.truncate(path, size // 3)
    elif harm == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(b"nothing of ours " * 100)
    status, out, err = cli(*line)
    assert status == 0
    assert out
    assert "Traceback" not in err
    assert asked.opened == 2


def test_an_answer_is_whole_or_not_there(cli: Cli, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that goes away in the middle leaves nothing kept."""
    monkeypatch.setattr(
        "crashdrive.render.data.write_report_csv", lambda *_: (_ for _ in ()).throw(BrokenPipeError)
    )
    assert cli("report", "netstat", "--format", "csv", asked.vmcore)[0] == 141
    assert entries() == []


def test_large_answers_are_not_kept(cli: Cli, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.cache.answers.MOST", 5)
    first = cli("report", "netstat", "--format", "csv", asked.vmcore)
    assert len(first[1]) > 5
    assert entries() == []


def test_a_recording_keeps_nothing(cli: Cli, asked: Asked, tmp_path: Path) -> None:
    for _ in range(2):
        cli("report", "netstat", "--record", str(tmp_path / "r"), asked.vmcore)
    assert asked.opened == 2
    assert entries() == []


def test_a_page_of_triage_is_written_each_time(cli: Cli, asked: Asked, tmp_path: Path) -> None:
    for _ in range(2):
        cli("triage", "--html", str(tmp_path / "page.html"), asked.vmcore)
    assert asked.opened == 2


def test_a_kept_answer_loads_neither_click_nor_rich(cli: Cli, asked: Asked) -> None:
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    code = (
        "import sys; from crashdrive.cli._again import said_before\n"
        "assert said_before(['report', 'nosuch', 'x']) is None\n"
        "loaded = {'click', 'rich', 'jinja2', 'pexpect', 'pyparsing'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_cache_can_be_looked_at_and_emptied(cli: Cli, asked: Asked) -> None:
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    status, out, _ = cli("cache", "list", "--format", "json")
    (row,) = json.loads(out)["tables"]["answers"]
    assert status == 0
    assert row["asked"] == f"crashdrive report netstat --format csv {asked.vmcore}"
    assert row["holds"] is True
    kinds = json.loads(cli("cache", "info", "--format", "json")[1])["tables"]["kinds"]
    assert {row["kind"]: row["entries"] for row in kinds}.items() >= {"answers": 1, "lines": 1}.items()
    assert cli("cache", "verify") == (0, b"", "crashdrive: the store is whole\n")
    assert cli("cache", "clear", "--kind", "answers") == (0, b"", "crashdrive: 1 entry is forgotten\n")
    assert cli("cache", "list")[0] == 0
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    assert asked.opened == 2
    assert cli("cache", "clear", "--kind", "nosuch")[0] == 2
    assert cli("cache", "clear")[0] == 0
    assert entries() == []


def test_folders_beside_the_store_are_told_and_emptied(cli: Cli, asked: Asked, tmp_path: Path) -> None:
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    store = open_store()
    assert store is not None
    for name, size in (("hosts/box/vmlinux", 8192), ("hosts/box/notes", 1), ("debuginfod/b1/vmlinux", 4096)):
        (store.directory / name).parent.mkdir(parents=True, exist_ok=True)
        (store.directory / name).write_bytes(bytes([1]) * size)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (store.directory / "gdb-index").symlink_to(elsewhere)
    (store.directory / "hosts/link").symlink_to(elsewhere)
    kinds = json.loads(cli("cache", "info", "--format", "json")[1])["tables"]["kinds"]
    sizes = {row["kind"]: (row["entries"], row["size"]) for row in kinds}
    assert sizes["hosts"][0] == 3
    assert sizes["hosts"][1] >= 8192
    assert sizes["debuginfod"][0] == 1
    assert "gdb-index" not in sizes
    assert cli("cache", "clear", "--kind", "hosts") == (0, b"", "crashdrive: 3 entries are forgotten\n")
    assert not (store.directory / "hosts").exists()
    assert (store.directory / "debuginfod/b1/vmlinux").exists()
    assert cli("cache", "clear")[0] == 0
    assert not (store.directory / "debuginfod").exists()
    assert (elsewhere / "precious").exists()


def test_verify_finds_what_is_damaged(cli: Cli, asked: Asked) -> None:
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    store = open_store()
    assert store is not None
    answers = Answers(store)
    (key,) = store.keys("answers")
    found = answers.find(key)
    assert found is not None
    import msgspec

    answers.keep(key, msgspec.structs.replace(found, size=found.size + 1))
    status, _, err = cli("cache", "verify")
    assert status == 1
    assert "damaged" in err
    cli("report", "netstat", "--format", "csv", asked.vmcore)
    assert asked.opened == 2


def test_no_cache_at_all(cli: Cli, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    for _ in range(2):
        cli("report", "netstat", asked.vmcore)
    assert asked.opened == 2
    assert cli("cache", "info")[0] == 2

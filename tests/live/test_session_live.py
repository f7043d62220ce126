"""Sessions on real dumps with all three versions of crash: isolation, failures, interrupts, restarts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashdrive.crash import Crash
from crashdrive.errors import (
    ArgumentError,
    DeadlineError,
    DumpError,
    StartError,
    VmlinuxError,
)
from crashdrive.session import Session
from crashdrive.session.transport import PtyTransport
from tests.live.conftest import LAB, crash_binary, missing

pytestmark = [pytest.mark.live, pytest.mark.slow]

PAIRS = [("8.0.2", "6.1-kdump-sysrq"), ("8.0.6", "6.12-kdump-sysrq"), ("9.0.2", "6.12-kdump-sysrq")]
ODD = "vm linux; touch pwned $(touch pwned)\n-x"


def dump_folder(name: str) -> Path:
    folder = LAB / "dumps" / name
    if not (folder / "vmcore").exists():
        missing(f"dump {name}")
    return folder


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under another name; a copy where that is on another file system."""
    source = source.resolve()
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def plant(folder: Path, sentinel: Path) -> None:
    """All that crash or its gdb may be lured into reading."""
    (folder / ".crashrc").write_text(f"!touch {sentinel}\n")
    for name in (".gdbinit", "gdbinit", f"{ODD}-gdb.gdb", "vmlinux-gdb.gdb", "file0-gdb.gdb"):
        (folder / name).write_text(f"shell touch {sentinel}\n")
    (folder / "extensions").mkdir(exist_ok=True)
    (folder / "extensions" / "evil.so").write_bytes(b"\x7fELF")
    (folder / ".inputrc").write_text('"a": "!touch x\\n"\n')


class Real:
    """A session on a dump in a folder that somebody else filled."""

    def __init__(self, session: Session, folder: Path, sentinel: Path) -> None:
        self.session = session
        self.folder = folder
        self.sentinel = sentinel

    @property
    def transport(self) -> PtyTransport:
        transport = self.session._transport
        assert isinstance(transport, PtyTransport)
        return transport


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    version, name = request.param
    source, binary = dump_folder(name), crash_binary(version)
    folder = tmp_path_factory.mktemp("beside")
    sentinel = folder / "sentinel"
    link_or_copy(source / "vmlinux", folder / ODD)
    link_or_copy(source / "vmcore", folder / "-vm core|x")
    with pytest.MonkeyPatch.context() as patch:
        for place in (folder, tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("cwd")):
            plant(place, sentinel)
            patch.setenv("HOME", str(place))
        patch.chdir(place)
        patch.setenv("CRASH_EXTENSIONS", str(folder / "extensions"))
        patch.setenv("CRASHPAGER", f"touch {sentinel}")
        patch.setenv("EDITOR", f"touch {sentinel}")
        with Session.open(folder / ODD, folder / "-vm core|x", crash=[str(binary)]) as session:
            yield Real(session, folder, sentinel)
    assert not sentinel.exists()


def test_nothing_beside_the_dump_is_run(real: Real) -> None:
    assert real.session.run("sys").ok
    assert not real.sentinel.exists()
    found = [path for place in (real.folder, Path.cwd(), Path.home()) for path in place.glob("**/pwned*")]
    assert found == []


def test_health(real: Real) -> None:
    kinds = [warning.kind for warning in real.session.health.warnings]
    assert ("task-table" in kinds) == (real.session.version == "8.0.2")
    assert "unchecked" not in kinds
    assert real.session.health.options == ()
    assert (real.session.health.affecting("ps") != ()) == (real.session.version == "8.0.2")


def test_answers_and_failures(real: Real) -> None:
    session = real.session
    commands = ["p 1+1", "p nosuch", "*list_head init_task", "ps | wc -l", "nosuch", "rd linux_banner 4",
                "rd 0", "p 3 | cat", "  p  4 ", "px 16", "eval 16"]  # fmt: skip
    kinds = [result.failure and result.failure.kind for result in session.run_many(commands)]
    assert kinds == [None, "gdb", None, None, "unknown-command", None, "memory", None, None, None, None]
    assert [session.run(c).failure and session.run(c).failure.kind for c in commands] == kinds  # type: ignore[union-attr] # it is there
    assert session.run("px 16").text.endswith("0x10\n")
    assert session.run("p 16").text.endswith("= 16\n")


def test_odd_characters_are_text(real: Real) -> None:
    for text in ("näme", "ÿ¿ª", "x" * 1480, "1" + "+1" * 740):
        result = real.session.run(f"p {text}")
        if text.startswith("1"):
            assert result.text.endswith("= 741\n")
        else:
            assert result.failure is not None
            assert result.failure.kind == "gdb"
    transport = real.transport
    transport._send("p 1\t\t\t+1")
    assert transport._until_prompt(time.monotonic() + 10).endswith(b"= 2\n")


@pytest.mark.parametrize(
    "command",
    ["repeat p 1", "search -k 1234567812345678", "!sleep 60", "!cat", "gdb while 1\\nend"],
)
def test_interrupts(real: Real, command: str) -> None:
    session, pid = real.session, real.transport.crash_pid()
    began = time.monotonic()
    with contextlib.suppress(DeadlineError):
        session.run(command, timeout=0.4)
    assert time.monotonic() - began < 15
    assert session.run("p 5").text.endswith("= 5\n")
    # long enough for the first command on a busy machine too
    results = session.run_many(["p 1", command, "p 2"], timeout=3)
    assert results[0].ok
    # the next input file is read to its end, though its first command fails
    assert [r.ok for r in session.run_many(["p nosuch", "rd 0", "p 6"])] == [False, False, True]
    data = bytearray()
    text = session.stream([f"rd -r {session.fifo} 0 8", f"rd -r {session.fifo} zz 8", "eval 7"], data.extend)
    assert b"hexadecimal: 7" in text
    assert real.transport.crash_pid() is not None
    assert pid is not None


def test_killed_and_started_again(real: Real) -> None:
    session = real.session
    before = restarts(session)  # other tests share this session, and on a busy machine one may have ended it
    assert session.run("set 0").ok
    assert session.run("set radix 16").ok
    pid = real.transport.crash_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DeadlineError):
        session.run("p 1", timeout=0.3)
    assert session.run("p 16").text.endswith("= 0x10\n")
    assert "PID: 0\n" in session.run("set").text
    assert session.run("set radix 10").ok
    pid = real.transport.crash_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    assert session.run("p 16").text.endswith("= 16\n")
    assert restarts(session) - before == 2


def restarts(session: Session) -> int:
    """How often crash was started again."""
    return [warning.kind for warning in session.health.warnings].count("restarted")


def test_hostile_names_in_typed_calls(real: Real) -> None:
    crash = Crash(real.session, keep=False)
    for call in (crash.struct, crash.whatis, crash.sym):
        with pytest.raises(ArgumentError):
            call("x | touch pwned")
    assert not list(real.folder.glob("pwned*"))


def test_the_binary_that_fits() -> None:
    folder = dump_folder("6.12-kdump-sysrq")
    binaries = [str(crash_binary("8.0.2")), str(crash_binary("8.0.6"))]
    with Session.open(folder / "vmlinux", folder / "vmcore", crash=binaries) as session:
        assert session.version == "8.0.6"
        assert session.health.options == ()
        assert [attempt.outcome for attempt in session.health.attempts] == ["failed", "prompt"]


def test_files_that_crash_never_sees(tmp_path: Path) -> None:
    old, new = dump_folder("6.1-kdump-sysrq"), dump_folder("6.12-kdump-sysrq")
    with pytest.raises(VmlinuxError, match="another build"):
        Session.open(new / "vmlinux", old / "vmcore")
    with pytest.raises(DumpError):
        Session.open(old / "vmlinux", tmp_path / "none")
    (tmp_path / "text").write_text("no dump")
    with pytest.raises(DumpError):
        Session.open(old / "vmlinux", tmp_path / "text")


@pytest.mark.parametrize("percent", [25, 50, 75])
def test_truncated_dumps(tmp_path: Path, percent: int) -> None:
    folder = dump_folder("6.1-kdump-sysrq")
    whole = (folder / "vmcore").read_bytes()
    cut = tmp_path / "vmcore"
    cut.write_bytes(whole[: len(whole) * percent // 100])
    binary = [str(crash_binary("8.0.2"))]
    try:
        if percent < 75:
            with pytest.raises(StartError, match="the dump is incomplete") as caught:
                Session.open(folder / "vmlinux", cut, crash=binary)
            assert len(caught.value.attempts) == 5
        else:
            with Session.open(folder / "vmlinux", cut, crash=binary) as session:
                assert "incomplete-dump" in [warning.kind for warning in session.health.warnings]
                assert session.health.options == ("--minimal",)
                assert session.health.affecting("anything")
    finally:
        cut.unlink()


def test_commands_that_crash_breaks_off_are_told() -> None:
    """crash 9.0.1 and later leave a command without a word when it reads a page that was excluded.

    Which slab pages the old makedumpfile leaves out differs from dump to dump: the log is never among them,
    some of these commands always meet one.
    """
    folder = dump_folder("6.12-kdump-holes")
    lines = ["log", "ps", "kmem -i", "files", "net", "dev", "swap", "ipcs", "irq"]
    with Session.open(None, folder / "vmcore", crash=[str(crash_binary("9.0.2"))]) as session:
        crash = Crash(session)
        results = {result.command: result for result in crash.run_many(lines)}
        kinds = {line: result.failure and result.failure.kind for line, result in results.items()}
        assert kinds["log"] is None
        assert "broken-off" in kinds.values(), kinds
        tasks = crash.ps()
        if kinds["ps"] is None and not session.health.affecting("ps"):
            assert {1, 2} <= {task.pid for task in tasks}
        else:
            assert not tasks.complete
        if kinds["kmem -i"] == "broken-off":
            use = crash.kmem()
            assert len(use) > 1
            assert not use.complete


@pytest.mark.parametrize("name", ["6.1-elf-sysrq", "6.1-kdump-sysrq"])
def test_the_crash_that_knows_all_tasks_is_taken(name: str) -> None:
    folder, binaries = dump_folder(name), [str(crash_binary(version)) for version in ("8.0.2", "8.0.6")]
    lines: list[str] = []
    opened = Session.open(folder / "vmlinux", folder / "vmcore", crash=binaries, notify=lines.append)
    with opened as session:
        assert session.binary == binaries[1]
        assert session.health.affecting("ps") == ()
        assert [attempt.outcome for attempt in session.health.attempts] == ["prompt", "prompt"]
        assert "unknown to crash" in " ".join(session.health.attempts[0].doubts)
        assert session.health.attempts[1].doubts == ()
    assert any("came up, but: crash knows" in line for line in lines)

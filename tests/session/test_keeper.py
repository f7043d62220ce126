"""Whatever becomes of the client: no crash, no keeper, no private folder is left."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from crashdrive.errors import SessionError
from crashdrive.session import terminal
from crashdrive.session.session import Session
from crashdrive.session.transport import PtyTransport
from tests.session.conftest import Fake
from tests.session.places import gone

ROOT = Path(__file__).parents[2]
CLIENT = """
import os, signal, sys, threading, time
from pathlib import Path
from crashdrive.session.transport import PtyTransport
from tests.session.conftest import Fake
session = Fake(Path(sys.argv[1])).session()
print(session.run("pid").text.strip(), session._transport.process._handles.keeper.pid, flush=True)
"""


def client(fake: Fake, more: str, **options: object) -> tuple[subprocess.Popen[str], int, int]:
    """A client of its own with a session on the fake; crash's pid and the keeper's."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT + more, str(fake.folder)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, **options,  # type: ignore[call-overload] # of the test's
    )  # fmt: skip
    crash, keeper = map(int, process.stdout.readline().split())
    return process, crash, keeper


@pytest.mark.parametrize(
    "more",
    [
        "time.sleep(60)",
        "session.run('spin')",
        "session.run('spin deaf')",
        "session.run('stop')",
        "session.run('spin loud')",
        "session.stream([f'rd -r {session.fifo} 1000 99000000'], lambda data: time.sleep(60))",
        "session.run('child'); time.sleep(60)",
    ],
)
def test_killed_client(fake: Fake, scratch: Path, more: str) -> None:
    process, crash, keeper = client(fake, more)
    with process:
        time.sleep(0.3)
        process.kill()
    assert gone(crash, keeper)
    assert not any(scratch.iterdir())
    if "child" in more:
        assert gone(int(fake.wait_for("child")))


@pytest.mark.parametrize(
    "more",
    ["sys.exit(0)", "os._exit(0)", "raise SystemExit(3)", "del session", "os.execvp('true', ['true'])"],
)
def test_client_that_ends_without_closing(fake: Fake, scratch: Path, more: str) -> None:
    process, crash, keeper = client(fake, more)
    with process:
        process.wait()
    assert gone(crash, keeper)
    assert not any(scratch.iterdir())


def test_a_forked_child_does_not_keep_crash_alive(fake: Fake, scratch: Path) -> None:
    process, crash, keeper = client(fake, "os.fork() and os._exit(0)\ntime.sleep(5)")
    with process:
        process.wait()
        assert gone(crash, keeper, seconds=4)
        assert not any(scratch.iterdir())


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)", "session.close()", "del session"])
def test_a_forked_child_does_not_end_crash(fake: Fake, end: str) -> None:
    more = f"""
child = os.fork()
if not child:
    {end}
    os._exit(0)
os.waitpid(child, 0)
print(session.run("echo still here").text, flush=True)
session.close()
"""
    process, crash, keeper = client(fake, more)
    with process:
        assert process.stdout is not None
        assert process.stdout.read() == "still here\n\n"
    assert process.returncode == 0
    assert gone(crash, keeper)


def _in_child(session: Session, answers: multiprocessing.Queue[str]) -> None:
    try:
        session.run("echo 1")
    except SessionError as error:
        answers.put(str(error))


def test_use_in_a_forked_child_is_refused(session: Session) -> None:
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[str] = context.Queue()
    child = context.Process(target=_in_child, args=(session, answers))
    child.start()
    assert f"belongs to process {os.getpid()}" in answers.get(timeout=20)
    child.join()
    assert session.run("echo 1").text == "1\n"


def test_ctrl_c_and_hangup_at_the_users_terminal(fake: Fake, scratch: Path) -> None:
    more = """
signal.signal(signal.SIGINT, lambda *_: None)
os.killpg(0, signal.SIGINT)
print(session.run("echo after").text, flush=True)
os.killpg(0, signal.SIGHUP)
"""
    process, crash, keeper = client(fake, more, start_new_session=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.read() == "after\n\n"
    assert process.returncode == -signal.SIGHUP
    assert gone(crash, keeper)
    assert not any(scratch.iterdir())


@pytest.mark.parametrize(
    "setting",
    [
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "os.close(0)",
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (4096, 4096)); [os.dup(1) for _ in range(1500)]",
    ],
)
def test_odd_clients(fake: Fake, scratch: Path, setting: str) -> None:
    more = f"""
session.close()
{setting}
session = Fake(Path(sys.argv[1])).session()
try:
    session.run("spin", timeout=0.2)
except Exception as error:
    print(type(error).__name__)
print(session.run("echo on").text.strip(), not session.health.warnings, flush=True)
session.close()
print(os.listdir({str(scratch)!r}))
"""
    process, crash, keeper = client(fake, more)
    with process:
        assert process.stdout is not None
        assert process.stdout.read().split("\n") == ["DeadlineError", "on True", "[]", ""]
    assert gone(crash, keeper)


def test_killed_keeper(make_fake: Callable[..., Fake], scratch: Path) -> None:
    with make_fake().session() as session:
        crash = int(session.run("pid").text)
        transport = session._transport
        assert isinstance(transport, PtyTransport)
        keeper = transport.process._handles.keeper.pid
        os.kill(keeper, signal.SIGKILL)
        assert gone(keeper)
        assert session.run("echo 1").text == "1\n"
        assert gone(crash)
        assert len(list(scratch.iterdir())) == 1
    assert not any(scratch.iterdir())


def test_a_killed_keeper_is_noticed_before_the_command_is_sent(
    make_fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    """crash answers faster than the keeper's end is noticed, as on a loaded machine."""

    def terminal_first(descriptors: Sequence[int], seconds: float) -> set[int]:
        if len(descriptors) > 1:
            ready = terminal.readable(descriptors[:1], min(seconds, 0.5))
            return ready or terminal.readable(descriptors, max(seconds - 0.5, 0))
        return terminal.readable(descriptors, seconds)

    monkeypatch.setattr("crashdrive.session.transport.readable", terminal_first)
    with make_fake().session() as session:
        crash = int(session.run("pid").text)
        transport = session._transport
        assert isinstance(transport, PtyTransport)
        assert transport.crash_pid() == crash
        keeper = transport.process._handles.keeper.pid
        os.kill(keeper, signal.SIGKILL)
        assert gone(keeper)
        assert int(session.run("pid").text) != crash
        assert gone(crash)


def test_nothing_is_left_open(make_fake: Callable[..., Fake]) -> None:
    fake = make_fake()
    fake.session().close()
    before, children = list(Path("/proc/self/fd").iterdir()), our_children()
    for _ in range(3):
        fake.session().close()
    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
    # other tests' children are theirs
    assert our_children() <= children


def our_children() -> set[int]:
    """Process ids of our children, also of those that nobody has waited for."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def test_the_environment_is_our_own(
    make_fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    for name in (
        "CRASHPAGER",
        "CRASH_EXTENSIONS",
        "CRASH_MODULE_PATH",
        "EDITOR",
        "DEBUGINFOD_URLS",
        "LD_PRELOAD",
    ):
        monkeypatch.setenv(name, "")
    with make_fake().session("/x y; touch pwned", "/-plain") as session:
        names = {line.partition("=")[0] for line in session.run("environment").text.splitlines()}
        assert {n for n in names if not n.startswith("FAKE")} == {
            "HOME",
            "INPUTRC",
            "LC_ALL",
            "PATH",
            "TERM",
            "TZ",
        }
        assert session.run("arguments").text.splitlines() == [
            "'-s'", "'--no_crashrc'", "'--no_scroll'", "'/x y; touch pwned'", "'/-plain'",
        ]  # fmt: skip
        home = next(scratch.iterdir()) / "home"
        assert not any(home.iterdir())

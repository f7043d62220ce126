"""``sig``: handlers and pending signals."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers._sig_tasks import Pending, QueuedSignal, SignalAction
from crashdrive.parsers.sig import SignalInSet, SignalName
from tests.parsers.printed import header
from tests.parsers.recorded import each, output

TABLE = """\
SIGNAL_STRUCT: f6018680  COUNT: 1
 SIG SIGACTION  HANDLER       MASK       FLAGS  \x20
 [1]  f7877684  SIG_DFL 0000000000000000 0\x20
 [2]  f7877698  804867a 0000000000000200 10000004 (SA_SIGINFO|SA_RESTART)
 [3]  f78776ac  SIG_IGN 0000000000000000 0\x20
"""
STATE = """\
SIGPENDING: no
   BLOCKED: 8000000200000800
PRIVATE_PENDING
    SIGNAL: 0000000200000800
  SIGQUEUE:  SIG  SIGINFO\x20
              12  f51b9c84
              34  f51b9594
SHARED_PENDING
    SIGNAL: 0000000000000000
  SIGQUEUE: (empty)
"""
TASK = header(8970, 0xF67D8560, 1, "procsig")


def test_a_task() -> None:
    answer = parse("sig 8970", f"{TASK}{TABLE}{STATE}\n")
    task = answer.one()
    assert (task.signal_struct, task.count, task.sigpending, task.blocked) == (
        0xF6018680,
        1,
        False,
        0x8000000200000800,
    )
    assert task.actions[0] == SignalAction(signal=1, sigaction=0xF7877684, default=True, mask=0, flags=0)
    assert task.actions[1] == SignalAction(
        signal=2,
        sigaction=0xF7877698,
        handler=0x804867A,
        mask=0x200,
        flags=0x10000004,
        flag_names=("SA_SIGINFO", "SA_RESTART"),
    )
    assert task.actions[2].ignored
    assert task.pending == Pending(
        signal=0x200000800,
        queue=(QueuedSignal(signal=12, siginfo=0xF51B9C84), QueuedSignal(signal=34, siginfo=0xF51B9594)),
    )
    assert task.shared_pending == Pending(signal=0)
    assert answer.complete


def test_a_thread_group() -> None:
    indented = "".join(f"  {line}\n" for line in STATE.splitlines()[:7])
    shared = "".join(f"{line}\n" for line in STATE.splitlines()[7:])
    group = parse("sig -g 8970", f"{TASK}{TABLE}{shared}\n  {TASK}{indented}\n  {TASK}{indented}\n").one()
    assert len(group.threads) == 2
    assert group.threads[0].pending is not None
    assert group.pending is None
    assert group.shared_pending == Pending(signal=0)


def test_signals_that_are_missing() -> None:
    lines = TABLE.splitlines(keepends=True)
    assert not parse("sig", TASK + "".join(lines[:3] + lines[4:]) + STATE).complete
    with pytest.raises(ParseError):
        parse("sig", TASK + "".join(lines[:3] + lines[2:]) + STATE)
    with pytest.raises(ParseError):
        parse("sig", TASK + TABLE + STATE + STATE)
    assert not parse("sig", TASK).complete


def test_names_and_sets() -> None:
    assert list(parse("sig -l", " [1] SIGHUP\n [2] SIGABRT/SIGIOT\n [3] SIGRTMAX-14\n")) == [
        SignalName(number=1, name="SIGHUP"),
        SignalName(number=2, name="SIGABRT", alternative="SIGIOT"),
        SignalName(number=3, name="SIGRTMAX-14"),
    ]
    assert not parse("sig -l", " [1] SIGHUP\n [3] SIGQUIT\n").complete
    assert list(parse("sig -s 3", "SIGHUP SIGRTMIN+1\n")) == [
        SignalInSet(name="SIGHUP"),
        SignalInSet(name="SIGRTMIN+1"),
    ]
    assert list(parse("sig -s 0", "(none)\n")) == []


@pytest.mark.parametrize("command", ["sig", "sig -l", "sig -s 1"])
@pytest.mark.parametrize("text", ["", "sig: invalid task or pid value: 9\n", " " * 1_000_000 + "x"])
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


@each("sig", "sig")
def test_all_signals(case: Path) -> None:
    task = parse(*output(case)).one()
    assert [action.signal for action in task.actions] == list(range(1, 65))


def test_a_name_that_was_cut() -> None:
    for command, text in (("sig -s 3", "SIGHUP SIGR\n"), ("sig -l", " [1] SIGHUP\n [2] SIGIN\n")):
        with pytest.raises(ParseError, match="expected a signal"):
            parse(command, text)


def test_a_set_has_a_name_for_each_bit() -> None:
    assert parse("sig -s 201", "SIGHUP SIGUSR1\n").complete
    assert not parse("sig -s 201", "SIGHUP\n").complete
    assert not parse("sig -s 800000000000201", "SIGHUP SIGUSR1\n").complete

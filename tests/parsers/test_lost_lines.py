"""Lines that are missing or stand twice, where the other lines tell: an error, or a marked answer."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse

HEAD = 'PID: 41     TASK: ffff888004ab0000  CPU: 0    COMMAND: "worker"\n'
OTHER = 'PID: 42     TASK: ffff888004ac0000  CPU: 1    COMMAND: "worker"\n'


def whole(command: str, text: str) -> bool:
    """Whether this is a complete answer; an error is none."""
    try:
        return parse(command, text).complete
    except ParseError:
        return False


def without(text: str, line: str) -> str:
    assert text.count(line) == 1
    return text.replace(line, "")


SIGNALS = (
    HEAD
    + "SIGNAL_STRUCT: ffff888004ad0000  NR_THREADS: 1\n SIG    SIGACTION        HANDLER       MASK  FLAGS\n"
    " [1] ffff888004ae0008    SIG_DFL 0000000000000000 0 \n"
    "SIGPENDING: no\n   BLOCKED: 0000000000010000\nPRIVATE_PENDING\n    SIGNAL: 0000000000000000\n"
    "  SIGQUEUE: (empty)\nSHARED_PENDING\n    SIGNAL: 0000000000000100\n"
    "  SIGQUEUE:  SIG  SIGINFO         \n               9  ffff888004af0000\n\n"
)


@pytest.mark.parametrize("line", SIGNALS.splitlines(keepends=True)[4:9])
def test_signals(line: str) -> None:
    assert whole("sig", SIGNALS)
    assert not whole("sig", SIGNALS.replace(line, "", 1))


@pytest.mark.parametrize("lines", range(4, 12))
def test_signals_that_end_early(lines: int) -> None:
    text = "".join(SIGNALS.splitlines(keepends=True)[:lines])
    assert whole("sig", text) == (lines == 9)  # of a kernel before 2.6, which has no shared queue


FRAMES = (
    HEAD + " #0 [ffffc90000123c00] first_one at ffffffff81000010\n"
    "    ffffc90000123c08: 0000000000000001 0000000000000002 \n    ffffc90000123c18: ffffffff81000020 \n"
    " #1 [ffffc90000123c18] second_one at ffffffff81000020\n"
    "    ffffc90000123c20: 0000000000000003 ffffffff81000030 \n"
    " #2 [ffffc90000123c28] third_one at ffffffff81000030\n"
)


@pytest.mark.parametrize("line", [line for line in FRAMES.splitlines(keepends=True) if ": 0000" in line])
def test_words_of_a_stack(line: str) -> None:
    assert whole("bt -f", FRAMES)
    last = "    ffffc90000123c18: ffffffff81000020 \n"
    assert not whole("bt -f", without(FRAMES, last))
    first = "    ffffc90000123c08:"
    assert whole("bt -f", without(FRAMES, line)) == (not line.startswith(first))


def test_text_addresses_on_a_stack() -> None:
    row = "  [ffffc90000123d00] vfs_read at ffffffff81200010\n"
    text = HEAD + "              START: schedule at ffffffff81900010\n" + row
    assert whole("bt -t", text)
    assert not whole("bt -t", text + row)


def test_exception_frames_of_two_tasks() -> None:
    registers = "    RIP: 00007f0000000001  RSP: 00007f0000000002  RFLAGS: 00000246\n"
    names = ["RAX RBX RCX", "RDX RSI RDI", "RBP R8 R9", "R10 R11 R12", "R13 R14 R15"]
    for row in names:
        registers += "    " + "  ".join(f"{name}: {1:016x}" for name in row.split()) + "\n"
    registers += "    ORIG_RAX: 0000000000000001  CS: 0033  SS: 002b\n"
    title = "\n  USER-MODE EXCEPTION FRAME AT: {}\n"
    first, second = (title.format(place) + registers for place in ("ffffc90000123f58", "ffffc90000763f58"))
    assert whole("foreach bt -e", HEAD + first + "\n" + OTHER + second)
    assert not whole("foreach bt -e", HEAD + first + "\n" + second)
    assert not whole("bt -e", HEAD + registers)


LIMITS = (
    HEAD
    + "     RLIMIT     CURRENT       MAXIMUM\n"
    + "".join(
        f"{name:>11}   (unlimited)   (unlimited)\n"
        for name in ("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS")
    )
)


def test_limits() -> None:
    assert whole("ps -r", LIMITS)
    assert not whole("ps -r", without(LIMITS, "       DATA   (unlimited)   (unlimited)\n"))


def test_arguments() -> None:
    text = HEAD + "ARG: /bin/worker -v\nENV: HOME=/\n     TERM=linux\n\n"
    assert whole("ps -a", text + text.replace(HEAD, OTHER))
    assert not whole("ps -a", text + text)
    assert not whole("ps -a", HEAD + "ARG: /bin/worker -v\n\n")


QUEUES = (
    'CPU 0 RUNQUEUE: ffff88807dc31980\n  CURRENT: PID: 41     TASK: ffff888004ab0000  COMMAND: "worker"\n'
    "  RT PRIO_ARRAY: ffff88807dc31bc0\n     [no tasks queued]\n"
    "  CFS RB_ROOT: ffff88807dc31a30\n     [no tasks queued]\n"
)


def test_queues_that_end_early() -> None:
    lines = QUEUES.splitlines(keepends=True)
    assert [whole("runq", "".join(lines[:count])) for count in range(1, 7)] == [False] * 5 + [True]


def test_shared_memory() -> None:
    text = (
        "SHMID_KERNEL     KEY      SHMID      UID   PERMS BYTES      NATTCH STATUS\n"
        "ffff888004b00000 00001234 0          0     640   65536      2       \n"
        "PAGES ALLOCATED/RESIDENT/SWAPPED: 16/2/0\nINODE: ffff888004b10000\n"
    )
    assert whole("ipcs -M", text)
    for line in text.splitlines(keepends=True)[2:]:
        assert not whole("ipcs -M", without(text, line))


def test_sockets() -> None:
    header = "FD      SOCKET            SOCK       FAMILY:TYPE SOURCE-PORT DESTINATION-PORT\n"
    row = " 3 ffff888004b20000 ffff888004b30000 INET:STREAM  10.0.0.1-22 0.0.0.0-0\n"
    assert whole("net -s", HEAD + header + row + row.replace(" 3 ", " 4 "))
    assert not whole("net -s", HEAD + header + row + row)


def test_members_of_one_name() -> None:
    text = "struct sample {\n   [0] int first;\n   [4] int second;\n}\nSIZE: 8\n"
    assert whole("struct sample -o", text)
    assert not whole("struct sample -o", text.replace("second", "first"))


def test_small_ones() -> None:
    names = "ORIGIN   ALIAS    COMMAND\nbuiltin  man      help \n"
    assert whole("alias", names)
    assert not whole("alias", names + names)
    number = "hexadecimal: 5  \n    decimal: 5  \n      octal: 5\n     binary: " + f"{5:064b}\n"
    assert whole("eval 5", number)
    assert whole("eval -b 5", number + "   bits set: 2 0 \n")
    assert not whole("eval -b 5", number)
    users = ' PID         TASK        COMM             USAGE\n  41  ffff888004ab0000  "worker"         cwd \n'
    assert whole("fuser /", users)
    assert not whole("fuser /", users + users)
    context = (
        '    PID: 41\nCOMMAND: "worker"\n   TASK: ffff888004ab0000  [THREAD_INFO: ffff888004ab0000]\n'
        "    CPU: 0\n  STATE: TASK_RUNNING (ACTIVE)\n"
    )
    assert whole("set", context)
    assert not whole("set", context.replace('COMMAND: "worker"\n', 'COMMAND: "worker"\n' * 2))

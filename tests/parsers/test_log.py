"""``log``: messages that look like anything, of old and new kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.log import AuditEntry, LogEntry, SafeBuffer
from tests.parsers.recorded import each, output
from tests.strategies import LINES

ENTRIES = st.builds(
    LogEntry,
    timestamp=st.integers(0, 10**12).map(lambda microseconds: microseconds / 1_000_000),
    text=st.lists(LINES, min_size=1, max_size=4).map("\n".join),  # the next line is indented then
)


def printed(entry: LogEntry) -> str:
    """``dump_record()``: every further line is indented by what stands before the first one."""
    stamp = f"[{entry.timestamp:12.6f}] "
    return stamp + entry.text.replace("\n", "\n" + " " * len(stamp)) + "\n"


@given(st.lists(ENTRIES, min_size=1, max_size=8))
def test_printed_and_parsed(entries: list[LogEntry]) -> None:
    answer = parse("log", "".join(map(printed, entries)))
    assert list(answer) == entries
    assert answer.complete


@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_levels_and_callers(entries: list[LogEntry]) -> None:
    """The same with more in front of the text."""
    text = ""
    for entry in entries:
        stamp = f"[{entry.timestamp:12.6f}] [   T17] <4>"
        text += stamp + entry.text.replace("\n", "\n" + " " * len(stamp)) + "\n"
    answer = parse("log -cm", text)
    assert [(e.timestamp, e.text) for e in answer] == [(e.timestamp, e.text) for e in entries]
    assert {(e.level, e.caller) for e in answer} == {(4, "T17")}


def test_a_message_that_looks_like_others() -> None:
    text = (
        "[    1.000000] first\n               [    2.000000] no message of its own\n"
        "               log: duplicate log_buf message pointer\n               PID: 1\n"
        "[    3.000000] WARNING: cannot read log_buf contents\n[    4.000000] \n"
    )
    first, third, fourth = answer = parse("log", text)
    assert first.text.count("\n") == 3
    assert third.text.startswith("WARNING")
    assert fourth.text == ""
    assert answer.complete


def test_what_crash_says_in_the_middle() -> None:
    answer = parse("log", "[    1.000000] first\nlog: duplicate log_buf message pointer\n")
    assert len(answer) == 1
    assert not answer.complete


def test_old_kernels() -> None:
    plain = parse("log", "Linux version 2.2.5-15smp\n    Virtual Wire compatibility mode.\n\nProcessors: 2\n")
    assert [entry.text for entry in plain][1:3] == ["    Virtual Wire compatibility mode.", ""]
    levels = parse("log -m", "<4>Linux version 2.2.5\n<6>[    0.000000] Processors: 2\n<30>odd\n")
    assert [(e.level, e.timestamp, e.text) for e in levels] == [
        (4, None, "Linux version 2.2.5"),
        (6, 0.0, "Processors: 2"),
        (None, None, "<30>odd"),
    ]


@pytest.mark.parametrize("date", ["Sat Apr  4 07:41:09 2020", "Fri Nov 20 23:16:36 UTC 2026", "1605913769"])
def test_dates(date: str) -> None:
    (entry,) = parse("log -T", f"[{date}] SMBIOS 2.5 present.\n")
    assert (entry.date, entry.timestamp, entry.text) == (date, None, "SMBIOS 2.5 present.")


def test_properties() -> None:
    text = (
        "[    0.467730] pci 0000:ff:02.0: x\n               SUBSYSTEM=pci\n"
        "               DEVICE=+pci:0000:ff:02.0\n"
    )
    (entry,) = parse("log -d", text)
    assert entry.properties == {"SUBSYSTEM": "pci", "DEVICE": "+pci:0000:ff:02.0"}
    assert entry.text == "pci 0000:ff:02.0: x"
    (bare,) = parse("log -td", re.sub(r"(?m)^.{15}", "", text))
    assert (bare.text, bare.properties) == (entry.text, entry.properties)


def test_unflushed_buffers() -> None:
    _, second = parse("log", "[    0.467730] x\n[nmi_print_seq] Uhhuh. NMI received\n")
    assert (second.buffer, second.text) == ("nmi_print_seq", "Uhhuh. NMI received")
    text = (
        "PRINTK_SAFE_SEQ_BUF: nmi_print_seq\nCPU: 0  ADDR: ffff8ca4fbc19ce0 LEN: 150  MESSAGE_LOST: 0\n"
        "  Uhhuh.\n  Do you have\n\nCPU: 1  ADDR: ffff8ca4fbc1ad00 LEN: 0  MESSAGE_LOST: 0\n  (empty)\n\n"
    )
    assert list(parse("log -s", text)) == [
        SafeBuffer(
            buffer="nmi_print_seq",
            cpu=0,
            address=0xFFFF8CA4FBC19CE0,
            size=150,
            message_lost=0,
            lines=("Uhhuh.", "Do you have"),
        ),
        SafeBuffer(
            buffer="nmi_print_seq", cpu=1, address=0xFFFF8CA4FBC1AD00, size=0, message_lost=0, lines=()
        ),
    ]
    assert list(parse("log -s", "")) == []


def test_audit() -> None:
    text = (
        "type=1320 audit(1489384479.809:4342):\n"
        'type=1300 audit(1489384479.809:4343): arch=c000003e\n exe="x"\n'
    )
    first, second = parse("log -a", text)
    assert first == AuditEntry(type=1320, timestamp=1489384479.809, serial=4342, text="")
    assert second.text == 'arch=c000003e\n exe="x"'
    assert list(parse("log -a", "log: kernel audit log is empty\n")) == []


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("log", ""),
        ("log", "\n"),
        ("log", "WARNING: cannot read log_buf contents\n"),
        ("log", 'PID: 1        TASK: ffff8904411fc180  CPU: 0    COMMAND: "finish"\n'),
        ("log", "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n"),
        ("log", "      KERNEL: vmlinux\n    DUMPFILE: vmcore\n"),
        ("log -c", "Usage:\n  log [-Ttdmas]\n"),
        ("log -T", "no date here\n"),
        ("log", "[    1.000000] x\r\n[    2.000000] y\r\n"),
        ("log -a", "type=1320 audit(x)\n"),
        ("log -s", "log: -s not supported with this kernel version\n"),
    ],
)
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


def test_megabytes() -> None:
    """A line of 10 MB, and a message of 100,000 lines."""
    (entry,) = parse("log", "[    1.000000] " + "x " * 5_000_000 + "\n")
    assert len(entry.text) == 10_000_000
    (many,) = parse("log", "[    1.000000] x\n" + "               y\n" * 100_000)
    assert many.text.count("\n") == 100_000
    with pytest.raises(ParseError):
        parse("log", " " * 10_000_000)


@each("log", "log")
def test_messages_counted_another_way(case: Path) -> None:
    command, text = output(case)
    answer = parse(command, text)
    assert len(answer) == len(re.findall(r"^\[ *\d+\.\d{6}\] ", text, re.MULTILINE))
    assert sum(entry.text.count("\n") + 1 for entry in answer) == text.count("\n")


@each("log", "log_-m")
def test_levels_agree_with_the_plain_log(case: Path) -> None:
    plain = parse(*output(case.with_stem("log")))
    assert [(e.timestamp, e.text) for e in parse(*output(case))] == [(e.timestamp, e.text) for e in plain]


@pytest.mark.parametrize(
    ("command", "text", "line"),
    [
        ("log", "[    1.000000] first[    1.500000] second\n[    2.000000] third\n", 1),
        ("log", "[    1.000000] first\n[    2.000000] second [    2.000001] third\n", 2),
        ("log -m", "[    1.000000] <6>first[    1.500000] <6>second\n[    2.000000] <6>third\n", 1),
        ("log -T", "[Fri Nov 20 23:52:12 UTC 2026] first[Fri Nov 20 23:52:13 UTC 2026] second\n", 1),
    ],
)
def test_two_messages_in_a_line_are_told(command: str, text: str, line: int) -> None:
    answer = parse(command, text)
    assert not answer.complete
    assert [(note.kind, note.line) for note in answer.warnings] == [("joined", line)]


def test_a_message_may_quote_another_log() -> None:
    text = "[    5.000000] pstore: [    1.000000] an earlier boot\n[    6.000000] [drm] ready [x] y\n"
    assert parse("log", text).complete

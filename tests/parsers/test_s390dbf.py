"""``s390dbf``: debug logs of s390 (their text made after crash's source: no recording is at hand)."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.s390dbf import DebugCopy, DebugEntry, DebugLog, DebugSetting, DebugView


def test_logs_and_views() -> None:
    assert list(parse("s390dbf", "Debug Logs:\n==================\n - cio_msg\n - qeth setup\n")) == [
        DebugLog(name="cio_msg"),
        DebugLog(name="qeth setup"),
    ]
    assert list(parse("s390dbf -v", "REGISTERED VIEWS\n=====================\n - hex_ascii\n")) == [
        DebugLog(name="hex_ascii")
    ]
    rule = "=" * 78
    text = f"INSTALLED VIEWS FOR 'cio_msg':\n{rule}\n - sprintf (available)\n - raw (not available)\n{rule}\n"
    assert list(parse("s390dbf cio_msg", text)) == [
        DebugView(log="cio_msg", name="sprintf", available=True),
        DebugView(log="cio_msg", name="raw", available=False),
    ]
    assert parse("s390dbf cio_msg level", "3\n").one() == DebugSetting(value=3)


def test_entries() -> None:
    rule = "=" * 74
    text = (
        f"AREA TIME LEVEL EXCEPTION CP   CALLING FUNCTION + OFFSET          DATA\n{rule}\n"
        "00 01605913769:000042 2 - 0001 <ccw_device_do_sense       +0012>  SENSE\nmore\n"
        "01 01605913770:000001 0 * 0000 <12ab                      +0000>  00 01 | ..\n"
    )
    first, second = parse("s390dbf cio_msg sprintf", text)
    assert first == DebugEntry(
        area=0,
        timestamp=1605913769.000042,
        level=2,
        exception=False,
        cpu=1,
        function="ccw_device_do_sense",
        offset=12,
        data="SENSE\nmore",
    )
    assert (second.exception, second.data) == (True, "00 01 | ..")


@pytest.mark.parametrize("command", ["s390dbf", "s390dbf -v", "s390dbf x", "s390dbf x y", "s390dbf x level"])
@pytest.mark.parametrize("text", ["", "crash: command not found: s390dbf\n", "Debug log 'x' not found!\n"])
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


def test_copies() -> None:
    text = 'Saving s390dbf to directory "/tmp/dbf"\n'
    assert parse("s390dbf -s /tmp/dbf", text).one() == DebugCopy(directory="/tmp/dbf")
    answer = parse("s390dbf -s /tmp/dbf", f"{text}Could not create directory: /tmp/dbf (File exists)\n")
    assert (len(answer), answer.complete) == (1, False)
    for wrong in ("Specify directory name for -s\n", f"{text}{text}", "Could not create directory: x (y)\n"):
        with pytest.raises(ParseError):
            parse("s390dbf -s /tmp/dbf", wrong)

r"""Lines of a captured kernel log without the prefixes of consoles, syslog, dmesg and loggers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 4096  # characters of a line that are looked at; printk's own limit is below 2048


class Line(NamedTuple):
    """One message: its line in the file (from 1), text, printk's caller (``T12``, ``C1``) and time."""

    number: int
    text: str
    caller: str | None
    time: float | None


_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00-\x08\x0b-\x1f\x7f]")
_QUOTE = re.compile(r"(?:> )+>?|>+(?=\[|<\d)")
_STAMP = re.compile(
    r"\s*(?:\*\* \d+ printk messages dropped \*\* *)?"
    r"(?:<\d{1,3}>)?\[ *(?P<time>\d{1,9}\.\d{1,9})(?:,\d+| [<-][ \d.]*>| / [\d .:-]+)?\]"
    r"(?:\s*\[ *(?P<caller>[CT]\d+)\])?"
    r"(?:\s*-?\(\d+\)\[\d+:[^\]]{1,16}\]|\s+\[\d+: {0,15}[^\]:]{1,16}: *\d+\]|\s+c\d+\s+\d+(?= ))?"
    r"(?:\s\S{1,64} kernel:)? ?"
)
_LEVEL = re.compile(r"<\d{1,3}>(?:\[ *(?P<caller>[CT]\d+)\])? ?|(?:kern|user|daemon) *[:.]\w+ *: ?")
_EMBEDDED = re.compile(r"(?:<\d{1,3}>)?\[ *\d{1,7}\.\d{6}\](?:\[ *[CT]\d+\])? ")
# names of days and months are those of a language: "sty 03", "févr. 12"
_DATE = (
    r"(?:(?:[^\W\d_]{2,4}\.? )?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"(?:Z|[+-]\d\d:?\d\d| [A-Z]{3,5}(?= \S{1,64} kernel:))?"
    r"|\d{10}\.\d{6}(?= \S{1,64} kernel:)"
    r"|(?:[^\W\d_]{2,4}\.? +)?(?:[^\W\d_]{3,5}\.?|\d{1,2}月) +\d{1,2} (?:\d{4} )?"
    r"\d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?"
    r"|\d\d:\d\d:\d\d(?:\.\d+)?)"
)
_SYSLOG = re.compile(
    r"(?:<\d{1,3}>(?:\d )?)?" + _DATE + r"(?: +(?P<host>(?:\(none\)|[\w.:-]+)(?: [\w.]+)?))?? +"
    r"(?P<tag>(?!BUG|WARNING|INFO|RIP|EIP|CPU|NIP|PC|EPC)[\w./()-]+)"
    r"(?:\[\d+\])?:(?: |$)"
)
_DATED = re.compile(r"\[?" + _DATE + r"\]? +(?=\[|<|BUG|\S)")
_BRACKET_DATE = re.compile(r"\[" + _DATE + r"\] ?")
# dmesg --time-format iso, which names no host; --reltime
_DMESG = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:?\d\d "
    r"|\[(?:[^\W\d_]{3,5}\.? ?\d{1,2} \d\d:\d\d| *\+\d{1,9}\.\d{6})\] ?"
)
# in front of printk's stamp: qemu, vmx; no words of the kernel whose line a console joined to the next
_LOGGER = re.compile(r"(?:(?!BUG|WARNING|INFO|Oops|Backtrace|Code)[\w.@-]{1,32}[:|] ){1,4}\Z")
_EXTENDED = re.compile(r"\d+,\d+,\d+,[-c+](?:,(?:caller=(?P<caller>[CT]\d+)|[^;,]*))*;")
_LOGCAT = re.compile(
    r"\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +(?:\w+ +)?(?P<pid>\d+) +\d+ [VDIWEF] (?P<tag>[^:\[]{0,32}):? ?"
    r"|[VDIWEF]/(?P<tag2>[\w.-]+) *\( *\d+\): ?"
)
_KERNEL = re.compile(r"\s*(?:[Kk]ernel|kern|vmunix|klogd)(?:\[\d+\])?: ?")
_KERNEL_TAGS = frozenset({"kernel", "kern", "vmunix", "klogd", "KERNEL", "netconsole"})


def read_lines(text: str, start: int, number: int) -> Iterator[tuple[int, Line]]:
    """Messages from an offset on (that of line ``number``), each with the offset of the next line."""
    size = len(text)
    while start < size:
        end = text.find("\n", start)
        end = size if end < 0 else end
        raw = text[start : min(end, start + LONGEST)]
        start = end + 1
        for line in split(raw, number):
            yield start, line
        number += 1


def split(raw: str, number: int) -> Iterator[Line]:
    """The messages in one line: several where a console joined them."""
    text = raw if raw.isprintable() else _CONTROL.sub("", raw)
    caller, time, text = _without_prefix(text)
    at = text.find("[")
    if at >= 0:
        while hit := _EMBEDDED.search(text):
            logger = time is None and _LOGGER.match(text[: min(hit.start(), 160)])
            if hit.start() and not logger:
                yield Line(number, text[: hit.start()].rstrip(), caller, time)
            caller, time, text = _without_prefix(text[hit.start() :])
    yield Line(number, text.rstrip(), caller, time)


def _without_prefix(text: str) -> tuple[str | None, float | None, str]:
    caller, time = None, None
    for _ in range(5):
        if hit := _STAMP.match(text):
            time = float(hit["time"])
            caller = hit["caller"] or caller
        elif (
            hit := _QUOTE.match(text)
            or _LEVEL.match(text)
            or _KERNEL.match(text)
            or _BRACKET_DATE.match(text)
            or _DMESG.match(text)
        ):
            caller = hit.groupdict().get("caller") or caller
        elif time is None and (hit := _foreign(text)):
            groups = hit.groupdict()
            caller = groups.get("caller")
            tag = (groups.get("tag") or groups.get("tag2") or "kernel").strip()
            if tag and tag not in _KERNEL_TAGS:
                return None, None, ""
        else:
            break
        text = text[hit.end() :]
    return caller, time, text


def _foreign(text: str) -> re.Match[str] | None:
    """A prefix of other loggers than printk: netconsole, logcat, syslog, a date."""
    return _EXTENDED.match(text) or _LOGCAT.match(text) or _SYSLOG.match(text) or _DATED.match(text)

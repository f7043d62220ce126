"""``log``: the kernel's message buffer.

Source in crash: ``dump_log()``, ``dump_log_entry()``, ``dump_audit()``, ``dump_printk_safe_seq_buf()``
(kernel.c), ``dump_record()`` (printk.c). Text inside a message is free; that a message's further lines are
indented below its first one is what keeps a message from passing for another one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import is_elided, note_error
from crashdrive.parsers.grammar.rows import demand_records, lines_of, skip_or_reject
from crashdrive.records import Address, Record


class LogEntry(Record, frozen=True, kw_only=True):
    r"""One message, its lines joined by ``\n``.

    ``timestamp``: seconds since boot (None with ``-t``, ``-T`` and in logs of kernels without it), ``date``:
    crash's calendar time (``-T``). ``level``: 0 to 7 (``-m``). ``caller``: ``T<pid>`` or ``C<cpu>`` (``-c``).
    ``buffer``: the per-CPU buffer that a message was still in. ``properties``: key/value pairs (``-d``).
    """

    timestamp: float | None = None
    date: str | None = None
    level: int | None = None
    caller: str | None = None
    buffer: str | None = None
    properties: dict[str, str] | None = None
    text: str


class AuditEntry(Record, frozen=True, kw_only=True):
    """A record of the audit queue (``-a``): type, time in seconds since 1970, serial number, text behind."""

    type: int
    timestamp: float
    serial: int
    text: str


class SafeBuffer(Record, frozen=True, kw_only=True):
    """A per-CPU buffer of messages that weren't flushed (``-s``): its name, CPU, address, size in bytes."""

    buffer: str
    cpu: int
    address: Address
    size: int
    message_lost: int
    lines: tuple[str, ...]


OPTSTRING = "TtdmascR"
EXAMPLES = ("log", "log -m", "log -t", "log -T", "log -d", "log -td", "log -a", "log -s", "log -c", "log -mT")

_TIME = r"\[ *(?P<time>\d{1,12}\.\d{6})\] "
_DATE = r"\[(?P<date>(?:[A-Z][a-z]{2} ){2}[ \d]\d \d\d:\d\d:\d\d (?:[\w+-]{1,10} )?\d{4}|-?\d{1,20})\] "
_CALLER = r"(?:\[ *(?P<caller>[CT]\d{1,10})\] )?"
_LEVEL = r"(?:<(?P<level>[0-7])>)?"
# Before the record buffer of 3.5 (kernel commit 7ff9554bb578) the level stood in front of the time.
_OLD_LEVEL = r"<(?P<old>[0-7])>"
# crash itself, in the middle of a log.
_SPOKEN = re.compile(
    r"log: (?:duplicate log_buf message pointer|invalid log_buf entry encountered|[a-z][^\n]{0,120})"
    r"|WARNING: (?:cannot read [\w ]{1,40} contents|log buf data structure\(s\) have changed"
    r"|The messages could be truncated!)"
)
_OTHER_COMMAND = re.compile(
    r"\s*+(?:PID: [\d?]{1,10} {1,9}TASK: |PID +PPID +CPU|(?:KERNEL|DEBUG KERNEL|SYSTEM MAP): "
    r"|CPU \d{1,6} RUNQUEUE: |(?:struct|union) \w{1,99} \{|Usage:\s|log: invalid option"
    r"|[A-Z_]{2,20}(?: {1,40}[A-Z_]{2,20}){1,9} *\n)"
)
_PROPERTY = re.compile(r"([A-Z][A-Z0-9_]{0,40})=([^\n]*)")
_BUFFER = re.compile(r"\[(\w{1,32}_seq)\] ")


class _Prefix(NamedTuple):
    """How a message's first line begins, and how wide that is."""

    pattern: re.Pattern[str]
    free: bool


def _prefix(source: Source) -> _Prefix:
    has = source.command.has
    behind = f"{_CALLER if has('c') else ''}{_LEVEL if has('m') else ''}"
    if has("t"):
        return _Prefix(re.compile(f"^{behind}(?P<text>.*)$", re.MULTILINE), free=True)
    time = _DATE if has("T") else _TIME
    old = rf"|{_OLD_LEVEL}(?:{time.replace('?P<', '?P<old_')})?" if has("m") else ""
    return _Prefix(re.compile(rf"^(?:{time}{behind}{old})?(?P<text>.*)$", re.MULTILINE), free=False)


class _Open:
    """The message that the next line may go on with."""

    __slots__ = ("indent", "properties", "texts", "values")

    def __init__(self, values: dict[str, str | None], text: str, indent: int) -> None:
        self.values = values
        self.texts = [text]
        self.indent = " " * indent
        self.properties: dict[str, str] = {}

    def entry(self) -> LogEntry:
        values = self.values
        time = values.get("time") or values.get("old_time")
        level = values.get("level") or values.get("old")
        return LogEntry(
            timestamp=float(time) if time else None,
            date=values.get("date") or values.get("old_date"),
            level=int(level) if level else None,
            caller=values.get("caller"),
            buffer=values.get("buffer"),
            properties=self.properties or None,
            text="\n".join(self.texts),
        )


def _parse_log(source: Source) -> list[LogEntry]:
    prefix = _prefix(source)
    if not source.command.options:
        return _check(source, _plain_entries(source, prefix.pattern))
    return _check(source, _entries(source, prefix))


def _plain_entries(source: Source, pattern: re.Pattern[str]) -> list[LogEntry]:
    """``log`` without options, the form that may be megabytes: nothing but a time in front of the text."""
    found: list[LogEntry] = []
    indent = ""
    more: list[str] = []
    for match in pattern.finditer(source.text):
        time, text = match.groups()
        if time is None and indent and text.startswith(indent):
            more.append(text[len(indent) :])
            continue
        if more:
            _join(found, more)
        if time is not None:
            if match.start("text") - match.start() != len(indent):
                indent = " " * (match.start("text") - match.start())
            found.append(LogEntry(timestamp=float(time), text=text))
        elif match.start() < len(source.text) and not _takes_other(source, match.start(), text, bool(indent)):
            buffer = _BUFFER.match(text)
            found.append(LogEntry(buffer=buffer and buffer[1], text=text[buffer.end() :] if buffer else text))
            indent = ""  # nothing goes on below a line without a time
    if more:
        _join(found, more)
    return found


def _join(found: list[LogEntry], more: list[str]) -> None:
    """The further lines of the last message."""
    last = found[-1]
    found[-1] = LogEntry(timestamp=last.timestamp, text="\n".join([last.text, *more]))
    more.clear()


def _entries(source: Source, prefix: _Prefix) -> list[LogEntry]:
    found: list[LogEntry] = []
    opened: _Open | None = None
    with_properties = source.command.has("d")
    for match in prefix.pattern.finditer(source.text):
        start, text = match.start(), match["text"]
        width = match.start("text") - start
        if start == len(source.text):
            break
        goes_on = opened is not None and not width and text.startswith(opened.indent)
        if opened is not None and goes_on and with_properties and _property(opened, text):
            continue
        if opened is not None and goes_on and opened.indent:
            opened.texts.append(text[len(opened.indent) :])
            continue
        if not width and _takes_other(source, start, text, not prefix.free and opened is not None):
            continue
        if opened is not None:
            found.append(opened.entry())
        values = match.groupdict()
        opened = _Open(values, text, width)
        buffer = _BUFFER.match(text) if not width else None
        if buffer:
            opened.values["buffer"] = buffer[1]
            opened.texts = [text[buffer.end() :]]
    if opened is not None:
        found.append(opened.entry())
    return found


def _property(opened: _Open, text: str) -> bool:
    """``SUBSYSTEM=pci`` below a message; with ``-t`` nothing but its form tells it from another message."""
    found = _PROPERTY.fullmatch(text, len(opened.indent))
    if found is None or (not opened.indent and found[1] not in {"SUBSYSTEM", "DEVICE"}):
        return False
    opened.properties[found[1]] = found[2]
    return True


def _takes_other(source: Source, offset: int, text: str, has_times: bool) -> bool:  # noqa: FBT001 - a fact
    """Lines that are no message: left-out ones, and crash's own where messages have times."""
    if is_elided(source, offset, text):
        return True
    if (has_times or offset == 0) and _SPOKEN.fullmatch(text.rstrip("\r")):
        note_error(source, offset, text)
        return True
    return False


def _check(source: Source, found: list[LogEntry]) -> list[LogEntry]:
    """Without times nearly anything is a log: refuse what is plainly something else."""
    dated = any(entry.timestamp is not None or entry.date or entry.level is not None for entry in found)
    if not dated:
        if _OTHER_COMMAND.match(source.text):
            source.fail(0, "no log, but another command's output")
        if source.command.has("Tdc") and not source.command.has("t"):
            source.fail(0, "no message with a time")
    return found if any(dated or entry.text.strip() for entry in found) else demand_records(source, [])


_AUDIT = re.compile(r"type=(\d{1,6}) audit\((\d{1,12}\.\d{3}):(\d{1,12})\):(?: (.*)|)", re.DOTALL)


def _parse_audit(source: Source) -> list[AuditEntry]:
    if source.text.strip() == "log: kernel audit log is empty":
        return []
    found: list[re.Match[str]] = []
    texts: list[list[str]] = []
    for offset, line in source.lines():
        entry = _AUDIT.fullmatch(line)
        if entry:
            found.append(entry)
            texts.append([entry[4] or ""])
        elif is_elided(source, offset, line):
            continue
        elif texts and line.strip() and not line.startswith("log: "):
            texts[-1].append(line)
        else:
            skip_or_reject(source, offset, line, "no audit record")
    return demand_records(
        source,
        [
            AuditEntry(type=int(e[1]), timestamp=float(e[2]), serial=int(e[3]), text="\n".join(t))
            for e, t in zip(found, texts, strict=True)
        ],
    )


_SAFE_NAME = re.compile(r"PRINTK_SAFE_SEQ_BUF: (\w{1,64})[ ]*")
_SAFE_CPU = re.compile(
    r"CPU: (\d{1,6}) +ADDR: ([0-9a-f]{1,16}) +LEN: (\d{1,10}) +MESSAGE_LOST: (\d{1,10})[ ]*"
)


def _parse_safe(source: Source) -> list[SafeBuffer]:
    """Empty where the kernel has no such buffers (before 4.11, and since 5.15): then crash prints nothing."""
    name = ""
    found: list[SafeBuffer] = []
    head: re.Match[str] | None = None
    lines: list[str] = []
    for offset, line in lines_of(source.text, 0, len(source.text)):
        named, cpu = _SAFE_NAME.fullmatch(line), _SAFE_CPU.fullmatch(line)
        if (named or cpu) and head is not None:
            found.append(_safe_buffer(name, head, lines))
            head = None
        if named:
            name = named[1]
        elif cpu and name:
            head, lines = cpu, []
        elif head is not None and line.startswith("  "):
            lines.append(line[2:])
        else:
            skip_or_reject(source, offset, line, "no buffer of messages")
    if head is not None:
        found.append(_safe_buffer(name, head, lines))
    return found if not source.text.strip() else demand_records(source, found)


def _safe_buffer(name: str, head: re.Match[str], lines: list[str]) -> SafeBuffer:
    return SafeBuffer(
        buffer=name,
        cpu=int(head[1]),
        address=int(head[2], 16),
        size=int(head[3]),
        message_lost=int(head[4]),
        lines=() if lines == ["(empty)"] else tuple(lines),
    )


SHAPES = (
    Shape(
        name="audit",
        record=AuditEntry,
        parse=_parse_audit,
        options="-a",
        when=lambda source: source.command.has("a"),
    ),
    Shape(
        name="safe-buffers",
        record=SafeBuffer,
        parse=_parse_safe,
        options="-s",
        when=lambda source: source.command.has("s"),
    ),
    Shape(name="log", record=LogEntry, parse=_parse_log, options="(none) -t -T -m -d -c"),
)

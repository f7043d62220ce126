"""``log``: the kernel's message buffer.

Source in crash: ``dump_log()``, ``dump_log_entry()``, ``dump_audit()``, ``dump_printk_safe_seq_buf()``
(kernel.c), ``dump_record()`` (printk.c). Text inside a message is free; that a message's further lines are
indented below its first one is what keeps a message from passing for another one.

As crash prints it::

    crash> log
    [    0.000000] Linux version 6.12.117 (debian-kernel@lists.debian.org) #1 SMP
    [   73.801526] sysrq: Trigger a crash
    [   73.801802] Kernel panic - not syncing: sysrq triggered crash
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import ELIDED
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
    """A record of the audit queue (``-a``): type, time in seconds since 1970, serial number, the text behind
    these.
    """

    type: int
    timestamp: float
    serial: int
    text: str


class SafeBuffer(Record, frozen=True, kw_only=True):
    """A per-CPU buffer of messages that weren't flushed (``-s``): its name, CPU, address, length in bytes,
    how many messages were lost, its lines.
    """

    buffer: str
    cpu: int
    address: Address
    size: int
    message_lost: int
    lines: tuple[str, ...]


def _log() -> g.ParserElement:
    """A message per line, its further lines indented below it. ``-T`` adds a date, ``-m`` a level, ``-c`` the
    caller::

    [    0.000000] Linux version 6.12.117 (debian-kernel@lists.debian.org)
    [    1.234567][    T1] <6>pci 0000:00:01.0: quirk
                   a second line
    """
    return g.Messages(LogEntry)


_OTHER_COMMAND = expression(
    r"\s*+(?:PID: [\d?]{1,10} {1,9}TASK: |PID +PPID +CPU|(?:KERNEL|DEBUG KERNEL|SYSTEM MAP): "
    r"|CPU \d{1,6} RUNQUEUE: |(?:struct|union) \w{1,99} \{|Usage:\s|log: invalid option"
    r"|[A-Z_]{2,20}(?: {1,40}[A-Z_]{2,20}){1,9} *\n)",
    re.ASCII,
)


def _check(source: Source, found: list[LogEntry]) -> list[LogEntry]:
    """The messages. Without times nearly any text is a log: texts of other commands are refused."""
    dated = any(entry.timestamp is not None or entry.date or entry.level is not None for entry in found)
    if not dated:
        if _OTHER_COMMAND.match(source.text):
            source.fail(0, "no log, but another command's output")
        if source.command.has("Tdc") and not source.command.has("t"):
            source.fail(0, "no message with a time")
    return found if any(dated or entry.text.strip() for entry in found) else demand_records(source, [])


_EMPTY = "log: kernel audit log is empty"
# longer than any record of the kernel's audit system (MAX_AUDIT_MESSAGE_LENGTH is 8970)
_LONGEST_AUDIT = 16384


def _audit() -> g.ParserElement:
    """``type=1403 audit(1732146733.123:2): policy loaded``; a record may hold newlines."""
    row = g.Row(
        r"type=(\d{1,6}) audit\((\d{1,12}\.\d{3}):(\d{1,12})\):(?: ([^\n]*+)|)",
        lambda found: AuditEntry(
            type=int(found[1]), timestamp=float(found[2]), serial=int(found[3]), text=found[4] or ""
        ),
        "an audit record: type=TYPE audit(TIME:SERIAL): TEXT",
    )
    between = g.noise(g.Remark(re.escape(_EMPTY)))
    return g.Rows(row, between=between, least=0, continued=_goes_on)


def _goes_on(_text: g.Text, _place: int, line: str, above: AuditEntry) -> AuditEntry | None:
    if not line.strip() or line.startswith("log: ") or ELIDED.fullmatch(line.strip(" ")):
        return None
    text = f"{above.text}\n{line}"
    return replace(above, text=text) if len(text) <= _LONGEST_AUDIT else None


def _check_audit(source: Source, found: list[AuditEntry]) -> list[AuditEntry]:
    return found if source.text.strip() == _EMPTY else demand_records(source, found)


def _buffers() -> g.ParserElement:
    """Buffers by CPU; none on kernels before 4.11 and since 5.15, which have no such buffers::

    PRINTK_SAFE_SEQ_BUF: nmi_print_seq
    CPU: 0  ADDR: ffff8ca4fbc19ce0 LEN: 150  MESSAGE_LOST: 0
      Uhhuh. NMI received
    """
    name = g.Row(r"PRINTK_SAFE_SEQ_BUF: (\w{1,64})", lambda row: row[1], "a kind of buffers")
    cpu = g.Row(
        r"CPU: (\d{1,6}) +ADDR: ([0-9a-f]{1,16}) +LEN: (\d{1,10}) +MESSAGE_LOST: (\d{1,10})",
        lambda row: row.groups(),
        "a CPU's buffer: CPU: N ADDR: ADDRESS LEN: N MESSAGE_LOST: N",
    )
    line = g.Row(r"  ([^\n]*+)", lambda row: row[1], "a line of a message")
    buffer = g.made(cpu + g.Many(line, until=g.Anything(), least=0), _buffer)
    return g.blocks(name, buffer, lambda kind, found: [replace(one, buffer=kind) for one in found])


def _buffer(_text: g.Text, _place: int, values: list[Any]) -> SafeBuffer:
    (cpu, address, size, lost), *lines = values
    return SafeBuffer(
        buffer="",
        cpu=int(cpu),
        address=int(address, 16),
        size=int(size),
        message_lost=int(lost),
        lines=() if lines == ["(empty)"] else tuple(lines),
    )


def _check_buffers(source: Source, found: list[Any]) -> list[SafeBuffer]:
    buffers = [one for kind in found for one in (kind if isinstance(kind, list) else [kind])]
    return buffers if not source.text.strip() else demand_records(source, buffers)


SHAPES = (
    Shape(
        name="audit",
        record=AuditEntry,
        grammar=_audit,
        finish=_check_audit,
        options="-a",
        when=lambda source: source.command.has("a"),
    ),
    Shape(
        name="safe-buffers",
        record=SafeBuffer,
        grammar=lambda: g.Gap() + g.Opt(_buffers()),
        finish=_check_buffers,
        options="-s",
        when=lambda source: source.command.has("s"),
    ),
    Shape(name="log", record=LogEntry, grammar=_log, finish=_check, options="(none) -t -T -m -d -c"),
)

EXAMPLES = (
    "log",
    "log -m",
    "log -t",
    "log -T",
    "log -d",
    "log -td",
    "log -a",
    "log -s",
    "log -c",
    "log -mT",
    *("log -R",),
)

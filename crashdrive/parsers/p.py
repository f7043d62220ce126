"""``p``: the value of an expression, a variable, a per-cpu variable on some CPUs, or where its copies lie.

Source in crash: ``cmd_p()``, ``display_per_cpu_info()``, ``process_gdb_output()`` (symbols.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.definitions import declared_name
from crashdrive.parsers.grammar.values import ValueReader, skip_to
from crashdrive.records import Address, Record

OPTSTRING = "dhxu"
EXAMPLES = (
    "p jiffies",
    "p -x jiffies",
    "p init_mm",
    "p init_task",
    "p sizeof(struct task_struct)",
    "p &init_task",
    "p ((struct task_struct *)0x{task})->comm",
    "p __per_cpu_offset",
    "p linux_banner",
    "p saved_command_line",
    "p panic",
    "p system_state",
    "p softirq_vec",
    "p softirq_to_name",
    "p modules",
    "p tcp_hashinfo",
    "p fair_sched_class",
    "p runqueues",
    "p runqueues:0",
    "p cpu_number:a",
    "p 1==1",
    "p nosuchsymbol",
    "p *(int *)0xffff000000000000",
    *("px init_task.flags", "pd init_task.flags", "p runqueues:0", "p (char)65"),
)


class Expression(Record, frozen=True, kw_only=True):
    """What an expression is worth.

    ``name``: the symbol that crash recognised the expression to be, None for any other; ``cpu`` for one CPU's
    copy of a per-cpu variable; ``history``: gdb's number for the value (``$4``); ``value``: see
    `crashdrive.parsers.grammar.values`.
    """

    name: str | None = None
    cpu: int | None = None
    history: int
    value: Any


class PerCpuAddress(Record, frozen=True, kw_only=True):
    """Where one CPU's copy of a per-cpu variable lies; ``address`` is None for a CPU that is offline."""

    name: str
    type: str | None
    cpu: int
    address: Address | None


_VALUE = re.compile(
    r"(?:&?per_cpu\(([\w.$]{1,512}), (\d{1,5})\) = |([A-Za-z_.$][\w.$]{0,511}) = )?"
    r"\$(\d{1,9}) =(?: \n?|\n)[ ]*",
    re.ASCII,
)
_STARTS = re.compile(r"^(?:&?per_cpu\([^\n)]{1,600}\) = |[\w.$]{1,512} = )?\$\d", re.MULTILINE)
_END = re.compile(r"[ \t]*(?:\n|\Z)")
_WARNING = re.compile(r"[\w-]+: (WARNING: [^\n]*)\n")
_OFFLINE = re.compile(r"cpu (\d{1,5}) is OFFLINE\n")
_ELIDED = re.compile(r"\.\.\.[ \t]*(?:\n|\Z)")
_TYPE = re.compile(r"PER-CPU DATA TYPE:\n  ([^\n]+)\nPER-CPU ADDRESSES:\n")
_ADDRESS = re.compile(r"  \[(\d{1,5})\]: ([0-9a-f]{1,16})\n")


def _note(source: Source, kind: str, message: str, offset: int, *, incomplete: bool) -> None:
    line, _ = source.position(offset)
    source.note(kind, message, line=line, text=source.line_at(offset), incomplete=incomplete)


def _aside(source: Source, offset: int) -> int | None:
    """Past a line that is no value but belongs here."""
    text = source.text
    if match := _WARNING.match(text, offset):
        _note(source, "warning", match[1], offset, incomplete=False)
    elif match := _OFFLINE.match(text, offset):
        _note(source, "offline", f"CPU {match[1]} is offline", offset, incomplete=False)
    elif match := _ELIDED.match(text, offset):
        _note(source, "elided", "left out here", offset, incomplete=True)
    return match.end() if match else None


def _parse_values(source: Source) -> Sequence[Expression]:
    reader = ValueReader(source)
    records = []
    offset = 0
    while offset < len(source.text):
        try:
            after = _aside(source, offset)
            if after is None:
                record, after = _expression(source, reader, offset)
                records.append(record)
            offset = after
        except ParseError as error:
            offset = skip_to(source, error, offset, _STARTS)
    return records


def _expression(source: Source, reader: ValueReader, offset: int) -> tuple[Expression, int]:
    match = _VALUE.match(source.text, offset)
    if not match:
        source.fail(offset, "expected a value with its $number")
    value, end = reader.value(match.end())
    closing = _END.match(source.text, end)
    if not closing:
        source.fail(end, "unexpected text after the value")
    record = Expression(
        name=match[1] or match[3],
        cpu=int(match[2]) if match[2] else None,
        history=int(match[4]),
        value=value,
    )
    return record, closing.end()


def _parse_addresses(source: Source) -> Sequence[PerCpuAddress]:
    match = _TYPE.match(source.text)
    if not match:
        source.fail(0, "expected 'PER-CPU DATA TYPE:'")
    declared = declared_name(match[1].removeprefix("[undetermined type] ").rstrip())
    undetermined = match[1].startswith("[undetermined type] ")
    if undetermined:
        declared = match[1].removeprefix("[undetermined type] ").rstrip().rstrip(";"), ""
    if not declared or not declared[0]:
        source.fail(match.start(1), "expected a declaration")
    records = []
    offset = match.end()
    while offset < len(source.text):
        row, off = _ADDRESS.match(source.text, offset), _OFFLINE.match(source.text, offset)
        found = row or off
        if not found:
            source.fail(offset, "expected a CPU's address")
        address = int(row[2], 16) if row else None
        records.append(
            PerCpuAddress(name=declared[0], type=declared[1] or None, cpu=int(found[1]), address=address)
        )
        offset = found.end()
    return records


SHAPES = (
    Shape(
        name="per-cpu",
        record=PerCpuAddress,
        parse=_parse_addresses,
        options="p PER_CPU_SYMBOL",
        when=lambda source: source.text.startswith("PER-CPU DATA TYPE:\n"),
    ),
    Shape(
        name="value",
        record=Expression,
        parse=_parse_values,
        options="p [-x|-d] EXPRESSION; p PER_CPU_SYMBOL:CPUS",
        when=lambda source: re.search(r"(?:\A|\n|= )\$\d+ =[ \n]", source.text) is not None,
    ),
)

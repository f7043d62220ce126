"""``gdb``: layouts (``ptype/o``), types, values; any other output of gdb as its lines.

Source in crash: ``cmd_gdb()`` (gdb_interface.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers import p
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.definitions import Definition, DefinitionReader, Enumerator
from crashdrive.parsers.grammar.layouts import LayoutReader, is_layout
from crashdrive.parsers.whatis import Declaration, Enumeration
from crashdrive.records import Record

OPTSTRING = ""
EXAMPLES = (
    "gdb ptype/o struct list_head",
    "gdb ptype/o struct page",
    "gdb ptype/o struct task_struct **",
    "gdb ptype/o struct iphdr",
    "gdb ptype struct list_head",
    "gdb ptype enum pid_type",
    "gdb whatis jiffies",
    "gdb p jiffies",
    "gdb p/x jiffies",
    "gdb p init_task.tasks",
    "gdb info symbol panic",
    "gdb info line panic",
    "gdb help",
    "gdb p nosuchsymbol",
    *(
        "gdb x/4gx &init_task",
        "gdb list panic",
        "gdb disassemble panic,+8",
        "gdb ptype int",
        "gdb info scope schedule",
    ),
)


class Line(Record, frozen=True):
    """A line of gdb's output that has no form of its own."""

    text: str


_PREFIX = "type = "
_ENUM = re.compile(r"type = enum(?: (\w+))? \{([^{}]*)\}\s*")
_ENUMERATOR = re.compile(r"\s*(\w+)(?: = (-?\d{1,20}|0x[0-9a-f]{1,16}))?\s*", re.ASCII)
_TYPE = re.compile(r"type = ([^\n{}]+)\n?")
_FAILED = re.compile(r"gdb: |gdb request failed|Undefined |No symbol |invalid ")


def _parse_layout(source: Source) -> Sequence[Definition]:
    return [LayoutReader(source).read()]


def _parse_definition(source: Source) -> Sequence[Definition]:
    definition, end = DefinitionReader(source).definition(len(_PREFIX))
    rest = source.text[end:]
    if rest.strip():
        source.fail(end, "unexpected text after the definition")
    return [definition]


def _parse_enum(source: Source) -> Sequence[Enumeration]:
    match = _ENUM.fullmatch(source.text)
    if not match:
        source.fail(0, "expected an enumeration")
    found: list[Enumerator] = []
    for part in match[2].split(","):
        one = _ENUMERATOR.fullmatch(part)
        if not one:
            source.fail(match.start(2), f"no enumerator: {part.strip()[:80]}")
        following = found[-1].value + 1 if found else 0  # gdb leaves out what C implies
        found.append(Enumerator(name=one[1], value=int(one[2], 0) if one[2] else following))
    return [Enumeration(name=match[1], enumerators=tuple(found))]


def _parse_type(source: Source) -> Sequence[Declaration]:
    match = _TYPE.fullmatch(source.text)
    if not match:
        source.fail(0, "expected a type")
    return [Declaration(name=None, type=match[1].rstrip())]


_HAS_A_FORM = re.compile(r"(?:p|print|ptype|whatis)(?:/\w+)?")


def _is_free_form(source: Source) -> bool:
    """Whether gdb was asked for something whose output may look like anything."""
    arguments = source.command.arguments
    return not (arguments and _HAS_A_FORM.fullmatch(arguments[0]))


def _parse_lines(source: Source) -> Sequence[Line]:
    if not source.text.strip() or _FAILED.match(source.text):
        source.fail(0, "gdb gave no answer")
    return [Line(line) for _, line in source.lines()]


SHAPES = (
    Shape(
        name="layout",
        record=Definition,
        parse=_parse_layout,
        options="gdb ptype/o STRUCT|UNION",
        when=is_layout,
    ),
    Shape(
        name="definition",
        record=Definition,
        parse=_parse_definition,
        options="gdb ptype STRUCT|UNION",
        when=lambda source: source.text.startswith(_PREFIX) and DefinitionReader(source).opens(len(_PREFIX)),
    ),
    Shape(
        name="enum",
        record=Enumeration,
        parse=_parse_enum,
        options="gdb ptype ENUM",
        when=lambda source: _ENUM.fullmatch(source.text) is not None,
    ),
    Shape(
        name="type",
        record=Declaration,
        parse=_parse_type,
        options="gdb whatis EXPRESSION; gdb ptype EXPRESSION",
        when=lambda source: _TYPE.fullmatch(source.text) is not None,
    ),
    Shape(
        name="value",
        record=p.Expression,
        grammar=p.values,
        options="gdb p[/FORMAT] EXPRESSION",
        when=lambda source: re.match(r"\$\d+ = ", source.text) is not None,
    ),
    Shape(name="lines", record=Line, parse=_parse_lines, options="gdb COMMAND", when=_is_free_form),
)

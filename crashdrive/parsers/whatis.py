"""``whatis``: definitions of types, declarations of symbols, and types by size or member.

Source in crash: ``cmd_whatis()``, ``whatis_variable()``, ``dump_enumerator_list()``, ``request_types()``
(symbols.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.declarations import is_type
from crashdrive.parsers.grammar.definitions import (
    Definition,
    DefinitionReader,
    Enumerator,
    declared_name,
    read_enum,
)
from crashdrive.records import Long, Record

OPTSTRING = "om:r:"
EXAMPLES = (
    "whatis list_head",
    "whatis -o list_head",
    "whatis -o page",
    "whatis pid_t",
    "whatis atomic_t",
    "whatis work_func_t",
    "whatis jiffies",
    "whatis panic",
    "whatis __per_cpu_offset",
    "whatis pm_power_off",
    "whatis enum pid_type",
    "whatis PIDTYPE_MAX",
    "whatis TCP_ESTABLISHED",
    "whatis -r 192",
    "whatis -r 256-512 -m task_struct",
    "whatis -m mm_struct",
    "whatis -r 123457",
    "whatis init_task.comm",
    "whatis nosuchthing",
    *("whatis union sigval", "whatis struct list_head *"),
)


class Declaration(Record, frozen=True):
    """A symbol's ``type``; ``name`` is None where an expression was asked for."""

    name: str | None
    type: str


class Enumeration(Record, frozen=True):
    """An enum's ``name`` (None if it has none) and its enumerators in order."""

    name: str | None
    enumerators: tuple[Enumerator, ...]


class EnumeratorOf(Record, frozen=True):
    """An enumerator's value and its enum's name; None where gdb doesn't know it."""

    enum: str | None
    value: Long


class SizedType(Record, frozen=True):
    """A structure or union by name and its size in bytes."""

    size: int
    name: str


_TABLE = re.compile(r" *SIZE  TYPE\n")
_ROW = re.compile(r" *(\d{1,18})  ([^\s].*)")
_ENUMERATOR = re.compile(
    r"(?:typedef )?enum(?: (\w+|\(unknown\)|<[^<>]*>))? = (-?\d{1,20}|0x[0-9a-f]{1,16})\s*"
)
_TYPEDEF = re.compile(r"typedef ([^\n;]+?[ *])([A-Za-z_]\w*);\n", re.ASCII)
_OLD_TYPEDEF = re.compile(r"typedef ([^\n;]+?)\((\*?)([A-Za-z_]\w*)\)\(\);\n", re.ASCII)
_TYPE = re.compile(r"(?!typedef |[0-9a-f]{8})[A-Za-z_](?:[\w *\[\](,{}]|\.\.\.|\)(?! \w))*", re.ASCII)


def _parse_definition(source: Source) -> Sequence[Definition]:
    definition, end = DefinitionReader(source).definition(0)
    _nothing_more(source, end)
    return [definition]


def _nothing_more(source: Source, offset: int) -> None:
    rest = source.text[offset:]
    if rest.strip():
        source.fail(offset + len(rest) - len(rest.lstrip()), "unexpected text after the definition")


def _parse_table(source: Source) -> Sequence[SizedType]:
    if source.text.strip() == "(none found)":
        return []
    records = []
    for offset, line in source.lines():
        if not offset:
            continue
        match = _ROW.fullmatch(line)
        if match:
            records.append(SizedType(size=int(match[1]), name=match[2]))
        else:
            source.reject(offset, "no size and type")
    return records


def _parse_enum(source: Source) -> Sequence[Enumeration]:
    found = read_enum(source, len("typedef ") if source.text.startswith("typedef ") else 0)
    if found is None:
        source.fail(0, "expected an enumeration")
    _nothing_more(source, found[2])
    return [Enumeration(name=found[0], enumerators=found[1])]


def _parse_enumerator(source: Source) -> Sequence[EnumeratorOf]:
    match = _ENUMERATOR.fullmatch(source.text)
    if not match:
        source.fail(0, "expected an enumerator's value")
    enum = None if match[1] in (None, "(unknown)") else match[1]
    return [EnumeratorOf(enum=enum, value=int(match[2], 0))]


def _parse_typedef(source: Source) -> Sequence[Definition]:
    match = _TYPEDEF.match(source.text)
    old = None if match else _OLD_TYPEDEF.match(source.text)
    if match:
        name, type_, end = match[2], match[1].rstrip(), match.end()
    elif old:
        name, type_, end = old[3], f"{old[1]}({old[2]})()", old.end()
    else:
        source.fail(0, "expected a typedef")
    size, end = DefinitionReader(source).size(end)
    _nothing_more(source, end)
    return [Definition(kind="typedef", name=name, type=type_, size=size)]


def _parse_declaration(source: Source) -> Sequence[Declaration]:
    line = source.text.strip()
    declared = declared_name(line) if "\n" not in line else None
    if not declared or not declared[0]:
        source.fail(0, "expected a declaration")
    return [Declaration(name=declared[0], type=declared[1])]


_QUALIFIERS = {"const", "volatile", "restrict", "_Atomic"}
_BASIC = {"unsigned", "signed", "long", "short", "int", "char", "float", "double", "void", "_Bool", "bool"}


def _is_type(line: str) -> bool:
    """Words that name one type: basic ones in any number, or one name; then what a declarator is made of."""
    if not _TYPE.fullmatch(line):
        return False
    words = [word for word in re.split(r"[*(\[{]", line, maxsplit=1)[0].split() if word not in _QUALIFIERS]
    if words and words[0] in {"struct", "union", "enum", "class"}:
        return len(words) <= 2
    return len(words) == 1 or (bool(words) and all(word in _BASIC or word == "__int128" for word in words))


def _parse_type(source: Source) -> Sequence[Declaration]:
    line = source.text.strip()
    if not _is_type(line) or not is_type(line) or ": " in line:
        source.fail(0, "expected a type")
    return [Declaration(name=None, type=line)]


def _starts(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_IS_ENUM = _starts(r"(?:typedef )?enum(?: \w+)? \{[ ]*\n")
_IS_TYPEDEF = _starts(r"typedef [^\n]*;\n")
_IS_DECLARATION = _starts(r"[^\n]*;\s*\Z")

SHAPES = (
    Shape(
        name="search",
        record=SizedType,
        parse=_parse_table,
        options="whatis -r SIZE|RANGE; whatis -m MEMBER",
        when=lambda source: bool(_TABLE.match(source.text)) or source.text.strip() == "(none found)",
    ),
    Shape(
        name="enum",
        record=Enumeration,
        parse=_parse_enum,
        options="whatis ENUM",
        when=lambda source: _IS_ENUM.match(source.text) is not None,
    ),
    Shape(
        name="enumerator",
        record=EnumeratorOf,
        parse=_parse_enumerator,
        options="whatis ENUMERATOR",
        when=lambda source: _ENUMERATOR.fullmatch(source.text) is not None,
    ),
    Shape(
        name="definition",
        record=Definition,
        parse=_parse_definition,
        options="whatis [-o] STRUCT|UNION",
        when=lambda source: DefinitionReader(source).opens(0),
    ),
    Shape(
        name="typedef",
        record=Definition,
        parse=_parse_typedef,
        options="whatis TYPEDEF",
        when=lambda source: _IS_TYPEDEF.match(source.text) is not None,
    ),
    Shape(
        name="declaration",
        record=Declaration,
        parse=_parse_declaration,
        options="whatis SYMBOL",
        when=lambda source: _IS_DECLARATION.match(source.text) is not None,
    ),
    Shape(
        name="type",
        record=Declaration,
        parse=_parse_type,
        options="whatis EXPRESSION",
        when=lambda source: not source.command.has("rm") and _is_type(source.text.strip()),
    ),
)

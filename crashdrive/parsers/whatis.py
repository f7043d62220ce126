"""``whatis``: definitions of types, declarations of symbols, and types by size or member.

Source in crash: ``cmd_whatis()``, ``whatis_variable()``, ``dump_enumerator_list()``, ``request_types()``
(symbols.c).

As crash prints it::

    crash> whatis pid_t
    typedef int pid_t;
    SIZE: 4
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import DECIMAL, Cell, Column
from crashdrive.parsers.grammar.declarations import is_type
from crashdrive.parsers.grammar.definitions import (
    Definition,
    Enumerator,
    declared_name,
    definition,
    enumeration,
    size_line,
)
from crashdrive.records import Long, Record


class Declaration(Record, frozen=True):
    """A symbol's ``type``; ``name`` is None where an expression was asked for."""

    name: str | None
    type: str


class Enumeration(Record, frozen=True):
    """An enum's ``name`` (None if it has none) and its enumerators in order."""

    name: str | None
    enumerators: tuple[Enumerator, ...]


class EnumeratorOf(Record, frozen=True):
    """An enumerator's value, and the name of its enum; None where gdb doesn't know the name."""

    enum: str | None
    value: Long


class SizedType(Record, frozen=True):
    """A structure or union by name and its size in bytes."""

    size: int
    name: str


_TYPE = expression(r"(?!typedef |[0-9a-f]{8})[A-Za-z_](?:[\w *\[\](,{}]|\.\.\.|\)(?! \w))*", re.ASCII)


def _sized() -> g.ParserElement:
    """Types by size, or with a member that was asked for::

    SIZE  TYPE
     192  struct crypto_alg
    """
    types = g.table(
        SizedType,
        Column("SIZE", "size", DECIMAL),
        Column("TYPE", "name", Cell(r"[^\s]++(?: [^\s]++)*+"), last=True),
        what="types by size",
        least=0,
    )
    return types | g.Suppress(g.Row(r"\s*+\(none found\)", lambda row: row[0], "'(none found)'"))


def _enumeration() -> g.ParserElement:
    """An enumerator on each line::

    enum pid_type {
      PIDTYPE_PID = 0
      PIDTYPE_TGID = 1
    };
    """
    return enumeration().add_parse_action(
        lambda tokens: Enumeration(name=tokens[0][0], enumerators=tuple(tokens[1:]))
    )


def _enumerator() -> g.ParserElement:
    """``enum pid_type = 4``, where an enumerator's name was asked for."""
    return g.Row(
        r"(?:typedef )?enum(?: (\w+|\(unknown\)|<[^<>\n]*>))? = (-?\d{1,20}|0x[0-9a-f]{1,16})",
        lambda row: EnumeratorOf(enum=None if row[1] == "(unknown)" else row[1], value=int(row[2], 0)),
        "an enumerator's value: enum NAME = VALUE",
    )


def _typedef() -> g.ParserElement:
    """``typedef int pid_t;``, or, of old gdbs for functions, ``typedef int (*fn)();``; with its size."""
    plain = g.Row(
        r"(?a:typedef ([^\n;]+?[ *])([A-Za-z_]\w*+);)", lambda row: (row[2], row[1].rstrip()), "a typedef"
    )
    old = g.Row(
        r"(?a:typedef ([^\n;]+?)\((\*?)([A-Za-z_]\w*+)\)\(\);)",
        lambda row: (row[3], f"{row[1]}({row[2]})()"),
        "a typedef",
    )
    return ((plain | old) + g.Opt(size_line())).add_parse_action(_typedef_of)


def _typedef_of(tokens: g.ParseResults) -> Definition:
    (name, type_), *size = tokens
    return Definition(kind="typedef", name=name, type=type_, size=size[0] if size else None)


def _base() -> g.ParserElement:
    """``SIZE: 4``: all that crash prints of C's own types; the command line has the name."""
    return size_line().add_parse_action(_base_of)


def _base_of(text: str, _place: int, tokens: g.ParseResults) -> Definition:
    return Definition(kind="base", name=_asked(g.Text.of(text).source), size=tokens[0])


def _asked(source: Source) -> str:
    return " ".join(word.strip("\"'") for word in source.command.arguments)


def _is_base(source: Source) -> bool:
    words = _asked(source).split()
    return source.text.lstrip().startswith("SIZE: ") and bool(words) and _BASIC.issuperset(words)


def _declaration() -> g.ParserElement:
    """``unsigned long jiffies;``."""
    return g.Gap() + g.Row(r"[ \t]*+([^\n]*;)", _declared, "a declaration: TYPE NAME;")


def _declared(row: re.Match[str]) -> Declaration | None:
    found = declared_name(row[1])
    return Declaration(name=found[0], type=found[1]) if found and found[0] else None


def _expression() -> g.ParserElement:
    """``struct list_head *``: an expression's type."""
    return g.Gap() + g.Row(
        r"[ \t]*+([^\n]*[^ \n])",
        lambda row: Declaration(name=None, type=row[1]) if _is_type(row[1]) else None,
        "a type",
    )


_QUALIFIERS = {"const", "volatile", "restrict", "_Atomic"}
_BASIC = frozenset(
    {"unsigned", "signed", "long", "short", "int", "char", "float", "double", "void", "_Bool", "bool"}
)


def _is_type(line: str) -> bool:
    """Whether a line is a type: basic words in any number, or one name, and a declarator."""
    if not _TYPE.fullmatch(line) or not is_type(line):
        return False
    words = [word for word in re.split(r"[*(\[{]", line, maxsplit=1)[0].split() if word not in _QUALIFIERS]
    if words and words[0] in {"struct", "union", "enum", "class"}:
        return len(words) <= 2
    return len(words) == 1 or (bool(words) and all(word in _BASIC or word == "__int128" for word in words))


_IS_SEARCH = expression(r" *SIZE  TYPE\n|\s*\(none found\)\s*\Z", re.ASCII)
_IS_DEFINITION = expression(r"(?:typedef )?(?:struct|union)(?: \w+)? \{", re.ASCII)
_IS_ENUMERATOR = expression(
    r"(?:typedef )?enum(?: (?:\w+|\(unknown\)|<[^<>]*>))? = (?:-?\d{1,20}|0x[0-9a-f]{1,16})\s*\Z", re.ASCII
)
_IS_ENUM = expression(r"(?:typedef )?enum(?: \w+)? \{[ ]*\n", re.ASCII)
_IS_TYPEDEF = expression(r"typedef [^\n]*;\n")
_IS_DECLARATION = expression(r"[^\n]*;\s*\Z", re.ASCII)

SHAPES = (
    Shape(
        name="search",
        record=SizedType,
        grammar=_sized,
        options="whatis -r SIZE|RANGE; whatis -m MEMBER",
        when=lambda source: _IS_SEARCH.match(source.text) is not None,
    ),
    Shape(
        name="enum",
        record=Enumeration,
        grammar=_enumeration,
        options="whatis ENUM",
        when=lambda source: _IS_ENUM.match(source.text) is not None,
    ),
    Shape(
        name="enumerator",
        record=EnumeratorOf,
        grammar=_enumerator,
        options="whatis ENUMERATOR",
        when=lambda source: _IS_ENUMERATOR.match(source.text) is not None,
    ),
    Shape(
        name="definition",
        record=Definition,
        grammar=definition,
        options="whatis [-o] STRUCT|UNION",
        when=lambda source: not source.command.has("rm") and _IS_DEFINITION.match(source.text) is not None,
    ),
    Shape(
        name="typedef",
        record=Definition,
        grammar=_typedef,
        options="whatis TYPEDEF",
        when=lambda source: _IS_TYPEDEF.match(source.text) is not None,
    ),
    Shape(name="base", record=Definition, grammar=_base, options="whatis int|char|...", when=_is_base),
    Shape(
        name="declaration",
        record=Declaration,
        grammar=_declaration,
        options="whatis SYMBOL",
        when=lambda source: _IS_DECLARATION.match(source.text) is not None,
    ),
    Shape(
        name="type",
        record=Declaration,
        grammar=_expression,
        options="whatis EXPRESSION",
        when=lambda source: not source.command.has("rm") and _is_type(source.text.strip()),
    ),
)
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
    *("whatis union sigval", "whatis struct list_head *", "whatis int", "whatis void"),
)

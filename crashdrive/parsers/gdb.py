"""``gdb``: layouts (``ptype/o``), types, values; any other output of gdb as its lines.

Source in crash: ``cmd_gdb()`` (gdb_interface.c).

As crash prints it::

    crash> gdb ptype struct list_head
    type = struct list_head {
        struct list_head *next;
        struct list_head *prev;
    }
"""

from __future__ import annotations

import re

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers import p
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.declarations import split_declaration
from crashdrive.parsers.grammar.definitions import Definition, Enumerator, Member, definition
from crashdrive.parsers.grammar.layouts import Laid, is_layout, layout
from crashdrive.parsers.whatis import Declaration, Enumeration
from crashdrive.records import Notice, Record


class Line(Record, frozen=True):
    """A line of gdb's output that has no form of its own."""

    text: str


_PREFIX = "type = "
_BITS = expression(r"(.+?) : (\d{1,3})", re.ASCII)
_BARE = expression(r"(?:struct|union|enum)(?: \w++)?", re.ASCII)
_OPENS = expression(r"type = (?:typedef )?(?:struct|union)(?: \w+)? \{", re.ASCII)
_ENUM = expression(r"type = enum(?: (\w+))? \{([^{}]*)\}\s*", re.ASCII)
_ENUMERATOR = expression(r"\s*(\w+)(?: = (-?\d{1,20}|0x[0-9a-f]{1,16}))?\s*", re.ASCII)
_TYPE = expression(r"type = ([^\n{}]+)\n?")
_FAILED = expression(r"gdb: |gdb request failed|Undefined |No symbol |invalid ")


def _layout() -> g.ParserElement:
    """The layout of a structure or union, or of a pointer to one, by ``ptype/o``; see `layout`."""
    return layout().add_parse_action(_laid_out)


def _laid_out(text: str, place: int, tokens: g.ParseResults) -> Definition:
    laid: Laid = tokens[0]
    whole = g.Text.of(text)
    if laid.type is None:
        whole.refuse(place, "expected a structure or union")
    kind, _, name = laid.type.partition(" ")
    members = _members(whole, laid)
    type_ = f"{laid.type} {laid.declared}" if laid.declared else None
    return Definition(kind=kind, name=name or None, type=type_, size=laid.total, members=members)


def _members(text: g.Text, laid: Laid) -> tuple[Member, ...]:
    if laid.remark:
        notice = Notice(kind="type", message=laid.remark, text=f"<{laid.remark}>")
        text.remark(laid.place, notice, incomplete=laid.remark == "incomplete type")
    return tuple(_member(text, member) for member in laid.members)


def _member(text: g.Text, laid: Laid) -> Member:
    """A member's record; a bit-field may lack a name, a nested structure a declarator."""
    code, bits = laid.declared, None
    if laid.type is None and (field := _BITS.fullmatch(code)):
        code, bits = field[1], int(field[2])
    type_ = f"{laid.type} {{...}}"
    if laid.type is not None:
        declared = split_declaration(f"{type_} {code}") if code else (None, type_)
    else:
        declared = split_declaration(code) or ((None, code) if bits is not None else None)
    if declared is None:
        text.refuse(laid.place, "no declaration of a member")
    return Member(
        name=declared[0],
        type=declared[1],
        offset=laid.byte,
        size=laid.size,
        bits=bits,
        bit_offset=laid.bit,
        members=_members(text, laid),
    )


def _definition() -> g.ParserElement:
    """``type = struct NAME {`` and the members below it; see `definition`."""
    return _prefix() + definition()


def _prefix() -> g.ParserElement:
    return g.Terminal(_PREFIX, "'type = '", keep=False)


def _enumeration() -> g.ParserElement:
    """``type = enum pid_type {A, B = 5, C}``: gdb leaves out values that C implies."""
    return _prefix() + g.Terminal(
        r"enum(?: (\w++))?+ \{([^{}]*+)\}\s*+", "an enumeration: enum NAME {A, B}", _enum
    )


def _enum(row: re.Match[str]) -> Enumeration | None:
    found: list[Enumerator] = []
    for part in row[2].split(","):
        one = _ENUMERATOR.fullmatch(part)
        if not one:
            return None
        following = found[-1].value + 1 if found else 0
        found.append(Enumerator(name=one[1], value=int(one[2], 0) if one[2] else following))
    return Enumeration(name=row[1], enumerators=tuple(found))


def _type() -> g.ParserElement:
    """``type = volatile unsigned long``."""
    return _prefix() + g.Row(r"([^\n{}]++)", _declaration, "a type")


def _declaration(row: re.Match[str]) -> Declaration | None:
    """A type's text. The bare name of a structure or enumeration is refused: ``ptype`` shows its members."""
    type_ = row[1].rstrip()
    arguments = g.Text.of(row.string).source.command.arguments
    if arguments and arguments[0].startswith("ptype") and _BARE.fullmatch(type_):
        return None
    return Declaration(name=None, type=type_)


def _lines() -> g.ParserElement:
    """Lines of any form, blank ones too."""
    return g.Rows(g.Row(r"(?=[^\n]|\n)[^\n]*+", _line, "a line"))


def _nothing() -> g.ParserElement:
    """No text: gdb did what it was told."""
    return g.Rows(g.Row(r"([^\s\S])", _line, "nothing"), least=0)


# Beginnings of lines (of x, disassemble, info scope, help). In the middle of a line they tell that a newline
# was lost.
_BEGINS = expression(
    r"(?<=[^ ]) *+(?:0x[0-9a-f]{1,16}+(?: <[^<>\n]{1,300}+>)?+:\t|Symbol [^ \n]{1,300}+ is "
    r"|End of assembler dump\.|Type \"(?:help|apropos)[ \"])"
)
_TWO = expression(
    r"[^:\n]*+:[^\n]*?(?:Range|Base address) 0x|(?:(?! -- )[^\n])*+ -- [^\n]*? -- "
    r"| *+Range 0x[^\n]*?, length \d",
    re.ASCII,
)


def _line(row: re.Match[str]) -> Line:
    text = row[0].removesuffix("\n")
    if _TWO.match(text) or _BEGINS.search(text, len("=> 0")):
        message = "another line begins in this one"
        g.Text.of(row.string).note(row.start(), "joined", message, text=text, incomplete=True)
    return Line(text)


def _answered(source: Source, found: list[Line]) -> list[Line]:
    if not source.text.strip() or _FAILED.match(source.text):
        source.fail(0, "gdb gave no answer")
    return found


_SILENT = expression(r"source|set|unset", re.ASCII)


def _is_silent(source: Source) -> bool:
    """Whether gdb printed nothing for a command that has no output: ``gdb source FILE``, ``gdb set ...``."""
    arguments = source.command.arguments
    return bool(arguments and _SILENT.fullmatch(arguments[0])) and not source.text.strip()


_OF_TYPES = expression(r"(?:ptype|whatis)(?:/\w+)?", re.ASCII)


def _is_value(source: Source) -> bool:
    """Whether gdb printed values: of types it prints none."""
    arguments = source.command.arguments
    of_types = bool(arguments) and _OF_TYPES.fullmatch(arguments[0]) is not None
    return not of_types and re.match(r"\$\d+ = ", source.text) is not None


_HAS_A_FORM = expression(r"(?:p|print|ptype|whatis)(?:/\w+)?", re.ASCII)


def _is_free_form(source: Source) -> bool:
    """Whether the output of gdb's command may look like anything."""
    arguments = source.command.arguments
    return not (arguments and _HAS_A_FORM.fullmatch(arguments[0]))


SHAPES = (
    Shape(
        name="silent",
        record=Line,
        grammar=_nothing,
        options="gdb source FILE; gdb set ...",
        when=_is_silent,
    ),
    Shape(
        name="layout",
        record=Definition,
        grammar=_layout,
        options="gdb ptype/o STRUCT|UNION",
        when=is_layout,
    ),
    Shape(
        name="definition",
        record=Definition,
        grammar=_definition,
        options="gdb ptype STRUCT|UNION",
        when=lambda source: _OPENS.match(source.text) is not None,
    ),
    Shape(
        name="enum",
        record=Enumeration,
        grammar=_enumeration,
        options="gdb ptype ENUM",
        when=lambda source: _ENUM.fullmatch(source.text) is not None,
    ),
    Shape(
        name="type",
        record=Declaration,
        grammar=_type,
        options="gdb whatis EXPRESSION; gdb ptype EXPRESSION",
        when=lambda source: _TYPE.fullmatch(source.text) is not None,
    ),
    Shape(
        name="value",
        record=p.Expression,
        grammar=p.values,
        options="gdb p[/FORMAT] EXPRESSION",
        when=_is_value,
    ),
    Shape(
        name="lines", record=Line, grammar=_lines, finish=_answered, options="gdb COMMAND", when=_is_free_form
    ),
)
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

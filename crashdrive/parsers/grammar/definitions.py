"""C definitions as gdb's ``ptype`` prints them, with and without crash's ``[offset]`` before each member.

::

    struct page {                                struct list_head {
       [0] unsigned long flags;                      struct list_head *next;
           union {                                   struct list_head *prev;
       [8]     struct list_head lru;             }
       [8] } u;                                  SIZE: 16
    }
    SIZE: 64

Source in crash: ``do_datatype_declaration()``, ``show_member_offset()``, ``whatis_variable()``,
``dump_enumerator_list()`` (symbols.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.grammar.declarations import split_declaration
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Address, Long, Record


class Member(Record, frozen=True):
    """A member of a structure or union.

    ``name`` is None for an anonymous structure or union, ``type`` its type without the name (``char [16]``,
    ``int (*)(struct file *)``; ``struct {...}`` and ``union {...}`` where the definition stands inside: then
    ``members`` holds its members). ``offset`` in bytes from the start of the outermost structure, ``address``
    where crash was asked for addresses, None where crash doesn't say; ``bits``: width of a bit-field.
    ``size`` in bytes and ``bit_offset`` (of a bit-field within the byte at ``offset``) only where gdb's
    ``ptype/o`` tells; a member of a union has no offset there: it starts where the union does.
    """

    name: str | None
    type: str
    offset: int | None = None
    address: Address | None = None
    size: int | None = None
    bits: int | None = None
    bit_offset: int | None = None
    members: tuple[Member, ...] = ()


class Definition(Record, frozen=True):
    """A structure, union, enumeration or typedef.

    ``kind``: ``struct``, ``union``, ``enum``, ``typedef`` or ``base`` (``int``); ``name`` is None where the
    type has none;
    ``type``: what a typedef stands for; ``size`` in bytes, None where crash doesn't say (a single member was
    asked for).
    """

    kind: str
    name: str | None
    type: str | None = None
    size: int | None = None
    members: tuple[Member, ...] = ()


class Enumerator(Record, frozen=True):
    """A name and its value."""

    name: str
    value: Long


_PLACE = r"[ \t]*+(?:\[(0x[0-9a-f]{1,16}+|[0-9a-f]{1,16}+)\])?+[ \t]*+"
_AGGREGATE = r"(?:(?:const|volatile) )*+(?:struct|union)(?: \w++)?"


class _Opened(NamedTuple):
    """The text before an opening brace: the type and, in brackets before it, the offset or address."""

    type: str
    place: str | None


class _Closed(NamedTuple):
    """The text behind a closing brace, and, in brackets before it, the offset or address."""

    declarator: str
    ends: bool
    place: str | None


def definition(*, addresses: bool = False) -> g.ParserElement:
    """A structure or union, with its ``SIZE`` line if it has one, as `Definition`.

    ``addresses``: the numbers in brackets are addresses, as with ``struct NAME -o ADDRESS``.
    """
    turn = _address if addresses else _offset
    head = g.Row(
        rf"(typedef )?({_AGGREGATE}) \{{",
        lambda row: row,
        "the definition of a structure or union: struct NAME {",
    )
    opened = g.Row(rf"{_PLACE}({_AGGREGATE}) \{{[ \t]*+", lambda row: _Opened(row[2], row[1]), "struct {")
    closed = g.Row(
        rf"{_PLACE}\}}([^;{{}}\n]*+)(;?+)[ \t]*+",
        lambda row: _Closed(row[2].strip(), bool(row[3]), row[1]),
        "the end of a definition: }",
    )
    cut = g.Terminal(r"\Z", closed.name, _if_cut)
    member = g.Row(rf"{_PLACE}([^ \t;}}\n][^;\n]*+);[ \t]*+", _member_of(turn), "a member: TYPE NAME;")
    between = g.noise(
        g.Remark(rf"{_PLACE}\.\.\.;?[ \t]*+", "elided", words=lambda _: "members left out here"),
        g.Remark(r"[ \t]*+<no data[^<>\n]*+>;?[ \t]*+", "type", incomplete=False, words=_in_brackets),
        g.Remark(r"[ \t]*+<[^<>\n]++>;?[ \t]*+", "type", words=_in_brackets),
    )
    body = g.Nest(opened, closed, member, make=_inner_of(turn), cut=cut, between=between)
    return (head + body + (closed | cut) + g.Opt(size_line())).add_parse_action(_definition)


Place = Callable[[str | None], tuple[int | None, int | None]]
"""The text in brackets -> (offset, address)."""


def _offset(place: str | None) -> tuple[int | None, int | None]:
    if place is None:
        return None, None
    return plain_number(place) if place[:2] == "0x" or place.isdecimal() else int(place, 16), None


def _address(place: str | None) -> tuple[int | None, int | None]:
    return None, None if place is None else int(place, 16)


def _in_brackets(row: re.Match[str]) -> str:
    return row[0].strip(" \t\n;").strip("<>")


def _if_cut(end: re.Match[str]) -> _Closed | None:
    """The end of a text that somebody cut off with ``...``; None where it was cut by accident."""
    last = end.string[-256:].rstrip()
    return _Closed("", ends=True, place=None) if last.endswith(("\n...", " ...")) else None


# crash 8.0.0 shows no members of an anonymous structure within an anonymous one.
_UNSHOWN = {"struct {...}", "union {...}"}
_BITS = expression(r"(.*?) ?: ?([0-9]{1,3})")


def _member_of(turn: Place) -> Callable[[re.Match[str]], Member | None]:
    def member(row: re.Match[str]) -> Member | None:
        place, code = row.groups()
        code, bits = code.rstrip(), None
        if ":" in code and (field := _BITS.fullmatch(code)) is not None:
            code, bits = field[1], int(field[2])
        declared = split_declaration(code) or ((None, code) if bits is not None else None)
        if declared is None and code in _UNSHOWN:
            g.Text.of(row.string).note(row.start(), "elided", "gdb left out the members", incomplete=True)
            declared = None, code
        if declared is None:
            return None
        offset, address = turn(place)
        return Member(name=declared[0], type=declared[1], offset=offset, address=address, bits=bits)

    return member


def _inner_of(turn: Place) -> Callable[[g.Text, int, _Opened, list[Member], _Closed], Member]:
    def inner(text: g.Text, place: int, opened: _Opened, members: list[Member], closed: _Closed) -> Member:
        _check_names(text, place, members)
        type_ = f"{opened.type} {{...}}"
        named = split_declaration(f"{type_} {closed.declarator}") if closed.declarator else (None, type_)
        if named is None or not closed.ends:
            text.refuse(place, "no declaration of a member behind its '}'")
        offset, address = turn(closed.place or opened.place)
        return Member(name=named[0], type=named[1], offset=offset, address=address, members=tuple(members))

    return inner


def _definition(text: str, place: int, tokens: g.ParseResults) -> Definition:
    head, *members = tokens
    size = members.pop() if isinstance(members[-1], int) else None
    trailer = members.pop().declarator
    _check_names(text, place, members)
    kind, _, tag = head[2].partition(" ")
    if head[1] or trailer:
        type_ = f"{head[2]} {{...}}"
        return Definition(kind="typedef", name=trailer or None, type=type_, size=size, members=tuple(members))
    return Definition(kind=kind, name=tag or None, size=size, members=tuple(members))


def _check_names(text: str, place: int, members: list[Member]) -> None:
    """Refuse two members of one name, which no compiler accepts."""
    names = [member.name for member in members if member.name]
    if len(set(names)) < len(names):
        g.Text.of(text).refuse(place, "a member stands twice")


def size_line() -> g.ParserElement:
    """``SIZE: 64``, or ``SIZE: 64  (0x40)``; in old help pages a blank line stands before it."""
    pattern = r"(?:[ ]*+\n)?+SIZE: (0x[0-9a-f]{1,16}+|[0-9]{1,18}+)(?:[ ]{2}\(0x[0-9a-f]{1,16}+\))?+[ \t]*+"
    return g.Row(pattern, _size, "the size: SIZE: BYTES")


def _size(row: re.Match[str]) -> int:
    return plain_number(row[1])


def enumeration() -> g.ParserElement:
    """``enum NAME {`` with one ``name = value`` on each line: tag or None, enumerators."""
    head = g.Row(r"(?:typedef )?enum(?: (\w++))? \{", lambda row: (row[1],), "an enumeration: enum NAME {")
    one = g.Row(
        r"(?a:[ ]{2}(\w++) = (-?[0-9]{1,20}+|-?0x[0-9a-f]{1,16}+))",
        lambda row: Enumerator(name=row[1], value=int(row[2], 0)),
        "an enumerator: NAME = VALUE",
    )
    return head + g.Rows(one, until=g.Anything(), least=0) + g.Suppress(g.Titles("};"))


def declared_name(text: str) -> tuple[str | None, str] | None:
    """(name, type) of one declaration with its semicolon, such as ``unsigned long jiffies;``."""
    return split_declaration(text[:-1]) if text.endswith(";") else None

"""C definitions as gdb's ``ptype`` prints them, with and without crash's ``[offset]`` before each member.

Lines end members and braces nest, so this reads line by line with a stack. A member's name stands inside its
declaration (``int (*load)(struct file *)``); `split_declaration` takes the two apart.

Source in crash: ``do_datatype_declaration()``, ``show_member_offset()``, ``whatis_variable()``,
``dump_enumerator_list()`` (symbols.c).
"""

from __future__ import annotations

import re
from typing import NoReturn

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.declarations import split_declaration
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.records import Address, Long, Record

MAX_DEPTH = 100
"""Structures within structures; gdb itself expands a few levels."""


class Member(Record, frozen=True):
    """A member of a structure or union.

    ``name`` is None for an anonymous structure or union, ``type`` its type without the name (``char [16]``,
    ``int (*)(struct file *)``; ``struct {...}`` and ``union {...}`` where the definition stands inside: then
    ``members`` holds what is in it). ``offset`` in bytes from the start of the outermost structure,
    ``address`` where crash was asked for addresses, None where crash doesn't say; ``bits``: width of a
    bit-field. ``size`` in bytes and ``bit_offset`` (of a bit-field within the byte at ``offset``) only where
    gdb's ``ptype/o`` tells; a member of a union has no offset there: it starts where the union does.
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

    ``kind``: ``struct``, ``union``, ``enum`` or ``typedef``; ``name`` is None where the type has none;
    ``type``: what a typedef stands for; ``size`` in bytes, None where crash doesn't say (a single member was
    asked for).
    """

    kind: str
    name: str | None
    type: str | None = None
    size: int | None = None
    members: tuple[Member, ...] = ()


_OPEN = re.compile(r"(?:typedef )?((?:struct|union)(?: \w+)?) \{")
_LINE = re.compile(
    r"[ \t]*+(?:\[(?P<place>0x[0-9a-f]{1,16}+|[0-9a-f]{1,16}+)\])?+[ \t]*+"
    r"(?:(?P<open>(?:(?:const|volatile) )*+(?:struct|union)(?: \w++)?) \{"
    r"|\}(?P<close>[^;{}]*+)(?P<semicolon>;?)"
    r"|(?P<elided>\.\.\.)"
    r"|(?P<note><[^<>]*+>)"
    r"|(?P<code>[^ \t;](?:[^;\n]*+)));?[ \t]*+"
)
_SIZE = re.compile(
    r"(?:[ ]*+\n)?SIZE: (0x[0-9a-f]{1,16}+|[0-9]{1,18}+)(?:[ ]{2}\(0x[0-9a-f]{1,16}+\))?[ \t]*+"
)
_BITS = re.compile(r"(.*?) ?: ?([0-9]{1,3})")


class _Open:
    """A brace that is open: what stood before it, and the members so far."""

    __slots__ = ("members", "place", "type")

    def __init__(self, type_: str, place: str | None) -> None:
        self.type = type_
        self.place = place
        self.members: list[Member] = []


class DefinitionReader:
    """Reads definitions out of a source's text; ``addresses``: what stands in brackets are addresses."""

    def __init__(self, source: Source, *, addresses: bool = False) -> None:
        self._source = source
        self._text = source.text
        self._addresses = addresses

    def fail(self, offset: int, reason: str) -> NoReturn:
        """ParseError at this place."""
        self._source.fail(offset, reason)

    def opens(self, offset: int) -> bool:
        """Whether a definition with a body starts here."""
        return _OPEN.match(self._text, offset) is not None

    def definition(self, offset: int) -> tuple[Definition, int]:
        """A structure's or union's definition with its ``SIZE`` line if it has one, and where it ended."""
        match = _OPEN.match(self._text, offset)
        if not match:
            self.fail(offset, "expected the definition of a structure or union")
        typedef = match[0].startswith("typedef")
        kind, _, tag = match[1].partition(" ")
        members, trailer, end = self._body(self._end_of_header(match.end()))
        size, end = self.size(end)
        if typedef or trailer:
            name, type_ = trailer or None, f"{match[1]} {{...}}"
            return Definition(kind="typedef", name=name, type=type_, size=size, members=members), end
        return Definition(kind=kind, name=tag or None, size=size, members=members), end

    def _end_of_header(self, offset: int) -> int:
        end = self._line_end(offset)
        if self._text[offset:end].strip():
            self.fail(offset, "unexpected text after '{'")
        return end + 1

    def _line_end(self, offset: int) -> int:
        end = self._text.find("\n", offset)
        return end if end >= 0 else len(self._text)

    def size(self, offset: int) -> tuple[int | None, int]:
        """The ``SIZE`` line, if it stands here (old help pages leave a line free before it)."""
        match = _SIZE.match(self._text, offset)
        if not match or self._line_end(match.end()) != match.end():
            return None, offset
        return plain_number(match[1]), min(match.end() + 1, len(self._text))

    def _body(self, offset: int) -> tuple[tuple[Member, ...], str, int]:
        """All up to the outermost closing brace, what stands behind it, and where it ended."""
        stack = [_Open("", None)]
        while offset < len(self._text):
            end = self._line_end(offset)
            match = _LINE.fullmatch(self._text, offset, end)
            if not match:
                self.fail(offset, "no member, no brace")
            if match["close"] is not None:
                self._check_names(stack[-1], match.start())
                if len(stack) == 1:
                    return tuple(stack[0].members), match["close"].strip(), min(end + 1, len(self._text))
                self._close(stack, match)
            else:
                self._line(stack, match)
            offset = end + 1
        return self._unclosed(stack, offset)

    def _check_names(self, body: _Open, offset: int) -> None:
        """No compiler takes two members of one name."""
        names = [member.name for member in body.members if member.name]
        if len(set(names)) < len(names):
            self.fail(offset, "a member stands twice")

    def _unclosed(self, stack: list[_Open], offset: int) -> tuple[tuple[Member, ...], str, int]:
        """People cut definitions off with ``...``; anything else that ends early is cut by accident."""
        if not self._text.rstrip().endswith("\n...") and not self._text.rstrip().endswith(" ..."):
            self.fail(len(self._text), "the definition has no end")
        while len(stack) > 1:
            last = stack.pop()
            stack[-1].members.append(
                Member(name=None, type=f"{last.type} {{...}}", members=tuple(last.members))
            )
        return tuple(stack[0].members), "", min(offset, len(self._text))

    def _line(self, stack: list[_Open], match: re.Match[str]) -> None:
        if match["open"]:
            if len(stack) > MAX_DEPTH:
                self.fail(match.start(), "nested too deeply")
            stack.append(_Open(match["open"], match["place"]))
        elif match["elided"]:
            self._note("elided", "members left out here", match.start(), incomplete=True)
        elif match["note"]:
            self._note("type", match["note"].strip("<>"), match.start(), incomplete="no data" not in match[0])
        else:
            stack[-1].members.append(self._member(match))

    def _note(self, kind: str, message: str, offset: int, *, incomplete: bool) -> None:
        line, _ = self._source.position(offset)
        self._source.note(kind, message, line=line, text=self._source.line_at(offset), incomplete=incomplete)

    def _member(self, match: re.Match[str]) -> Member:
        code, bits = match["code"].rstrip(), None
        if not match[0].rstrip().endswith(";"):
            self.fail(match.start("code"), "a member without its ';'")
        if (field := _BITS.fullmatch(code)) is not None:
            code, bits = field[1], int(field[2])
        split = split_declaration(code) or ((None, code) if bits is not None else None)
        if split is None:
            self.fail(match.start("code"), "no declaration")
        offset, address = self._place(match["place"])
        return Member(name=split[0], type=split[1], offset=offset, address=address, bits=bits)

    def _place(self, place: str | None) -> tuple[int | None, int | None]:
        if place is None:
            return None, None
        if self._addresses:
            return None, int(place, 16)
        return plain_number(place) if place[:2] == "0x" or place.isdecimal() else int(place, 16), None

    def _close(self, stack: list[_Open], match: re.Match[str]) -> None:
        inner = stack.pop()
        type_, name = f"{inner.type} {{...}}", match["close"].strip()
        if not match["semicolon"]:
            self.fail(match.start(), "a member without its ';'")
        if name:
            split = split_declaration(f"{type_} {name}")
            if split is None:
                self.fail(match.start("close"), "no declaration")
            name, type_ = split[0] or "", split[1]
        offset, address = self._place(match["place"] or inner.place)
        stack[-1].members.append(
            Member(
                name=name or None, type=type_, offset=offset, address=address, members=tuple(inner.members)
            )
        )


class Enumerator(Record, frozen=True):
    """A name and its value."""

    name: str
    value: Long


_ENUM = re.compile(r"enum(?: (\w++))? \{[ ]*+\n")
_ENUMERATOR = re.compile(r"[ ]{2}(\w++) = (-?[0-9]{1,20}+|-?0x[0-9a-f]{1,16}+)\n", re.ASCII)


def read_enum(source: Source, offset: int) -> tuple[str | None, tuple[Enumerator, ...], int] | None:
    """``enum NAME {`` with one ``name = value`` on each line: tag, enumerators, where it ended; None if there
    is none.
    """
    match = _ENUM.match(source.text, offset)
    if not match:
        return None
    tag, offset = match[1], match.end()
    found = []
    while row := _ENUMERATOR.match(source.text, offset):
        found.append(Enumerator(name=row[1], value=int(row[2], 0)))
        offset = row.end()
    if not source.text.startswith("};", offset):
        source.fail(offset, "expected an enumerator or '};'")
    return tag, tuple(found), offset + 2


def declared_name(text: str) -> tuple[str | None, str] | None:
    """(name, type) of one declaration with its semicolon, such as ``unsigned long jiffies;``."""
    return split_declaration(text[:-1]) if text.endswith(";") else None

"""gdb's ``ptype/o``: a structure's whole layout, with the offset and size of each member, holes and
bit-fields.

Offsets count from the start of the outermost structure. gdb gives none for the members of a union (they start
where the union does) and, within the element of an array of anonymous structures, counts from 0 again.

Source: gdb's ``typeprint.c``. gdb 10.2 (crash 8) writes ``total size (bytes):   16``, gdb 12 and later
``total size:   16 bytes``, with wider columns.
"""

from __future__ import annotations

import re
from typing import NoReturn

from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.declarations import split_declaration
from crashdrive.parsers.grammar.definitions import Definition, Member

MAX_DEPTH = 100
_HEADER = re.compile(
    r"(?:/\* offset +\| +size \*/ +)?type = ((?:struct|union)(?: [A-Za-z_]\w*)?) \{", re.ASCII
)
_FIRST = re.compile(r"\s*\n/\* +(?:\d+|XXX)")
_PLACE = re.compile(r"/\*(?: *(\d{1,9})(?:: ?(\d{1,3}))? *\|)? *(\d{1,9}) *\*/ +")
_HOLE = re.compile(r"/\* XXX +\d{1,9}-(?:bit|byte) (?:hole|padding) *\*/")
_TOTAL = re.compile(r"/\* total size(?: \(bytes\))?: +(\d{1,12})(?: bytes)? \*/")
_OPEN = re.compile(r"((?:(?:const|volatile) )*(?:struct|union)(?: \w+)?) \{")
_CLOSE = re.compile(r"\}([^;{}]*)(;?)")
_MEMBER = re.compile(r"([^;]+?)(?: : (\d{1,3}))?;")
_EMPTY = ("<no data fields>", "<incomplete type>")


class _Node:
    """An open structure and where it stands."""

    __slots__ = ("members", "place", "total", "type")

    def __init__(self, type_: str, place: re.Match[str] | None) -> None:
        self.type = type_
        self.place = place
        self.members: list[Member] = []
        self.total: int | None = None


def is_layout(source: Source) -> bool:
    """Whether the text is ptype/o's of a structure or union, or (without the header) of a pointer to one."""
    header = _HEADER.match(source.text)
    return header is not None and (
        header[0].startswith("/*") or bool(_FIRST.match(source.text, header.end()))
    )


class LayoutReader:
    """Reads one layout, which must be all of the text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stack: list[_Node] = []

    def _fail(self, offset: int, reason: str) -> NoReturn:
        self._source.fail(offset, reason)

    def read(self) -> Definition:
        """The structure with all its members."""
        found: Definition | None = None
        for offset, line in self._source.lines():
            text = line.strip()
            if found and text:
                self._fail(offset, "unexpected text after the layout")
            if not self._stack and not found:
                header = _HEADER.fullmatch(text)
                if not header:
                    self._fail(offset, "expected the header of a layout")
                self._stack.append(_Node(header[1], None))
            elif text and not _HOLE.fullmatch(text):
                found = self._line(offset, text)
        return found or self._fail(len(self._source.text), "the layout has no end")

    def _line(self, offset: int, text: str) -> Definition | None:
        if total := _TOTAL.fullmatch(text):
            self._stack[-1].total = int(total[1])
        elif close := _CLOSE.fullmatch(text):
            return self._close(offset, close)
        elif text in _EMPTY:
            self._source.note("type", text.strip("<>"), text=text, incomplete=text == "<incomplete type>")
        else:
            self._member(offset, text)
        return None

    def _member(self, offset: int, text: str) -> None:
        place = _PLACE.match(text)
        if not place:
            self._fail(offset, "expected offset and size of a member")
        code = text[place.end() :]
        if opening := _OPEN.fullmatch(code):
            if len(self._stack) >= MAX_DEPTH:
                self._fail(offset, "nested too deeply")
            self._stack.append(_Node(opening[1], place))
            return
        match = _MEMBER.fullmatch(code)
        bits = int(match[2]) if match and match[2] else None
        split = split_declaration(match[1]) if match else None
        if match and split is None and bits is not None:
            split = None, match[1]  # a bit-field without a name
        if split is None:
            self._fail(offset, "no declaration of a member")
        self._add(place, split, bits, ())

    def _add(
        self,
        place: re.Match[str],
        split: tuple[str | None, str],
        bits: int | None,
        members: tuple[Member, ...],
    ) -> None:
        byte, bit, size = place.groups()
        member = Member(
            name=split[0],
            type=split[1],
            offset=int(byte) if byte else None,
            size=int(size),
            bits=bits,
            bit_offset=int(bit) if bit else None,
            members=members,
        )
        self._stack[-1].members.append(member)

    def _close(self, offset: int, close: re.Match[str]) -> Definition | None:
        node = self._stack.pop()
        declarator = close[1].strip()
        if not self._stack:
            return self._definition(node, declarator)
        if not close[2] or node.place is None:
            self._fail(offset, "a member without its ';'")
        split = split_declaration(f"{node.type} {{...}} {declarator}") if declarator else None
        if declarator and split is None:
            self._fail(offset, "no declaration of a member")
        self._add(node.place, split or (None, f"{node.type} {{...}}"), None, tuple(node.members))
        return None

    def _definition(self, node: _Node, declarator: str) -> Definition:
        kind, _, name = node.type.partition(" ")
        return Definition(
            kind=kind,
            name=name or None,
            type=f"{node.type} {declarator}" if declarator else None,
            size=node.total,
            members=tuple(node.members),
        )

"""Outputs of ``list`` and ``tree``: an address for each element, and below it the members that were asked
for.

Source in crash: ``do_list()``, ``rbtree_iteration()``, ``dump_struct_members_fast()`` (tools.c),
``dump_struct()`` (symbols.c).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.value_records import Pointer
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.values import ValueReader


class Element(Record, frozen=True):
    """An element of a list or tree.

    ``address``: of the element itself, or of its link with ``list -l``; ``index`` and ``position`` in a tree
    with ``-p``. ``members``: those that were asked for, by name, or the whole structure's; None where only
    addresses were asked for.
    """

    address: Address
    index: Long | None = None
    position: str | None = None
    members: dict[str, Any] | None = None


class _Position(NamedTuple):
    """An element's ``path`` in its tree; ``digits``: its index as printed; ``place``: the line's offset in
    the text.
    """

    digits: str | None
    path: str
    place: int


class _Indexed(NamedTuple):
    """An element whose index is still to be checked against its number among the elements."""

    element: Element
    digits: str
    place: int


def elements() -> g.ParserElement:
    """Elements: addresses alone, or with lines below each (position in a tree, members, whole structures)::

    ffff8ea5572d0000                         ffff8c3b0104d240
      pid = 658,                               index: 1  position: root/l/r
      comm = "queues"                        struct list_head {
    ffff8ea5572d4000                           next = 0xffff8c3b01050080,
      pid = 659,                               prev = 0xffff8c3b0104c6c0
      comm = "kworker/0:1"                   }
    """
    # a tab: the members begin in this line; decimal: entries of maple trees in crash 9
    number = r"(?:([0-9a-f]{1,16})|(1844[0-9]{16}))"
    address = g.Terminal(rf"{number}(?:\n|\Z|\t)", "an element's address", _address)
    # most lines: an address, below which another address stands
    bare = g.Terminal(rf"{number}\n(?={number}\n|\Z)", address.name, _bare)
    refused = g.Remark(
        r"[\w-]+:(?: | ?\n)((?:invalid|duplicate|cannot|rb_node|seek error|read error|page excluded)[^\n]*+)",
        "error",
        words=lambda found: found[1],
    )
    left_out = g.Remark(r"[ \t]*\.{3,4}[ \t]*", "elided", words=lambda _: "left out here")
    between = g.noise(refused, left_out)
    position = g.Row(
        r"  (?:index: ([0-9a-f]{1,20})  )?position: (root(?:/(?:[lr]|\d{1,9}))*+)",
        lambda row: _Position(row[1], row[2], row.start()),
        "an element's place in its tree: position: root/l/r",
    )
    members = g.Members(asked=lambda source: asked_members(source.command.text), one=True, reading=_reading)
    empty = g.Row(r"\(empty\)", lambda _: EMPTY, "'(empty)'")
    below = g.Blocks(address, members, position, g.Structure(), make=_element, between=between)
    return empty | g.Opt(g.Rows(bare, until=g.Anything())) + below


EMPTY = "(empty)"


def _address(found: re.Match[str]) -> int | None:
    if found[1]:
        return int(found[1], 16)
    maple = isinstance(found.string, g.Text) and found.string.source.command.options.get("t", "")[:1] == "m"
    return int(found[2]) if maple else None


def _bare(found: re.Match[str]) -> Element | None:
    address = _address(found)
    return None if address is None else Element(address)


def _element(text: g.Text, place: int, address: int, below: list[Any]) -> Element | _Indexed:
    """An element with the lines below its address."""
    members: dict[str, Any] | None = None
    position: _Position | None = None
    for part in below:
        if isinstance(part, _Position):
            if position is not None:
                text.refuse(part.place, "an element's second place in its tree")
            position = part
            continue
        named = part[1] if isinstance(part, tuple) else part
        if members and not members.keys().isdisjoint(named):
            text.refuse(place, f"a member stands twice: {min(members.keys() & named.keys())}")
        members = {**members, **named} if members else named
    if position is None:
        return Element(address, None, None, members)
    element = Element(address, None, position.path, members)
    return element if position.digits is None else _Indexed(element, position.digits, position.place)


_ASKED = expression(r"\s-[A-Za-z]*[sS]\s*(\S+)", re.ASCII)


@functools.lru_cache(maxsize=64)
def asked_members(command: str) -> frozenset[str]:
    """The members that ``-s`` and ``-S`` ask for; each option may be given several times."""
    asked = (found.partition(".")[2] for found in _ASKED.findall(command))
    return frozenset(name for part in asked for name in part.split(",") if name)


# crash quotes the text that a char pointer leads to, but escapes nothing in it.
_RAW = expression(r"(0x[0-9a-f]+|\d+) {1,2}(?:\"([^\n]*)\"|([^\s<\"'][^\n]*))(?:\n|\Z)", re.ASCII)
_RAW_ARRAY = expression(r"\d+  [\w.]+ = \"([^\n]*)\"(?:\n|\Z)", re.ASCII)


@functools.lru_cache(maxsize=16)
def _raw_text(digits: int) -> re.Pattern[str]:
    """A text as ``-S`` prints it: it may hold quotes and newlines, and ends before a line with a member, or
    an address as long as the first one.
    """
    line = rf"(?:[0-9a-f]{{{digits}}}\n|  [A-Za-z_][\w.]* = )"
    return re.compile(rf"\"((?:[^\n]|\n(?!{line})){{0,4096}}?)\"(?=\n(?:{line}|\Z)|\Z)", re.ASCII)


_FIRST = expression(r"[0-9a-f]{1,16}")


def _reading(source: Source) -> Callable[[ValueReader, int], tuple[Any, int]]:
    """The function that reads members' values, as gdb prints them or as crash does with ``-S``."""
    text = source.text
    first = _FIRST.match(text) if source.command.has("S") else None
    raw_text = _raw_text(len(first[0])) if first else None

    def value(reader: ValueReader, offset: int) -> tuple[Any, int]:
        if raw_text and (match := raw_text.match(text, offset)):
            return match[1], match.end(1) + 1
        if match := _RAW_ARRAY.match(text, offset):
            return match[1], match.end(1) + 1
        if match := _RAW.match(text, offset):
            string = match[2] if match[2] is not None else match[3]
            if not string.startswith(("=", ",")):
                return Pointer(address=plain_number(match[1]), string=string), match.end() - 1
        return reader.value(offset)

    return value


def check_elements(source: Source, found: list[Any]) -> list[Element]:
    """The elements with their indices checked; missing members that were asked for are marked."""
    if found == [EMPTY] or (not found and not source.text and source.command.name == "tree"):
        return []  # crash prints nothing for an empty tree
    if not found:
        source.fail(0, "expected an element's address")
    records = [
        _with_index(source, one, number) if isinstance(one, _Indexed) else one
        for number, one in enumerate(found, 1)
    ]
    if source.command.has("sS"):
        _check_members(source, records)
    return records


def _with_index(source: Source, one: _Indexed, number: int) -> Element:
    """The element with its index. Of maple trees crash prints numbers from 1, crash 9 in hexadecimal with
    ``-x``.
    """
    element, digits, place = one
    index = number
    if digits.isdecimal() and not source.command.options.get("t", "").startswith("m"):
        index = int(digits)
    elif number not in {int(digits, 16), int(digits) if digits.isdecimal() else -1}:
        source.fail(place, "an index out of order")
    return Element(element.address, index, element.position, element.members)


def _check_members(source: Source, records: list[Element]) -> None:
    asked = asked_members(source.command.text)
    for record in records:
        if not source.complete:
            return
        lacking = ", ".join(sorted(asked - (record.members or {}).keys()))
        if record.members is None or lacking:
            missing = lacking if record.members is not None else "what was asked for"
            source.note("missing", f"{record.address:x} lacks {missing}", incomplete=True)

"""What ``list`` and ``tree`` print: an address for each element, and below it what was asked for.

Source in crash: ``do_list()``, ``rbtree_iteration()``, ``dump_struct_members_fast()`` (tools.c),
``dump_struct()`` (symbols.c).
"""

from __future__ import annotations

import re
import sys
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Source
from crashdrive.parsers.grammar.literals import plain_number
from crashdrive.parsers.grammar.values import Pointer, ValueReader, skip_to
from crashdrive.records import Address, Long, Record


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


_ADDRESS = re.compile(r"([0-9a-f]{1,16})(?:\n|\Z|(?=\t))")
# crash 9 prints the entries of maple trees in decimal, without a sign of it, where the radix is 10.
_DECIMAL = re.compile(r"(1844[0-9]{16})(?:\n|\Z)")
_MEMBER = re.compile(r"[ ]{2,40}([A-Za-z_][\w.]*(?:\[\d+\][\w.]*)*) =\s*+", re.ASCII)
_POSITION = re.compile(r"  (?:index: ([0-9a-f]{1,20})  )?position: (\S+)\n?")
_HEAD = re.compile(r"(?:struct|union) [A-Za-z_]\w* (?=\{)", re.ASCII)
_LINE_END = re.compile(r",?[ \t]*+(?:\n|\Z)")
# crash quotes the text that a char pointer leads to, but escapes nothing in it.
_RAW = re.compile(r"(0x[0-9a-f]+|\d+) {1,2}(?:\"([^\n]*)\"|([^\s<\"'][^\n]*))(?:\n|\Z)")
# It may hold quotes and newlines; it ends before a line with a member, or an address as long as the first.
_RAW_TEXT = r"\"((?:[^\n]|\n){0,4096}?)\"(?=\n(?:[0-9a-f]{%d}\n|  [A-Za-z_][\w.]* = |\Z)|\Z)"
_RAW_ARRAY = re.compile(r"\d+  [\w.]+ = \"([^\n]*)\"(?:\n|\Z)")
_STARTS = re.compile(r"^[0-9a-f]{8,16}$", re.MULTILINE)
_ASKED = re.compile(r"\s-[A-Za-z]*[sS]\s*(\S+)")
_ELIDED = re.compile(r"[ \t]*\.{3,4}[ \t]*(?:\n|\Z)")
_EMPTY = re.compile(r"\(empty\)\n?")
_ERROR = re.compile(
    r"\n?[\w-]+: (?:\n)?((?:invalid|duplicate|cannot|rb_node|seek error|read error|page excluded)[^\n]*)\n?"
)


def asked_members(command: str) -> frozenset[str]:
    """Members that ``-s`` and ``-S`` ask for (both may stand more than once)."""
    asked = (found.partition(".")[2] for found in _ASKED.findall(command))
    return frozenset(name for part in asked for name in part.split(",") if name)


class WalkReader:
    """Reads elements out of a source's text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._values = ValueReader(source)
        self._members = asked_members(source.command.text)
        first = _ADDRESS.match(source.text)
        self._raw_text = re.compile(_RAW_TEXT % len(first[1]) if first else r"(?!)")
        self._raw = source.command.has("S")
        self._maple = source.command.options.get("t", "").startswith("m")
        self._records: list[Element] = []
        self._fields: dict[str, Any] = {}

    def read(self) -> list[Element]:
        """All elements."""
        if _EMPTY.fullmatch(self._text) or (not self._text and self._source.command.name == "tree"):
            return []  # crash prints nothing for an empty tree
        offset = 0
        while offset < len(self._text):
            try:
                offset = self._step(offset)
            except ParseError as error:
                offset = skip_to(self._source, error, offset, _STARTS)
                self._fields = {}  # its members are in doubt
        self._close()
        if not self._records:
            self._source.fail(0, "expected an address")
        return self._records

    def _step(self, offset: int) -> int:
        text = self._text
        if match := _ADDRESS.match(text, offset):
            self._close()
            self._fields = {"address": int(match[1], 16)}
            return match.end() + (1 if text.startswith("\t", match.end()) else 0)
        if self._maple and (match := _DECIMAL.match(text, offset)):
            self._close()
            self._fields = {"address": int(match[1])}
            return match.end()
        if match := _ELIDED.match(text, offset):
            self._note("elided", "left out here", offset)
            return match.end()
        if match := _ERROR.match(text, offset):
            self._note("error", match[1], offset)
            return match.end()
        if not self._fields:
            self._source.fail(offset, "expected an address")
        return self._content(offset)

    def _content(self, offset: int) -> int:
        """A line below an address."""
        text = self._text
        if match := _POSITION.match(text, offset):
            self._fields |= {"index": self._index(match[1], offset), "position": match[2]}
            return match.end()
        if (match := _MEMBER.match(text, offset)) and self._wanted(match[1]):
            value, end = self._value(match.end())
            # one text for all elements: their names would outweigh their values
            return self._add({sys.intern(match[1]): value}, offset, end)
        if match := _HEAD.match(text, offset):
            value, end = self._values.value(match.end())
            if isinstance(value, dict):
                return self._add(value, offset, end)
        if text.startswith("\n", offset):
            return offset + 1
        return self._source.fail(offset, "expected an address, a member or a structure")

    def _index(self, digits: str | None, offset: int) -> int | None:
        """An element's index. Maple trees count from 1, and crash 9 does so in hexadecimal with ``-x``."""
        if digits is None or (digits.isdecimal() and not self._maple):
            return None if digits is None else int(digits)
        expected = len(self._records) + 1
        if expected not in {int(digits, 16), int(digits) if digits.isdecimal() else -1}:
            self._source.fail(offset, "an index out of order")
        return expected

    def _wanted(self, name: str) -> bool:
        """Whether this member was asked for: a name out of the dump can look like a member's line."""
        return not self._members or name in self._members

    def _value(self, offset: int) -> tuple[Any, int]:
        if self._raw and (match := self._raw_text.match(self._text, offset)):
            return match[1], match.end(1) + 1
        if match := _RAW_ARRAY.match(self._text, offset):
            return match[1], match.end(1) + 1
        if match := _RAW.match(self._text, offset):
            string = match[2] if match[2] is not None else match[3]
            if not string.startswith(("=", ",")):
                return Pointer(address=plain_number(match[1]), string=string), match.end() - 1
        return self._values.value(offset)

    def _add(self, members: dict[str, Any], offset: int, end: int) -> int:
        found = self._fields.get("members") or {}
        twice = found.keys() & members.keys()
        if twice:
            self._source.fail(offset, f"a member stands twice: {min(twice)}")
        self._fields["members"] = found | members
        match = _LINE_END.match(self._text, end)
        if not match:
            self._source.fail(end, "unexpected text after a value")
        return match.end()

    def _close(self) -> None:
        if self._fields:
            missing = self._lacking(self._fields.get("members"))
            if missing and self._source.complete:
                address = f"{self._fields['address']:x}"
                self._source.note("missing", f"{address} lacks {missing}", incomplete=True)
            self._records.append(Element(**self._fields))
        self._fields = {}

    def _lacking(self, members: dict[str, Any] | None) -> str:
        """What was asked for and isn't there."""
        if self._source.command.has("sS") and members is None:
            return "what was asked for"
        return ", ".join(sorted(self._members - (members or {}).keys()))

    def _note(self, kind: str, message: str, offset: int) -> None:
        line, _ = self._source.position(offset)
        self._source.note(kind, message, line=line, text=self._source.line_at(offset), incomplete=True)

"""Layouts from a gdb without ``ptype/o`` (gdb 7.6 in crash 7): names by ``ptype``, places by expressions.

A member's offset is the address that it would have in a structure at 0, its size that of the expression. A
bit-field's address is that of the unit of its type in which it lies; its byte comes from crash's ``struct
X.member -o`` where crash finds the member by its plain name, and its bit from the bit-field before it. Two
things that debug data doesn't have go unseen: unnamed padding between bit-fields of one byte, and trailing
padding of anonymous structures, which are taken to end at their alignment.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from crashdrive.errors import ParseError
from crashdrive.kernel.types.declarations import Abi
from crashdrive.kernel.types.model import ArrayType, EnumType, PointerType, Type, TypeRef
from crashdrive.kernel.types.ptype import Node, Reader
from crashdrive.session.result import CommandResult

_NUMBER = re.compile(r"\$\d+ = (\d+)")
_BYTE = re.compile(r"^ *\[(\d+)\] ", re.MULTILINE)

Run = Callable[[list[str]], list[CommandResult]]


def number(result: CommandResult) -> int:
    """The number that ``gdb p EXPRESSION`` printed."""
    match = _NUMBER.fullmatch(result.check().text.strip())
    if not match:
        raise ParseError(result.command, 1, 1, result.text, "expected a number")
    return int(match[1])


def parse_plain(run: Run, name: str, result: CommandResult, abi: Abi) -> Type:
    """The type whose ``gdb ptype NAME`` was printed; ``run`` asks for places and sizes, in one round trip."""
    reader = _PlainReader(result.command, result.check().text, abi, {})
    tree = reader.tree()
    if tree.kind is not None and not tree.incomplete:
        _Places(run, name, reader).fill(tree)
    return reader.convert_top(tree)


class _PlainReader(Reader):
    """Lines without offsets and sizes."""

    places = False


class _Places:
    """Offsets and sizes of all members below a node, asked for together."""

    def __init__(self, run: Run, name: str, reader: Reader) -> None:
        self.run = run
        self.name = name
        self.reader = reader
        self.asked: dict[str, CommandResult] = {}

    def fill(self, top: Node) -> None:
        """Put offsets and sizes into the nodes."""
        paths = [path for child in top.children for path in self.paths(child, "")]
        commands = [command for path, bits in paths for command in self.commands(path)[: 3 if bits else 2]]
        commands.append(f"gdb p sizeof({self.name})")
        self.asked = dict(zip(commands, self.run(commands), strict=True))
        top.total = number(self.asked[commands[-1]])
        self.children(top, "")

    def commands(self, path: str) -> tuple[str, str, str]:
        member = f"(({self.name} *)0)->{path}"
        return (
            f"gdb p (unsigned long)&{member}",
            f"gdb p sizeof({member})",
            f"struct {self.name.split()[-1]}.{path} -o",
        )

    def shape(self, node: Node) -> tuple[str | None, Type]:
        """A member's name, and what its declarator makes of its type."""
        if node.kind is None:
            kind, name, _ = self.reader.declaration(node)
            return name, kind
        kind, name = self.reader.wrapped(node, TypeRef(""))
        return name, kind

    def inner(self, node: Node, path: str) -> str | None:
        """The path in front of an aggregate's members; None for a pointer's target: out of reach."""
        name, kind = self.shape(node)
        if name is None:
            return path
        path += name
        while isinstance(kind, ArrayType):
            path += "[0]"
            kind = kind.element
        return None if isinstance(kind, PointerType) else f"{path}."

    def paths(self, node: Node, path: str) -> list[tuple[str, bool]]:
        """The paths of a node, and of those below it, that have names; whether they are bit-fields."""
        if node.kind is None:
            _, name, bits = self.reader.declaration(node)
            return [(f"{path}{name}", bits is not None)]
        name, _ = self.shape(node)
        found = [(f"{path}{name}", False)] if name else []
        inner = self.inner(node, path)
        if inner is not None:
            found += [(inner.removesuffix("."), False)] if inner.endswith("].") else []
            found += [below for child in node.children for below in self.paths(child, inner)]
        return found

    def offset(self, path: str) -> int:
        return number(self.asked[self.commands(path)[0]])

    def size(self, path: str) -> int:
        return number(self.asked[self.commands(path)[1]])

    def children(self, node: Node, path: str) -> None:
        end = None  # of the bit-field before, in bits
        for child in node.children:
            if child.kind is not None:
                self.aggregate(child, path)
                end = None
            else:
                end = self.leaf(child, path, end if node.kind == "struct" else None)

    def leaf(self, node: Node, path: str, end: int | None) -> int | None:
        """One member; returns where it ends if it is a bit-field."""
        kind, name, bits = self.reader.declaration(node)
        path += name or ""
        node.size = self.size(path)
        if isinstance(kind, ArrayType) and kind.count is None:
            node.size = 0
        if isinstance(node.base, EnumType):
            node.base = msgspec.structs.replace(node.base, size=node.size)
        node.offset = 8 * self.offset(path)
        if bits is None:
            return None
        unit = 8 * node.size
        shown = _BYTE.search(self.asked[self.commands(path)[2]].text)
        if shown:
            node.offset, unit = 8 * int(shown[1]), 8
        if end is not None and node.offset <= end < node.offset + unit:
            node.offset = end
        return node.offset + bits

    def aggregate(self, node: Node, path: str) -> None:
        name, kind = self.shape(node)
        inner = self.inner(node, path)
        if inner is None:  # the target of a pointer
            node.children, node.incomplete = [], True
            node.offset, node.size = 8 * self.offset(f"{path}{name}"), self.size(f"{path}{name}")
            return
        self.children(node, inner)
        if name is None:
            self.anonymous(node)
            return
        node.offset = 8 * self.offset(f"{path}{name}")
        if isinstance(kind, ArrayType):
            node.size = 0 if kind.count is None else self.size(f"{path}{name}")
            node.total = self.size(inner.removesuffix("."))
            _shift(node.children, -node.offset)
        else:
            node.size = node.total = self.size(f"{path}{name}")

    def anonymous(self, node: Node) -> None:
        """A structure or union without a name begins at its first member, and ends at its alignment."""
        node.offset = min((child.offset or 0 for child in node.children), default=0)
        node.offset &= -8
        ends = [(child.offset or 0) + 8 * (child.size or 0) for child in node.children]
        size = (max(ends, default=node.offset) - node.offset) // 8
        align = max((_alignment(child, self.reader.abi.word_size) for child in node.children), default=1)
        node.size = node.total = -(-size // align) * align


def _alignment(node: Node, word_size: int) -> int:
    """The alignment of a member as its size lets it be guessed; arrays and structures count as words."""
    size = node.size or 1
    return next(step for step in (8, 4, 2, 1) if step <= word_size and size % step == 0)


def _shift(nodes: list[Node], by: int) -> None:
    """Move offsets, those further down too, except within arrays, which begin at 0 by themselves."""
    for node in nodes:
        if node.offset is not None:
            node.offset += by
        if node.kind is not None and (not node.text or node.text.isidentifier()):
            _shift(node.children, by)

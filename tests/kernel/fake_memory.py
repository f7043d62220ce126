"""A kernel that never was: types, symbols, and memory with holes, for tests of what stands on them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

from crashdrive.errors import FaultError, UnknownSymbolError
from crashdrive.kernel.memory.bulk import Chunk, Gathered, Hole
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.symbols.lookup import Place, Symbol
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import (
    ArrayType,
    IntType,
    Member,
    PointerType,
    StructType,
    Type,
    TypeRef,
    size_of,
)
from crashdrive.linux.kernel import Kernel
from crashdrive.session.result import CommandResult, Failure
from tests.kernel.session_double import SessionDouble

PAGE = 4096
BASE = 0xFFFF_8880_0000_0000

INT = IntType("int", 4, signed=True)
UINT = IntType("unsigned int", 4, signed=False)
LONG = IntType("long", 8, signed=True)
ULONG = IntType("unsigned long", 8, signed=False)
CHAR = IntType("char", 1, signed=True, kind="char")
U8 = IntType("unsigned char", 1, signed=False, kind="char")
BOOL = IntType("_Bool", 1, signed=False, kind="bool")


def pointer(target: str | Type) -> PointerType:
    """A pointer to a type, by its name where it has one."""
    return PointerType(TypeRef(target) if isinstance(target, str) else target, 8)


def record(name: str | None, *members: tuple[str | None, Type], kind: str = "struct") -> StructType:
    """A structure, or union, as a C compiler lays it out for a machine with 64 bits."""
    placed, at, widest = [], 0, 1
    for member, type_ in members:
        size = size_of(type_) or 0
        align = _alignment(type_)
        widest = max(widest, align)
        start = 0 if kind == "union" else -(-at // align) * align
        placed.append(Member(member, type_, start * 8))
        at = max(at, start + size)
    return StructType(
        "union" if kind == "union" else "struct", name, -(-at // widest) * widest, tuple(placed)
    )


def _alignment(kind: Type) -> int:
    if isinstance(kind, ArrayType):
        return _alignment(kind.element)
    if isinstance(kind, StructType):
        return max((_alignment(m.type) for m in kind.members), default=1)
    return max(min(size_of(kind) or 1, 8), 1)


LIST_HEAD = record("list_head", ("next", pointer("struct list_head")), ("prev", pointer("struct list_head")))
HLIST_NODE = record(
    "hlist_node", ("next", pointer("struct hlist_node")), ("pprev", pointer(pointer("struct hlist_node")))
)
HLIST_HEAD = record("hlist_head", ("first", pointer("struct hlist_node")))
ITEM = record(
    "item",
    ("number", INT),
    ("name", ArrayType(CHAR, 12)),
    ("list", LIST_HEAD),
    ("hash", HLIST_NODE),
    ("next", pointer("struct item")),
)
TYPES: dict[str, Type] = {
    "struct list_head": LIST_HEAD,
    "struct hlist_node": HLIST_NODE,
    "struct hlist_head": HLIST_HEAD,
    "struct item": ITEM,
    "int": INT,
    "char": CHAR,
    "unsigned int": UINT,
    "unsigned long": ULONG,
}


class FakeMemory:
    """Bytes at addresses; whole pages can be holes. ``rounds`` counts gathers, ``fetched`` their bytes."""

    reads_ahead = True
    moment_number: int | None = None

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.pages: dict[int, bytearray] = {}
        self.holes: dict[int, str] = {}
        self.rounds = 0
        self.fetched = 0
        self._next = BASE

    def allocate(self, size: int, align: int = 8) -> int:
        """Fresh zeroed memory."""
        start = -(-self._next // align) * align
        self._next = start + size
        self.write(start, bytes(size))
        return start

    def write(self, address: int, data: bytes) -> None:
        """Put bytes there, whatever was there before."""
        for i, byte in enumerate(data):
            self.pages.setdefault((address + i) // PAGE, bytearray(PAGE))[(address + i) % PAGE] = byte

    def word(self, address: int, *values: int) -> None:
        """Put pointer-sized words there."""
        self.write(address, struct.pack(f"{self.order}{len(values)}Q", *values))

    def int32(self, address: int, value: int) -> None:
        """Put an int there."""
        self.write(address, struct.pack(f"{self.order}i", value))

    def hole(self, address: int, reason: str = "excluded") -> None:
        """Take the page of an address away."""
        self.holes[address // PAGE] = reason

    def reason(self, page: int) -> str | None:
        """Why a page can't be read; None if it can."""
        return self.holes.get(page) or (None if page in self.pages else "not mapped")

    def read(self, address: int, size: int) -> bytes:
        """As Memory.read."""
        gathered = self._gather([(address, size)])
        if gathered.holes:
            hole = gathered.holes[0]
            raise FaultError(f"{hole.address:#x}: {hole.reason}", hole.address, hole.size, hole.reason)
        return b"".join(chunk.data for chunk in gathered.chunks)

    def gather(
        self, ranges: Sequence[tuple[int, int]], *, space: str = "kernel", task: int | None = None
    ) -> Gathered:
        """As Memory.gather; all tasks have the same user memory, at the addresses of the kernel's."""
        del space, task
        self.rounds += 1
        self.fetched += sum(size for _, size in ranges)
        return self._gather(ranges)

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """As Memory.prefetch."""

    def _gather(self, ranges: Sequence[tuple[int, int]]) -> Gathered:
        chunks: list[Chunk] = []
        holes: list[Hole] = []
        for address, size in sorted(ranges):
            at = address
            while at < address + size:
                end = min((at // PAGE + 1) * PAGE, address + size)
                reason = self.reason(at // PAGE)
                if reason is None:
                    page = self.pages[at // PAGE]
                    data = bytes(page[at % PAGE : at % PAGE + end - at])
                    if chunks and chunks[-1].address + len(chunks[-1].data) == at:
                        last = chunks.pop()
                        chunks.append(Chunk(last.address, last.data + data))
                    else:
                        chunks.append(Chunk(at, data))
                else:
                    holes.append(Hole(at, end - at, reason))
                at = end
        return Gathered(tuple(chunks), tuple(holes))

    def window(self) -> Window:
        """A window on it."""
        order = "little" if self.order == "<" else "big"
        return Window(self, byte_order=order)  # type: ignore[arg-type] # all of Memory that a window uses


class SizesKnown:
    """Sizes of variables, as a vmlinux's own table of symbols has them."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes

    def size(self, name: str) -> int | None:
        """As Source.size."""
        return self._sizes.get(name)


class FakeSymbols:
    """Symbols by name; lookup finds exact addresses."""

    def __init__(self, symbols: Mapping[str, int]) -> None:
        # all CPUs that can be are there, where a test says nothing else
        present = "__cpu_present_mask"
        masks = {"__cpu_possible_mask": symbols[present]} if present in symbols else {}
        self.symbols = masks | dict(symbols)
        self.key = ""
        self.source: SizesKnown | None = None

    def address(self, name: str) -> int:
        """As Symbols.address."""
        if name not in self.symbols:
            raise UnknownSymbolError(f"no symbol {name}")
        return self.symbols[name]

    def addresses(self, name: str) -> tuple[int, ...]:
        """As Symbols.addresses."""
        return (self.symbols[name],) if name in self.symbols else ()

    def has(self, name: str) -> bool:
        """As Symbols.has."""
        return name in self.symbols

    def prefetch(self, names: Iterable[str]) -> None:
        """As Symbols.prefetch."""

    def lookup(self, address: int) -> Place | None:
        """As Symbols.lookup, of exact addresses."""
        found = (name for name, at in self.symbols.items() if at == address)
        return next((Place(Symbol(address, name, "T"), 0, None) for name in found), None)


class FakeSession(SessionDouble):
    """Answers by a dictionary; gdb refuses whatever isn't in it."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.answers = dict(answers or {})
        self.commands: list[str] = []

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        """As Session.run."""
        del timeout
        self.commands.append(command)
        if command in self.answers:
            return CommandResult(command=command, raw=self.answers[command].encode(), elapsed=0.0)
        message = "gdb: gdb request failed"
        failure = Failure(kind="gdb", message=message)
        return CommandResult(command=command, raw=message.encode(), elapsed=0.0, failure=failure)


def fake_kernel(
    memory: FakeMemory,
    types: Mapping[str, Type] | None = None,
    symbols: Mapping[str, int] | None = None,
    answers: Mapping[str, str] | None = None,
) -> Kernel:
    """A Kernel on all that, with `TYPES` and more."""
    session = FakeSession({"mach": "  PAGE SIZE: 4096\n         HZ: 250\n"} | dict(answers or {}))
    layouts = Layouts(session, elsewhere=lambda: kernel.module_types)
    layouts._known.update(TYPES | dict(types or {}))
    layouts._asked_char = True
    kernel = Kernel(
        session,
        memory=memory,  # type: ignore[arg-type] # has what a Kernel uses of it
        layouts=layouts,
        symbols=FakeSymbols(symbols or {}),  # type: ignore[arg-type] # likewise
    )
    kernel.__dict__["byte_order"] = "little" if memory.order == "<" else "big"
    return kernel


def link_list(memory: FakeMemory, head: int, nodes: Sequence[int]) -> None:
    """A circular list of list_heads at these addresses."""
    ring = [head, *nodes]
    for before, node, after in zip([ring[-1], *ring], ring, [*ring[1:], head], strict=False):
        memory.word(node, after, before)


def link_hlist(memory: FakeMemory, head: int, nodes: Sequence[int], end: int = 0) -> None:
    """A chain of hlist_nodes, each with a pointer to the pointer to it."""
    places = [head, *nodes]
    for before, node, after in zip(places, nodes, [*nodes[1:], end], strict=False):
        memory.word(node, after, before)
    memory.word(head, nodes[0] if nodes else end)


def link_chain(memory: FakeMemory, head: int, nodes: Sequence[int], end: int | Callable[[], int] = 0) -> None:
    """A chain of single pointers from a head to an end mark."""
    last = end if isinstance(end, int) else end()
    for place, following in zip([head, *nodes], [*nodes, last], strict=True):
        memory.word(place, following)

"""Members of many objects at once, by one compiled reader, without an object being built.

::

    socks = kernel.read_many("struct sock", addresses, ["__sk_common.skc_state", "__sk_common.skc_num"])
    for state, port in socks: ...
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from crashdrive.errors import FaultError
from crashdrive.kernel.memory.window import BUDGET, NOWHERE, Window
from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    IntType,
    PointerType,
    Type,
)
from crashdrive.kernel.types.paths import Place, bare, find, sizeof, target_of
from crashdrive.records import Answer, MadeOfRows, Notice

# How many objects are put to a part at once.
_STEP = 1024
Row: TypeAlias = tuple[Any, ...]
_CODES = {(1, True): "b", (2, True): "h", (4, True): "i", (8, True): "q"}
_CODES |= {(size, False): code.upper() for (size, _), code in _CODES.items()}


class Gap(NamedTuple):
    """A cell that could not be read: row number, column number, address, and why."""

    row: int
    column: int
    address: int
    reason: str


class Columns(MadeOfRows, msgspec.Struct, frozen=True, kw_only=True):
    """What `Kernel.read_many` gives: one row per address, one column per field; iterates over the rows.

    A cell is None where a pointer on its way is NULL, and where memory is missing: these are in ``gaps``.
    """

    fields: tuple[str, ...]
    addresses: Sequence[int]
    columns: tuple[Sequence[Any], ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every cell was read."""
        return not self.gaps

    def __len__(self) -> int:
        return len(self.addresses)

    def __iter__(self) -> Iterator[Row]:
        return zip(*self.columns, strict=True) if self.columns else iter([()] * len(self.addresses))

    def __getitem__(self, field: str) -> Sequence[Any]:
        """A column by its field."""
        return self.columns[self.fields.index(field)]

    def check(self) -> Columns:
        """Itself; FaultError where a cell could not be read."""
        if self.gaps:
            gap = self.gaps[0]
            message = (
                f"{self.fields[gap.column]} at {gap.address:#x}: {gap.reason}; {len(self.gaps)} gaps in all"
            )
            raise FaultError(message, gap.address, 0, gap.reason)
        return self

    def answer(self) -> Answer[dict[str, Any]]:
        """The rows as mappings of fields to values, marked where cells could not be read."""
        return Answer(
            command="read",
            shape="columns",
            complete=self.complete,
            warnings=self.notices("read"),
            records=tuple(dict(zip(self.fields, row, strict=True)) for row in self),
        )

    def notices(self, what: str) -> tuple[Notice, ...]:
        """The gaps for an Answer's warnings, one for each reason; ``what`` names what was read."""
        reasons: dict[str, list[Gap]] = {}
        for gap in self.gaps:
            reasons.setdefault(gap.reason, []).append(gap)
        return tuple(
            Notice(
                kind="hole",
                message=f"{what}: {len(gaps)} values unread, {reason}, first at {gaps[0].address:#x}",
            )
            for reason, gaps in reasons.items()
        )


def joined(one: Columns, other: Columns) -> Columns:
    """The columns of both, which are of the same objects."""
    moved = (gap._replace(column=gap.column + len(one.fields)) for gap in other.gaps)
    return Columns(
        fields=(*one.fields, *other.fields),
        addresses=one.addresses,
        columns=(*one.columns, *other.columns),
        gaps=tuple(sorted((*one.gaps, *moved))),
    )


class Field(NamedTuple):
    """One column: where its bytes are, how struct names them, what is done to them then."""

    offset: int
    size: int
    code: str
    slots: int
    finish: Callable[[Any], Any] | None

    def value(self, raw: bytes, order: str) -> Any:
        """The value out of the field's own bytes."""
        slots = struct.unpack(order + self.code, raw)
        if self.finish is None:
            return slots[0]
        return slots if self.finish is _tuple else self.finish(slots[0])


class Reader:
    """A compiled reader of direct members (no pointer is followed) of objects of one type.

    ``reach`` is the part of an object, from and to in bytes, that it needs.
    """

    def __init__(self, fields: Sequence[Field], order: str) -> None:
        self._fields = fields
        self._order = order
        self._layers = _layers(fields, order)
        ends = [(f.offset, f.offset + f.size) for f in fields]
        self.reach = (min(e[0] for e in ends), max(e[1] for e in ends)) if ends else (0, 0)

    def read(
        self, window: Window, addresses: Sequence[int], known: Mapping[int, Row | None] | None = None
    ) -> tuple[list[Sequence[Any]], list[Gap]]:
        """Columns and gaps of any number of objects; fetches what isn't at hand, a bounded part at a time.

        ``known`` holds raw rows by address that were decoded before.
        """
        rows: list[Row | None] = [known.get(a) if known else None for a in addresses]
        wanted = [i for i, row in enumerate(rows) if row is None]
        # upwards through memory: objects that lie beside each other are fetched together
        wanted.sort(key=addresses.__getitem__)
        gaps: list[Gap] = []
        for part, pages in self._parts(window, addresses, wanted):
            window.fetch_pages(pages)
            decoded = self.decode(window, [addresses[i] for i in part])
            for i, row in zip(part, decoded, strict=True):
                rows[i] = self._piecewise(window, addresses[i], gaps, i) if row is None else row
            if window.held > BUDGET:
                window.drop()
        return self.finish(rows), gaps

    def _parts(
        self, window: Window, addresses: Sequence[int], wanted: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], set[int]]]:
        """Positions and the pages that they need, cut where these would exceed the budget."""
        begin, pages = 0, set[int]()
        low, size = self.reach[0], self.reach[1] - self.reach[0]
        for at in range(0, len(wanted), _STEP):
            more = (
                window.pages_of((addresses[i] + low, size) for i in wanted[at : at + _STEP])
                if size
                else set()
            )
            if at > begin and (len(pages) + len(more)) << PAGE_SHIFT > BUDGET:
                yield wanted[begin:at], pages
                begin, pages = at, set()
            pages |= more
        yield wanted[begin:], pages

    def decode(self, window: Window, addresses: Sequence[int]) -> list[Row | None]:
        """Raw rows of the objects whose pages are at hand in one piece; None for the others."""
        low, high = self.reach
        pages, span = window.pages, high - low
        layers = [(layer.unpack, layer.offset) for layer in self._layers]
        unpack = layers[0][0] if len(layers) == 1 else None
        rows: list[Row | None] = []
        for address in addresses:
            start = address + low
            data, base = pages.get(start >> PAGE_SHIFT, NOWHERE)
            if len(data) + base - start < span:
                rows.append(None)
            elif unpack is not None:
                rows.append(unpack(data, start - base))
            else:
                rows.append(sum((read(data, start - base + offset) for read, offset in layers), ()))
        return rows

    def _piecewise(self, window: Window, address: int, gaps: list[Gap], row: int) -> Row:
        values: list[Any] = []
        for column in (c for layer in self._layers for c in layer.columns):
            field = self._fields[column]
            raw = window.bytes(address + field.offset, field.size)
            if raw is not None:
                values += struct.unpack(self._order + field.code, raw)
                continue
            values += [None] * field.slots
            hole = window.hole(address + field.offset, field.size)
            gaps.append(Gap(row, column, address + field.offset, hole.reason if hole else "not in the dump"))
        return tuple(values)

    def finish(self, rows: Sequence[Row | None]) -> list[Sequence[Any]]:
        """Raw rows as columns, in the order of the fields and with their final values."""
        if not rows:
            return [()] * len(self._fields)
        raw: list[Sequence[Any]] = list(zip(*rows, strict=True))
        columns: list[Sequence[Any]] = [()] * len(self._fields)
        at = 0
        for layer in self._layers:
            for column in layer.columns:
                field = self._fields[column]
                columns[column] = _finished(field, raw[at : at + field.slots], len(rows))
                at += field.slots
        return columns


def _finished(field: Field, slots: Sequence[Sequence[Any]], count: int) -> Sequence[Any]:
    if field.slots == 0:
        return [()] * count
    values: Sequence[Any] = slots[0]
    if field.slots > 1 or field.finish is _tuple:
        values = [None if value[0] is None else value for value in zip(*slots, strict=True)]
    if field.finish is None or field.finish is _tuple:
        return values
    return [None if value is None else field.finish(value) for value in values]


class _Layer(NamedTuple):
    """Fields that don't overlap, unpacked by one struct; ``offset`` from the reader's reach."""

    offset: int
    unpack: Callable[[Any, int], Row]
    columns: list[int]


def _layers(fields: Sequence[Field], order: str) -> list[_Layer]:
    """Fields into as few structs as their overlaps (unions, bit-fields of one word) allow."""
    waiting = sorted(range(len(fields)), key=lambda i: (fields[i].offset, i))
    start = fields[waiting[0]].offset if waiting else 0
    layers = []
    while waiting:
        taken: list[int] = []
        end = fields[waiting[0]].offset
        first, code = end, order
        for i in waiting:
            if fields[i].offset >= end:
                code += f"{fields[i].offset - end}x{fields[i].code}"
                end = fields[i].offset + fields[i].size
                taken.append(i)
        layers.append(_Layer(first - start, struct.Struct(code).unpack_from, taken))
        waiting = [i for i in waiting if i not in taken]
    return layers


def _tuple(value: Any) -> Any:
    """Marks a field of several slots, also where the array has one element."""
    return value


def field_of(layouts: Layouts, place: Place, order: str) -> Field:
    """How to read what a path leads to."""
    kind = bare(layouts, place.type)
    if place.bit_size is not None:
        return _bit_field(kind, place, order)
    size = sizeof(layouts, kind)
    match kind:
        case ArrayType(element, count):
            return _array(place.offset, bare(layouts, element), sizeof(layouts, element), count or 0)
        case _:
            code = scalar_code(kind)
            if code is not None:
                return Field(place.offset, size, code, 1, None)
            finish = _integer(order, signed=kind.signed) if isinstance(kind, IntType) else None
            return Field(place.offset, size, f"{size}s", 1, finish)


def scalar_code(kind: Type) -> str | None:
    """The struct module's letter for a scalar type; None for everything else."""
    match kind:
        case IntType(size=1, kind="bool"):
            return "?"
        case IntType(size=size, signed=signed) | EnumType(size=size, signed=signed):
            return _CODES.get((size, signed))
        case PointerType(size=size):
            return _CODES.get((size, False))
        case FloatType(size=size):
            return {4: "f", 8: "d"}.get(size)
        case _:
            return None


@functools.lru_cache(maxsize=64)
def unpacker(code: str) -> tuple[Callable[[bytes], tuple[Any, ...]], int]:
    """What unpacks a code of the struct module, and the bytes that it takes."""
    compiled = struct.Struct(code)
    return compiled.unpack, compiled.size


def _array(offset: int, element: Type, size: int, count: int) -> Field:
    code = scalar_code(element)
    if isinstance(element, IntType) and element.kind == "char" and element.name == "char":
        return Field(offset, count, f"{count}s", 1, text)
    if code is None or (isinstance(element, IntType) and element.size == 1):
        return Field(offset, size * count, f"{size * count}s", 1, None)
    return Field(offset, size * count, f"{count}{code}", count, _tuple)


def text(raw: bytes) -> str:
    """A char array as text: cut at its NUL; bytes that are no UTF-8 appear as backslash escapes."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def _integer(order: str, *, signed: bool) -> Callable[[bytes], int]:
    return lambda raw: int.from_bytes(raw, "little" if order == "<" else "big", signed=signed)


def _bit_field(kind: Type, place: Place, order: str) -> Field:
    """The bytes that a bit-field touches; its lowest bit comes first on little-endian machines, and its
    highest on big-endian ones.
    """
    bits = place.bit_size or 0
    first, within = place.bit_offset >> 3, place.bit_offset & 7
    size = (within + bits + 7) >> 3
    shift = within if order == "<" else 8 * size - within - bits
    signed = isinstance(kind, IntType | EnumType) and kind.signed
    boolean = isinstance(kind, IntType) and kind.kind == "bool"
    return Field(first, size, f"{size}s", 1, bits_of(order, shift, bits, signed=signed, boolean=boolean))


def bits_of(order: str, shift: int, bits: int, *, signed: bool, boolean: bool) -> Callable[[bytes], int]:
    """A function that cuts a bit-field out of the bytes that it touches."""
    endian = "little" if order == "<" else "big"
    mask, sign = (1 << bits) - 1, 1 << (bits - 1)

    def cut(raw: bytes) -> int:
        value = (int.from_bytes(raw, endian) >> shift) & mask  # type: ignore[arg-type] # one of the two
        if boolean:
            return bool(value)
        return value - (1 << bits) if signed and value & sign else value

    return cut


class Hop(NamedTuple):
    """Fields behind a pointer: its own column in the direct reader, its target, and where they belong."""

    pointer: int
    target: Type
    rests: list[str]
    positions: list[int]


class Plan:
    """A reader for a list of paths, pointers followed (``real_parent->tgid``): one more round per level."""

    def __init__(self, layouts: Layouts, kind: Type, fields: Sequence[str], order: str) -> None:
        direct: dict[str, int] = {}
        compiled: list[Field] = []
        hops: dict[str, Hop] = {}
        self._order = order
        self._layouts = layouts
        self.fields = tuple(fields)
        self._positions: list[tuple[int, int]] = []
        for position, path in enumerate(fields):
            place = find(layouts, kind, path)
            prefix = path[: len(path) - len(place.rest)].removesuffix("->").removesuffix(".")
            if prefix not in direct:
                direct[prefix] = len(compiled)
                compiled.append(field_of(layouts, place, order))
            if place.rest:
                hop = hops.setdefault(prefix, Hop(direct[prefix], target_of(layouts, place), [], []))
                hop.rests.append(place.rest)
                hop.positions.append(position)
            else:
                self._positions.append((position, direct[prefix]))
        self.reader = Reader(compiled, order)
        self._hops = [(hop, Plan(layouts, hop.target, hop.rests, order)) for hop in hops.values()]

    def read(
        self, window: Window, addresses: Sequence[int], known: Mapping[int, Row | None] | None = None
    ) -> Columns:
        """All columns of all objects; ``known`` as in `Reader.read`."""
        raw, gaps = self.reader.read(window, addresses, known)
        return self._complete(window, addresses, raw, gaps)

    def _complete(
        self, window: Window, addresses: Sequence[int], raw: Sequence[Sequence[Any]], found: Sequence[Gap]
    ) -> Columns:
        """The direct reader's columns, put in order, and what lies behind pointers."""
        columns: list[Sequence[Any]] = [()] * len(self.fields)
        gaps: list[Gap] = []
        for position, column in self._positions:
            columns[position] = raw[column]
            gaps += [gap._replace(column=position) for gap in found if gap.column == column]
        for hop, plan in self._hops:
            lost = [gap for gap in found if gap.column == hop.pointer]
            gaps += [gap._replace(column=position) for gap in lost for position in hop.positions]
            self._join(window, raw[hop.pointer], hop, plan, columns, gaps)
        return Columns(
            fields=self.fields, addresses=addresses, columns=tuple(columns), gaps=tuple(sorted(set(gaps)))
        )

    def _join(
        self,
        window: Window,
        pointers: Sequence[int | None],
        hop: Hop,
        plan: Plan,
        columns: list[Sequence[Any]],
        gaps: list[Gap],
    ) -> None:
        targets = sorted({pointer for pointer in pointers if pointer})
        found = plan.read(window, targets)
        rows: dict[int | None, int] = {target: row for row, target in enumerate(targets)}
        for position, values in zip(hop.positions, found.columns, strict=True):
            columns[position] = [values[rows[p]] if p else None for p in pointers]
        behind: dict[int, list[Gap]] = {}
        for gap in found.gaps:
            behind.setdefault(targets[gap.row], []).append(gap)
        if behind:
            gaps += [
                gap._replace(row=row, column=hop.positions[gap.column])
                for row, pointer in enumerate(pointers)
                for gap in behind.get(pointer or 0, ())
            ]

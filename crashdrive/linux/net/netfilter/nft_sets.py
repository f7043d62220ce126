"""Sets and maps of nf_tables, and what they hold.

Sources: include/net/netfilter/nf_tables.h (struct nft_set, nft_set_ext), net/netfilter/nft_set_{hash,rbtree,
bitmap,pipapo}.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from crashdrive.errors import FaultError, UnknownMemberError
from crashdrive.kernel.memory.window import Window
from crashdrive.linux.net.netfilter import nft_values
from crashdrive.linux.net.netfilter.nft_backends import BACKENDS
from crashdrive.linux.net.netfilter.nft_expressions import Decoder, Run
from crashdrive.linux.net.netfilter.nft_forms import verdict_words
from crashdrive.linux.net.netfilter.nft_rules import LONGEST_USERDATA, comment, userdata
from crashdrive.linux.net.netfilter.nft_words import OBJECTS, bits, named
from crashdrive.linux.net.netfilter.nftables import Place, listed, string, tables
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Address, Notice, Record

WHAT = "sets of nf_tables"
_TABLE, _SET, _EXT = "struct nft_table", "struct nft_set", "struct nft_set_ext"
_FLAGS = {
    1: "anonymous", 2: "constant", 4: "interval", 8: "map", 16: "timeout", 32: "dynamic", 64: "object",
    128: "concat", 256: "expr",
}  # fmt: skip
_INTERVAL, _MAP, _OBJECT = 4, 8, 64
_INTERVAL_END = 1  # NFT_SET_ELEM_INTERVAL_END
# bits of nft_set_ext.genmask beyond the generations: the element is being removed
_GOING = 0x0C
# NFTNL_UDATA_SET_COMMENT, NFTNL_UDATA_SET_ELEM_COMMENT
_SET_COMMENT, _ELEMENT_COMMENT = 7, 0
# the largest offset in a byte, and the largest data there: NFT_DATA_VALUE_MAXLEN
_REACH = 255 + 64


class Set(Record, frozen=True):
    """A set or map of nf_tables.

    ``type`` of its keys and ``data_type`` of a map's values or objects in nft's words; ``backend``: the data
    structure. ``element_count``: elements now, ``size``: their limit (None: no limit); ``timeout`` (of an
    element without its own) and ``gc_interval`` in seconds.
    """

    netns: str | None
    family: str
    table: str | None
    name: str | None
    handle: int | None
    kind: str
    type: str
    data_type: str | None
    flags: tuple[str, ...]
    backend: str
    element_count: int | None
    size: int | None
    timeout: float | None
    gc_interval: float | None
    comment: str | None
    address: Address


class Element(Record, frozen=True):
    """An element of a set: ``key``, up to ``key_end`` where it is an interval (else None).

    ``data``: a map's value, verdict or object name. A key of an unknown type is in hexadecimal; ``*`` is the
    catch-all element. ``timeout`` in seconds, ``expires``: seconds left, negative for an expired element.
    ``expressions``: the element's own (counters, limits).
    """

    netns: str | None
    family: str
    table: str | None
    set: str | None
    key: str
    key_end: str | None
    data: str | None
    timeout: float | None
    expires: float | None
    expressions: str | None
    comment: str | None
    address: Address


class Contents(NamedTuple):
    """The sets that are asked for, and their elements."""

    sets: list[Set]
    elements: list[Element]


_MEMBERS = (
    "name", "handle", "ktype", "dtype", "objtype", "klen", "dlen", "flags", "size", "timeout", "gc_int",
    "udlen", "udata", "field_len", "field_count", "ops->insert", "ops->elemsize",
)  # fmt: skip


class _Raw(NamedTuple):
    """The parts of an element; a missing part is None."""

    place: int
    key: bytes
    key_end: bytes | None
    flags: int
    data: bytes | None
    reference: int | None
    timeout: int | None
    expires: int | None
    expressions: Run | None
    userdata: int | None


def contents(survey: NetSurvey, decoder: Decoder) -> Contents:
    """Sets of all tables, and their elements."""
    found = Contents([], [])
    kernel = survey.kernel
    members = [name for name in _MEMBERS if kernel.has_member(_SET, name)]
    for table in tables(survey):
        head = table.address + kernel.offset(_TABLE, "sets")
        for address, values in list(listed(survey, head, _SET, members, table.active, WHAT)):
            row = dict.fromkeys(_MEMBERS) | dict(zip(members, values, strict=True))
            _Reader(survey, decoder, table, address, row).read(found)
    return found


class _Reader:
    """One set."""

    def __init__(
        self, survey: NetSurvey, decoder: Decoder, table: Place, address: int, row: dict[str, Any]
    ) -> None:
        self._survey, self._decoder, self._kernel = survey, decoder, survey.kernel
        self._table, self._address, self._row = table, address, row
        self._flags: int = row["flags"] or 0
        self._data = address + self._kernel.offset(_SET, "data")
        self._name = string(survey, row["name"])
        insert = row["ops->insert"]
        place = self._kernel.symbols.lookup(insert) if insert else None
        said = place.symbol.name if place else "?"
        self._backend = said.removeprefix("nft_").removesuffix("_insert")

    def read(self, found: Contents) -> None:
        """Adds the set and its elements."""
        elements = self._elements()
        row, window = self._row, self._kernel.window()
        udata, length = row["udata"], row["udlen"]
        raw = b""
        if udata and length:
            window.fetch([(udata, length)])
            raw = window.bytes(udata, length) or b""
        is_map = self._flags & (_MAP | _OBJECT)
        data = named(OBJECTS, row["objtype"]) if self._flags & _OBJECT else nft_values.type_name(row["dtype"])
        found.sets.append(
            Set(
                netns=self._table.netns, family=self._table.family, table=self._table.name, name=self._name,
                handle=row["handle"], kind="map" if is_map else "set",
                type=nft_values.type_name(row["ktype"]), data_type=data if is_map else None,
                flags=tuple(bits(self._flags, _FLAGS)), backend=self._backend,
                element_count=None if elements is None else len(elements), size=row["size"] or None,
                timeout=self._seconds(row["timeout"]) or None,
                gc_interval=row["gc_int"] / 1000 if row["gc_int"] else None,
                comment=comment(raw, _SET_COMMENT), address=self._address,
            )
        )  # fmt: skip
        found.elements.extend(elements or ())

    def _elements(self) -> list[Element] | None:
        try:
            places = self._places()
            raw = self._decode(places) + self._decode(self._catchall(), everything=True)
        except FaultError as error:
            self._miss("hole", str(error))
            return None
        if places is None:
            return None
        pairs = _merged(raw) if self._backend == "rbtree" else [(one, one.key_end) for one in raw]
        runs = [one.expressions for one in raw if one.expressions]
        texts = dict(zip(runs, self._decoder.texts(runs), strict=True))
        window = self._kernel.window()
        window.fetch((one.userdata, LONGEST_USERDATA) for one in raw if one.userdata)
        return [self._element(window, one, end, texts) for one, end in pairs]

    def _miss(self, kind: str, what: str) -> None:
        self._survey.miss([Notice(kind=kind, message=f"{WHAT}: {self._name}: {what}")])

    # addresses of elements

    def _places(self) -> Sequence[int] | None:
        """Addresses of the elements; None where the backend isn't known."""
        find = BACKENDS.get(self._backend)
        if find is None:
            self._miss("elsewhere", f"kept by {self._backend}; its elements are not read")
            return None
        return self._walked(find(self._kernel, self._data))

    def _walked(self, found: Any) -> Sequence[int]:
        self._survey.walked(found, f"{WHAT}: {self._name}")
        addresses: Sequence[int] = found.addresses
        return addresses

    def _catchall(self) -> Sequence[int]:
        """Catch-all elements, which match all keys that aren't in the set (aaa31047a6d2, 5.13)."""
        kernel, kind = self._kernel, "struct nft_set_elem_catchall"
        if not kernel.has_member(_SET, "catchall_list"):
            return ()
        head = self._address + kernel.offset(_SET, "catchall_list")
        found = kernel.walk_list(head, kind, "list")
        self._walked(found)
        columns = self._survey.gaps(found.read(["elem"]), WHAT)
        return [place for place in columns["elem"] if place]

    # decoding of elements

    def _decode(self, places: Sequence[int] | None, *, everything: bool = False) -> list[_Raw]:
        shift = self._row["ops->elemsize"] or 0
        heads = [place + shift for place in places or ()]
        window = self._kernel.window()
        window.fetch((head, _REACH) for head in heads)
        pieces = _Pieces(self._kernel)
        found: list[_Raw] = []
        lost = 0
        for place, head in zip(places or (), heads, strict=True):
            offsets = pieces.offsets(window, head)
            if offsets is None:
                lost += 1
            elif not offsets[0] & (self._table.active | _GOING):
                raw = self._raw(window, pieces, place, head, offsets, everything=everything)
                lost += raw is None
                found += [raw] if raw else []
        if lost:
            self._miss("hole", f"{lost} elements are not in the dump")
        return found

    def _raw(
        self,
        window: Window,
        pieces: _Pieces,
        place: int,
        head: int,
        offsets: bytes,
        *,
        everything: bool,
    ) -> _Raw | None:
        def number(name: str, size: int, more: int = 0) -> int | None:
            raw = pieces.get(window, head, offsets, name, size, more)
            return None if raw is None else int.from_bytes(raw, pieces.order)

        row = self._row
        key = b"" if everything else pieces.get(window, head, offsets, "KEY", row["klen"])
        if key is None:
            return None
        timeout, expires = number("TIMEOUT", 8), number("EXPIRATION", 8)
        if not pieces.has("EXPIRATION"):  # one part for both since 6.12; a timeout of 0 is none
            expires = number("TIMEOUT", 8, 8) if timeout else None
        return _Raw(
            place=place,
            key=key,
            key_end=pieces.get(window, head, offsets, "KEY_END", row["klen"]),
            flags=number("FLAGS", 1) or 0,
            data=pieces.get(window, head, offsets, "DATA", row["dlen"]),
            reference=number("OBJREF", self._kernel.pointer_size),
            timeout=timeout,
            expires=expires,
            expressions=self._expressions(window, pieces, head, offsets),
            userdata=pieces.place(head, offsets, "USERDATA"),
        )

    def _expressions(self, window: Window, pieces: _Pieces, head: int, offsets: bytes) -> Run | None:
        """The expressions of an element; at most one until 563125a73ac3 (5.11)."""
        place = pieces.place(head, offsets, "EXPRESSIONS")
        if place is None:
            old = pieces.place(head, offsets, "EXPR")
            return None if old is None else Run(old, None)
        size = window.bytes(place, 1)
        start = place + self._kernel.offset("struct nft_set_elem_expr", "data")
        return Run(start, size[0]) if size and size[0] else None

    def _element(self, window: Window, raw: _Raw, end: bytes | None, texts: dict[Run, list[str]]) -> Element:
        more = userdata(self._survey, window, raw.userdata) if raw.userdata else b""
        said = texts.get(raw.expressions) if raw.expressions else None
        return Element(
            netns=self._table.netns, family=self._table.family, table=self._table.name, set=self._name,
            key=self._key(raw.key) if raw.key else "*",
            key_end=None if end is None or end == raw.key else self._key(end),
            data=self._value(raw),
            timeout=self._seconds(raw.timeout) or None,
            expires=self._survey.seconds([raw.expires])[0] if raw.expires else None,
            expressions=" ".join(said) if said else None,
            comment=comment(more, _ELEMENT_COMMENT), address=raw.place,
        )  # fmt: skip

    def _seconds(self, ticks: int | None) -> float | None:
        return None if ticks is None else ticks / self._kernel.hz

    def _key(self, raw: bytes) -> str:
        count = self._row["field_count"] or 0
        lengths = tuple((self._row["field_len"] or b"")[:count])
        return nft_values.text(
            self._row["ktype"], raw, self._kernel.order, lengths=lengths,
            ordered=bool(self._flags & _INTERVAL),
        )  # fmt: skip

    def _value(self, raw: _Raw) -> str | None:
        kernel = self._kernel
        if raw.reference:
            kind = "struct nft_object"
            path = kernel.path(kind, "key.name", "name")
            columns = self._survey.gaps(kernel.read_many(kind, [raw.reference], [path]), WHAT)
            return string(self._survey, columns[path][0])
        if raw.data is None:
            return None
        if self._row["dtype"] == nft_values.VERDICT:
            order: Any = kernel.byte_order
            at = kernel.offset("struct nft_verdict", "chain")
            code = int.from_bytes(raw.data[:4], order)
            chain = int.from_bytes(raw.data[at : at + kernel.pointer_size], order)
            return verdict_words(self._decoder, code, chain)
        return nft_values.text(self._row["dtype"], raw.data, kernel.order)


class _Pieces:
    """Parts of an element by its table of offsets (``struct nft_set_ext``)."""

    def __init__(self, kernel: Any) -> None:
        names = kernel.enumerators("enum nft_set_extensions")
        self._ids = {name.removeprefix("NFT_SET_EXT_"): number for name, number in names.items()}
        self._size: int = kernel.sizeof(_EXT)
        self._first: int = kernel.offset(_EXT, "offset")
        if self._first != 1 or kernel.offset(_EXT, "genmask"):
            raise UnknownMemberError(f"{_EXT} doesn't begin with its mask")
        self.order: Any = kernel.byte_order

    def offsets(self, window: Window, head: int) -> bytes | None:
        """The mask of generations, and the offset of each kind of part."""
        return window.bytes(head, self._size)

    def has(self, name: str) -> bool:
        """Whether this kernel has parts of that kind."""
        return name in self._ids

    def place(self, head: int, offsets: bytes, name: str) -> int | None:
        """The address of a part; None where the element has none of that kind."""
        number = self._ids.get(name)
        offset = offsets[self._first + number] if number is not None else 0
        return head + offset if offset else None

    def get(
        self, window: Window, head: int, offsets: bytes, name: str, size: int, more: int = 0
    ) -> bytes | None:
        """The bytes of a part."""
        place = self.place(head, offsets, name)
        return None if place is None else window.bytes(place + more, size)


def _merged(raw: Sequence[_Raw]) -> list[tuple[_Raw, bytes | None]]:
    """Elements with the ends of their intervals: a tree has an element for each interval's start and one for
    its end.
    """
    ordered = sorted(
        (one for one in raw if one.key), key=lambda one: (one.key, not one.flags & _INTERVAL_END)
    )
    found: list[tuple[_Raw, bytes | None]] = [(one, None) for one in raw if not one.key]
    start: _Raw | None = None
    for one in ordered:
        if start is not None:
            last = int.from_bytes(one.key, "big") - 1
            found.append((start, last.to_bytes(len(one.key), "big")))
        start = None if one.flags & _INTERVAL_END else one
    if start is not None:
        found.append((start, b"\xff" * len(start.key)))
    return found

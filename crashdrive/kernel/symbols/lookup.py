"""The kernel's symbols, modules' included: names to addresses and back.

A few names are asked one by one (``sym NAME``, under a millisecond); for more, and for the way back, the
whole table is read once (``sym -l``, 0.4 s) and kept for the dump. Addresses are crash's: relocated where
the kernel was (KASLR). Those of per-cpu variables are offsets into each CPU's area, as in the debug data.
"""

from __future__ import annotations

import bisect
import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple, Protocol

import msgspec

from crashdrive.cache.store import Store
from crashdrive.errors import ArgumentError, ParseError, TranscriptError, UnknownSymbolError
from crashdrive.integers import Address, described
from crashdrive.kernel.symbols.listing import read_listing
from crashdrive.near import hint
from crashdrive.session import arguments
from crashdrive.session.dump_session import DumpSession
from crashdrive.session.health import HealthWarning

FUNCTIONS: Final = frozenset("tTwW")
"""nm's letters; a kernel without CONFIG_KALLSYMS_ALL has no other names of a module."""
_SHOWN = 4  # names in a message
# raise it when what is stored, or how it is read from crash, changes
VERSION = 2
_SINGLES = 40  # names asked one by one before the whole table is worth its time
# A name of Rust's has spaces between < and >, where crash shows it as it is written in the source.
_FOUND = re.compile(
    r" *([0-9a-f]+) \((.)\) ((?=[^\n]*::)(?:[^\s<]|<[^\n]*>)++|\S+)(?: \[([^\]]+)\])?(?: .*)?"
)


class Symbol(msgspec.Struct, frozen=True, order=True):
    """A symbol; ``kind``: nm's letter (upper case: global) or ``?``; ``module``: None for the kernel's."""

    address: Address
    name: str
    kind: str
    module: str | None = None

    def __repr__(self) -> str:
        return described(self)


class Place(NamedTuple):
    """What lies at an address: a symbol, and how many bytes behind its start."""

    symbol: Symbol
    offset: int
    module: str | None


class Columns(NamedTuple):
    """Symbols in order of address, modules' memory as (start, end, name), all addresses of a name."""

    addresses: array[int]
    kinds: Sequence[str]
    names: Sequence[str]
    sections: list[tuple[int, int, str]]
    places: Callable[[str], list[int]]


class Source(Protocol):
    """Symbols from elsewhere than crash."""

    def named(
        self, names: Sequence[str], *, everywhere: bool = False
    ) -> dict[str, tuple[Symbol, ...]] | None:
        """All symbols of each name; None where that can't be told for sure.

        Those of modules are looked for where the kernel has none of the name, or ``everywhere``.
        """
        ...

    def columns(self) -> Columns | None:
        """All symbols, in order of address; None as above."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of the image's only variable of that name; None where that isn't known."""
        ...

    def doubts(self) -> tuple[HealthWarning, ...]:
        """Why names that weren't found may be there."""
        ...


def unnamed_variables(names: Iterable[str], modules: Sequence[str] = ()) -> HealthWarning:
    """That names weren't found and may be variables of modules; ``modules``: those that have none named."""
    few = f"{len(modules)} modules ({modules[0]}, ...)" if len(modules) > 1 else "".join(modules) or "modules"
    message = (
        f"variables of {few} have no names in this kernel (it lacks CONFIG_KALLSYMS_ALL), so "
        f"{', '.join(sorted(names)[:_SHOWN])} may be there all the same: "
        "put these modules' debug files (NAME.ko) beside the vmlinux"
    )
    return HealthWarning(kind="symbols", message=message)


class _Stored(msgspec.Struct):
    """A table as it is kept: addresses as 64-bit words, little-endian; names joined by newlines, deflated."""

    addresses: bytes
    kinds: str
    names: bytes
    sections: list[tuple[int, int, str]]
    image: tuple[int, int]


class Symbols:
    """The symbols of one dump; kept in the ``store`` under ``key`` (see `crashdrive.kernel.keys`).

    A ``source`` is asked before crash.
    """

    def __init__(
        self,
        session: DumpSession,
        store: Store | None = None,
        key: str | None = None,
        *,
        source: Source | None = None,
    ) -> None:
        self._session = session
        self._store = store if key else None
        self._key = key or ""
        self._single: dict[str, tuple[Symbol, ...]] = {}
        self._loaded: _Table | None = None
        self._of_source: _Table | None = None
        # names that weren't found in a table that lacks modules' variables
        self._unsure: set[str] = set()
        self.source = source
        self.queries = 0

    @property
    def key(self) -> str:
        """What names the dump in the store; empty where nothing of it is kept."""
        return self._key

    def address(self, name: str) -> int:
        """The address of a symbol; UnknownSymbolError if there is none, or if several places have the name.

        The kernel's own symbols come before modules', global ones before static ones.
        """
        found = self._foremost(name)
        if not found:
            raise UnknownSymbolError(f"no symbol {name}{self._near(name)}")
        best = min(_rank(symbol) for symbol in found)
        places = {symbol.address for symbol in found if _rank(symbol) == best}
        if len(places) > 1:
            shown = ", ".join(f"0x{address:x}" for address in sorted(places)[:4])
            raise UnknownSymbolError(f"{len(places)} symbols are named {name}: {shown}; ask for all of them")
        return places.pop()

    def addresses(self, name: str) -> tuple[int, ...]:
        """All addresses of a name that several files or modules have, in order; empty if none has."""
        return tuple(sorted({symbol.address for symbol in self.symbols(name)}))

    def has(self, name: str) -> bool:
        """Whether there is a symbol of that name."""
        return bool(self._foremost(name))

    def symbols(self, name: str) -> tuple[Symbol, ...]:
        """All symbols of a name."""
        if self.source and not self._loaded:
            found = self.source.named([name], everywhere=True)
            if found is not None:
                return found[name]
        return self._foremost(name)

    def _foremost(self, name: str) -> tuple[Symbol, ...]:
        """All symbols of a name, modules' perhaps only where the kernel has none."""
        self.prefetch([name])
        if self._loaded is None:
            return self._single[name]
        return self._loaded.named(name) or self._beside_table(name, self._loaded)

    def _beside_table(self, name: str, table: _Table) -> tuple[Symbol, ...]:
        """What the source has of a name that the table lacks, where that may be a module's variable."""
        if self.source and table.has_functions_alone:
            told = self.source.named([name])
            return told[name] if told else ()
        if table.has_functions_alone:
            self._unsure.add(name)
        return ()

    def doubts(self) -> tuple[HealthWarning, ...]:
        """Why names that weren't found may be there."""
        if self.source:
            return self.source.doubts()
        return (unnamed_variables(self._unsure),) if self._unsure else ()

    def prefetch(self, names: Iterable[str]) -> None:
        """Learn names in one round trip; unknown ones are no error here."""
        if self._loaded:
            return
        cold = [name for name in dict.fromkeys(names) if name not in self._single]
        if not cold:
            return
        if not self._single:
            self._loaded = self._kept()
        if self._loaded is None and not self._told(cold):
            if len(self._single) + len(cold) > _SINGLES:
                self._loaded = self._read()
            else:
                self._ask_or_read(cold)

    def lookup(self, address: int) -> Place | None:
        """The symbol at or nearest below an address in the kernel's image or a module; None elsewhere."""
        return self._table.below(address)

    def names(self) -> Iterable[str]:
        """The names of all symbols, in order of address."""
        return tuple(self._table.names)

    def next_after(self, address: int) -> Symbol | None:
        """The first symbol above an address: where the one before it ends at the latest."""
        return self._table.above(address)

    # asking

    def _told(self, names: Sequence[str]) -> bool:
        """Whether the source knew of all these names."""
        found = self.source.named(names) if self.source else None
        self._single.update(found or {})
        return found is not None

    def _ask_or_read(self, names: list[str]) -> None:
        """Learn names one by one; a recorded session that was asked for others has all in the table."""
        try:
            self._ask(names)
        except TranscriptError as error:
            try:
                self._loaded = self._read()
            except TranscriptError:
                raise error from None

    def _ask(self, names: list[str]) -> None:
        for name in names:
            if not _is_name(name):
                self._single[name] = ()
        plain = [name for name in names if _is_name(name)]
        self.queries += len(plain)
        results = self._session.run_many([f"sym {name}" for name in plain]) if plain else []
        for name, result in zip(plain, results, strict=True):
            if result.failure is not None and result.failure.kind == "symbol":
                self._single[name] = ()
                continue
            lines = result.check().text.splitlines()
            found = (
                _read_symbol(result.command, number, line) for number, line in enumerate(lines, 1) if line
            )
            self._single[name] = tuple(symbol for symbol in found if symbol.name == name)
        if any(not self._single[name] for name in plain) and not self._variables_have_names:
            self._loaded = self._read()

    @cached_property
    def _variables_have_names(self) -> bool:
        """Whether a module's variable is found by its name; False as well where no module is loaded.

        A recording from before this was asked has a kernel whose variables have names.
        """
        self.queries += 1
        try:
            result = self._session.run("sym __this_module")
        except TranscriptError:
            return True
        return result.failure is None or result.failure.kind != "symbol"

    @property
    def _table(self) -> _Table:
        if self._loaded is None and self._of_source is None:
            self._loaded = self._kept()
            if self._loaded is None:
                self._of_source = self._made()
        if self._loaded is None and self._of_source is None:
            self._loaded = self._read()
        table = self._loaded or self._of_source
        assert table is not None  # noqa: S101 - it was read, or that has raised
        return table

    def _made(self) -> _Table | None:
        """The table out of the source, which is asked for names as before: it decodes only what is wanted."""
        columns = self.source.columns() if self.source else None
        return None if columns is None else _Table(*columns[:4], places=columns.places)

    def _read(self) -> _Table:
        self.queries += 1
        table = read_table(self._session.run("sym -l").check().raw)
        if self._store:
            self._store.put("symbols", self._key, "all", table.stored(), version=VERSION)
        return table

    def _kept(self) -> _Table | None:
        kept = self._store and self._store.get("symbols", self._key, "all", _Stored, version=VERSION)
        return _Table.of(kept) if kept else None

    def _near(self, name: str) -> str:
        if not _is_name(name):
            return f": {ascii(name)[:80]} is no symbol's name"
        return hint(name, self._table.by_name)


class _Table:
    """All symbols, in order of address."""

    def __init__(
        self,
        addresses: array[int],
        kinds: Sequence[str],
        names: Sequence[str],
        sections: list[tuple[int, int, str]],
        image: tuple[int, int] | None = None,
        places: Callable[[str], list[int]] | None = None,
    ) -> None:
        """``places``: all addresses of a name, where they can be had without the names of all."""
        self.addresses = addresses
        self.kinds = kinds
        self.names = names
        self.sections = sorted(sections)
        self._starts = [start for start, _, _ in self.sections]
        self._by_name: dict[str, int | list[int]] | None = None
        self._borders = image
        self._places = places or (lambda name: [symbol.address for symbol in self.named(name)])

    @property
    def image(self) -> tuple[int, int]:
        """The kernel's own memory: from _text (or the first symbol of its half) to _end (or the last one)."""
        if self._borders is None:
            self._borders = self._image()
        return self._borders

    def _image(self) -> tuple[int, int]:
        def only(name: str, otherwise: int) -> int:
            places = self._places(name)
            return places[0] if len(places) == 1 else otherwise

        upper = [address for address in self.addresses[-1:] if address]
        first = bisect.bisect_left(self.addresses, 1 << 24)  # per-cpu offsets lie below
        low = self.addresses[first] if first < len(self.addresses) else 0
        high = self._starts[0] if self._starts else (upper[0] + 1 if upper else 0)
        return min(only("_text", low), only("_stext", low)), only("_end", high)

    @property
    def by_name(self) -> dict[str, int | list[int]]:
        """Indexes by name; a list where several have it."""
        if self._by_name is None:
            found: dict[str, int | list[int]] = {}
            for index, name in enumerate(self.names):
                if name in found:
                    other = found[name]
                    found[name] = [*other, index] if isinstance(other, list) else [other, index]
                else:
                    found[name] = index
            self._by_name = found
        return self._by_name

    def named(self, name: str) -> tuple[Symbol, ...]:
        found = self.by_name.get(name, [])
        return tuple(self._symbol(index) for index in (found if isinstance(found, list) else [found]))

    def _symbol(self, index: int) -> Symbol:
        address = self.addresses[index]
        return Symbol(address, self.names[index], self.kinds[index], self._module(address))

    @cached_property
    def has_functions_alone(self) -> bool:
        """Whether no module has a variable, not even ``__this_module``: CONFIG_KALLSYMS_ALL is off."""
        kinds = set[str]()
        for start, end, _ in self.sections:
            first = bisect.bisect_left(self.addresses, start)
            kinds.update(self.kinds[first : bisect.bisect_right(self.addresses, end)])
            if not kinds <= FUNCTIONS:
                return False
        return bool(kinds)

    def _section(self, address: int) -> tuple[int, int, str] | None:
        index = bisect.bisect_right(self._starts, address) - 1
        if index >= 0 and address <= self.sections[index][1]:
            return self.sections[index]
        return None

    def _module(self, address: int) -> str | None:
        section = self._section(address)
        return section[2] if section else None

    def below(self, address: int) -> Place | None:
        section = self._section(address)
        low, high = (section[0], section[1] + 1) if section else self.image
        if not low <= address < high:
            return None
        index = bisect.bisect_right(self.addresses, address) - 1
        if index < 0 or self.addresses[index] < low:
            return None
        symbol = min(self._same_place(index), key=_rank)
        return Place(symbol, address - symbol.address, symbol.module)

    def _same_place(self, index: int) -> list[Symbol]:
        """The symbols that share an address, given the last of them."""
        first = bisect.bisect_left(self.addresses, self.addresses[index])
        return [self._symbol(i) for i in range(first, index + 1)]

    def above(self, address: int) -> Symbol | None:
        index = bisect.bisect_right(self.addresses, address)
        return self._symbol(index) if index < len(self.addresses) else None

    def stored(self) -> _Stored:
        words = array("Q", self.addresses)
        if _BIG:
            words.byteswap()
        names = zlib.compress("\n".join(self.names).encode(), 1)
        return _Stored(words.tobytes(), "".join(self.kinds), names, self.sections, self.image)

    @staticmethod
    def of(kept: _Stored) -> _Table:
        words = array("Q")
        words.frombytes(kept.addresses)
        if _BIG:
            words.byteswap()
        names = zlib.decompress(kept.names).decode().split("\n")
        return _Table(words, kept.kinds, names, kept.sections, kept.image)


_BIG = array("H", [1]).tobytes() == b"\0\1"


def read_table(text: bytes) -> _Table:
    """The table out of ``sym -l``; ParseError for lines that it doesn't have."""
    return _Table(*read_listing(text))


# a class of locks: without lockdep it takes no room, and has the address of the next variable
_CLASS_OF_LOCKS = re.compile(r"(?:__|\w+_)key(?:\.\d+)?")
# where the linker begins or ends a part of the code: the address of the function that comes next
_BOUND_OF_CODE = re.compile(r"__\w+_text_(?:start|end)")


def _rank(symbol: Symbol) -> tuple[bool, bool, bool]:
    empty = bool(_CLASS_OF_LOCKS.fullmatch(symbol.name) or _BOUND_OF_CODE.fullmatch(symbol.name))
    return symbol.module is not None, empty, not symbol.kind.isupper()


def _is_name(name: str) -> bool:
    try:
        arguments.symbol(name)
    except ArgumentError:
        return False
    return True


def _read_symbol(command: str, number: int, line: str) -> Symbol:
    match = _FOUND.fullmatch(line)
    if not match:
        raise ParseError(command, number, 1, line, "expected a symbol")
    return Symbol(int(match[1], 16), match[3], match[2], match[4])

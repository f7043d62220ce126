"""What must hold of rows that damaged memory gives, beyond those of the whole one.

A page of other bytes can't always be noticed: a count that is another one looks as right as the true one. But
a row stands for a structure, and where its address is one that no reading of the whole memory gives, then

- the structure's page was read in that run, and is in the dump;
- a word that was read in that run points to it, or into it: nothing makes up addresses;
- what gave the row says that it is incomplete: the chain that led there is damaged.

The first two are held against those lists of rows for which they are true in the whole memory: a row may
name a structure that nobody needed to read.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from crashdrive.kernel.pages import PAGE, PAGE_SHIFT
from faultkit.facts import Facts, address_in, lists_of_rows
from faultkit.memory import FaultyMemory, Place

# a pointer to a structure leads to its start or to a member, a node of a list, inside
_REACH = PAGE


class Form(NamedTuple):
    """A list of rows by its path: the field that tells which structure a row is of, and what holds of all."""

    field: str
    read: bool
    pointed: bool


class Support:
    """What the rows of the whole memory are, of all readings so far of one kind."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def learn(self, whole: Facts, memory: FaultyMemory) -> dict[str, Form]:
        """Take in the rows of a reading of the whole memory, and say what holds of them."""
        pointers = Pointers(memory)
        forms: dict[str, Form] = {}
        for path, rows in _lists(whole):
            field = _identity(rows)
            if field is None:
                continue
            addresses = list(_addresses(rows, field))
            self._known.update(addresses)
            read = all(_page_of(address, memory) for address in addresses)
            forms[path] = Form(field, read, all(map(pointers.lead_to, addresses)))
        return forms

    def doubt(self, found: Facts, marked: bool, forms: dict[str, Form], memory: FaultyMemory) -> str | None:  # noqa: FBT001 - what the caller has found out
        """Why a row of damaged memory has no support; None where all have."""
        for path, rows in _lists(found):
            if path not in forms:
                continue
            form = forms[path]
            more = sorted(set(_addresses(rows, form.field)) - self._known)
            if not more:
                continue
            told = f"{path}: {len(more)} rows of no known structure, the first at {more[0]:#x}"
            if not marked:
                return f"{told}: complete"
            pointers = Pointers(memory)
            for address in more:
                if form.read and not _page_of(address, memory):
                    return f"{told}: {address:#x} was not read, or is not in the dump"
                if form.pointed and not pointers.lead_to(address):
                    return f"{told}: nothing that was read points to {address:#x}"
        return None


class Pointers:
    """The words of all pages that a run read, with what was at fault in them."""

    def __init__(self, memory: FaultyMemory) -> None:
        self._pages = [words for place in memory.read_places if (words := _sorted(memory.bytes_of(place)))]

    def lead_to(self, address: int) -> bool:
        """Whether any of them is the address of a structure, or of something inside."""
        for words in self._pages:
            at = bisect.bisect_left(words, address)
            if at < len(words) and words[at] < address + _REACH:
                return True
        return False


_SORTED: dict[bytes, array[int]] = {}


def _sorted(data: bytes | None) -> array[int] | None:
    """The words of a page that may be addresses, sorted; kept, most pages are the same in all runs."""
    if data is None:
        return None
    if data not in _SORTED:
        if len(_SORTED) > 1 << 14:
            _SORTED.clear()
        words = array("Q")
        words.frombytes(data[: len(data) & -8])
        _SORTED[data] = array("Q", sorted(word for word in set(words) if word >> 47))
    return _SORTED[data]


def _page_of(address: int, memory: FaultyMemory) -> bool:
    place = Place("kernel", 0, address >> PAGE_SHIFT)
    return place in memory.read_places and memory.bytes_of(place) is not None


def _lists(facts: Facts) -> Iterator[tuple[str, list[Any]]]:
    """Lists of rows by their paths, those of one path together."""
    found: dict[str, list[Any]] = {}
    for path, rows in lists_of_rows(facts.values):
        found.setdefault(path, []).extend(rows)
    yield from found.items()


def _identity(rows: list[Any]) -> str | None:
    """The first field that is an address in all rows; "" where the rows themselves are addresses."""
    if all(address_in(row) for row in rows):
        return ""
    if not all(isinstance(row, dict) for row in rows):
        return None
    return next((name for name in rows[0] if all(address_in(row.get(name)) for row in rows)), None)


def _addresses(rows: Iterable[Any], field: str) -> Iterator[int]:
    values = (row if not field else row.get(field) if isinstance(row, dict) else None for row in rows)
    return (address for value in values if (address := address_in(value)) is not None)

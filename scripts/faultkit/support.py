"""What must hold of rows that damaged memory gives, beyond those of the whole one.

A page of other bytes can't always be noticed: a count that is another one looks as right as the true one. But
a row stands for a structure, and where its address is one that no reading of the whole memory gives, then

- the structure's page was read in that run, and is in the dump;
- a word that was read in that run points to it, or into it: nothing makes up addresses;
- what gave the row says that it is incomplete: the chain that led there is damaged.

The first two are held against those lists of rows for which they are true in the whole memory: a row may
name a structure that nobody needed to read. A row of several structures of its own (a connection that waits,
and its socket) has support where one of them has.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from crashdrive.kernel.pages import PAGE, PAGE_SHIFT
from faultkit.facts import Facts, address_in, lists_of_rows
from faultkit.memory import FaultyMemory, Place

# a pointer to a structure leads to its start or to a member, a node of a list, inside
_REACH = PAGE


class Form(NamedTuple):
    """A list of rows by its path: fields that tell which structures a row is of, and what holds of each."""

    fields: tuple[str, ...]
    read: frozenset[str]
    pointed: frozenset[str]


class Support:
    """What the rows of the whole memory are, of all readings so far of one kind."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def learn(self, whole: Facts, memory: FaultyMemory) -> dict[str, Form]:
        """Take in the rows of a reading of the whole memory, and say what holds of them."""
        pointers = Pointers(memory)
        forms: dict[str, Form] = {}
        for path, rows in _lists(whole):
            places = {field: [_address(row, field) for row in rows] for field in _identities(rows)}
            if not places:
                continue
            self._known.update(address for column in places.values() for address in column if address)
            read = {f for f, column in places.items() if all(_is_read(a, memory) for a in column if a)}
            pointed = {f for f, column in places.items() if all(pointers.lead_to(a) for a in column if a)}
            forms[path] = Form(tuple(places), frozenset(read), frozenset(pointed))
        return forms

    def doubt(
        self, found: Facts, forms: dict[str, Form], memory: FaultyMemory, *, marked: bool
    ) -> str | None:
        """Why a row of damaged memory has no support; None where all have. ``marked``: whether it says so."""
        for path, rows in _lists(found):
            if path not in forms:
                continue
            form = forms[path]
            more = [row for row in rows if self._is_new(row, form)]
            if not more:
                continue
            told = f"{path}: {len(more)} rows of no known structure, the first is {more[0]!r:.200}"
            if not marked:
                return f"{told}: complete"
            pointers = Pointers(memory)
            if not all(_is_supported(row, form, memory, pointers) for row in more):
                return f"{told}: not read, not in the dump, or nothing points to it"
        return None

    def _is_new(self, row: Any, form: Form) -> bool:
        addresses = [address for field in form.fields if (address := _address(row, field))]
        return bool(addresses) and not self._known.intersection(addresses)


def _is_supported(row: Any, form: Form, memory: FaultyMemory, pointers: Pointers) -> bool:
    return any(
        (field not in form.read or _is_read(address, memory))
        and (field not in form.pointed or pointers.lead_to(address))
        for field in form.fields
        if (address := _address(row, field))
    )


class Pointers:
    """The words of all pages that a run read, with what was at fault in them."""

    def __init__(self, memory: FaultyMemory) -> None:
        self._words: list[int] = []
        for place in memory.places():
            self._words.extend(_sorted(memory.bytes_of(place)) or ())
        # a sorting that finds runs: each page's are one
        self._words.sort()

    def lead_to(self, address: int) -> bool:
        """Whether any of them is the address of a structure, or of something inside."""
        at = bisect.bisect_left(self._words, address)
        return at < len(self._words) and self._words[at] < address + _REACH


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


def _is_read(address: int, memory: FaultyMemory) -> bool:
    return memory.bytes_of(Place("kernel", 0, address >> PAGE_SHIFT)) is not None


def _lists(facts: Facts) -> Iterator[tuple[str, list[Any]]]:
    """Lists of rows by their paths, those of one path together."""
    found: dict[str, list[Any]] = {}
    for path, rows in lists_of_rows(facts.values):
        found.setdefault(path, []).extend(rows)
    yield from found.items()


def _identities(rows: list[Any]) -> list[str]:
    """Fields that hold an address, another one in each row; "" where the rows themselves are addresses."""
    if all(address_in(row) for row in rows):
        return [""]
    if not all(isinstance(row, dict) for row in rows):
        return []
    found = []
    for name in rows[0]:
        values = [row.get(name) for row in rows if row.get(name) is not None]
        if values and all(map(address_in, values)) and len(set(values)) == len(values):
            found.append(name)
    return found


def _address(row: Any, field: str) -> int | None:
    return address_in(row.get(field) if field and isinstance(row, dict) else row)

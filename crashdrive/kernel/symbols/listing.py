"""What ``sym -l`` prints, as columns: addresses, kinds, names, and where modules lie."""

from __future__ import annotations

import re
from array import array
from typing import NamedTuple

from crashdrive.errors import ParseError

# lines of symbols, as many as follow each other, to be taken apart at once
_SYMBOLS = re.compile(r"(?: *[0-9a-f]++ \(\S\) \S++\n)++")
# a name of Rust's has spaces between < and >, where crash shows it as it is written in the source
_SYMBOL = re.compile(r" *([0-9a-f]+) \((.)\) (\S+|\S[^\n]*::[^\n]*)")
_BORDER = re.compile(r" *([0-9a-f]+) MODULE (?:[A-Z_]+ )*(START|END): (\S+)")


class Listing(NamedTuple):
    """Symbols in order of address, ``kinds`` by nm's letters; modules' memory as (start, end, name)."""

    addresses: array[int]
    kinds: str
    names: list[str]
    sections: list[tuple[int, int, str]]


def read_listing(text: bytes) -> Listing:
    """The columns; ParseError for lines that ``sym -l`` doesn't have."""
    output = text.decode("ascii", "backslashreplace")
    places: list[int] = []
    kinds: list[str] = []
    names: list[str] = []
    borders: list[re.Match[str]] = []
    at = 0
    while at < len(output):
        if found := _SYMBOLS.match(output, at):
            words = found[0].split()
            places += [int(place, 16) for place in words[::3]]
            kinds.append("".join(words[1::3])[1::3])
            names += words[2::3]
            at = found.end()
            continue
        end = output.find("\n", at)
        end = len(output) if end < 0 else end
        if row := _SYMBOL.fullmatch(output, at, end):
            places.append(int(row[1], 16))
            kinds.append(row[2])
            names.append(row[3])
        elif border := _BORDER.fullmatch(output, at, end):
            borders.append(border)
        elif (line := output[at:end]).strip():
            raise ParseError("sym -l", output.count("\n", 0, at) + 1, 1, line, "expected a symbol")
        at = end + 1
    return Listing(*_in_order(places, "".join(kinds), names), _sections(borders))


def _in_order(places: list[int], kinds: str, names: list[str]) -> tuple[array[int], str, list[str]]:
    if places != sorted(places):
        order = sorted(range(len(places)), key=places.__getitem__)
        places, names = [places[one] for one in order], [names[one] for one in order]
        kinds = "".join([kinds[one] for one in order])
    return array("Q", places), kinds, names


def _sections(borders: list[re.Match[str]]) -> list[tuple[int, int, str]]:
    sections: list[tuple[int, int, str]] = []
    open_at: dict[str, int] = {}
    for border in borders:
        place, word, module = border.groups()
        if word == "START":
            open_at[module] = int(place, 16)
        elif module in open_at:
            sections.append((open_at.pop(module), int(place, 16), module))
    return sections

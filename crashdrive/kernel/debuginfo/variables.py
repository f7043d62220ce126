"""The type of a variable, found by its address in DWARF: no gdb, and no index of names.

A variable's entry holds its address as ``DW_OP_addr`` and eight bytes, which stand nowhere else: one search
of the debug data finds it, in a tenth of a second.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from crashdrive.dump.elf import BadElfError
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo import entries as e
from crashdrive.kernel.debuginfo.entries import Abbreviation, Entry, Unit, UnknownFormError, unit_at
from crashdrive.kernel.debuginfo.sections import Sections
from crashdrive.kernel.debuginfo.types import bounds, type_of

_LOCATED = b"\x09\x03"  # an expression of nine bytes: an address
_EXPRESSION = 0x18
_MORE = 0x18  # DW_TAG_unspecified_parameters
_TAGS = {e.STRUCT: "struct ", e.UNION: "union ", e.ENUM: "enum ", e.TYPEDEF: "", e.BASE: ""}
_DEEPEST = 12


def declaration(vmlinux: str, name: str, address: int) -> str | None:
    """The type of the variable of this name and (linked) address, as C declares it: ``struct list_head [4]``.

    None where it isn't found, or its type has no name.
    """
    try:
        sections = Sections(vmlinux)
        wanted = _LOCATED + struct.pack(f"{sections.order}Q", address)
        for place in sections.places(".debug_info", wanted):
            unit = unit_at(sections, place)
            for variable in _variables(unit, place):
                if _name(unit, variable) == name:
                    return _type(unit, variable)
    except (UnknownFormError, VmlinuxError, BadElfError, LookupError, OverflowError, struct.error):
        pass
    return None


def declarations(vmlinux: str, variables: Mapping[int, Collection[str]]) -> dict[tuple[str, int], str]:
    """The types of many variables, given by their (linked) addresses and names, in one pass: `declaration` of
    each that is found, by name and address.

    A variable that two units describe has the type of the first, as above.
    """
    found: dict[tuple[str, int], str] = {}
    try:
        sections = Sections(vmlinux)
        starts = list(_units(sections))
        number, unit, forms = -1, None, list[_Form]()
        for place in sections.matches(".debug_info", _LOCATED + b".{8}"):
            address = struct.unpack_from(f"{sections.order}Q", sections.get(".debug_info"), place + 2)[0]
            names = variables.get(address)
            if not names:
                continue
            if (at := bisect.bisect(starts, place) - 1) != number:
                number, unit = at, Unit(sections, starts[at])
                forms = list(_forms(unit))
            if unit is not None:
                _add(found, unit, address, names, _placed(unit, place, forms))
    except (VmlinuxError, BadElfError, struct.error):
        pass
    return found


def _add(
    found: dict[tuple[str, int], str], unit: Unit, address: int, names: Collection[str], some: Iterator[Entry]
) -> None:
    """Add what the entries say of a variable; a damaged one says nothing."""
    try:
        for variable in some:
            name = _name(unit, variable)
            if name in names and (told := _type(unit, variable)) is not None:
                found.setdefault((name, address), told)
    except (UnknownFormError, LookupError, OverflowError, struct.error):
        pass


def _units(sections: Sections) -> Iterator[int]:
    """Where each unit begins."""
    information, at = sections.get(".debug_info"), 0
    while at < len(information):
        yield at
        at += 4 + int(struct.unpack_from(f"{sections.order}I", information, at)[0])


class _Form(NamedTuple):
    """An abbreviation of variables: its code, bytes before the location, whether the name is among them."""

    code: int
    size: int
    inline: bool


def _forms(unit: Unit) -> Iterator[_Form]:
    for code, kind in unit.abbreviations.items():
        before = _before_location(kind) if kind.tag == e.VARIABLE else None
        if before is not None:
            yield _Form(code, *before)


def _variables(unit: Unit, place: int) -> Iterator[Entry]:
    """Entries of variables whose location stands at a place."""
    return _placed(unit, place, _forms(unit))


def _placed(unit: Unit, place: int, forms: Iterable[_Form]) -> Iterator[Entry]:
    for code, size, inline in forms:
        for more in range(1, e.LONGEST_INLINE + 1) if inline else (0,):
            start = place - size - more - (1 if code < 0x80 else 2)
            if start < unit.first or e.unsigned(unit.data, start)[0] != code:
                continue
            entry = unit.entry(start)
            location = entry.attributes.get(e.LOCATION)
            if isinstance(location, bytes) and location == bytes(unit.data[place + 1 : place + 10]):
                yield entry


def _before_location(kind: Abbreviation) -> tuple[int, bool] | None:
    """Bytes of an entry before its location; whether its name stands in it, too."""
    size, inline = 0, False
    for attribute, form, _ in kind.attributes:
        if attribute == e.LOCATION:
            return (size, inline) if form == _EXPRESSION else None
        if form == e.INLINE_TEXT and attribute == e.NAME:
            inline = True
        elif form in e.FIXED:
            size += e.FIXED[form]
        else:
            return None
    return None


def _described(unit: Unit, entry: Entry) -> Iterator[Entry]:
    """An entry, and the one that it completes."""
    yield entry
    for attribute in (e.SPECIFICATION, e.ORIGIN):
        place = entry.number(attribute)
        if place is not None:
            yield unit.entry(place)


def _name(unit: Unit, variable: Entry) -> str:
    """Empty for one without a name."""
    told = (entry.attributes.get(e.NAME) for entry in _described(unit, variable))
    return next((name for name in told if isinstance(name, str)), "")


def _type(unit: Unit, variable: Entry) -> str | None:
    """As C declares it: the definition's own type before that of the ``extern`` declaration before it.

    An array has its size in the definition alone (``extern const sys_call_ptr_t sys_call_table[]``).
    """
    typed = (entry for entry in _described(unit, variable) if entry.number(e.TYPE) is not None)
    entry = next(typed, None)
    return _declared(unit, type_of(unit, entry), "", 0) if entry is not None else None


def _declared(unit: Unit, kind: Entry | None, inner: str, depth: int) -> str | None:
    """A type around what is declared with it."""
    if depth > _DEEPEST:
        raise UnknownFormError
    if kind is None:
        return f"void {inner}".rstrip()
    if kind.tag in _TAGS:
        name = kind.attributes.get(e.NAME)
        return f"{_TAGS[kind.tag]}{name} {inner}".rstrip() if isinstance(name, str) else None
    return _derived(unit, kind, inner, depth)


def _derived(unit: Unit, kind: Entry, inner: str, depth: int) -> str | None:
    """The same for what is made of another type."""
    below = type_of(unit, kind)
    if kind.tag in e.QUALIFIERS:
        return _declared(unit, below, inner, depth + 1)
    if kind.tag == e.POINTER:
        grouped = f"(*{inner})" if below is not None and _is_grouped(unit, below) else f"*{inner}"
        return _declared(unit, below, grouped, depth + 1)
    if kind.tag == e.ARRAY:
        return _declared(
            unit, below, inner + "".join(f"[{'' if n is None else n}]" for n in bounds(unit, kind)), depth + 1
        )
    if kind.tag == e.ROUTINE:
        given = _parameters(unit, kind, depth)
        return None if given is None else _declared(unit, below, f"{inner}({given})", depth + 1)
    return None


def _is_grouped(unit: Unit, kind: Entry) -> bool:
    for _ in range(_DEEPEST):
        if kind.tag not in e.QUALIFIERS:
            break
        below = type_of(unit, kind)
        if below is None:
            return False
        kind = below
    return kind.tag in {e.ARRAY, e.ROUTINE}


def _parameters(unit: Unit, routine: Entry, depth: int) -> str | None:
    """What a function takes; None where one has no name."""
    told: list[str] = []
    for child in unit.children(routine):
        if child.tag == _MORE:
            told.append("...")
        elif child.tag == e.PARAMETER:
            text = _declared(unit, type_of(unit, child), "", depth + 1)
            if text is None:
                return None
            told.append(text)
    return ", ".join(told) or "void"

"""Migrate types of pageblocks: ``pageblock_flags`` of memory sections (mm/page_alloc.c).

Sections and their bits are those of SPARSEMEM: include/linux/mmzone.h, pageblock-flags.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.mm.nodes import ZONE, unpacked
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.mm.nodes import Zone
    from crashdrive.linux.survey import Survey

_SECTION, _USAGE = "struct mem_section", "struct mem_section_usage"
# PB_migratetype_bits; SECTION_IS_ONLINE of section_mem_map since 4.13 (2d070eab2e82)
_TYPE_MASK, _ONLINE = 0x7, 1 << 2
_ISOLATED = "PB_migrate_isolate"
_LARGEST_SECTION = 1 << 40
# struct mem_section_usage since 5.3 (f1eca35a0dc7)
_FIELDS = {"map": ("section_mem_map",), "usage": ("usage",), "flags": ("pageblock_flags",)}


class _Shape(NamedTuple):
    """Pages of a section and of a pageblock, bits of a pageblock, the address of the array of sections.

    ``isolated``: the bit of a block that is isolated, and the type that it counts as; no bit where being
    isolated is a type like the others.
    """

    section: int
    block: int
    bits: int
    roots: int
    isolated: tuple[int, int] = (0, 0)


def blocks_by_type(survey: Survey, zones: Sequence[Zone], types: int) -> list[list[int]] | None:
    """Counts of pageblocks by zone and type; None, and a notice, where they can't be told.

    Counted as in /proc/pagetypeinfo: a block belongs to the zone whose span has the block's first page.
    """
    kernel = survey.kernel
    shape = _shape(kernel)
    if shape is None:
        message = "blocks of pages aren't read: how memory is cut into sections isn't known on this machine"
        survey.miss([Notice(kind="absent", message=message)], complete=True)
        return None
    firsts = [_firsts(zone, shape.block) for zone in zones]
    sections = sorted({first // shape.section for own in firsts for first in own})
    flags = _flags(survey, sections, shape)
    counts = [[0] * types for _ in zones]
    for own, row in zip(firsts, counts, strict=True):
        for first in own:
            bits = flags.get(first // shape.section)
            if bits is None:
                continue
            own_bits = bits >> (shape.bits * (first % shape.section // shape.block))
            kind = shape.isolated[1] if own_bits & shape.isolated[0] else own_bits & _TYPE_MASK
            if kind < types:
                row[kind] += 1
    return counts


def _firsts(zone: Zone, block: int) -> list[int]:
    """The first page of each block in a zone's span."""
    start, spanned = zone.values["start"], zone.values["spanned"]
    return [] if start is None or spanned is None else list(range(start, start + spanned, block))


def _shape(kernel: Machine) -> _Shape | None:
    """Sizes of sections and blocks; None where VMCOREINFO doesn't tell them."""
    told = kernel.session.vmcoreinfo
    size, roots = told.get("NUMBER(SECTION_SIZE_BITS)", ""), told.get("SYMBOL(mem_section)", "")
    if not size.isdecimal() or not roots or not 0 < 1 << int(size) <= _LARGEST_SECTION:
        return None
    bits = kernel.enumerators("enum pageblock_bits")
    names = [name for name in ("NR_PAGEBLOCK_BITS", "__NR_PAGEBLOCK_BITS") if name in bits]
    if not names:
        return None
    width = 1 << (bits[names[0]] - 1).bit_length()
    section = (1 << int(size)) // kernel.page_size
    isolated = (0, 0)
    if _ISOLATED in bits:
        isolated = 1 << bits[_ISOLATED], kernel.enumerators("enum migratetype")["MIGRATE_ISOLATE"]
    return _Shape(section, _block(kernel), width, int(roots, 16), isolated) if section else None


def _block(kernel: Machine) -> int:
    """Pages of a block: those of a huge page, or of the largest free block without huge pages."""
    if kernel.symbols.has("pageblock_order"):
        columns = kernel.read_many("int", [kernel.symbols.address("pageblock_order")], [""])
        return 1 << min(max(int(columns.check()[""][0]), 0), 32)
    largest = kernel.sizeof(kernel.place(ZONE, "free_area").type) // kernel.sizeof("struct free_area") - 1
    huge = (kernel.page_size // kernel.pointer_size).bit_length() - 1
    return 1 << (min(huge, largest) if kernel.symbols.has("hstates") else largest)


def _flags(survey: Survey, sections: Sequence[int], shape: _Shape) -> dict[int, int]:
    """The bits of the blocks of each section that is online, the first block's lowest."""
    kernel = survey.kernel
    step = kernel.sizeof(_SECTION)
    each = kernel.page_size // step
    roots = dict.fromkeys(section // each for section in sections)
    places = [shape.roots + kernel.pointer_size * root for root in roots]
    column = survey.gaps(kernel.read_many("unsigned long", places, [""]), "sections of memory")[""]
    pointers = dict(zip(roots, column, strict=True))
    there = [section for section in sections if pointers[section // each]]
    where = [pointers[section // each] + step * (section % each) for section in there]
    fields = Fields(kernel, _SECTION, _FIELDS, ("map",))
    rows = survey.rows(fields, where, "sections of memory")
    shift = kernel.offset(_USAGE, "pageblock_flags") if kernel.has_type(_USAGE) else 0
    usages = {
        section: (row["usage"] + shift if row["usage"] else row["flags"])
        for section, row in zip(there, rows, strict=True)
        if row["map"] is not None and row["map"] & _ONLINE
    }
    return _bits(survey, {section: place for section, place in usages.items() if place}, shape)


def _bits(survey: Survey, places: dict[int, int], shape: _Shape) -> dict[int, int]:
    kernel, window = survey.kernel, survey.kernel.window()
    width = 8 * kernel.pointer_size
    count = -(-shape.section // shape.block * shape.bits // width) or 1
    size = count * kernel.pointer_size
    window.fetch((place, size) for place in places.values())
    found, lost = {}, 0
    for section, place in places.items():
        raw = window.bytes(place, size)
        if raw is None:
            lost += 1
            continue
        numbers = unpacked(kernel, raw)
        found[section] = sum(word << (width * at) for at, word in enumerate(numbers))
    if lost:
        survey.miss([Notice(kind="hole", message=f"the blocks of {lost} sections of memory can't be read")])
    return found

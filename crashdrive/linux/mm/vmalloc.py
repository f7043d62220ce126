"""Areas of vmalloc and their callers, as in /proc/vmallocinfo (mm/vmalloc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.mm.nodes import scaled
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from crashdrive.kernel import Objects
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_AREA, _NODE = "struct vmap_area", "struct vmap_node"
_FIELDS = {
    "start": ("va_start",),
    "end": ("va_end",),
    "vm": ("vm",),
}
_OF_VM = {
    "address": ("addr",),
    "flags": ("flags",),
    "pages": ("nr_pages",),
    "physical": ("phys_addr",),
    "caller": ("caller",),
}
# VM_IOREMAP and others of include/linux/vmalloc.h, as /proc/vmallocinfo names them
_KINDS = (
    (0x1, "ioremap"), (0x2, "vmalloc"), (0x4, "vmap"), (0x8, "user"), (0x10, "dma-coherent"),
    (0x200, "sparse"),
)  # fmt: skip
# VMAP_RAM: an area without vm_struct (vm_map_ram()); an area that is neither is about to be freed
_WITHOUT = "vm_map_ram"
_MOST_NODES = 1 << 16


class VmallocArea(Record, frozen=True):
    """An area of vmalloc; ``area_bytes`` with its guard page, ``page_bytes``: the pages mapped in it.

    ``area_kind``: ``vmalloc``, ``vmap``, ``ioremap``, ``user``, ``dma-coherent``, ``sparse`` or several of
    them; ``vm_map_ram`` without a caller. ``caller``: the code that asked for it, as function+offset,
    ``caller_module``: the module of that code. ``physical_address``: the address that ioremap mapped.
    """

    address: Address
    area_bytes: int | None
    page_bytes: int | None
    area_kind: str
    caller: str | None
    caller_module: str | None
    physical_address: Address | None


class VmallocUse(Record, frozen=True):
    """Areas and memory of vmalloc by caller; None where the dump lacks a part."""

    caller: str | None
    caller_module: str | None
    area_kind: str
    area_count: int
    area_bytes: int | None
    page_bytes: int | None


class _Made(NamedTuple):
    caller: str | None
    module: str | None


def vmalloc_areas(survey: Survey) -> Iterator[VmallocArea]:
    """All areas by rising address."""
    kernel = survey.kernel
    found = _walked(kernel)
    survey.walked(found, "areas of vmalloc")
    fields = Fields(kernel, _AREA, _FIELDS, ("start", "end", "vm"))
    areas = sorted(
        (row for row in survey.rows(fields, found.addresses, "areas of vmalloc") if row["start"] is not None),
        key=lambda row: row["start"],
    )
    # the union's member vm is something else until the area is in use; then its addr isn't the area's
    wanted = Fields(kernel, "struct vm_struct", _OF_VM, ("address", "flags", "caller"))
    pointers = [row["vm"] for row in areas if row["vm"]]
    known = dict(zip(pointers, survey.rows(wanted, pointers, "areas of vmalloc"), strict=True))
    callers = {address: _caller(kernel, address) for address in {row["caller"] for row in known.values()}}
    for row in areas:
        vm = known.get(row["vm"] or 0)
        yield _area(kernel, row, vm, callers[vm["caller"]] if vm else _Made(None, None))


def _area(
    kernel: Machine, area: Mapping[str, int | None], vm: Mapping[str, int | None] | None, made: _Made
) -> VmallocArea:
    row, start, end = vm or {}, area["start"] or 0, area["end"]
    return VmallocArea(
        address=start,
        area_bytes=None if end is None else end - start,
        page_bytes=scaled(row.get("pages"), kernel.page_size),
        area_kind=_kind(row.get("flags")) if vm else _WITHOUT,
        caller=made.caller,
        caller_module=made.module,
        physical_address=row.get("physical") or None,
    )


def _kind(flags: int | None) -> str:
    if flags is None:
        return "unknown"
    return " ".join(name for bit, name in _KINDS if flags & bit) or f"{flags:#x}"


def _caller(kernel: Machine, address: int | None) -> _Made:
    place = kernel.symbols.lookup(address) if address else None
    if place is None:
        return _Made(None if not address else f"{address:#x}", None)
    offset = f"+{place.offset:#x}" if place.offset else ""
    return _Made(f"{place.symbol.name}{offset}", place.symbol.module)


def _walked(kernel: Machine) -> Objects:
    """Every ``struct vmap_area`` in use: on lists of nodes since 6.9 (d093602919ad), on one before."""
    if kernel.symbols.has("vmap_area_list"):
        window = kernel.window()
        if kernel.memory.reads_ahead and kernel.symbols.has("vmap_area_root"):
            # the tree brings their pages level by level, where the list alone takes a round trip for each
            kernel.walk_rbtree(kernel.symbols.address("vmap_area_root"), _AREA, "rb_node", window=window)
        return kernel.walk_list(kernel.symbols.address("vmap_area_list"), _AREA, "list", window=window)
    nodes = kernel.read_pointer(kernel.symbols.address("vmap_nodes"))
    place = kernel.symbols.address("nr_vmap_nodes")
    count = kernel.read_many("unsigned int", [place], [""]).check()[""][0]
    step, offset = kernel.sizeof(_NODE), kernel.offset(_NODE, "busy.head")
    heads = [nodes + offset + step * number for number in range(min(count, _MOST_NODES))]
    return kernel.walk_lists(heads, _AREA, "list")


def vmalloc_by_caller(areas: Iterable[VmallocArea]) -> list[VmallocUse]:
    """Areas added up by caller, most memory first."""
    groups: dict[tuple[str | None, str | None, str], list[VmallocArea]] = {}
    for area in areas:
        groups.setdefault((area.caller, area.caller_module, area.area_kind), []).append(area)
    found = [
        VmallocUse(
            caller=caller,
            caller_module=module,
            area_kind=kind,
            area_count=len(own),
            area_bytes=_sum(area.area_bytes for area in own),
            page_bytes=_sum(area.page_bytes for area in own if area.page_bytes is not None or caller),
        )
        for (caller, module, kind), own in groups.items()
    ]
    return sorted(found, key=lambda one: (-(one.page_bytes or 0), -(one.area_bytes or 0)))


def _sum(parts: Iterable[int | None]) -> int | None:
    found = list(parts)
    return None if None in found else sum(part for part in found if part is not None)

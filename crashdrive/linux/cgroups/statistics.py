"""Memory of cgroups by kind: ``memory.stat`` (mm/memcontrol.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashdrive.linux.survey import Survey

_STATS, _PER_CPU = "struct memcg_vmstats", "struct memcg_vmstats_percpu"
_INDEX = "mem_cgroup_stats_index"
_NO_INDEX = 255


class _Item(NamedTuple):
    """A counter: its name in the kernel's enumerations, and the bytes of a unit (0: a page)."""

    name: str
    unit: int


_ITEMS = {
    "anonymous_bytes": (_Item("NR_ANON_MAPPED", 0),),
    "file_bytes": (_Item("NR_FILE_PAGES", 0),),
    "shmem_bytes": (_Item("NR_SHMEM", 0),),
    "kernel_bytes": (_Item("MEMCG_KMEM", 0),),
    "slab_bytes": (_Item("NR_SLAB_RECLAIMABLE_B", 1), _Item("NR_SLAB_UNRECLAIMABLE_B", 1)),
    "sock_bytes": (_Item("MEMCG_SOCK", 0),),
}


def memory_statistics(
    survey: Survey, groups: Mapping[int, Mapping[str, Any]]
) -> dict[int, dict[str, int | None]]:
    """Bytes by the address of a cgroup, as the kernel summed them up last: it does so every two seconds.

    Empty where this kernel counts elsewhere.
    """
    kernel = survey.kernel
    mine = {address: row["statistics"] for address, row in groups.items() if row.get("statistics")}
    if not mine or not kernel.has_type(_STATS):
        return {}
    places = {name: _places(survey, items) for name, items in _ITEMS.items()}
    paths = {f"state[{at}]" for parts in places.values() for at, _ in parts}
    fields = Fields(kernel, _STATS, {path: (path,) for path in sorted(paths)})
    rows = survey.rows(fields, list(mine.values()), "memory of cgroups")
    return {
        address: {name: _sum(row, parts, kernel.page_size) for name, parts in places.items()}
        for address, row in zip(mine, rows, strict=True)
    }


def _sum(row: Mapping[str, Any], parts: Sequence[tuple[int, int]], page: int) -> int | None:
    values = [(row.get(f"state[{at}]"), unit or page) for at, unit in parts]
    if not values or any(value is None for value, _ in values):
        return None
    return sum(max(value or 0, 0) * unit for value, unit in values)


def _places(survey: Survey, items: Sequence[_Item]) -> list[tuple[int, int]]:
    """Where in ``state`` each counter is, with its unit."""
    kernel = survey.kernel
    numbers = {
        **kernel.enumerators("enum node_stat_item"),
        **kernel.enumerators("enum memcg_stat_item"),
    }
    found = [(_index(survey, numbers[one.name]), one.unit) for one in items if one.name in numbers]
    return [(at, unit) for at, unit in found if at is not None]


def _index(survey: Survey, number: int) -> int | None:
    """The counter's place in ``state``. A table has it since 6.10 (ff48c71c26aa): 255 is for what isn't
    counted; or 0 is, and all others are one more.
    """
    kernel = survey.kernel
    if not kernel.symbols.has(_INDEX):
        return number
    raw = kernel.read(kernel.symbols.address(_INDEX), kernel.variable_size(_INDEX))
    values = struct.unpack(f"{len(raw)}B", raw)
    if number >= len(values):
        return None
    shift = 0 if _NO_INDEX in values else 1
    at = values[number]
    return None if at == _NO_INDEX or at < shift else at - shift

"""``kmem``: the kernel's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from crashdrive.commands.base import call, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.kmem import (
    AddressReport,
    FreeZone,
    HugePages,
    KmemAnswer,
    MemoryBlock,
    MemoryNode,
    MemorySection,
    MemoryUse,
    Page,
    PageCount,
    PageFlag,
    PageList,
    PageMembers,
    PerCpuOffset,
    SlabCache,
    SlabCacheContents,
    SlabCacheName,
    VmapArea,
    VmStatistic,
    ZoneStatistics,
)
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

What = Literal[
    "info",
    "free",
    "statistics",
    "nodes",
    "zones",
    "offsets",
    "huge-pages",
    "page-flags",
    "caches",
    "slabs",
    "areas",
    "page",
    "report",
]
_LETTERS = {
    "info": "-i",
    "free": "-f",
    "statistics": "-V",
    "nodes": "-n",
    "zones": "-z",
    "offsets": "-o",
    "huge-pages": "-h",
    "page-flags": "-g",
    "caches": "-s",
    "slabs": "-S",
    "areas": "-v",
    "page": "-p",
    "report": "",
}


@overload
def kmem(
    crash: Runner,
    what: Literal["info"] = ...,
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[MemoryUse]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["free"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[FreeZone | PageCount]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["statistics"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[VmStatistic]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["nodes"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[MemoryNode | MemorySection | MemoryBlock]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["zones"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[ZoneStatistics]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["offsets"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[PerCpuOffset]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["huge-pages"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[HugePages]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["page-flags"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[PageFlag]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["caches"],
    *,
    address: None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[SlabCache]: ...
@overload
def kmem(
    crash: Runner, what: Literal["caches"], *, address: int, timeout: float | None = ...
) -> Answer[SlabCacheContents]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["slabs"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[SlabCacheContents]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["areas"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[VmapArea]: ...
@overload
def kmem(
    crash: Runner,
    what: Literal["page"],
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[Page]: ...
@overload
def kmem(
    crash: Runner, what: Literal["report"], *, address: int, timeout: float | None = ...
) -> Answer[AddressReport]: ...
@overload
def kmem(
    crash: Runner,
    what: What = ...,
    *,
    cache: str | None = ...,
    also: Sequence[Literal["nodes", "zones"]],
    timeout: float | None = ...,
) -> Answer[KmemAnswer]: ...
@overload
def kmem(
    crash: Runner,
    what: What,
    *,
    address: int | None = ...,
    cache: str | None = ...,
    timeout: float | None = ...,
) -> Answer[Any]: ...
def kmem(
    crash: Runner,
    what: What = "info",
    *,
    address: int | None = None,
    cache: str | None = None,
    also: Sequence[Literal["nodes", "zones"]] = (),
    timeout: float | None = None,
) -> Answer[Any]:
    """How memory is used.

    ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
    ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
    ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
    ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
    ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
    in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
    """
    if any(one not in {"nodes", "zones"} for one in also) or (also and address is not None):
        raise ArgumentError("kmem: nodes and zones alone go with another report, and not with an address's")
    where = "" if address is None else arguments.address(address)
    name = "" if cache is None else arguments.word(cache)
    letters = dict.fromkeys(_LETTERS[one] for one in (what, *also))
    return call(crash, line("kmem", *letters, where, name), timeout=timeout)


def kmem_cache_names(crash: Runner) -> Answer[SlabCacheName]:
    """The names of the slab caches (``kmem -s list``)."""
    return call(crash, "kmem -s list")


def kmem_page_members(crash: Runner, *pages: int, members: str) -> Answer[PageMembers]:
    """Members of page structures, several with commas between them (``kmem -m``); of all if no ``pages``."""
    wanted = ",".join(arguments.members(member) for member in members.split(","))
    return call(crash, line("kmem -m", wanted, *map(arguments.address, pages)))


def kmem_page_lists(
    crash: Runner, name: Literal["active", "inactive"] = "active"
) -> Answer[PageList | PageCount]:
    """The pages of the active or the inactive list; kernels before 2.6.29 alone (``kmem -l``)."""
    return call(crash, f"kmem -l {name[0]}")

"""``kmem``: the kernel's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from crashdrive.commands.base import call, line
from crashdrive.errors import ArgumentError
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

    ``what``: ``info`` (`MemoryUse`), ``free`` (`FreeZone`), ``statistics`` (`VmStatistic`), ``nodes``,
    ``zones``, ``offsets`` of per-cpu data, ``huge-pages``, ``page-flags``, ``caches`` (`SlabCache`),
    ``slabs`` (`SlabCacheContents`, with every object: long), ``areas`` of vmalloc (`VmapArea`), ``page``
    (`Page`), ``report`` on an address (`AddressReport`). ``address`` and ``cache`` (a slab cache's name)
    narrow it down. ``also``: crash reports on nodes and zones in the same breath; each report then stands in
    a `KmemAnswer`. Source: crash's ``kmem``.
    """
    if any(one not in {"nodes", "zones"} for one in also) or (also and address is not None):
        raise ArgumentError("kmem: nodes and zones alone go with another report, and not with an address's")
    where = "" if address is None else arguments.address(address)
    name = "" if cache is None else arguments.word(cache)
    letters = dict.fromkeys(_LETTERS[one] for one in (what, *also))
    return call(crash, line("kmem", *letters, where, name), timeout=timeout)

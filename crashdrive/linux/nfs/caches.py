"""Caches that a server of NFS is told from outside: exports, handles, addresses (net/sunrpc/cache.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from crashdrive.integers import Long
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.places import is_loaded
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

_CACHE, _HEAD = "struct cache_detail", "struct cache_head"
_FIELDS = {
    "name": ("name",), "net": ("net",), "table": ("hash_table",), "size": ("hash_size",),
    "entries": ("entries",),
}  # fmt: skip
_ENTRY = {"flags": ("flags",), "expires": ("expiry_time",)}
# enum of include/linux/sunrpc/cache.h: CACHE_VALID, CACHE_NEGATIVE, CACHE_PENDING
_VALID, _NEGATIVE, _PENDING = 1, 2, 4


class RpcCache(Record, frozen=True):
    """A cache, ``struct cache_detail``; ``cache_name`` as /proc/net/rpc has it, as ``nfsd.export``."""

    address: Address
    netns: str | None
    cache_name: str | None
    entries: int | None
    buckets: int | None
    table_address: Address | None


class Entry(NamedTuple):
    """An entry: the address of its ``struct cache_head``.

    ``valid``: it has an answer; ``negative``: that there is none; ``pending``: asked for, and not answered.
    ``expires``: seconds since the kernel's start.
    """

    address: int
    netns: str | None
    valid: bool | None
    negative: bool | None
    pending: bool | None
    expires: Long | None


def rpc_caches(survey: NetSurvey) -> list[RpcCache]:
    """The caches of the chosen namespaces."""
    kernel = survey.kernel
    if not is_loaded(survey, "sunrpc", "cache_list"):
        return []
    found = kernel.walk_list(kernel.symbols.address("cache_list"), _CACHE, "others")
    survey.walked(found, "caches of remote calls")
    rows = survey.addressed(Fields(kernel, _CACHE, _FIELDS, _FIELDS), found.addresses, "caches")
    names = texts(survey, (row["name"] for _, row in rows), "caches")
    return [
        RpcCache(
            address=address, netns=survey.labels.get(row["net"]), cache_name=names[row["name"]],
            entries=row["entries"], buckets=row["size"], table_address=row["table"] or None,
        )
        for address, row in rows
        # what can't be read may be of a chosen one
        if row["net"] is None or row["net"] in survey.chosen
    ]  # fmt: skip


class CacheEntries:
    """Reads the entries of caches."""

    def __init__(self, survey: NetSurvey, caches: Sequence[RpcCache]) -> None:
        self._survey, self._caches = survey, caches

    def named(self, name: str) -> list[Entry]:
        """The entries of the caches of that name."""
        survey, kernel = self._survey, self._survey.kernel
        found: list[tuple[int, str | None]] = []
        for cache in self._caches:
            if cache.cache_name != name or not cache.table_address or cache.buckets is None:
                continue
            buckets = survey.buckets(cache.buckets, name)
            entries = kernel.walk_table(cache.table_address, buckets, _HEAD, "cache_list")
            survey.walked(entries, name)
            found += [(address, cache.netns) for address in entries.addresses]
        fields = Fields(kernel, _HEAD, _ENTRY, _ENTRY) if found else None
        rows = survey.rows(fields, [address for address, _ in found], name) if fields else []
        return [
            Entry(address, netns, *_state(row["flags"]), row["expires"])
            for (address, netns), row in zip(found, rows, strict=True)
        ]


def _state(flags: int | None) -> tuple[bool | None, bool | None, bool | None]:
    if flags is None:
        return None, None, None
    return bool(flags & _VALID), bool(flags & _NEGATIVE), bool(flags & _PENDING)

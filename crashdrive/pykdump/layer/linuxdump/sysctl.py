"""``LinuxDump.sysctl``: the tables behind /proc/sys."""

from __future__ import annotations

from collections.abc import Iterator
from stat import S_ISDIR, S_ISLNK
from typing import Any

from crashdrive.pykdump.layer.access import container_of, readSU, readSymbol
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.linuxdump.trees import for_all_rbtree
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.layer.options import get_nsproxy
from crashdrive.pykdump.layer.structs import SmartString
from crashdrive.pykdump.run import current

_LONGS = (
    "proc_doulongvec_minmax",
    "dirty_background_bytes_handler",
    "dirty_bytes_handler",
    "proc_ipc_doulongvec_minmax",
)
_DEEPEST, _SHOWN = 32, 5


def for_all_sysdir_entries(ctdir: Any) -> Iterator[tuple[Any, Any]]:
    """(entry, its header) of a folder of /proc/sys."""
    for node in for_all_rbtree(ctdir.root, "struct ctl_node", "node"):
        head = node.header
        if head.unregistering:
            continue
        number = (int(node) - int(head.node)) // len(node)
        yield (
            readSU("struct ctl_table", int(head.ctl_table) + number * len(readSU("struct ctl_table", 0))),
            head,
        )


def getCtlTables() -> dict[str, Any]:
    """Every entry by its name (``net.ipv4.ip_forward``)."""
    known = kept("sysctl")
    if "entries" not in known:
        known["entries"] = dict(_below(readSymbol("sysctl_table_root").default_set.dir, "", 0))
        # those of the network are each namespace's own: net is a link in the first set
        proxy = get_nsproxy()
        if proxy and proxy.net_ns.hasField("sysctls"):
            known["entries"].update(_below(proxy.net_ns.sysctls.dir, "", 0))
    entries: dict[str, Any] = known["entries"]
    return entries


def _below(folder: Any, before: str, depth: int) -> Iterator[tuple[str, Any]]:
    for entry, head in for_all_sysdir_entries(folder):
        name = f"{before}{entry.procname}"
        if S_ISDIR(entry.mode):
            if depth < _DEEPEST:
                yield from _below(container_of(head, "struct ctl_dir", "header"), f"{name}.", depth + 1)
        elif not S_ISLNK(entry.mode):
            yield name, entry


def getCtlData(ct: Any) -> Any:
    """An entry's value: a number, a list of them, or text; ``(?)`` where it can't be told."""
    handler = current().facts.name(int(ct.proc_handler)) or ""
    data, size = int(ct.data), int(ct.maxlen)
    if handler == "proc_dostring":
        return SmartString(current().pages.readmem(data, size), data)
    if not data or not size or size % 4:
        return "(?)"
    width = 8 if handler in _LONGS and size % 8 == 0 else 4
    read = current().pages.scalar(width, signed=False)
    values: list[Any] = [read(data + at) for at in range(0, size, width)]
    if "jiffies" in str(handler):
        values = [value // current().kernel.hz for value in values]
    if len(values) == 1:
        return values[0]
    return (
        values if len(values) <= _SHOWN else [*values[:_SHOWN], f"... {len(values) - _SHOWN} more elements"]
    )


__getattr__ = lazy_names(__name__, {})

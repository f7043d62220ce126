"""The network namespaces of a dump, with the names that people know them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crashdrive.errors import UsageError
from crashdrive.records import Notice, Record
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.kernel import Kernel


class NetNamespace(Record, frozen=True):
    """A network namespace: ``address`` of its ``struct net``, ``inum`` as lsns and /proc/PID/ns/net have it.

    ``name`` is what ``ip netns`` calls it (the mount that holds it), ``pid`` the lowest process in it.
    ``initial`` is that of the first process.
    """

    address: int
    inum: int
    name: str | None
    pid: int | None
    initial: bool

    @property
    def label(self) -> str:
        """``name``, or ``inum`` as text."""
        return self.name or str(self.inum)


class Namespaces(Record, frozen=True):
    """All of them, the initial one first, and what is doubtful about that."""

    found: tuple[NetNamespace, ...]
    warnings: tuple[Notice, ...] = ()
    complete: bool = True

    def by_address(self) -> dict[int, NetNamespace]:
        """The namespaces by the address of their ``struct net``."""
        return {namespace.address: namespace for namespace in self.found}

    def choose(self, wanted: str | None) -> Namespaces:
        """Those that ``--netns`` means: a name, an inode number, an address in hexadecimal, or ``pid:N``.

        All where it is None. UsageError that names what there is where none fits.
        """
        if wanted is None:
            return self
        chosen = tuple(one for one in self.found if wanted in _names(one))
        if not chosen:
            there = ", ".join(printable(one.label) for one in self.found)
            raise UsageError(f"no network namespace {wanted!a}; there are: {there}")
        return msgspec.structs.replace(self, found=chosen)


def _names(namespace: NetNamespace) -> set[str]:
    names = {str(namespace.inum), hex(namespace.address), f"{namespace.address:x}"}
    if namespace.name is not None:
        names.add(namespace.name)
    if namespace.pid is not None:
        names.add(f"pid:{namespace.pid}")
    return names | ({"init"} if namespace.initial else set())


def namespaces(kernel: Kernel) -> Namespaces:
    """Every ``struct net`` on ``net_namespace_list``; without CONFIG_NET_NS there is ``init_net`` alone."""
    initial = kernel.symbols.address("init_net")
    walked = kernel.for_each_net_namespace()
    addresses = [initial, *(a for a in walked.addresses if a != initial)]
    inums = kernel.read_many("struct net", addresses, [_inum_path(kernel)])
    names, pids = _mount_names(kernel), _lowest_pids(kernel)
    found = tuple(
        NetNamespace(
            address=address,
            inum=inum or 0,
            name=names.get(inum),
            pid=pids.get(address),
            initial=address == initial,
        )
        for address, inum in zip(addresses, inums.columns[0], strict=True)
    )
    return Namespaces(
        found=found,
        warnings=(*walked.notices(), *inums.notices("struct net")),
        complete=walked.complete and inums.complete,
    )


def _inum_path(kernel: Kernel) -> str:
    # 435d5f4bb2cc (3.19) moved the number into struct ns_common
    return kernel.path("struct net", "ns.inum", "proc_inum")


def _lowest_pids(kernel: Kernel) -> dict[int, int]:
    """Lowest pid of each namespace that some process is in."""
    tasks = kernel.for_each_task(threads=False)
    columns = tasks.read(["nsproxy->net_ns", "tgid"])
    pids: dict[int, int] = {}
    for net, pid in columns:
        if net and pid is not None and pid < pids.get(net, pid + 1):
            pids[net] = pid
    return pids


def _mount_names(kernel: Kernel) -> dict[int, str]:
    """Inode number -> name of what ``ip netns`` has mounted: files of nsfs bound over /run/netns/NAME."""
    path = ["mnt.mnt_sb->s_type->name", "mnt.mnt_root->d_inode->i_ino", "mnt_mountpoint->d_name.name"]
    rows = list(kernel.for_each_mount().read(path))
    bound = [(inum, name) for kind, inum, name in rows if _is_nsfs(kernel, kind) and inum and name]
    return {inum: kernel.read_string(name, 256).decode("utf-8", "backslashreplace") for inum, name in bound}


def _is_nsfs(kernel: Kernel, address: int | None) -> bool:
    return bool(address) and kernel.read_string(address or 0, 8) == b"nsfs"

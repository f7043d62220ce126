"""The network namespaces of a dump, with the names that people know them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crashdrive.errors import FaultError, UsageError
from crashdrive.linux.fs.mounts import for_each_mount
from crashdrive.linux.net.net_list import for_each_net_namespace
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.records import Address, Notice, Record
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.kernel.program import Program


INITIAL = "init"


class NetNamespace(Record, frozen=True):
    """A network namespace: ``address`` of its ``struct net``, ``inum`` as lsns and /proc/PID/ns/net have it.

    ``name`` is what ``ip netns`` calls it (the mount that holds it), ``pid`` the lowest process in it.
    ``initial`` is that of the first process.
    """

    address: Address
    inum: int
    name: str | None
    pid: int | None
    initial: bool

    @property
    def label(self) -> str:
        """``name``; ``init`` for the first process's; or ``inum`` as text.

        A namespace that somebody named ``init`` and that isn't it goes by its number too.
        """
        if self.initial:
            return self.name or INITIAL
        return self.name if self.name and self.name != INITIAL else str(self.inum)


class Namespaces(Record, frozen=True):
    """All of them, the initial one first, and what is doubtful about that.

    ``members``: the address of each process's namespace, by pid.
    """

    found: tuple[NetNamespace, ...]
    members: dict[int, int] = msgspec.field(default_factory=dict)
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
        kind, _, pid = wanted.partition(":")
        home = self.members.get(int(pid)) if kind == "pid" and pid.isdecimal() else None
        chosen = tuple(one for one in self.found if one.address == home or wanted in _names(one))
        if not chosen:
            there = ", ".join(printable(one.label) for one in self.found)
            raise UsageError(f"no network namespace {wanted!a}; there are: {there}")
        return msgspec.structs.replace(self, found=chosen)


def _names(namespace: NetNamespace) -> set[str]:
    names = {str(namespace.inum), hex(namespace.address), f"{namespace.address:x}", namespace.label}
    if namespace.initial:
        names.add(INITIAL)
    return names


def namespaces(kernel: Program) -> Namespaces:
    """Every ``struct net`` on ``net_namespace_list``; without CONFIG_NET_NS there is ``init_net`` alone."""
    initial = kernel.symbols.address("init_net")
    walked = for_each_net_namespace(kernel)
    addresses = [initial, *(a for a in walked.addresses if a != initial)]
    inums = kernel.read_many("struct net", addresses, [_inum_path(kernel)])
    members = _members(kernel)
    pids: dict[int, int] = {}
    for pid in sorted(members, reverse=True):
        pids[members[pid]] = pid
    names, doubts = _mount_names(kernel)
    found = tuple(
        NetNamespace(
            address=address,
            inum=inum or 0,
            name=names.get(inum or 0),
            pid=pids.get(address),
            initial=address == initial,
        )
        for address, inum in zip(addresses, inums.columns[0], strict=True)
    )
    return Namespaces(
        found=found,
        members=members,
        warnings=(*walked.notices(), *inums.notices("struct net"), *doubts),
        complete=walked.complete and inums.complete and not doubts,
    )


def _inum_path(kernel: Program) -> str:
    # 435d5f4bb2cc (3.19) moved the number into struct ns_common
    return kernel.path("struct net", "ns.inum", "proc_inum")


def _members(kernel: Program) -> dict[int, int]:
    """Each process's namespace by its pid; a zombie is in none."""
    tasks = for_each_task(kernel, threads=False)
    return {pid: net for net, pid in tasks.read(["nsproxy->net_ns", "tgid"]) if net and pid is not None}


def _mount_names(kernel: Program) -> tuple[dict[int, str], tuple[Notice, ...]]:
    """Inode number -> name of what ``ip netns`` has mounted: files of nsfs bound over /run/netns/NAME."""
    path = ["mnt.mnt_sb->s_type->name", "mnt.mnt_root->d_inode->i_ino", "mnt_mountpoint->d_name.name"]
    names: dict[int, str] = {}
    lost: list[FaultError] = []
    for kind, inum, name in for_each_mount(kernel).read(path):
        try:
            if kind and inum and name and kernel.read_string(kind, 8) == b"nsfs":
                names[inum] = kernel.read_string(name, 256).decode("utf-8", "backslashreplace")
        except FaultError as error:
            lost.append(error)
    message = f"{len(lost)} mounts may be names of network namespaces: {lost[0]}" if lost else ""
    return names, (Notice(kind="hole", message=message),) if lost else ()

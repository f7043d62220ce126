"""The network namespaces of a dump, with their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from crashdrive.choices import no_such
from crashdrive.errors import FaultError, UsageError
from crashdrive.linux.fs.mounts import for_each_mount
from crashdrive.linux.net.net_list import for_each_net_device, for_each_net_namespace
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Reading, Survey
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from crashdrive.kernel import Objects
    from crashdrive.kernel.memory.columns import Gap
    from crashdrive.linux.machine import Machine


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

        A namespace that is named ``init`` and isn't the initial one is shown by its number.
        """
        if self.initial:
            return self.name or INITIAL
        return self.name if self.name and self.name != INITIAL else str(self.inum)


class PopulatedNamespace(Record, frozen=True):
    """A network namespace, and its processes.

    ``netns``: its label in other reports, ``inum``: the number in lsns and /proc/PID/ns/net, ``name``: that
    of ip netns. ``processes``: how many are in it; ``pid``: the lowest of them, ``program``: its name. A
    namespace without processes is kept by a mount, a file or a socket. ``address``: of its ``struct net``.
    """

    netns: str
    inum: int
    name: str | None
    initial: bool
    processes: int
    pid: int | None
    program: str | None
    interfaces: int
    address: Address


class Namespaces(Record, frozen=True):
    """All namespaces, the initial one first, and whether the list is complete.

    ``netns_of``: the address of each process's namespace, by pid; ``process_notices`` says why some may be
    missing: for readers that use processes.
    """

    nets: tuple[NetNamespace, ...]
    netns_of: dict[int, int] = msgspec.field(default_factory=dict)
    process_notices: tuple[Notice, ...] = ()
    warnings: tuple[Notice, ...] = ()
    complete: bool = True

    def by_address(self) -> dict[int, NetNamespace]:
        """The namespaces by the address of their ``struct net``."""
        return {namespace.address: namespace for namespace in self.nets}

    def choose(self, wanted: str | None) -> Namespaces:
        """The namespaces that ``--netns`` chooses: by name, inode number, address in hexadecimal, or
        ``pid:N``.

        All where it is None. UsageError, with the known namespaces, where none fits.
        """
        if wanted is None:
            return self
        kind, _, pid = wanted.partition(":")
        home = self.netns_of.get(int(pid)) if kind == "pid" and pid.isdecimal() else None
        chosen = tuple(one for one in self.nets if one.address == home or wanted in _names(one))
        if not chosen:
            unsure = f" ({self.process_notices[0].message})" if kind == "pid" and self.process_notices else ""
            error = no_such("network namespace", wanted, [one.label for one in self.nets])
            raise UsageError(f"{error}{unsure}")
        return msgspec.structs.replace(self, nets=chosen)


def _names(namespace: NetNamespace) -> set[str]:
    names = {str(namespace.inum), hex(namespace.address), f"{namespace.address:x}", namespace.label}
    if namespace.initial:
        names.add(INITIAL)
    return names


def namespaces(kernel: Machine) -> Namespaces:
    """Every ``struct net`` on ``net_namespace_list``; without CONFIG_NET_NS there is ``init_net`` alone."""
    initial = kernel.symbols.address("init_net")
    walked = for_each_net_namespace(kernel)
    addresses = [initial, *(a for a in walked.addresses if a != initial)]
    inums = kernel.read_many("struct net", addresses, [_inum_path(kernel)])
    members, unread = _members(kernel)
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
        nets=found,
        netns_of=members,
        process_notices=unread,
        warnings=(*walked.notices(), *inums.notices("struct net"), *doubts),
        complete=walked.complete and inums.complete and not doubts,
    )


def _inum_path(kernel: Machine) -> str:
    # 435d5f4bb2cc (3.19) moved the number into struct ns_common
    return kernel.path("struct net", "ns.inum", "proc_inum")


_PROCESSES = "processes of network namespaces"
_NAMES = "names of network namespaces"
_NAMED = ["mnt.mnt_sb->s_type->name", "mnt.mnt_root->d_inode->i_ino", "mnt_mountpoint->d_name.name"]


def _members(kernel: Machine) -> tuple[dict[int, int], tuple[Notice, ...]]:
    """Each process's namespace by pid, and why some may be missing; a zombie is in none."""
    tasks = for_each_task(kernel, threads=False)
    columns = tasks.read(["nsproxy->net_ns", "tgid"])
    members = {pid: net for net, pid in columns if net and pid is not None}
    return members, (*_cut(tasks, _PROCESSES), *columns.notices(_PROCESSES))


def _cut(found: Objects, what: str) -> tuple[Notice, ...]:
    """Notices of an incomplete walk; none of a complete one."""
    return () if found.complete else found.walk.notices(what)


def _mount_names(kernel: Machine) -> tuple[dict[int, str], tuple[Notice, ...]]:
    """Names by inode number of the namespaces that ``ip netns`` mounted: files of nsfs bound over
    /run/netns/NAME.

    With them, why some may be missing: a namespace is then shown by its number.
    """
    mounts = for_each_mount(kernel)
    columns = mounts.read(_NAMED)
    gaps = {gap.row: gap for gap in reversed(columns.gaps)}
    names: dict[int, str] = {}
    lost: list[str] = []
    for row, (kind, inum, name) in enumerate(columns):
        gap = gaps.get(row)
        try:
            if not _may_be_nsfs(kernel, kind, gap):
                continue
            if inum and name:
                names[inum] = kernel.read_string(name, 256).decode("utf-8", "backslashreplace")
            elif gap:
                lost.append(f"{gap.reason} at {gap.address:#x}")
        except FaultError as error:
            lost.append(str(error))
    message = f"{_NAMES}: {len(lost)} mounts unread that may be some: {lost[0]}" if lost else ""
    return names, (*_cut(mounts, _NAMES), *([Notice(kind="hole", message=message)] if lost else ()))


def _may_be_nsfs(kernel: Machine, kind: int | None, gap: Gap | None) -> bool:
    """Whether a filesystem may be nsfs, by the pointer to its type's name: also where that can't be told."""
    return kernel.read_string(kind, 8) == b"nsfs" if kind else gap is not None


def read(kernel: Machine) -> Reading[PopulatedNamespace]:
    """All namespaces with their processes and interfaces, the initial one first."""
    survey, everywhere = Survey(kernel), namespaces(kernel)
    survey.miss(everywhere.warnings, complete=everywhere.complete)
    return survey.reading(populated(survey, everywhere))


def populated(survey: Survey, everywhere: Namespaces) -> list[PopulatedNamespace]:
    """The namespaces with the numbers of their processes and interfaces; doubts are noted."""
    survey.miss(everywhere.process_notices, complete=not everywhere.process_notices)
    programs = _programs(survey, everywhere)
    counts = Counter(everywhere.netns_of.values())
    return [_populated(survey, one, counts[one.address], programs) for one in everywhere.nets]


def _populated(
    survey: Survey, one: NetNamespace, count: int, programs: Mapping[int, str | None]
) -> PopulatedNamespace:
    devices = for_each_net_device(survey.kernel, one.address)
    survey.walked(devices, "interfaces")
    return PopulatedNamespace(
        netns=one.label, inum=one.inum, name=one.name, initial=one.initial, processes=count, pid=one.pid,
        program=None if one.pid is None else programs.get(one.pid), interfaces=len(devices),
        address=one.address,
    )  # fmt: skip


def _programs(survey: Survey, everywhere: Namespaces) -> dict[int, str | None]:
    """Names of the lowest processes of namespaces, by pid."""
    wanted = {one.pid for one in everywhere.nets}
    tasks = for_each_task(survey.kernel, threads=False)
    columns = survey.gaps(tasks.read(["tgid", "comm"]), "names of processes")
    return {pid: comm for pid, comm in columns if pid in wanted}

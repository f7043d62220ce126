"""Settings of the machine and of network namespaces: the tables of sysctl. Source: fs/proc/proc_sysctl.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import (
    CorruptError,
    FaultError,
    UnknownMemberError,
    UnknownSymbolError,
    UnknownTypeError,
)
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields, row_dicts
from crashdrive.linux.sysctl.machine import MACHINE, SILENT
from crashdrive.linux.sysctl.network import NETWORK
from crashdrive.linux.sysctl.source import Source
from crashdrive.records import Address, Notice, Record

_NODE, _TABLE, _DIR = "struct ctl_node", "struct ctl_table", "struct ctl_dir"
WHAT = "sysctl tables"
_MOST_BYTES = 4096
_LONGEST_NAME = 256
_MOST_LEVELS = 400
_FORMAT, _FOLDER, _LINK = 0xF000, 0x4000, 0xA000  # S_IFMT, S_IFDIR, S_IFLNK
_READABLE = 0o444
_WRITE_ONLY, _NOT_SET, _NOT_READ, _NOT_THERE = "write-only", "not set", "not read", "not in the dump"
_NOTHING = "says nothing"
_USER_HZ = 100  # of all architectures but Alpha
_NODES = {
    "left": ("node.rb_left",),
    "right": ("node.rb_right",),
    "header": ("header",),
    "table": ("header->ctl_table",),
    "first": ("header->node",),
}
_ENTRY = {
    "name": ("procname",),
    "data": ("data",),
    "length": ("maxlen",),
    "mode": ("mode",),
    "handler": ("proc_handler",),
    "extra": ("extra1",),
}
_NET_ROOT = "sysctls.dir.root.rb_node"
# sets of settings: the machine's, and those of the initial namespaces
_SETS = (
    ("sysctl_table_root", "struct ctl_table_root", "default_set.dir"),
    ("init_user_ns", "struct user_namespace", "set.dir"),
    ("init_ipc_ns", "struct ipc_namespace", "ipc_set.dir"),
    ("init_ipc_ns", "struct ipc_namespace", "mq_set.dir"),
    ("init_pid_ns", "struct pid_namespace", "set.dir"),
)
# members of an entry that are needed
_NEEDED = ("name", "data", "length", "mode", "handler")


class Setting(Record, frozen=True):
    """A setting as sysctl names and prints it: several numbers with blanks (not tabs) between them.

    ``netns`` is None for the machine's settings. ``value`` is None where there is none to show; ``absent``
    says why: ``write-only``, ``says nothing`` (reading it has an effect instead), ``not set``, ``not in the
    dump``, or ``not read``: ``proc_handler``, the kernel's function for it, isn't known here.
    ``data_address``: of the variable.
    """

    netns: str | None
    name: str
    value: str | None
    proc_handler: str | None
    permissions: int
    data_address: Address | None
    absent: str | None = None


class _Visit(NamedTuple):
    """A node of a directory's tree, and its namespace."""

    net: int
    path: tuple[str, ...]
    address: int


class _Tree(NamedTuple):
    """The first node of a tree; ``net``: its network namespace, 0 for none."""

    net: int
    root: int | None


class _Leaf(NamedTuple):
    net: int
    path: tuple[str, ...]
    row: dict[str, Any]


def settings(survey: NetSurvey, names: tuple[str, ...], *, machine: bool = True) -> list[Setting]:
    """The settings whose names begin with one of these, of the chosen network namespaces and the machine."""
    leaves = [
        leaf for leaf in _leaves(survey, machine=machine) if not names or _name(leaf.path).startswith(names)
    ]
    reader = _Reader(survey)
    reader.prefetch(leaves)
    made = [reader.setting(leaf) for leaf in leaves]
    reader.complain()
    order = [one.label for one in survey.namespaces.nets]
    # the machine's own first
    return sorted(made, key=lambda one: (-1 if one.netns is None else order.index(one.netns), one.name))


def names(survey: NetSurvey) -> list[str]:
    """The names of all settings of the chosen namespaces, and of the machine's."""
    return sorted({_name(leaf.path) for leaf in _leaves(survey, machine=True)})


def _name(path: Sequence[str]) -> str:
    """A name as sysctl has it: the dot in ``eth0.5`` becomes a slash."""
    return ".".join(part.replace(".", "/") for part in path)


# the trees


def _leaves(survey: NetSurvey, *, machine: bool) -> Iterator[_Leaf]:
    """All entries of all trees, read level by level."""
    level = [_Visit(one.net, (), one.root) for one in _trees(survey, machine=machine) if one.root]
    seen = {one.address for one in level}
    for _ in range(_MOST_LEVELS):
        if not level:
            return
        found, following = _level(survey, level)
        yield from found
        below = {one.address: one for one in following if one.address not in seen}
        if len(below) < len(following):
            survey.miss([Notice(kind="loop", message=f"{WHAT}: a tree leads back into itself")])
        level = list(below.values())
        seen |= below.keys()
    survey.miss([Notice(kind="depth", message=f"{WHAT}: more than {_MOST_LEVELS} levels; not read")])


def _trees(survey: NetSurvey, *, machine: bool) -> Iterator[_Tree]:
    """The trees of the chosen network namespaces, and of the machine."""
    kernel = survey.kernel
    nets = [one.address for one in survey.namespaces.nets if one.address in survey.chosen]
    column = survey.gaps(kernel.read_many("struct net", nets, [_NET_ROOT]), WHAT)
    yield from map(_Tree, nets, column[_NET_ROOT])
    for symbol, kind, path in _SETS if machine else ():
        if kernel.symbols.has(symbol) and kernel.has_member(kind, path):
            place = kernel.symbols.address(symbol) + kernel.offset(kind, path)
            found = kernel.read_many("struct ctl_dir", [place], ["root.rb_node"])
            yield _Tree(0, survey.gaps(found, WHAT)["root.rb_node"][0])


def _level(survey: NetSurvey, level: Sequence[_Visit]) -> tuple[list[_Leaf], list[_Visit]]:
    """The entries of nodes, and the nodes below: those of their trees, and of directories."""
    nodes = survey.read(Fields(survey.kernel, _NODE, _NODES), [one.address for one in level], WHAT)
    below = [
        one._replace(address=child)
        for one, *both in zip(level, nodes["left"], nodes["right"], strict=True)
        for child in both
        if child
    ]
    leaves: list[_Leaf] = []
    folders: list[tuple[_Visit, int]] = []
    for one, row in _entries(survey, level, nodes):
        path = (*one.path, row["text"])
        kind = row["mode"] & _FORMAT
        if kind == _FOLDER:
            folders.append((one._replace(path=path), row["header"]))
        elif kind != _LINK:
            leaves.append(_Leaf(one.net, path, row))
    roots = survey.kernel.read_many(_DIR, [header for _, header in folders], ["root.rb_node"])
    firsts = survey.gaps(roots, WHAT)["root.rb_node"]
    below += [one._replace(address=root) for (one, _), root in zip(folders, firsts, strict=True) if root]
    return leaves, below


def _entries(
    survey: NetSurvey, level: Sequence[_Visit], nodes: dict[str, Sequence[Any]]
) -> Iterator[tuple[_Visit, dict[str, Any]]]:
    """The entry of each node: its index in the table is the node's index among its header's nodes."""
    kernel = survey.kernel
    step, size = kernel.sizeof(_NODE), kernel.sizeof(_TABLE)
    places: list[tuple[_Visit, int, int]] = []
    for one, header, table, first in zip(level, nodes["header"], nodes["table"], nodes["first"], strict=True):
        if header and table and first:
            at, rest = divmod(one.address - first, step)
            if rest == 0 and 0 <= at < 1 << 16:
                places.append((one, header, table + at * size))
                continue
        survey.miss([Notice(kind="node", message=f"{WHAT}: a node at {one.address:x} has no entry")])
    columns = survey.read(Fields(kernel, _TABLE, _ENTRY, _NEEDED), [p for *_, p in places], WHAT)
    kernel.prefetch((name, _LONGEST_NAME) for name in columns["name"] if name)
    rows = row_dicts(columns)
    for (one, header, _), row in zip(places, rows, strict=True):
        if row["name"] and row["mode"] is not None:
            text = kernel.read_string(row["name"], _LONGEST_NAME).decode("utf-8", "backslashreplace")
            yield one, {**row, "header": header, "text": text}


# values


class _Reader:
    """Values of variables, read as the kernel's function for each reads them."""

    def __init__(self, survey: NetSurvey) -> None:
        self._survey = survey
        self._kernel = survey.kernel
        self._unknown: dict[str, int] = {}
        self._lost = 0
        self._names: dict[int | None, str | None] = {None: None, 0: None}

    def prefetch(self, leaves: Sequence[_Leaf]) -> None:
        """Bring all variables at once."""
        self._kernel.prefetch(
            (leaf.row["data"], leaf.row["length"])
            for leaf in leaves
            if leaf.row["data"] and 0 < (leaf.row["length"] or 0) <= _MOST_BYTES
        )

    def setting(self, leaf: _Leaf) -> Setting:
        """A row."""
        handler = self._handler(leaf.row["handler"])
        value, absent = self._value(leaf, handler)
        return Setting(
            netns=self._survey.labels.get(leaf.net),
            name=_name(leaf.path),
            value=value,
            proc_handler=handler,
            permissions=leaf.row["mode"] & 0o7777,
            data_address=leaf.row["data"],
            absent=absent,
        )

    def _handler(self, function: int | None) -> str | None:
        if function not in self._names:
            place = self._kernel.symbols.lookup(function or 0)
            named = place is not None and not place.offset
            self._names[function] = place.symbol.name if place is not None and named else f"{function:x}"
        return self._names[function]

    def _value(self, leaf: _Leaf, handler: str | None) -> tuple[str | None, str | None]:
        """The value, or why there is none."""
        if not leaf.row["mode"] & _READABLE:
            return None, _WRITE_ONLY
        if handler in SILENT:
            return None, _NOTHING
        try:
            value = self._read(leaf, handler or "")
        except (UnknownMemberError, UnknownSymbolError, UnknownTypeError):
            self._unknown[handler or "none"] = self._unknown.get(handler or "none", 0) + 1
            return None, _NOT_READ
        except (FaultError, CorruptError):
            self._lost += 1
            return None, _NOT_THERE
        return value, None if value is not None else _NOT_SET

    def _read(self, leaf: _Leaf, handler: str) -> str | None:
        row = leaf.row
        if handler in _COMPUTED:
            length, extra = row["length"] or 0, row["extra"] or 0
            return _COMPUTED[handler](Source(self._survey, leaf.net, row["data"] or 0, length, extra))
        form = _BY_NAME.get(handler, {}).get(leaf.path[-1]) or _FORMS.get(handler)
        if form is None or not row["data"] or not 0 < (row["length"] or 0) <= _MOST_BYTES:
            raise UnknownTypeError(handler)
        return form(self._kernel, self._kernel.read(row["data"], row["length"]))

    def complain(self) -> None:
        """Note the settings that weren't read."""
        if self._unknown:
            told = ", ".join(f"{name} ({count})" for name, count in sorted(self._unknown.items()))
            message = f"settings that this kernel computes, or keeps elsewhere; not read: {told}"
            self._survey.miss([Notice(kind="elsewhere", message=message)])
        if self._lost:
            self._survey.miss(
                [Notice(kind="hole", message=f"{self._lost} settings are not in the dump, or damaged")]
            )


_COMPUTED = {**MACHINE, **NETWORK}
_Form = Callable[[Any, bytes], str | None]


def _numbers(code: str, change: Callable[[Any, int], int] | None = None) -> _Form:
    def form(kernel: Any, raw: bytes) -> str | None:
        letter = ("Q" if kernel.pointer_size == 8 else "I") if code == "L" else code
        count = len(raw) // struct.calcsize(f"={letter}")
        values = struct.unpack_from(f"{kernel.order}{count}{letter}", raw)
        return " ".join(str(change(kernel, value) if change else value) for value in values)

    return form


def _text(_kernel: Any, raw: bytes) -> str:
    """Up to the first NUL or line end."""
    line = raw.partition(b"\0")[0].partition(b"\n")[0]
    return line.decode("utf-8", "backslashreplace")


def _whole(value: int, divisor: int) -> int:
    """C's division: towards 0."""
    return abs(value) // divisor * (1 if value >= 0 else -1)


def _seconds(kernel: Any, ticks: int) -> int:
    return _whole(ticks, kernel.hz)


def _milliseconds(kernel: Any, ticks: int) -> int:
    return _whole(ticks * 1000, kernel.hz)


def _clock(kernel: Any, ticks: int) -> int:
    return _whole(ticks * _USER_HZ, kernel.hz)


_INT, _UINT, _BYTE = _numbers("i"), _numbers("I"), _numbers("B")


def _booleans(_kernel: Any, raw: bytes) -> str:
    """Booleans, a byte each; until 6.3 (f1aa2eb5ea05) ``maxlen`` was that of ints."""
    step = 4 if len(raw) % 4 == 0 else 1
    return " ".join(str(int(bool(byte))) for byte in raw[::step])


def _byte_or_int(kernel: Any, raw: bytes) -> str | None:
    return (_BYTE if len(raw) == 1 else _INT)(kernel, raw)


# of the machine; they read as proc_dointvec does, and act only on a write
_MACHINE_INTS = (
    "apparmor_dointvec", "bpf_unpriv_handler", "compaction_proactiveness_sysctl_handler",
    "dirty_background_ratio_handler", "dirty_ratio_handler", "dirty_writeback_centisecs_handler",
    "dirtytime_interval_handler", "ftrace_enable_sysctl", "lowmem_reserve_ratio_sysctl_handler",
    "min_free_kbytes_sysctl_handler", "overcommit_policy_handler", "overcommit_ratio_handler",
    "percpu_pagelist_fraction_sysctl_handler", "sched_proc_update_handler",
    "percpu_pagelist_high_fraction_sysctl_handler", "perf_cpu_time_max_percent_handler",
    "perf_event_max_sample_rate_handler", "perf_event_max_stack_handler", "perf_proc_update_handler",
    "pid_mfd_noexec_dointvec_minmax", "proc_do_rointvec", "proc_dointvec_minmax_coredump",
    "proc_dointvec_minmax_warn_RT_change", "proc_ipc_dointvec_minmax_orphans", "proc_ipc_sem_dointvec",
    "proc_watchdog_thresh", "sched_rr_handler", "sched_rt_handler", "stack_trace_sysctl",
    "sysctl_min_slab_ratio_sysctl_handler", "sysctl_min_unmapped_ratio_sysctl_handler",
    "sysctl_vm_numa_stat_handler", "timer_migration_handler", "tracepoint_printk_sysctl",
    "watermark_scale_factor_sysctl_handler", "yama_dointvec_minmax",
)  # fmt: skip
# of the IPC namespace of who asks: the tables' own variables are those of the first one (ipc/ipc_sysctl.c,
# ipc/mq_sysctl.c until 5.18)
_IPC_INTS = (
    "proc_ipc_dointvec", "proc_ipc_dointvec_minmax", "proc_mq_dointvec", "proc_mq_dointvec_minmax",
)  # fmt: skip
# kernel/sysctl.c; then those of the network, which read as these do, and act only on a write
_FORMS: dict[str, _Form] = {
    **dict.fromkeys(
        (
            "proc_dostring", "proc_scheduler", "proc_dostring_coredump", "proc_do_uts_string",
            "devkmsg_sysctl_set_loglvl", "numa_zonelist_order_handler",
        ),
        _text,
    ),
    **dict.fromkeys(
        (
            "proc_dointvec", "proc_dointvec_minmax", "devinet_conf_proc", "devinet_sysctl_forward",
            "ipv4_doint_and_flush", "addrconf_sysctl_forward", "addrconf_sysctl_mtu",
            "addrconf_sysctl_disable", "addrconf_sysctl_proxy_ndp", "addrconf_sysctl_addr_gen_mode",
            "addrconf_sysctl_ignore_routes_with_linkdown", "addrconf_sysctl_disable_policy",
            "proc_dointvec_minmax_bpf_enable", "proc_dointvec_minmax_bpf_restricted", "proc_do_dev_weight",
            "proc_blackhole_detect_timeout", "proc_tfo_blackhole_detect_timeout", "ipv4_privileged_ports",
            "neigh_proc_dointvec", "neigh_proc_dointvec_zero_intmax", "proc_dointvec_minmax_sysadmin",
        ),
        _INT,
    ),
    **dict.fromkeys((*_MACHINE_INTS, *_IPC_INTS), _INT),
    **dict.fromkeys(
        (
            "proc_douintvec", "proc_douintvec_minmax", "proc_dopipe_max_size",
            "proc_fib_multipath_hash_fields", "proc_rt6_multipath_hash_fields", "ipv4_ping_group_range",
        ),
        _UINT,
    ),
    # numbers of one byte since 5.13, of four before
    **dict.fromkeys(
        (
            "proc_dou8vec_minmax", "ipv4_fwd_update_priority", "proc_fib_multipath_hash_policy",
            "proc_rt6_multipath_hash_policy",
        ),
        _byte_or_int,
    ),
    "proc_dobool": _booleans,
    **dict.fromkeys(
        (
            "proc_doulongvec_minmax", "proc_dolongvec_minmax_bpf_restricted", "proc_dohung_task_timeout_secs",
            "mmap_min_addr_handler", "dirty_background_bytes_handler", "dirty_bytes_handler",
            "overcommit_kbytes_handler", "proc_ipc_doulongvec_minmax",
        ),
        _numbers("L"),
    ),
    "proc_doulongvec_ms_jiffies_minmax": _numbers("L", _milliseconds),
    **dict.fromkeys(("proc_dointvec_jiffies", "neigh_proc_dointvec_jiffies"), _numbers("i", _seconds)),
    **dict.fromkeys(
        (
            "proc_dointvec_ms_jiffies", "proc_dointvec_ms_jiffies_minmax", "neigh_proc_dointvec_ms_jiffies",
            "neigh_proc_dointvec_ms_jiffies_positive",
        ),
        _numbers("i", _milliseconds),
    ),
    **dict.fromkeys(
        ("proc_dointvec_userhz_jiffies", "neigh_proc_dointvec_userhz_jiffies"), _numbers("i", _clock)
    ),
}  # fmt: skip
_TIMES = {"retrans_time": _INT, "base_reachable_time": _FORMS["proc_dointvec_jiffies"]} | dict.fromkeys(
    ("retrans_time_ms", "base_reachable_time_ms"), _FORMS["proc_dointvec_ms_jiffies"]
)
# these look at the setting's name
_BY_NAME = {"ndisc_ifinfo_sysctl_change": _TIMES, "neigh_proc_base_reachable_time": _TIMES}

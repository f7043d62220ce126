"""Kinds of namespaces: their structures and members."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Paths = dict[str, tuple[str, ...]]


class Kind(NamedTuple):
    """A kind of namespaces: its structure, a task's pointer to one, and members with details."""

    name: str
    struct: str
    of_task: tuple[str, ...]
    parent: tuple[str, ...] = ()
    owner: tuple[str, ...] = ("user_ns",)
    more: Mapping[str, Sequence[str]] = MappingProxyType({})


_EXTENTS = 5  # UID_GID_MAP_MAX_BASE_EXTENTS (include/linux/user_namespace.h)


def _map(name: str) -> Paths:
    parts = ("first", "lower_first", "count")
    inline = {
        f"{name}_{at}_{part}": (f"{name}.extent[{at}].{part}",) for at in range(_EXTENTS) for part in parts
    }
    return {f"{name}_extents": (f"{name}.nr_extents",), f"{name}_forward": (f"{name}.forward",), **inline}


KINDS = (
    Kind("mnt", "struct mnt_namespace", ("nsproxy->mnt_ns",),
         # renamed in 6.8 (f74d3ab2b3ee)
         more={"mounts": ("nr_mounts", "mounts")}),
    Kind("uts", "struct uts_namespace", ("nsproxy->uts_ns",), more={"nodename": ("name.nodename",)}),
    Kind("ipc", "struct ipc_namespace", ("nsproxy->ipc_ns",)),
    Kind("net", "struct net", ("nsproxy->net_ns",)),
    Kind("pid", "struct pid_namespace", ("nsproxy->pid_ns_for_children", "nsproxy->pid_ns"), ("parent",),
         more={"level": ("level",), "pids": ("pid_allocated", "nr_hashed")}),
    Kind("user", "struct user_namespace", ("real_cred->user_ns",), ("parent",), (),
         more={"level": ("level",), "owner_uid": ("owner.val", "owner"), **_map("uid_map")}),
    Kind("cgroup", "struct cgroup_namespace", ("nsproxy->cgroup_ns",)),
    Kind("time", "struct time_namespace", ("nsproxy->time_ns", "nsproxy->time_ns_for_children"),
         more={"monotonic": ("offsets.monotonic.tv_sec",), "boottime": ("offsets.boottime.tv_sec",)}),
)  # fmt: skip
"""All kinds, in the order of /proc/PID/ns."""

EXTENTS = _EXTENTS
"""How many extents of a map are in the structure itself."""

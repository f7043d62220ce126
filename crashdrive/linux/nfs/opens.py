"""What clients of NFS version 4 have at servers: open files, locks, delegations (fs/nfs/nfs4state.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crashdrive.integers import Long
from crashdrive.linux.fs.dentries import DentryPaths
from crashdrive.linux.nfs.mounts import NfsMount
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Address, Bits, Record

_SERVER, _OWNER, _STATE = "struct nfs_server", "struct nfs4_state_owner", "struct nfs4_state"
_LOCK, _DELEGATION = "struct nfs4_lock_state", "struct nfs_delegation"
_OF_OWNER = {
    "flags": ("so_flags",), "uid": ("so_cred->fsuid.val", "so_cred->cr_cred->fsuid.val"),
}  # fmt: skip
_OF_STATE = {
    "inode": ("inode",), "number": ("inode->i_ino",), "alias": ("inode->i_dentry.first",),
    "flags": ("flags",), "mode": ("state",), "readers": ("n_rdonly",), "writers": ("n_wronly",),
    "both": ("n_rdwr",),
}  # fmt: skip
_OF_DELEGATION = {
    "inode": ("inode",), "number": ("inode->i_ino",), "alias": ("inode->i_dentry.first",),
    "type": ("type",), "flags": ("flags",),
}  # fmt: skip
# FMODE_READ, FMODE_WRITE (include/linux/fs.h)
_MODES = {1: "READ", 2: "WRITE"}


class NfsOpen(Record, frozen=True):
    """An open file of version 4, ``struct nfs4_state``.

    ``mode``: ``READ``, ``WRITE``, ``READ|WRITE``; ``readers``, ``writers`` and ``read_writers``: how often it
    is open so. ``owner_uid``: the user of its ``struct nfs4_state_owner``. ``lock_states``: addresses of its
    ``struct nfs4_lock_state``. ``path`` within the mounted filesystem.
    """

    address: Address
    server_address: Address
    owner_address: Address | None
    owner_uid: int | None
    owner_flags: Bits | None
    inode_address: Address | None
    inode: Long | None
    path: str | None
    flags: Bits | None
    mode: str | None
    readers: int | None
    writers: int | None
    read_writers: int | None
    lock_states: tuple[Address, ...]


class NfsDelegation(Record, frozen=True):
    """A file that the server has left to its client, ``struct nfs_delegation``."""

    address: Address
    server_address: Address
    inode_address: Address | None
    inode: Long | None
    path: str | None
    mode: str | None
    flags: Bits | None


def nfs_opens(survey: Survey, mounts: Sequence[NfsMount]) -> list[NfsOpen]:
    """The open files of these filesystems."""
    kernel, servers = survey.kernel, [int(one.address) for one in mounts]
    owners: dict[int, int] = {}
    for server in servers:
        root = server + kernel.offset(_SERVER, "state_owners")
        found = kernel.walk_rbtree(root, _OWNER, "so_server_node")
        survey.walked(found, "owners of open files")
        owners |= dict.fromkeys(found.addresses, server)
    if not owners:
        return []
    fields = Fields(kernel, _OWNER, _OF_OWNER, ("flags",))
    known = dict(survey.addressed(fields, list(owners), "owners of open files"))
    shift = kernel.offset(_OWNER, "so_states")
    states = kernel.walk_lists([owner + shift for owner in owners], _STATE, "open_states")
    survey.walked(states, "open files of NFS")
    rows = survey.addressed(
        Fields(kernel, _STATE, _OF_STATE, ("inode", "mode")), states.addresses, "open files"
    )
    locks, paths = _locks(survey, states.addresses), _paths(survey, rows)
    order = [list(owners)[number] for number in states.walk.lists]
    return [
        NfsOpen(
            address=address, server_address=owners[owner], owner_address=owner,
            owner_uid=known[owner]["uid"], owner_flags=known[owner]["flags"],
            inode_address=row["inode"] or None, inode=row["number"], path=paths.get(row["alias"] or 0),
            flags=row["flags"], mode=_mode(row["mode"]), readers=row["readers"], writers=row["writers"],
            read_writers=row["both"], lock_states=tuple(locks.get(address, ())),
        )
        for (address, row), owner in zip(rows, order, strict=True)
    ]  # fmt: skip


def nfs_delegations(survey: Survey, mounts: Sequence[NfsMount]) -> list[NfsDelegation]:
    """The delegations of files of these filesystems."""
    kernel, servers = survey.kernel, [int(one.address) for one in mounts]
    if not servers:
        return []
    shift = kernel.offset(_SERVER, "delegations")
    found = kernel.walk_lists([server + shift for server in servers], _DELEGATION, "super_list")
    survey.walked(found, "delegations")
    fields = Fields(kernel, _DELEGATION, _OF_DELEGATION, ("inode", "type"))
    rows = survey.addressed(fields, found.addresses, "delegations")
    paths = _paths(survey, rows)
    return [
        NfsDelegation(
            address=address, server_address=servers[number], inode_address=row["inode"] or None,
            inode=row["number"], path=paths.get(row["alias"] or 0), mode=_mode(row["type"]),
            flags=row["flags"],
        )
        for (address, row), number in zip(rows, found.walk.lists, strict=True)
    ]  # fmt: skip


def _locks(survey: Survey, states: Sequence[int]) -> dict[int, list[int]]:
    """Addresses of the lock states of each open file."""
    kernel = survey.kernel
    shift = kernel.offset(_STATE, "lock_states")
    found = kernel.walk_lists([state + shift for state in states], _LOCK, "ls_locks")
    survey.walked(found, "locks of NFS")
    locks: dict[int, list[int]] = {}
    for number, lock in zip(found.walk.lists, found.addresses, strict=True):
        locks.setdefault(states[number], []).append(lock)
    return locks


def _paths(survey: Survey, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, str | None]:
    """The path of each inode's first name within its filesystem, by the link of that name."""
    links = {row["alias"] for _, row in rows if row["alias"]}
    if not links:
        return {}
    shift = survey.kernel.offset("struct dentry", "d_u.d_alias")
    paths = DentryPaths(survey)
    paths.bring(link - shift for link in links)
    return {link: paths.path(link - shift) for link in links}


def _mode(value: int | None) -> str | None:
    if value is None:
        return None
    return "|".join(name for mask, name in _MODES.items() if value & mask) or "0"

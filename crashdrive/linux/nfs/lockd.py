"""Locks on files by NLM, the protocol of NFS until version 3: clients that wait, files that are locked for
clients (fs/lockd/clntlock.c, svcsubs.c).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.integers import Long
from crashdrive.linux.fs.file_facts import file_facts
from crashdrive.linux.nfs.places import Endpoints, is_loaded
from crashdrive.linux.nfs.served import Connections, ServedConnection
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Notice, Record

_WAIT, _BLOCK, _FILE, _HOST = "struct nlm_wait", "struct nlm_block", "struct nlm_file", "struct nlm_host"
_LOCK, _INODE = "struct file_lock", "struct nfs_inode"
_OF_WAIT = {
    "host": ("b_host",), "lock": ("b_lock",), "first": ("b_wait.head.next", "b_wait.task_list.next"),
    "back": ("b_wait.head.next->prev", "b_wait.task_list.next->prev"),
}  # fmt: skip
_QUEUE = ("b_wait.head", "b_wait.task_list")
_OF_LOCK = {
    "start": ("fl_start",), "end": ("fl_end",), "pid": ("fl_u.nfs_fl.owner->pid",),
    "file": ("c.flc_file", "fl_file"), "inode": ("c.flc_file->f_inode", "fl_file->f_inode"),
    "owner": ("c.flc_owner", "fl_owner"), "operations": ("fl_lmops",),
    "type": ("c.flc_type", "fl_type"),
}  # fmt: skip
_OF_FILE = {"locks": ("f_locks",), "count": ("f_count",)}
_LOCKS_OF_INODE = {"context": ("i_flctx",)}
_LINK = ("c.flc_list", "fl_list")
_END = (1 << 63) - 1
_BUCKETS = 128  # FILE_NRHASH (fs/lockd/svcsubs.c), since 2.6.17
_MODES = {0: "READ", 1: "WRITE", 2: "UNLCK"}


class NlmWait(Record, frozen=True):
    """A lock that a process here waits for at a server, ``struct nlm_wait``.

    ``last_byte``: None for the end of the file; ``handle``: the file's, in hexadecimal.
    """

    address: Address
    server: str | None
    remote: str | None
    pid: int | None
    path: str | None
    inode: Long | None
    inode_address: Address | None
    nfs_inode_address: Address | None
    first_byte: int | None
    last_byte: int | None
    handle: str | None


class NlmFile(Record, frozen=True):
    """A file that clients have locked here, ``struct nlm_file``; ``hosts``: who holds which lock."""

    address: Address
    path: str | None
    file_address: Address | None
    lock_count: int | None
    count: int | None
    hosts: tuple[str, ...]


def nlm_waits(survey: Survey) -> list[NlmWait]:
    """Processes of this machine that wait for locks at servers.

    Two lists are named ``nlm_blocked``; what is on the server's is no ``struct nlm_wait``.
    """
    kernel = survey.kernel
    if not is_loaded(survey, "lockd", "nlm_blocked"):
        return []
    rows: list[tuple[int, dict[str, Any]]] = []
    for head in kernel.symbols.addresses("nlm_blocked"):
        listed = kernel.walk_list(head, _WAIT, "b_list")
        if not listed.addresses:
            survey.walked(listed, "waits for locks at servers")
            continue
        rows += _waits(survey, head, listed.addresses)
    return _told(survey, rows)


def _waits(survey: Survey, head: int, addresses: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
    """Those of a list; none of the server's, which has ``struct nlm_block``.

    The queue of a ``struct nlm_wait`` is a list of its own: its first entry points back to it.
    """
    kernel = survey.kernel
    queue = kernel.offset(_WAIT, kernel.path(_WAIT, *_QUEUE))
    fields = Fields(kernel, _WAIT, _OF_WAIT, _OF_WAIT)
    probe = Survey(kernel)
    rows = probe.addressed(fields, addresses, "waits for locks at servers")
    sound = [row for row in rows if row[1]["back"] == row[0] + queue]
    if not sound and not any(row["back"] is None and row["first"] is None for _, row in rows):
        return []
    survey.miss(probe.notices, complete=probe.complete)
    if wrong := len(rows) - len(sound):
        said = f"waits for locks at servers: {wrong} of {len(rows)} on the list at {head:#x} are damaged"
        survey.miss([Notice(kind="damaged", message=said)])
    return sound


def _told(survey: Survey, rows: Sequence[tuple[int, dict[str, Any]]]) -> list[NlmWait]:
    if not rows:
        return []
    kernel = survey.kernel
    hosts = _hosts(survey, [row["host"] for _, row in rows])
    fields = Fields(kernel, _LOCK, _OF_LOCK, ("start", "end", "file"))
    locks = survey.rows(fields, [row["lock"] or 0 for _, row in rows], "locks at servers")
    facts = file_facts(survey, [lock["file"] for lock in locks if lock["file"]])
    shift = kernel.offset(_INODE, "vfs_inode")
    return [
        NlmWait(
            address=address, server=hosts[row["host"]][0], remote=hosts[row["host"]][1], pid=lock["pid"],
            path=fact.path if (fact := facts.get(lock["file"] or 0)) else None,
            inode=fact.inode if fact else None, inode_address=lock["inode"] or None,
            nfs_inode_address=lock["inode"] - shift if lock["inode"] else None, first_byte=lock["start"],
            last_byte=None if lock["end"] == _END else lock["end"],
            handle=_handle(survey, lock["inode"] - shift) if lock["inode"] else None,
        )
        for (address, row), lock in zip(rows, locks, strict=True)
    ]  # fmt: skip


def _hosts(
    survey: Survey, addresses: Sequence[int | None]
) -> dict[int | None, tuple[str | None, str | None]]:
    """Name and address of each ``struct nlm_host``."""
    wanted = list(dict.fromkeys(address for address in addresses if address))
    found: dict[int | None, tuple[str | None, str | None]] = {None: (None, None), 0: (None, None)}
    if not wanted:
        return found
    rows = survey.addressed(Fields(survey.kernel, _HOST, {"name": ("h_name",)}, ("name",)), wanted, "hosts")
    names = texts(survey, (row["name"] for _, row in rows), "hosts")
    shift = survey.kernel.offset(_HOST, "h_addr")
    peers = Endpoints(survey, (address + shift for address in wanted))
    for address, row in rows:
        peer = peers[address + shift]
        found[address] = names[row["name"]], peer.address if peer else None
    return found


def _handle(survey: Survey, inode: int) -> str | None:
    """The handle of a file of NFS, in hexadecimal."""
    kernel = survey.kernel
    found = survey.attempt("handles of files", lambda: [kernel.object(_INODE, inode).fh])
    if not found:
        return None
    size, data = int(found[0].size), int(found[0]) + kernel.offset("struct nfs_fh", "data")
    most = kernel.sizeof("struct nfs_fh")
    raw = survey.attempt("handles of files", lambda: [kernel.read(data, min(size, most))])
    return bytes(raw[0]).hex() if raw else None


def nlm_files(survey: Survey) -> list[NlmFile]:
    """Files that are locked here for clients."""
    kernel = survey.kernel
    if not is_loaded(survey, "lockd", "nlm_files"):
        return []
    table = kernel.walk_table(kernel.symbols.address("nlm_files"), _BUCKETS, _FILE, "f_list")
    survey.walked(table, "files that clients locked")
    if not table.addresses:
        return []
    rows = survey.addressed(Fields(kernel, _FILE, _OF_FILE, _OF_FILE), table.addresses, "locked files")
    files = {address: list(_files(survey, address)) for address, _ in rows}
    facts = file_facts(survey, {file for some in files.values() for file in some})
    return [
        NlmFile(
            address=address, file_address=(opened := next(iter(files[address]), None)),
            path=fact.path if (fact := facts.get(opened or 0)) else None, lock_count=row["locks"],
            count=row["count"], hosts=tuple(_holders(survey, files[address])),
        )
        for address, row in rows
    ]  # fmt: skip


def _files(survey: Survey, address: int) -> Iterator[int]:
    """The ``struct file`` of an entry: one for reading and one for writing since 5.15, one before."""
    kernel = survey.kernel
    first, size = address + kernel.offset(_FILE, "f_file"), kernel.pointer_size
    count = kernel.sizeof(kernel.place(_FILE, "f_file").type) // size
    found = survey.attempt(
        "locked files", lambda: [kernel.read_pointer(first + size * number) for number in range(count)]
    )
    yield from (file for file in found if file)


def _holders(survey: Survey, files: Sequence[int]) -> Iterator[str]:
    """Who holds a lock on the file, with its bytes; locks of this machine's own processes are others'."""
    kernel = survey.kernel
    fields = Fields(kernel, "struct file", {"inode": ("f_inode",)}, ("inode",))
    inodes = {row["inode"] for row in survey.rows(fields, files, "locked files") if row["inode"]}
    contexts = Fields(kernel, "struct inode", _LOCKS_OF_INODE, ("context",))
    heads = [
        row["context"] for row in survey.rows(contexts, sorted(inodes), "locked files") if row["context"]
    ]
    shift = kernel.offset("struct file_lock_context", "flc_posix")
    locks = kernel.walk_lists([head + shift for head in heads], _LOCK, kernel.path(_LOCK, *_LINK))
    survey.walked(locks, "locks of clients")
    rows = survey.rows(Fields(kernel, _LOCK, _OF_LOCK, ("owner", "operations")), locks.addresses, "locks")
    ours = frozenset(kernel.symbols.addresses("nlmsvc_lock_operations"))
    theirs = [row for row in rows if row["operations"] in ours]
    owned = kernel.has_member("struct nlm_lockowner", "host")
    places = [row["owner"] or 0 for row in theirs]
    if owned and places:  # the owner was the host itself until 5.1
        kind = Fields(kernel, "struct nlm_lockowner", {"host": ("host",)}, ("host",))
        places = [row["host"] or 0 for row in survey.rows(kind, places, "locks of clients")]
    hosts = _hosts(survey, places)
    for place, row in zip(places, theirs, strict=True):
        yield f"{hosts[place][0] or '?'} {_extent(row)}"


def _extent(row: Mapping[str, Any]) -> str:
    mode = "?" if row["type"] is None else _MODES.get(row["type"], str(row["type"]))
    end = "end" if row["end"] == _END else row["end"]
    return f"{mode} {'?' if row['start'] is None else row['start']}-{'?' if end is None else end}"


def lockd_connections(survey: Survey) -> list[ServedConnection]:
    """The connections of the server of locks."""
    kernel = survey.kernel
    if not is_loaded(survey, "lockd", "nlmsvc_serv"):
        return []
    service = kernel.read_pointer(kernel.symbols.address("nlmsvc_serv"))
    return Connections(survey).of_service(service) if service else []

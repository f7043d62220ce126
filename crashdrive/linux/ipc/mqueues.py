"""POSIX message queues, as files of the filesystem mqueue (ipc/mqueue.c)."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

from crashdrive.linux.ipc.spaces import octal
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.ipc.spaces import Space
    from crashdrive.linux.ipc.waiters import IpcWaiter, Waiting
    from crashdrive.linux.survey import Survey

_INFO, _INODE, _DENTRY, _WAIT = (
    "struct mqueue_inode_info",
    "struct inode",
    "struct dentry",
    "struct ext_wait_queue",
)
_FIELDS = {
    "messages": ("attr.mq_curmsgs",),
    "messages_max": ("attr.mq_maxmsg",),
    "message_bytes": ("attr.mq_msgsize",),
    "used": ("qsize",),
    "notify_pid": ("notify_owner->numbers[0].nr",),
    "mode": ("vfs_inode.i_mode",),
    "uid": ("vfs_inode.i_uid.val", "vfs_inode.i_uid"),
    "gid": ("vfs_inode.i_gid.val", "vfs_inode.i_gid"),
    "inode": ("vfs_inode.i_ino",),
    "alias": ("vfs_inode.i_dentry.first",),
}
_SEND, _RECEIVE = 0, 1
_WHAT = {_SEND: "room for a message", _RECEIVE: "a message"}


class PosixQueue(Record, frozen=True):
    """A POSIX queue: ``used_bytes`` in ``messages`` of at most ``messages_max``, each of ``message_bytes``.

    ``name``: without a slash; None of an unlinked queue that is still open. ``receivers`` wait for a
    message, ``senders`` for room; ``notify_pid`` is told when the next message comes.
    """

    ipc_namespace: int
    name: str | None
    uid: int | None
    gid: int | None
    mode_octal: str | None
    used_bytes: int | None
    messages: int | None
    messages_max: int | None
    message_bytes: int | None
    receivers: int
    senders: int
    notify_pid: int | None
    inode_number: int | None
    mqueue_inode_info: Address


def mqueues(
    survey: Survey, found: Sequence[Space], waiting: Waiting, into: list[IpcWaiter]
) -> Iterator[PosixQueue]:
    """The queues of these namespaces; their waiters are appended to ``into``. None without POSIX_MQUEUE."""
    if not survey.kernel.has_type(_INFO):
        return
    for space in found:
        places = list(_places(survey, space))
        rows = survey.rows(
            Fields(survey.kernel, _INFO, _FIELDS, ("messages", "mode")), places, "POSIX queues"
        )
        queues = [
            (place, row)
            for place, row in zip(places, rows, strict=True)
            if row["mode"] is not None and stat.S_ISREG(row["mode"])
        ]
        names = _names(survey, [row["alias"] for _, row in queues if row["alias"]])
        waiters = {which: _waiters(survey, [place for place, _ in queues], which) for which in _WHAT}
        for place, row in queues:
            name = names.get(row["alias"])
            for which, what in _WHAT.items():
                into += [
                    waiting.row(space.inum, "mqueue", (None, name), task, what)
                    for task in waiters[which][place]
                ]
            yield _row(space, place, row, name, {which: len(waiters[which][place]) for which in _WHAT})


def _row(
    space: Space, place: int, row: Mapping[str, Any], name: str | None, counts: Mapping[int, int]
) -> PosixQueue:
    return PosixQueue(
        ipc_namespace=space.inum,
        name=name,
        uid=row["uid"],
        gid=row["gid"],
        mode_octal=octal(row["mode"]),
        used_bytes=row["used"],
        messages=row["messages"],
        messages_max=row["messages_max"],
        message_bytes=row["message_bytes"],
        receivers=counts[_RECEIVE],
        senders=counts[_SEND],
        notify_pid=row["notify_pid"],
        inode_number=row["inode"],
        mqueue_inode_info=place,
    )


def _places(survey: Survey, space: Space) -> Iterator[int]:
    """Inodes of the namespace's filesystem, its root included."""
    kernel, mount = survey.kernel, space.own["mount"]
    if not mount:
        return
    columns = survey.gaps(kernel.read_many("struct vfsmount", [mount], ["mnt_sb"]), "POSIX queues")
    block = columns["mnt_sb"][0]
    if block:
        head = block + kernel.offset("struct super_block", "s_inodes")
        inodes = kernel.walk_list(head, _INODE, "i_sb_list")
        survey.walked(inodes, "POSIX queues")
        shift = kernel.offset(_INFO, "vfs_inode")
        yield from (inode - shift for inode in inodes.addresses)


def _names(survey: Survey, aliases: Sequence[int]) -> dict[int | None, str | None]:
    """Names by ``i_dentry.first``, a pointer into a dentry."""
    kernel = survey.kernel
    shift = kernel.offset(_DENTRY, kernel.path(_DENTRY, "d_u.d_alias", "d_alias"))
    path = kernel.path(_DENTRY, "d_name.name", "__d_name.name")
    columns = kernel.read_many(_DENTRY, [alias - shift for alias in aliases], [path])
    places = survey.gaps(columns, "names of POSIX queues")[path]
    words = texts(survey, places, "names of POSIX queues")
    return {alias: words[place] for alias, place in zip(aliases, places, strict=True)}


def _waiters(survey: Survey, places: Sequence[int], which: int) -> dict[int, list[int]]:
    kernel = survey.kernel
    shift = kernel.offset(_INFO, f"e_wait_q[{which}].list")
    walked = kernel.walk_lists([place + shift for place in places], _WAIT, "list")
    survey.walked(walked, "who waits for POSIX queues")
    tasks = survey.gaps(walked.read(["task"]), "who waits for POSIX queues")["task"]
    found: dict[int, list[int]] = {place: [] for place in places}
    for number, task in zip(walked.walk.lists, tasks, strict=True):
        found[places[number]].append(task or 0)
    return found

"""System V message queues, as ``ipcs -q``, and who waits for them (ipc/msg.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.ipc.spaces import MESSAGES, moment, objects, octal, perm_paths, pid_of
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.ipc.spaces import Space
    from crashdrive.linux.ipc.waiters import IpcWaiter, Waiting
    from crashdrive.linux.survey import Survey

_QUEUE, _RECEIVER, _SENDER = "struct msg_queue", "struct msg_receiver", "struct msg_sender"
_FIELDS = {
    **perm_paths("q_perm"),
    "used": ("q_cbytes",),
    "messages": ("q_qnum",),
    "most": ("q_qbytes",),
    "send_time": ("q_stime",),
    "receive_time": ("q_rtime",),
    "change_time": ("q_ctime",),
    "sender_pid": pid_of("q_lspid"),
    "receiver_pid": pid_of("q_lrpid"),
}
_COPIED = ("key", "uid", "gid", "creator_uid", "creator_gid", "messages")
# enum of include/linux/msg.h's r_mode
_ANY, _EQUAL, _NOT_EQUAL, _LESS, _NUMBER = 1, 2, 3, 4, 5
_MODES = {_ANY: "a message", _EQUAL: "a message of type {}", _NOT_EQUAL: "a message but of type {}",
          _LESS: "a message of type {} or less", _NUMBER: "message {}"}  # fmt: skip


class SysvQueue(Record, frozen=True):
    """A message queue: ``used_bytes`` of ``bytes_max``, in ``messages`` messages.

    ``sender_pid`` and ``receiver_pid``: the last sender and receiver. ``receivers`` wait for a message,
    ``senders`` for room. Times are seconds since 1970, None for never.
    """

    ipc_namespace: int
    msqid: int | None
    key: int | None
    uid: int | None
    gid: int | None
    creator_uid: int | None
    creator_gid: int | None
    mode_octal: str | None
    used_bytes: int | None
    bytes_max: int | None
    messages: int | None
    receivers: int
    senders: int
    sender_pid: int | None
    receiver_pid: int | None
    send_time: int | None
    receive_time: int | None
    change_time: int | None
    msg_queue: Address


def queues(
    survey: Survey, spaces: Sequence[Space], waiting: Waiting, into: list[IpcWaiter]
) -> Iterator[SysvQueue]:
    """The queues of these namespaces; their waiters are appended to ``into``."""
    kernel = survey.kernel
    for space in spaces:
        places = objects(survey, space, MESSAGES, _QUEUE, "q_perm")
        rows = survey.rows(Fields(kernel, _QUEUE, _FIELDS, ("used", "messages")), places, "message queues")
        receivers = _listed(
            survey, places, "q_receivers", _RECEIVER, "r_list", ("r_tsk", "r_mode", "r_msgtype")
        )
        senders = _listed(survey, places, "q_senders", _SENDER, "list", ("tsk", "msgsz"))
        for place, row in zip(places, rows, strict=True):
            found = row["number"], None
            for task, mode, kind in receivers[place]:
                what = _MODES.get(mode or _ANY, "a message").format(kind)
                into.append(waiting.row(space.inum, "msg", found, task or 0, what))
            for task, size in senders[place]:
                into.append(waiting.row(space.inum, "msg", found, task or 0, f"room for {size} bytes"))
            yield SysvQueue(
                ipc_namespace=space.inum,
                msqid=row["number"],
                used_bytes=row["used"],
                bytes_max=row["most"],
                receivers=len(receivers[place]),
                senders=len(senders[place]),
                **{name: moment(row[name]) for name in ("send_time", "receive_time", "change_time")},
                **{name: moment(row[name]) for name in ("sender_pid", "receiver_pid")},
                mode_octal=octal(row["perms"]),
                **{name: row[name] for name in _COPIED},
                msg_queue=place,
            )  # fmt: skip


def _listed(
    survey: Survey, places: Sequence[int], head: str, kind: str, link: str, fields: Sequence[str]
) -> dict[int, list[tuple[int | None, ...]]]:
    """The rows of a list of each queue."""
    kernel = survey.kernel
    shift = kernel.offset(_QUEUE, head)
    walked = kernel.walk_lists([place + shift for place in places], kind, link)
    survey.walked(walked, "who waits for message queues")
    columns = survey.gaps(walked.read(fields), "who waits for message queues")
    found: dict[int, list[tuple[int | None, ...]]] = {place: [] for place in places}
    for number, row in zip(walked.walk.lists, columns, strict=True):
        found[places[number]].append(row)
    return found

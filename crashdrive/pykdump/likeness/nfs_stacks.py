"""What processes that are in NFS or in remote calls are about, as ``nfsshow --pid`` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from crashdrive.errors import CommandFailedError, KernelError
from crashdrive.linux.fs.mount_points import MountPoints
from crashdrive.linux.modules.files import paths
from crashdrive.linux.nfs.calls import CallsAt
from crashdrive.linux.sched.arguments import Argument, FrameRegisters, arguments, asleep
from crashdrive.linux.sched.source_places import SourcePlaces
from crashdrive.linux.sched.stacks import TaskStack, read_stacks
from crashdrive.linux.survey import Fields, Survey
from crashdrive.pykdump.likeness.marks import told
from crashdrive.records import Notice

_OURS = re.compile("nfs|rpc")
_TYPE = re.compile(r"(?:const )?(struct \w*(?:nfs|rpc|inode|path)\w*) \*")
_SERVER = {
    "struct inode": ("i_sb->s_fs_info",),
    "struct nfs4_state": ("owner->so_server",),
    "struct nfs_server": (),
}
_NFS = ("nfs", "nfs4")


def lines(survey: Survey, pid: int | None) -> Iterator[str]:
    """The process, or all whose stacks are in NFS or in remote calls.

    Its functions, and the structures that these were given, where registers or the stack have them: that
    takes debug data with call frames, and x86-64.
    """
    found = read_stacks(survey, wanted=None if pid is None else lambda task: task.pid == pid)
    if pid is not None and not found and survey.complete:
        raise CommandFailedError(f"no task has pid {pid}")
    if pid is None:
        yield "  --- All Processes doing NFS or RPC ---"
    known = survey.attempt("files of modules", lambda: [paths(survey.kernel)])
    files = {name: path for name, (path, _) in known[0].files.items()} if known else {}
    sources = SourcePlaces(survey.kernel, files)
    for stack in found:
        if any(frame.sure and _OURS.search(frame.function or "") for frame in stack.frames):
            yield f"--- PID={told(stack.pid)} --- {told(stack.comm)}"
            yield from _of_stack(survey, sources, stack)


def _of_stack(survey: Survey, sources: SourcePlaces, stack: TaskStack) -> Iterator[str]:
    functions = [frame for frame in stack.frames if frame.sure and _OURS.search(frame.function or "")]
    given = _arguments(survey, sources, stack)
    by_level = {level: list(some) for level, some in groupby(given, key=lambda one: one.level)}
    for frame in functions:
        yield f" --- {frame.function}"
        for one in by_level.get(frame.level, ()):
            kind = _TYPE.fullmatch(one.type)
            if kind and one.is_parameter and one.value:
                yield f"   <{kind[1]} {int(one.value):#x}>".ljust(48).rstrip()
                told_of = partial(_told, survey, kind[1], int(one.value))
                yield from survey.attempt("what functions were given", told_of)


def _arguments(survey: Survey, sources: SourcePlaces, stack: TaskStack) -> list[Argument]:
    frames = stack.frames
    registers = FrameRegisters(survey.kernel, {})
    try:
        if not stack.running and frames:
            registers = FrameRegisters(survey.kernel, asleep(survey.kernel, int(frames[0].sp), registers))
        saved = [
            sources.saved(int(one.address), one.module, one.function, one.offset, exact=not one.level)
            for one in frames
        ]
        places = sources.of_frames(frames)
        steps = zip(frames, places, registers.of(frames, saved), strict=True)
        return [
            one
            for frame, place, (known, cfa) in steps
            if frame.sure
            for one in arguments(frame, place, known, cfa, registers)
        ]
    except KernelError as error:
        survey.miss([Notice(kind="elsewhere", message=f"what functions were given isn't known ({error})")])
        return []


def _told(survey: Survey, kind: str, address: int) -> Iterator[str]:
    """What a structure belongs to."""
    kernel = survey.kernel
    if kind == "struct path":
        row = _row(survey, kind, address, {"dentry": ("dentry",), "mount": ("mnt",)})
        mount = (row["mount"] or 0) - kernel.offset("struct mount", "mnt")
        points = MountPoints(survey)
        points.bring([mount], [row["dentry"]])
        yield f"     ⮡{told(points.path(row['dentry'], mount))}"
    elif kind == "struct rpc_clnt":
        yield from (f"      ⮡server: {told(one.server)}" for one in CallsAt(survey).clients([address]))
    elif kind == "struct rpc_task":
        row = _row(survey, kind, address, {"client": ("tk_client",)})
        yield from (f"      ⮡server: {told(one.server)}" for one in CallsAt(survey).clients([row["client"]]))
    elif kind in _SERVER and (server := _server(survey, kind, address)):
        yield f"    ⮡ <struct nfs_server {server:#x}>"
        client = _row(survey, "struct nfs_server", server, {"client": ("nfs_client",)})["client"]
        if client:
            yield f"      ⮡ <struct nfs_client {client:#x}>"


def _server(survey: Survey, kind: str, address: int) -> int | None:
    """The server that an inode or an open file is of; none of an inode of another filesystem."""
    if not _SERVER[kind]:
        return address
    if kind == "struct inode":
        name = survey.kernel.object(kind, address).i_sb.s_type.name.string_()
        if name not in _NFS:
            return None
    found = _row(survey, kind, address, {"server": _SERVER[kind]})["server"]
    return None if found is None else int(found)


def _row(survey: Survey, kind: str, address: int, wanted: dict[str, Sequence[str]]) -> dict[str, Any]:
    return survey.rows(Fields(survey.kernel, kind, wanted, wanted), [address], "what functions were given")[0]

"""``files``: the open files of tasks."""

from __future__ import annotations

from typing import Any, overload

from crashdrive.commands.base import call, flag, line
from crashdrive.errors import ArgumentError
from crashdrive.parsers.files import Dentry, InodePages, TaskFiles
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


@overload
def files(crash: Runner, *who: int, cached_pages: bool = ...) -> Answer[TaskFiles]: ...
@overload
def files(crash: Runner, *, dentry: int) -> Answer[Dentry]: ...
@overload
def files(crash: Runner, *, inode: int) -> Answer[InodePages]: ...
@overload
def files(
    crash: Runner,
    *who: int,
    cached_pages: bool = ...,
    dentry: int | None = ...,
    inode: int | None = ...,
) -> Answer[TaskFiles | Dentry | InodePages]: ...
def files(
    crash: Runner, *who: int, cached_pages: bool = False, dentry: int | None = None, inode: int | None = None
) -> Answer[Any]:
    """The root and working directories and open files (`TaskFiles`) of tasks, by pid or task_struct.

    Of the current task where none is named. ``cached_pages``: each file's pages in the page cache in place
    of its structures. ``dentry``: what is at the address of a directory entry (`Dentry`); ``inode``: the
    cached pages of the inode at an address (`InodePages`). Source: crash's ``files``.
    """
    if (dentry is not None) + (inode is not None) + bool(who or cached_pages) > 1:
        raise ArgumentError("files: tasks, or a dentry, or an inode")
    if dentry is not None:
        return call(crash, line("files -d", arguments.address(dentry)))
    if inode is not None:
        return call(crash, line("files -p", arguments.address(inode)))
    return call(crash, line("files", flag("c", cached_pages), *map(arguments.task, who)))

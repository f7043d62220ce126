"""``mount``: the mounted filesystems."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.mount import Mount
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def mount(crash: Runner, *, namespace_of: int | None = None) -> Answer[Mount]:
    """The mounted filesystems: address, super block, type, device, mount point.

    ``namespace_of``: of the mount namespace of a task (pid or address of its task_struct). Source: crash's
    ``mount``.
    """
    of = () if namespace_of is None else ("-n", arguments.task(namespace_of))
    return call(crash, line("mount", *of))

"""``fuser``: the tasks that use a file."""

from __future__ import annotations

from crashdrive.commands.base import call, line
from crashdrive.parsers.fuser import FileUser
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def fuser(crash: Runner, file: str | int, *, timeout: float | None = None) -> Answer[FileUser]:
    """The tasks that use a file, by its absolute path or its inode's address, and how.

    crash looks through the files and the mappings of all tasks: that takes a while. Source: crash's
    ``fuser``.
    """
    what = arguments.path(file) if isinstance(file, str) else arguments.address(file)
    return call(crash, line("fuser", what), timeout=timeout)

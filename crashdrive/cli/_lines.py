"""Command lines run as a user of crash means them: with aliases, and in the user's own folder."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.session.lines import Context

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.session.result import CommandResult

# what reaches a shell or a file
_REACHES_OUT = re.compile(r"[|>!]")
# crash's gdb takes such a path as it is
_PLAIN_PATH = re.compile(r"[\w./+@%=:,-]+")


class Lines:
    """Runs a user's command lines, one after the other.

    crash itself runs in an empty folder of its own. A line with a pipe, a redirection or ``!`` runs in
    ``folder``, so that the names of files in it mean what they mean in the user's shell; None leaves that
    out (a recorded session writes no files).
    """

    def __init__(self, crash: Crash, folder: Path | None = None) -> None:
        self.crash = crash
        self._folder = folder
        self._context = Context()

    def run(self, command: str, *, to: BinaryIO | None = None) -> CommandResult:
        """Run a line with the aliases of earlier lines; the result's command is what crash was sent.

        UsageError for an input file inside of one, and where a file can't be written into this folder.
        """
        if command.startswith("<"):
            raise UsageError(f"{command}: input files do not nest, as with crash")
        meant = self._context.resolve(command)
        with self._at_home(meant):
            result = self.crash.run(meant, to=to)
        if result.failure is None:
            self._context.note(command)
        return result

    @contextlib.contextmanager
    def _at_home(self, command: str) -> Iterator[None]:
        if self._folder is None or not _REACHES_OUT.search(command):
            yield
            return
        if not _PLAIN_PATH.fullmatch(str(self._folder)):
            raise UsageError(
                f"{command}: crash can't write into a folder of this name: {str(self._folder)!a}"
            )
        self.crash.run(f"gdb cd {self._folder}").check()
        try:
            yield
        finally:
            with contextlib.suppress(CrashdriveError):  # crash died, and starts in its own folder again
                self.crash.run("gdb cd")  # HOME, its own folder

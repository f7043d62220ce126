"""The private folder of one crash: its HOME and cwd, its name, input files, a FIFO."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from crashdrive.errors import SessionError

INPUTRC = """\
set enable-bracketed-paste off
set editing-mode emacs
set convert-meta off
set input-meta on
set output-meta on
set disable-completion on
set bell-style none
"""
"""What crash's readline is told: 8-bit characters and TABs are text, no editing commands."""
# crash takes `FILE@ADDRESS` apart, and gives some names to a shell
_PLAIN = re.compile(r"/[A-Za-z0-9_./+-]+")


class RawImage(NamedTuple):
    """A file of memory without a header, from a physical address on."""

    path: str
    address: int


class TemporaryFileError(SessionError):
    """No room for a temporary file; raised before crash is sent anything."""


def scratch_parent() -> Path:
    """Where private folders go: CRASHDRIVE_TMPDIR, else a tmpfs, else the system's temporary folder."""
    chosen = os.environ.get("CRASHDRIVE_TMPDIR")
    if chosen:
        return Path(chosen).absolute()
    for candidate in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR")):  # noqa: S108 - mkdtemp makes it private
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    import tempfile  # a crash out of the store needs no folder

    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def temporary_file_errors(folder: Path) -> Iterator[None]:
    """A full or read-only disk for temporary files, told as such."""
    try:
        yield
    except OSError as error:
        raise TemporaryFileError(
            f"can't write temporary files in {str(folder)!a}: {error.strerror}; "
            "free some room or name another folder in CRASHDRIVE_TMPDIR"
        ) from error


class Folder:
    """The folder, and the names of the files that crash is given."""

    def __init__(
        self,
        name: str,
        program: Path,
        paths: Sequence[str | bytes | RawImage],
        equip: Callable[[Path], None] | None = None,
    ) -> None:
        """Make it; SessionError where that can't be done, and nothing is left behind then.

        ``paths``: files that crash is given; bytes are the contents of one that is made in the folder.
        ``equip`` is given the folder, to put into it what crash finds when it starts.
        """
        import tempfile

        parent = scratch_parent()
        with temporary_file_errors(parent):
            self.path = Path(tempfile.mkdtemp(prefix="crashdrive-", dir=parent))
        self._number = 0
        # what crash shows for a file whose name isn't plain, and what it is called
        self.shown: dict[bytes, bytes] = {}
        try:
            with temporary_file_errors(parent):
                (self.path / "home").mkdir()
                (self.path / "inputrc").write_text(INPUTRC)
                self.program = self.path / name
                self.program.symlink_to(program.absolute())
                self.fifo = self.path / "fifo"
                os.mkfifo(self.fifo, 0o600)
                self.files = [self._plain_path(path, number) for number, path in enumerate(paths)]
                if equip is not None:
                    equip(self.path)
        except BaseException:
            self.remove()
            raise

    def _plain_path(self, path: str | bytes | RawImage, number: int) -> str:
        if isinstance(path, RawImage):
            return f"{self._plain_path(path.path, number)}@{path.address:x}"
        if isinstance(path, bytes):
            own = self.path / f"file{number}"
            own.write_bytes(path)
            return str(own)
        absolute = str(Path(path).absolute())
        if _PLAIN.fullmatch(absolute):
            return absolute
        link = self.path / f"file{number}"
        link.symlink_to(absolute)
        if absolute.isprintable():
            self.shown[os.fsencode(link)] = os.fsencode(absolute)
        return str(link)

    def input_file(self, text: str) -> Path:
        """A file of commands; SessionError where there is no room for it."""
        self._number += 1
        path = self.path / f"in{self._number}"
        try:
            with temporary_file_errors(self.path):
                path.write_text(text)
        except SessionError:
            path.unlink(missing_ok=True)
            raise
        return path

    def environment(self) -> dict[str, str]:
        """What crash sees of its environment: nothing of the user's."""
        return {
            "HOME": str(self.path / "home"),
            "INPUTRC": str(self.path / "inputrc"),
            "LC_ALL": "C",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM": "dumb",
            "TZ": "UTC",
        }

    def remove(self) -> None:
        """Remove all of it, as far as possible."""
        shutil.rmtree(self.path, ignore_errors=True)

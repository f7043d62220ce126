"""``LinuxDump.Files``: open files, as crash's ``files`` tells them."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.execution import exec_crash_command
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.pylogs import pylog

# descriptor, file, dentry, inode, type; the path may be missing
_COLUMNS = 5


class pidFiles:
    """The open files of a process: ``files`` is [file, dentry, inode, type, path] by descriptor."""

    def __init__(self, pid: int) -> None:
        self.files: dict[int, list[Any]] = {}
        try:
            lines = exec_crash_command(f"files {int(pid)}").splitlines()
        except CrashError as error:
            pylog.warning(str(error))
            return
        for line in lines:
            words = line.split(None, _COLUMNS)
            if len(words) < _COLUMNS or not words[0].isdecimal():
                continue
            addresses = [0 if word == "?" else int(word, 16) for word in words[1:4]]
            self.files[int(words[0])] = [*addresses, words[4], words[5] if len(words) > _COLUMNS else ""]

    def fileInfo(self, fd: int) -> list[Any]:
        """What is known of a descriptor; KeyError where it isn't open."""
        return self.files[fd]

    def printFiles(self) -> None:
        """Print them."""
        print(f" FD {'FILE':>16s} {'DENTRY':>16s} {'INODE':>16s} TYPE PATH")
        for descriptor, (file, dentry, inode, kind, path) in sorted(self.files.items()):
            print(f"{descriptor:3d} {file:16x} {dentry:16x} {inode:16x} {kind:4s} {path}")


def filesR(ref: Any) -> list[int]:
    """The processes that have a file, a dentry or an inode open."""
    lines = exec_crash_command(f"foreach files -R {int(ref):#x}").splitlines()
    return [int(words[1]) for words in map(str.split, lines) if words[:1] == ["PID:"]]


__getattr__ = lazy_names(__name__, {})

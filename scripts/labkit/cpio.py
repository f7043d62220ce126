"""The initramfs archive: cpio in the newc format, which is all that a kernel unpacks."""

import io
import stat
from pathlib import Path


def _entry(number: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


class Archive:
    """Files for an initramfs; folders above a file are added by themselves."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def _add(self, name: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> None:
        name = name.strip("/")
        if name in self._names:
            return
        if "/" in name:
            self.folder(name.rpartition("/")[0])
        self._names.add(name)
        self._out.write(_entry(len(self._names), name, mode, data, device))

    def folder(self, name: str) -> None:
        """Add a folder."""
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def data(self, name: str, data: bytes, mode: int = 0o755) -> None:
        """Add a file with these bytes."""
        self._add(name, stat.S_IFREG | mode, data)

    def copy(self, name: str, source: Path) -> None:
        """Add a copy of a file of the host."""
        self.data(name, source.read_bytes())

    def link(self, name: str, to: str) -> None:
        """Add a symbolic link."""
        self._add(name, stat.S_IFLNK | 0o777, to.encode())

    def device(self, name: str, major: int, minor: int) -> None:
        """Add a character device."""
        self._add(name, stat.S_IFCHR | 0o600, b"", (major, minor))

    def bytes(self) -> bytes:
        """The finished archive."""
        return self._out.getvalue() + _entry(0, "TRAILER!!!", 0, b"", (0, 0))

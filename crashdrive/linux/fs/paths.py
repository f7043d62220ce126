"""Paths as the kernel's d_path() makes them: up the dentries, and over mounts (fs/d_path.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

_MOST_PARTS = 512
_LONGEST_NAME = 256


class Paths:
    """Paths in one kernel; dentries and mounts that were read once are known."""

    def __init__(self, kernel: Machine) -> None:
        self._kernel = kernel
        self._mounts: dict[int, tuple[int, int, int]] = {}
        self._dentries: dict[int, tuple[int, str]] = {}

    def d_path(self, dentry: int, mount: int) -> str:
        r"""The path of a dentry below a ``struct mount``, from its namespace's root; FaultError for a hole.

        Bytes that are no UTF-8 stand as ``\xNN``. A dentry that was removed has the name that it had. A path
        of more than 512 parts, as in a circle of damaged dentries, begins with ``...``.
        """
        parts: list[str] = []
        for _ in range(_MOST_PARTS):
            root, mountpoint, parent = self._mount(mount)
            if dentry == root:
                if parent == mount:
                    return "/" + "/".join(reversed(parts))
                dentry, mount = mountpoint, parent
                continue
            above, name = self._dentry(dentry)
            parts.append(name)
            if above == dentry:  # of a tree that is mounted nowhere, such as a pipe's
                return "/".join(reversed(parts))
            dentry = above
        return ".../" + "/".join(reversed(parts))

    def mount_point(self, mount: int) -> str:
        """Where a ``struct mount`` is mounted."""
        return self.d_path(self._mount(mount)[0], mount)

    def _mount(self, mount: int) -> tuple[int, int, int]:
        """Its root, where it is mounted, and on which mount."""
        if mount not in self._mounts:
            names = ("mnt.mnt_root", "mnt_mountpoint", "mnt_parent")
            columns = self._kernel.read_many("struct mount", [mount], names).check()
            root, mountpoint, parent = (int(columns[name][0]) for name in names)
            self._mounts[mount] = (root, mountpoint, parent)
        return self._mounts[mount]

    def _dentry(self, dentry: int) -> tuple[int, str]:
        """The one above it, and its name."""
        if dentry not in self._dentries:
            path = self._kernel.path("struct dentry", "d_name.name", "__d_name.name")
            columns = self._kernel.read_many("struct dentry", [dentry], ("d_parent", path)).check()
            name = self._kernel.read_string(int(columns[path][0]), _LONGEST_NAME)
            self._dentries[dentry] = (int(columns["d_parent"][0]), name.decode("utf-8", "backslashreplace"))
        return self._dentries[dentry]

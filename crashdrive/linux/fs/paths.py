"""Paths as the kernel's d_path() makes them: up the dentries and across mounts (fs/d_path.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

_MOST_PARTS = 512
_LONGEST_NAME = 256


class Paths:
    """Paths in one kernel; each dentry and mount is read once."""

    def __init__(self, kernel: Machine) -> None:
        self._kernel = kernel
        self._mounts: dict[int, tuple[int, int, int]] = {}
        self._dentries: dict[int, tuple[int, str]] = {}

    def d_path(self, dentry: int, mount: int) -> str:
        r"""The path of a dentry below a ``struct mount``, from its namespace's root; FaultError for a hole.

        Bytes that are no UTF-8 become ``\xNN``. A removed dentry keeps its name. A path of more than 512
        parts, as in a loop of damaged dentries, begins with ``...``.
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
            if above == dentry:  # in a tree that isn't mounted, such as a pipe's
                return "/".join(reversed(parts))
            dentry = above
        return ".../" + "/".join(reversed(parts))

    def mount_point(self, mount: int) -> str:
        """The path at which a ``struct mount`` is mounted."""
        return self.d_path(self._mount(mount)[0], mount)

    def _mount(self, mount: int) -> tuple[int, int, int]:
        """A mount's root dentry, its mount point's dentry, and the mount that this is on."""
        if mount not in self._mounts:
            names = ("mnt.mnt_root", "mnt_mountpoint", "mnt_parent")
            columns = self._kernel.read_many("struct mount", [mount], names).check()
            root, mountpoint, parent = (int(columns[name][0]) for name in names)
            self._mounts[mount] = (root, mountpoint, parent)
        return self._mounts[mount]

    def _dentry(self, dentry: int) -> tuple[int, str]:
        """A dentry's parent and name."""
        if dentry not in self._dentries:
            path = self._kernel.path("struct dentry", "d_name.name", "__d_name.name")
            columns = self._kernel.read_many("struct dentry", [dentry], ("d_parent", path)).check()
            name = self._kernel.read_string(int(columns[path][0]), _LONGEST_NAME)
            self._dentries[dentry] = (int(columns["d_parent"][0]), name.decode("utf-8", "backslashreplace"))
        return self._dentries[dentry]

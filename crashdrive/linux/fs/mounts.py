"""Mounts, super blocks and their inodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import FaultError
from crashdrive.kernel.structures.walk import Walk, lost, walk

if TYPE_CHECKING:
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine

_MOUNT = "struct mount"
# MNT_CURSOR, 5.8 (9f6c61f96f2d): a reader of /proc/mounts marks its place by an entry in the list itself.
_CURSOR = 0x1000_0000


def for_each_mount(kernel: Machine, namespace: int | None = None) -> Objects:
    """Every ``struct mount`` of a mount namespace.

    A list until 6.8, where 2eea9ce4310d made it a red-black tree by mount ids.
    """
    if namespace is None:
        try:
            namespace = int(kernel.symbol_as("init_task", "struct task_struct").nsproxy.mnt_ns)
        except FaultError as error:
            return kernel.objects(_MOUNT, walk([], [lost(error, "the first mount namespace")]))
    if kernel.has_member("struct mnt_namespace", "list"):
        head = namespace + kernel.offset("struct mnt_namespace", "list")
        return _without_cursors(kernel, kernel.walk_list(head, _MOUNT, "mnt_list"))
    root = namespace + kernel.offset("struct mnt_namespace", "mounts")
    return kernel.walk_rbtree(root, _MOUNT, "mnt_node")


def _without_cursors(kernel: Machine, mounts: Objects) -> Objects:
    flags = mounts.read(["mnt.mnt_flags"])["mnt.mnt_flags"]
    real = [a for a, f in zip(mounts.addresses, flags, strict=True) if f is None or not f & _CURSOR]
    return kernel.objects(_MOUNT, Walk(addresses=real, problems=mounts.problems, complete=mounts.complete))


def for_each_super_block(kernel: Machine) -> Objects:
    """Every ``struct super_block`` on ``super_blocks`` (fs/super.c)."""
    return kernel.walk_list(kernel.symbols.address("super_blocks"), "struct super_block", "s_list")


def for_each_inode(kernel: Machine, super_block: int) -> Objects:
    """Every ``struct inode`` of a super block that is in memory."""
    head = super_block + kernel.offset("struct super_block", "s_inodes")
    return kernel.walk_list(head, "struct inode", "i_sb_list")

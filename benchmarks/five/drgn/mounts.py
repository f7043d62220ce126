"""Mounts of every mount namespace that has processes, by drgn: the counterpart of ``../mounts.py``."""

from __future__ import annotations

import sys

from drgn import Object, Program
from drgn.helpers.linux.fs import for_each_mount, mount_dst, mount_fstype, mount_src
from drgn.helpers.linux.pid import for_each_task

program = Program()
program.set_core_dump(sys.argv[2])
program.load_debug_info([sys.argv[1]])
namespaces: dict[int, Object] = {}
for task in for_each_task(program):
    if task.nsproxy:
        namespaces.setdefault(task.nsproxy.mnt_ns.value_(), task.nsproxy.mnt_ns)
for namespace in sorted(namespaces.values(), key=lambda one: one.ns.inum.value_()):
    for mount in for_each_mount(namespace):
        names = (mount_src(mount), mount_dst(mount), mount_fstype(mount))
        print(namespace.ns.inum.value_(), mount.mnt_id.value_(), *(name.decode() for name in names))

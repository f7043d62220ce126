"""What PyKdump's C functions ask crash's own tables for: tasks, paths, addresses of processes' memory."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from crashdrive.errors import CrashdriveError, KernelError
from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.pykdump.faults import CrashError

if TYPE_CHECKING:
    from crashdrive.kernel.symbols.lookup import Symbol
    from crashdrive.linux.fs.paths import Paths
    from crashdrive.linux.kernel import Kernel

_PAGE_ROW = re.compile(r"^ *([0-9a-f]{8,16}) +([0-9a-f]+) ", re.MULTILINE)
# the clock of jiffies begins five minutes before it wraps (include/linux/jiffies.h: INITIAL_JIFFIES)
_BEFORE_WRAP = 300
_MOST_CALLS = 4096


class Facts:
    """Answers about one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    # symbols

    def symbols(self, name: str) -> list[Symbol]:
        """All symbols of a name: the kernel's before modules', each in order of address."""
        try:
            found = self._kernel.symbols.symbols(str(name))
        except KernelError:
            return []
        return sorted(found, key=lambda one: (one.module is not None, one.address))

    def address(self, name: str) -> int:
        """``sym2addr``: 0 where there is no such symbol."""
        symbols = self._kernel.symbols
        try:
            # scripts ask what a kernel has: an error would say which of all names are near
            if symbols.has(str(name)):
                return symbols.address(str(name))
        except CrashdriveError:
            pass
        found = self.symbols(name)
        return int(found[0].address) if found else 0

    def exists(self, name: str) -> int:
        """``symbol_exists``."""
        try:
            return int(self._kernel.symbols.has(str(name)))
        except CrashdriveError:
            return 0

    def addresses(self, name: str) -> list[int]:
        """``sym2alladdr``."""
        return [int(one.address) for one in self.symbols(name)]

    def name(self, address: int, loose: int = 0) -> str | tuple[str | None, int | None] | None:
        """``addr2sym``: the symbol at an address; with ``loose`` the nearest below it, and how far."""
        place = self._kernel.symbols.lookup(int(address))
        if loose:
            return (place.symbol.name, place.offset) if place else (None, None)
        return place.symbol.name if place and not place.offset else None

    def module(self, address: int) -> str | None:
        """``addr2mod``: the module that an address is in."""
        place = self._kernel.symbols.lookup(int(address))
        return place.module if place else None

    def system_calls(self) -> int:
        """``get_NR_syscalls``: how many entries the table has."""
        start = self._kernel.symbols.address("sys_call_table")
        after = self._kernel.symbols.next_after(start)
        count = (after.address - start) // self._kernel.pointer_size if after else 0
        return int(count) if 0 < count <= _MOST_CALLS else 256

    # tasks

    @cached_property
    def _pids(self) -> dict[int, int]:
        tasks = self._kernel.for_each_task(idle=True)
        pids = self._kernel.read_many("struct task_struct", tasks.addresses, ["pid"])["pid"]
        return {int(task): pid for task, pid in zip(tasks.addresses, pids, strict=True) if pid is not None}

    @cached_property
    def _tasks(self) -> dict[int, int]:
        return {pid: task for task, pid in reversed(self._pids.items())}

    def pid_to_task(self, pid: int) -> int:
        """The task_struct of a pid; 0 where there is none."""
        return self._tasks.get(int(pid), 0)

    def task_to_pid(self, task: int) -> int | None:
        """The pid of a task_struct; None for what is none."""
        return self._pids.get(int(task))

    @cached_property
    def _active(self) -> frozenset[int]:
        queues = [self._kernel.per_cpu_address("runqueues", cpu) for cpu in self._kernel.cpus]
        return frozenset(self._kernel.read_many("struct rq", queues, ["curr"])["curr"])

    def is_task_active(self, task: int) -> bool:
        """Whether a task was on a CPU."""
        return int(task) in self._active

    def task_memory(self, task: int) -> tuple[int, int]:
        """``get_task_mem_usage``: virtual and resident size in kB; (0, 0) for a kernel thread."""
        found = self._memory.get(int(task), (0, 0))
        return found[0] // 1024, found[1] // 1024

    @cached_property
    def _memory(self) -> dict[int, tuple[int, int]]:
        return {int(one.task): (one.vsz or 0, one.rss or 0) for one in self._kernel.tasks()}

    # time

    def uptime(self) -> int:
        """``get_uptime``: ticks since the boot."""
        return self._kernel.jiffies - ((1 << 32) - _BEFORE_WRAP * self._kernel.hz)

    # addresses

    def physical(self, task: int, address: int) -> int:
        """``uvtop``: where a page of a task's memory lies; ``crash.error`` where it isn't in memory."""
        number, offset = int(address) >> PAGE_SHIFT, int(address) & ((1 << PAGE_SHIFT) - 1)
        tables = self._kernel._user_tables(int(task))  # noqa: SLF001 - what Memory gets, too
        extents = tables.translate([number])[0] if tables else []
        if not extents:
            raise CrashError(f"uvtop error at vaddr {int(address):#x}")
        return (extents[0].frame << PAGE_SHIFT) + offset

    def page_of(self, address: int) -> int:
        """``phys_to_page``: the ``struct page`` of a physical address."""
        found = _PAGE_ROW.search(self._kernel.session.run(f"kmem -p {int(address):x}").text)
        if found is None:
            raise CrashError(f"phys_to_page error at physaddr {int(address):#x}")
        return int(found[1], 16)

    @cached_property
    def _paths(self) -> Paths:
        from crashdrive.linux.fs.paths import Paths

        return Paths(self._kernel)

    def pathname(self, dentry: int, mount: int) -> str:
        """``get_pathname``: the path of a dentry below a ``struct vfsmount``, or what ``mount`` shows.

        Empty for one that is lost.
        """
        inside = self._kernel.offset("struct mount", "mnt")
        try:
            found = int(mount) - inside if self._is_mount(int(mount) - inside) else int(mount)
            return self._paths.d_path(int(dentry), found)
        except KernelError:
            return ""

    def _is_mount(self, address: int) -> bool:
        """Whether a ``struct mount`` lies there: its root is one of its own filesystem's."""
        columns = self._kernel.read_many("struct mount", [address], ["mnt.mnt_sb", "mnt.mnt_root->d_sb"])
        block, roots = (column[0] for column in columns.columns)
        return block is not None and block == roots

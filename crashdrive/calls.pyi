# Written by scripts/docs; a test says when it is out of date. Don't edit.
"""What an open dump answers by name: crash's commands and the reports."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

import crashdrive.parsers.alias as _alias
import crashdrive.parsers.ascii as _ascii
import crashdrive.parsers.bpf as _bpf
import crashdrive.parsers.bt as _bt
import crashdrive.parsers.btop as _btop
import crashdrive.parsers.dev as _dev
import crashdrive.parsers.dis as _dis
import crashdrive.parsers.eval as _eval
import crashdrive.parsers.extend as _extend
import crashdrive.parsers.files as _files
import crashdrive.parsers.foreach as _foreach
import crashdrive.parsers.fuser as _fuser
import crashdrive.parsers.grammar.hexdump as _grammar_hexdump
import crashdrive.parsers.grammar.tasks as _grammar_tasks
import crashdrive.parsers.grammar.walks as _grammar_walks
import crashdrive.parsers.help as _help
import crashdrive.parsers.ipcs as _ipcs
import crashdrive.parsers.irq as _irq
import crashdrive.parsers.kmem as _kmem
import crashdrive.parsers.log as _log
import crashdrive.parsers.mach as _mach
import crashdrive.parsers.map as _map
import crashdrive.parsers.mod as _mod
import crashdrive.parsers.mount as _mount
import crashdrive.parsers.net as _net
import crashdrive.parsers.p as _p
import crashdrive.parsers.ps as _ps
import crashdrive.parsers.pte as _pte
import crashdrive.parsers.ptob as _ptob
import crashdrive.parsers.ptov as _ptov
import crashdrive.parsers.rd as _rd
import crashdrive.parsers.repeat as _repeat
import crashdrive.parsers.runq as _runq
import crashdrive.parsers.rustfilt as _rustfilt
import crashdrive.parsers.s390dbf as _s390dbf
import crashdrive.parsers.sbitmapq as _sbitmapq
import crashdrive.parsers.search as _search
import crashdrive.parsers.set as _set
import crashdrive.parsers.sig as _sig
import crashdrive.parsers.struct as _struct
import crashdrive.parsers.swap as _swap
import crashdrive.parsers.sym as _sym
import crashdrive.parsers.sys as _sys
import crashdrive.parsers.task as _task
import crashdrive.parsers.timer as _timer
import crashdrive.parsers.tree as _tree
import crashdrive.parsers.vm as _vm
import crashdrive.parsers.vtop as _vtop
import crashdrive.parsers.whatis as _whatis
from crashdrive.parsers import _sig_tasks
from crashdrive.records import Answer, Report

__all__ = ["Calls"]

class Calls:
    """crash's commands as methods, ``crash.ps()``, and reports by name, ``crash.report("netstat")``."""

    def alias(self) -> Answer[_alias.Alias]:
        """All aliases that crash knows. Source: crash's ``alias``."""
    @overload
    def ascii(self) -> Answer[_ascii.Character]:
        """The bytes of each number, in the machine's order, as characters; without any the chart of all.

        Source: crash's ``ascii``.
        """
    @overload
    def ascii(self, value: int, /, *values: int) -> Answer[_ascii.AsciiText]:
        """The bytes of each number, in the machine's order, as characters; without any the chart of all.

        Source: crash's ``ascii``.
        """
    @overload
    def bpf(self, *, details: bool = False) -> Answer[_bpf.BpfProgram | _bpf.BpfMap]:
        """All programs and maps that were loaded; none is an answer too.

        ``details`` adds sizes, names, owners and load times. Source: crash's ``bpf``.
        """
    @overload
    def bpf(
        self, number: int, *, instructions: bool = False, show: Literal["program"]
    ) -> Answer[_bpf.BpfProgram]:
        """One program with its details; with ``instructions`` its translated code and its bytes."""
    @overload
    def bpf(self, number: int, *, show: Literal["map"]) -> Answer[_bpf.BpfMap]:
        """One map with its details."""
    @overload
    def bt(
        self,
        *who: int,
        pid: int | None = None,
        task: int | None = None,
        active: bool = False,
        panic: bool = False,
        cpu: int | None = None,
        threads: bool = False,
        offsets: bool = False,
        lines: bool = False,
        data: bool = False,
        timeout: float | None = None,
    ) -> Answer[_bt.Backtrace]:
        """Stack traces: of the tasks ``who`` (pids or addresses of task_structs), of the current context if none.

        ``pid`` and ``task`` name one more. In their place: ``active`` the tasks on all CPUs, ``panic`` the one
        that panicked, ``cpu`` the one on that CPU; ``threads`` adds the whole thread group. ``offsets``: how far
        into its function each frame is; ``lines``: source lines; ``data``: the words of each frame. A task whose
        stack can't be read is a notice, and the answer isn't complete. Source: crash's ``bt``.
        """
    @overload
    def bt(self, *who: int, whole_stack: bool = False, show: Literal["text"]) -> Answer[_bt.Backtrace]:
        """Text addresses on the stack (``bt -t``), with ``whole_stack`` on all of it (``-T``)."""
    @overload
    def bt(self, *who: int, show: Literal["exceptions"]) -> Answer[_bt.Backtrace]:
        """Exception frames found on the stack (``bt -e``), in each record's ``found``."""
    @overload
    def bt(self, *, show: Literal["stacks"]) -> Answer[_bt.SearchedStack]:
        """Exception frames on the IRQ and exception stacks of all CPUs (``bt -E``)."""
    @overload
    def bt(self, *, show: Literal["overflows"]) -> Answer[_bt.StackOverflow]:
        """Tasks whose stack looks overrun (``bt -v``); none is a good sign."""
    def btop(self, *values: int) -> Answer[_btop.PageNumber]:
        """The pages that addresses are in. Source: crash's ``btop``."""
    @overload
    def dev(self) -> Answer[_dev.Device]:
        """The registered character and block devices. Source: crash's ``dev``."""
    @overload
    def dev(self, *, busy: bool = False, show: Literal["disks"]) -> Answer[_dev.Disk]:
        """I/O requests in flight by disk (``dev -d``); with ``busy`` only disks that have some (``-D``)."""
    @overload
    def dev(self, *, show: Literal["resources"]) -> Answer[_dev.Resource]:
        """Ranges of I/O ports and of physical memory, and who has them (``dev -i``)."""
    @overload
    def dev(
        self, *, show: Literal["pci"]
    ) -> Answer[_dev.PciBus | _dev.PciDevice] | Answer[_dev.NamedPciDevice]:
        """PCI buses and devices (``dev -p``); kernels with a global list of devices give `NamedPciDevice`."""
    @overload
    def dev(self, *, show: Literal["dumps"]) -> Answer[_dev.DeviceDump]:
        """Dumps of devices inside of the dump file (``dev -V``)."""
    @overload
    def dis(
        self,
        where: int | str,
        count: int | None = None,
        *,
        part: Literal["from", "until", "rest"] = "from",
        lines: bool = False,
        user: bool = False,
    ) -> Answer[_dis.Instruction]:
        """Instructions of the function at ``where`` (a symbol or an address), ``count`` of them or to its end.

        ``part``: ``from`` there on, ``until`` there from the function's start, or the ``rest`` of the function.
        ``lines``: with file and line of the source; ``user``: the address is the current task's.
        Source: crash's ``dis``.
        """
    @overload
    def dis(
        self, where: int | str, count: int | None = None, *, show: Literal["source"]
    ) -> Answer[_dis.SourceLine]:
        """The lines of source around a symbol or an address, where the source is there (``dis -s``)."""
    def eval(self, text: str, *, bits: bool = False) -> Answer[_eval.Evaluation]:
        """What crash makes of a number, a symbol or a sum such as ``panic + 0x20``; with ``bits`` which are set.

        Source: crash's ``eval``.
        """
    @overload
    def extend(self) -> Answer[_extend.Extension]:
        """The shared objects that were loaded into crash, and their commands. Source: crash's ``extend``."""
    @overload
    def extend(self, *, show: Literal["available"]) -> Answer[_extend.AvailableExtension]:
        """The shared objects that crash finds to load (``extend -s``)."""
    @overload
    def files(self, *who: int, cached_pages: bool = ...) -> Answer[_files.TaskFiles]:
        """The root and working directories and open files (`TaskFiles`) of tasks, by pid or task_struct.

        Of the current task where none is named. ``cached_pages``: each file's pages in the page cache in place
        of its structures. ``dentry``: what is at the address of a directory entry (`Dentry`); ``inode``: the
        cached pages of the inode at an address (`InodePages`). Source: crash's ``files``.
        """
    @overload
    def files(self, *, dentry: int) -> Answer[_files.Dentry]:
        """The root and working directories and open files (`TaskFiles`) of tasks, by pid or task_struct.

        Of the current task where none is named. ``cached_pages``: each file's pages in the page cache in place
        of its structures. ``dentry``: what is at the address of a directory entry (`Dentry`); ``inode``: the
        cached pages of the inode at an address (`InodePages`). Source: crash's ``files``.
        """
    @overload
    def files(self, *, inode: int) -> Answer[_files.InodePages]:
        """The root and working directories and open files (`TaskFiles`) of tasks, by pid or task_struct.

        Of the current task where none is named. ``cached_pages``: each file's pages in the page cache in place
        of its structures. ``dentry``: what is at the address of a directory entry (`Dentry`); ``inode``: the
        cached pages of the inode at an address (`InodePages`). Source: crash's ``files``.
        """
    @overload
    def files(
        self, *who: int, cached_pages: bool = ..., dentry: int | None = ..., inode: int | None = ...
    ) -> Answer[_files.TaskFiles | _files.Dentry | _files.InodePages]:
        """The root and working directories and open files (`TaskFiles`) of tasks, by pid or task_struct.

        Of the current task where none is named. ``cached_pages``: each file's pages in the page cache in place
        of its structures. ``dentry``: what is at the address of a directory entry (`Dentry`); ``inode``: the
        cached pages of the inode at an address (`InodePages`). Source: crash's ``files``.
        """
    @overload
    def foreach(
        self, command: Literal["bt"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_bt.Backtrace | _bt.SearchedStack | _bt.StackOverflow]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["files"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_files.TaskFiles]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["net"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_net.TaskSockets | _net.TaskSocketStructures]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["ps"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[
        _ps.Process
        | _ps.Ancestry
        | _ps.Children
        | _ps.TaskTimes
        | _ps.LastRun
        | _ps.Arguments
        | _ps.ThreadGroup
        | _ps.Limits
        | _ps.StateCount
    ]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["set"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_set.Context]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["sig"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_sig_tasks.TaskSignals]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["task"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_task.TaskStruct | _task.TaskMembers]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self, command: Literal["vm"], *who: int | str, options: str = ..., timeout: float | None = ...
    ) -> Answer[_vm.TaskMemory | _vm.TaskStructures]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self,
        command: list[Literal["bt", "files", "net", "ps", "set", "sig", "task", "vm"]]
        | tuple[Literal["bt", "files", "net", "ps", "set", "sig", "task", "vm"], ...],
        *who: int | str,
        options: str = ...,
        timeout: float | None = ...,
    ) -> Answer[_foreach.TaskAnswer]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    @overload
    def foreach(
        self,
        command: Literal["bt", "files", "net", "ps", "set", "sig", "task", "vm"]
        | Sequence[Literal["bt", "files", "net", "ps", "set", "sig", "task", "vm"]],
        *who: int | str,
        options: str = ...,
        timeout: float | None = ...,
    ) -> Answer[Any]:
        """What ``command`` gives, for all tasks or those that ``who`` selects.

        ``who``: pids, addresses of task_structs, states (``UN``), sets (``user``, ``kernel``, ``gleader``,
        ``active``), command names. ``options``: letters of the command (``lf``). The records are the
        command's own; see `crashdrive.parsers.foreach`.

        With a sequence of commands (crash itself takes one) each record is a `TaskAnswer`: one for each task and
        command, ``options`` going to all of them. The answer is marked where crash passed over a task in silence.
        Source: crash's ``foreach``.
        """
    def fuser(self, file: str | int, *, timeout: float | None = None) -> Answer[_fuser.FileUser]:
        """The tasks that use a file, by its absolute path or its inode's address, and how.

        crash looks through the files and the mappings of all tasks: that takes a while. Source: crash's
        ``fuser``.
        """
    def gdb(self, layout_of: str) -> Answer[_struct.Definition]:
        """The layout of a structure or union (``struct list_head``): offsets, sizes and bits of all members.

        Needs gdb 8.1 (crash 8). CommandFailedError where gdb doesn't know it. Source: gdb's ``ptype/o``.
        """
    @overload
    def help(self) -> Answer[_help.CommandName]:
        """All commands of this crash, extensions' as well. Source: crash's ``help``."""
    @overload
    def help(self, command: str, *, show: Literal["page"]) -> Answer[_help.HelpSection]:
        """The sections of a command's help page (``help COMMAND``)."""
    @overload
    def help(self, *, show: Literal["options"]) -> Answer[_help.Option]:
        """The options of ``help`` that show crash's own tables (``help -z``)."""
    @overload
    def help(self, letter: str, *, show: Literal["table"]) -> Answer[_help.Entry]:
        """One of crash's own tables, by its letter (``help -k``): what crash knows of the kernel."""
    @overload
    def ipcs(
        self, what: Literal["all"] = ..., *, namespace_of: int | None = ...
    ) -> Answer[_ipcs.SharedMemory | _ipcs.SemaphoreArray | _ipcs.MessageQueue]:
        """The System V facilities of the first namespace, or of the one of a task (pid or task_struct).

        ``memory-details`` adds pages and inode to each shared memory segment. Source: crash's ``ipcs``.
        """
    @overload
    def ipcs(
        self, what: Literal["memory", "memory-details"], *, namespace_of: int | None = ...
    ) -> Answer[_ipcs.SharedMemory]:
        """The System V facilities of the first namespace, or of the one of a task (pid or task_struct).

        ``memory-details`` adds pages and inode to each shared memory segment. Source: crash's ``ipcs``.
        """
    @overload
    def ipcs(
        self, what: Literal["semaphores"], *, namespace_of: int | None = ...
    ) -> Answer[_ipcs.SemaphoreArray]:
        """The System V facilities of the first namespace, or of the one of a task (pid or task_struct).

        ``memory-details`` adds pages and inode to each shared memory segment. Source: crash's ``ipcs``.
        """
    @overload
    def ipcs(self, what: Literal["queues"], *, namespace_of: int | None = ...) -> Answer[_ipcs.MessageQueue]:
        """The System V facilities of the first namespace, or of the one of a task (pid or task_struct).

        ``memory-details`` adds pages and inode to each shared memory segment. Source: crash's ``ipcs``.
        """
    @overload
    def irq(self, *numbers: int, used: bool = False) -> Answer[_irq.Irq] | Answer[_irq.OldIrq]:
        """The interrupt lines and their handlers; with ``used`` only those that have a descriptor.

        Kernels before 2.6.37 give `OldIrq`. Source: crash's ``irq``.
        """
    @overload
    def irq(self, *, show: Literal["counts"]) -> Answer[_irq.IrqCounts]:
        """How often each interrupt came on each CPU (``irq -s``)."""
    @overload
    def irq(self, *, show: Literal["affinities"]) -> Answer[_irq.Affinity]:
        """Which CPUs may serve each interrupt (``irq -a``)."""
    @overload
    def irq(self, *, show: Literal["softirqs"]) -> Answer[_irq.SoftIrq | _irq.BottomHalves]:
        """The functions of softirqs (``irq -b``)."""
    @overload
    def irq(self, *, show: Literal["idt"]) -> Answer[_irq.IdtEntry]:
        """The interrupt descriptor table (``irq -d``)."""
    @overload
    def kmem(
        self,
        what: Literal["info"] = ...,
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.MemoryUse]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["free"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.FreeZone | _kmem.PageCount]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["statistics"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.VmStatistic]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["nodes"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.MemoryNode | _kmem.MemorySection | _kmem.MemoryBlock]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["zones"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.ZoneStatistics]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["offsets"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.PerCpuOffset]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["huge-pages"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.HugePages]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["page-flags"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.PageFlag]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["caches"],
        *,
        address: None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.SlabCache]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self, what: Literal["caches"], *, address: int, timeout: float | None = ...
    ) -> Answer[_kmem.SlabCacheContents]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["slabs"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.SlabCacheContents]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["areas"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.VmapArea]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal["page"],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[_kmem.Page]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self, what: Literal["report"], *, address: int, timeout: float | None = ...
    ) -> Answer[_kmem.AddressReport]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal[
            "info",
            "free",
            "statistics",
            "nodes",
            "zones",
            "offsets",
            "huge-pages",
            "page-flags",
            "caches",
            "slabs",
            "areas",
            "page",
            "report",
        ] = ...,
        *,
        cache: str | None = ...,
        also: Sequence[Literal["nodes", "zones"]],
        timeout: float | None = ...,
    ) -> Answer[_kmem.KmemAnswer]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(
        self,
        what: Literal[
            "info",
            "free",
            "statistics",
            "nodes",
            "zones",
            "offsets",
            "huge-pages",
            "page-flags",
            "caches",
            "slabs",
            "areas",
            "page",
            "report",
        ],
        *,
        address: int | None = ...,
        cache: str | None = ...,
        timeout: float | None = ...,
    ) -> Answer[Any]:
        """How memory is used.

        ``what``: ``info`` (`MemoryUse`; of kernels 2.4 `ZoneUse` as well), ``free`` (`FreeZone`),
        ``statistics`` (`VmStatistic`), ``nodes``, ``zones``, ``offsets`` of per-cpu data, ``huge-pages``,
        ``page-flags``, ``caches`` (`SlabCache`), ``slabs`` (`SlabCacheContents`, with every object: long),
        ``areas`` of vmalloc (`VmapArea`), ``page`` (`Page`), ``report`` on an address (`AddressReport`).
        ``address`` and ``cache`` (a slab cache's name) narrow it down. ``also``: crash reports on nodes and zones
        in the same breath; each report then stands in a `KmemAnswer`. Source: crash's ``kmem``.
        """
    @overload
    def kmem(self, *, show: Literal["cache_names"]) -> Answer[_kmem.SlabCacheName]:
        """The names of the slab caches (``kmem -s list``)."""
    @overload
    def kmem(self, *pages: int, members: str, show: Literal["page_members"]) -> Answer[_kmem.PageMembers]:
        """Members of page structures, several with commas between them (``kmem -m``); of all if no ``pages``."""
    @overload
    def kmem(
        self, name: Literal["active", "inactive"] = "active", *, show: Literal["page_lists"]
    ) -> Answer[_kmem.PageList | _kmem.PageCount]:
        """The pages of the active or the inactive list; kernels before 2.6.29 alone (``kmem -l``)."""
    def list(
        self,
        start: int | str,
        offset: int | str = 0,
        *,
        head: bool = False,
        whole: bool = False,
        backwards: bool = False,
        show: str | Iterable[str] = (),
        exact: bool = False,
    ) -> Answer[_grammar_walks.Element]:
        """The elements of the list at ``start``, an address or a symbol.

        ``offset``: where the link is in each element, in bytes or as ``task_struct.tasks``. ``head``: ``start``
        is a list_head outside of the elements; ``whole``: it is an element and the link a list_head in it;
        ``backwards`` follows ``prev``. ``show``: members of each, as ``"task_struct.pid,comm"``: read from memory
        (integers, texts), or with ``exact`` printed by gdb, 0.5 s for each element. CommandFailedError where the
        list can't be followed from the start. Source: crash's ``list``.
        """
    @overload
    def log(
        self,
        *,
        levels: bool = False,
        dates: bool = False,
        callers: bool = False,
        properties: bool = False,
        timeout: float | None = None,
    ) -> Answer[_log.LogEntry]:
        """The kernel's messages, oldest first: seconds since boot and text.

        ``levels`` adds each message's level (0 to 7), ``dates`` gives crash's calendar time in place of the
        seconds, ``callers`` the thread or CPU that printed, ``properties`` the key/value pairs of device
        messages. Source: crash's ``log``.
        """
    @overload
    def log(self, *, show: Literal["audit"]) -> Answer[_log.AuditEntry]:
        """Audit records that nobody had fetched (``log -a``)."""
    @overload
    def log(self, *, show: Literal["unflushed"]) -> Answer[_log.SafeBuffer]:
        """Messages still in per-CPU buffers (``log -s``); kernels since 5.15 have none."""
    @overload
    def mach(self) -> Answer[_mach.Machine]:
        """Type, memory, CPUs, clock, page size, base addresses and stacks of the machine; one record.

        Source: crash's ``mach``.
        """
    @overload
    def mach(self, *, show: Literal["memory"]) -> Answer[_mach.MemoryRange]:
        """The firmware's map of physical memory, x86 only (``mach -m``)."""
    @overload
    def mach(self, *, show: Literal["cpus"]) -> Answer[_mach.CpuData]:
        """Each CPU's structures, x86 only (``mach -c``)."""
    @overload
    def mach(self, *, show: Literal["firmware"]) -> Answer[_mach.FirmwareMessage]:
        """The console log of OPAL, ppc64 only (``mach -o``)."""
    def map(self) -> Answer[_map.MapFile]:
        """The map file in use (dumps of ``virsh dump`` only). Source: crash's ``map``."""
    @overload
    def mod(self, *, taints: Literal[False] = False) -> Answer[_mod.Module]:
        """The modules that were loaded: address, name, base, size in bytes, object file.

        With ``taints`` those that taint the kernel, and how. CommandFailedError where the session was opened
        without access to modules. Source: crash's ``mod``.
        """
    @overload
    def mod(self, *, taints: Literal[True]) -> Answer[_mod.ModuleTaint]:
        """The modules that were loaded: address, name, base, size in bytes, object file.

        With ``taints`` those that taint the kernel, and how. CommandFailedError where the session was opened
        without access to modules. Source: crash's ``mod``.
        """
    def mount(self, *, namespace_of: int | None = None) -> Answer[_mount.Mount]:
        """The mounted filesystems: address, super block, type, device, mount point.

        ``namespace_of``: of the mount namespace of a task (pid or address of its task_struct). Source: crash's
        ``mount``.
        """
    @overload
    def net(self, *, namespace_of: int | None = ...) -> Answer[_net.NetDevice]:
        """The network devices (`NetDevice`): address, name, IP addresses.

        ``namespace_of``: of the network namespace of a task (pid or address of its task_struct). ``arp``: the
        ARP cache (`Neighbour`). ``sockets``: the open sockets (`TaskSockets`) of the tasks ``who``, of the
        current task where none is named. Source: crash's ``net``.
        """
    @overload
    def net(self, *, arp: Literal[True]) -> Answer[_net.Neighbour]:
        """The network devices (`NetDevice`): address, name, IP addresses.

        ``namespace_of``: of the network namespace of a task (pid or address of its task_struct). ``arp``: the
        ARP cache (`Neighbour`). ``sockets``: the open sockets (`TaskSockets`) of the tasks ``who``, of the
        current task where none is named. Source: crash's ``net``.
        """
    @overload
    def net(self, *who: int, sockets: Literal[True]) -> Answer[_net.TaskSockets]:
        """The network devices (`NetDevice`): address, name, IP addresses.

        ``namespace_of``: of the network namespace of a task (pid or address of its task_struct). ``arp``: the
        ARP cache (`Neighbour`). ``sockets``: the open sockets (`TaskSockets`) of the tasks ``who``, of the
        current task where none is named. Source: crash's ``net``.
        """
    @overload
    def net(
        self, *who: int, arp: bool = ..., sockets: bool = ..., namespace_of: int | None = ...
    ) -> Answer[_net.NetDevice | _net.Neighbour | _net.TaskSockets]:
        """The network devices (`NetDevice`): address, name, IP addresses.

        ``namespace_of``: of the network namespace of a task (pid or address of its task_struct). ``arp``: the
        ARP cache (`Neighbour`). ``sockets``: the open sockets (`TaskSockets`) of the tasks ``who``, of the
        current task where none is named. Source: crash's ``net``.
        """
    @overload
    def net(self, *who: int, show: Literal["socket_structures"]) -> Answer[_net.TaskSocketStructures]:
        """The socket and sock structures of tasks' open sockets, of the current one's if none (``net -S``)."""
    @overload
    def net(self, number: int, *, show: Literal["address"]) -> Answer[_net.IpAddress]:
        """The IPv4 address in dots of a number, the way it lies in memory (``net -N``)."""
    def p(self, text: str, *, cpus: str | None = None) -> Answer[_p.Expression | _p.PerCpuAddress]:
        """What a C expression is worth; for a per-cpu variable where each CPU's copy lies.

        With ``cpus`` (``a``: all) the per-cpu variable's value on these CPUs. No quotes, ``|``, ``!``, ``<``,
        ``>`` in the expression. CommandFailedError where gdb can't evaluate it. Source: crash's ``p``.
        """
    @overload
    def ps(
        self,
        *who: int | str,
        kernel: bool = False,
        user: bool = False,
        group_leaders: bool = False,
        active: bool = False,
        kstackp: bool = False,
    ) -> Answer[_ps.Process]:
        """The tasks: pid, parent, CPU, task_struct, state, memory, command.

        ``who`` are pids, addresses of task_structs or command names; all tasks where none is given. ``kernel``,
        ``user``, ``group_leaders`` and ``active`` (on a CPU) leave others out; with ``kstackp`` the rows hold
        the kernel stack pointer in place of the task_struct. CommandFailedError when nobody is found.
        Source: crash's ``ps``.
        """
    @overload
    def ps(self, *who: int | str, show: Literal["parents"]) -> Answer[_ps.Ancestry]:
        """Each task with its ancestors, the oldest first (``ps -p``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["children"]) -> Answer[_ps.Children]:
        """Each task with its children (``ps -c``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["times"]) -> Answer[_ps.TaskTimes]:
        """Run time, start time, and user and system time of each task (``ps -t``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["last_run"]) -> Answer[_ps.LastRun]:
        """When each task last ran, by its own time stamp; the latest first (``ps -l``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["ago"]) -> Answer[_ps.LastRun]:
        """How long ago each task last ran; the latest first (``ps -m``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["arguments"]) -> Answer[_ps.Arguments]:
        """Command-line arguments and environment of each task; kernel threads have none (``ps -a``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["threads"]) -> Answer[_ps.ThreadGroup]:
        """The tasks by thread group (``ps -g``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["limits"]) -> Answer[_ps.Limits]:
        """The resource limits of each task (``ps -r``)."""
    @overload
    def ps(self, *who: int | str, show: Literal["states"]) -> Answer[_ps.StateCount]:
        """How many tasks are in each state (``ps -S``)."""
    def pte(self, *values: int) -> Answer[_pte.PageTableEntry]:
        """What page table entries say. Source: crash's ``pte``."""
    def ptob(self, *values: int) -> Answer[_ptob.PageAddress]:
        """The first addresses of pages. Source: crash's ``ptob``."""
    def ptov(
        self, *values: int, cpus: str | None = None
    ) -> Answer[_ptov.VirtualAddress | _ptov.PerCpuVirtual]:
        """Where the kernel maps physical addresses; with ``cpus`` (``a``: all) where per-cpu offsets are on these
        CPUs.

        Source: crash's ``ptov``.
        """
    @overload
    def rd(
        self,
        address: int | str,
        count: int = ...,
        *,
        bits: Literal[8, 16, 32, 64] | None = ...,
        space: Literal["kernel", "user", "physical"] = ...,
        symbols: Literal[False] = False,
    ) -> Answer[_grammar_hexdump.Words]:
        """``count`` words of memory from ``address`` (or a symbol's) on, the machine's own words where ``bits``
        is None.

        ``symbols``: addresses in them by name, or by the slab cache that they lie in. CommandFailedError where
        memory can't be read; an answer that lacks words (excluded pages) is marked. For more than a page use
        ``crash.kernel``'s memory. Source: crash's ``rd``.
        """
    @overload
    def rd(
        self,
        address: int | str,
        count: int = ...,
        *,
        space: Literal["kernel", "user", "physical"] = ...,
        symbols: Literal[True],
    ) -> Answer[_rd.SymbolicWords]:
        """``count`` words of memory from ``address`` (or a symbol's) on, the machine's own words where ``bits``
        is None.

        ``symbols``: addresses in them by name, or by the slab cache that they lie in. CommandFailedError where
        memory can't be read; an answer that lacks words (excluded pages) is marked. For more than a page use
        ``crash.kernel``'s memory. Source: crash's ``rd``.
        """
    @overload
    def rd(self, address: int | str, count: int | None = None, *, show: Literal["text"]) -> Answer[_rd.Text]:
        """The printable characters from ``address`` (or a symbol's) on, ``count`` at most (``rd -a``)."""
    def repeat(
        self, command: str, times: int = 2, *, seconds: float = 0.0, timeout: float | None = None
    ) -> Answer[_repeat.Round]:
        """What a command gives when it is run ``times`` times, ``seconds`` apart: a `Round` for each.

        Of use on a live system; a dump gives the same again and again. crash's own ``repeat`` ends only when it
        is interrupted, so that this one sends the command itself, round by round. It stops where a round fails
        (crash's own goes on after some failures): the rounds until there are the answer, marked, and the error
        is raised where there is none.
        ``timeout``: seconds for all rounds together, with the same end. ``command`` is a command line without
        pipes and redirections, of a command that has a parser. Source: crash's ``repeat``.
        """
    @overload
    def runq(self, *, cpu: int | None = None) -> Answer[_runq.RunQueue]:
        """Each CPU's run queue: its address, the running task, the tasks in its queues.

        With ``cpu`` that one alone. Source: crash's ``runq``.
        """
    @overload
    def runq(self, *, show: Literal["groups"]) -> Answer[_runq.GroupedRunQueue]:
        """The run queues by task groups (``runq -g``)."""
    @overload
    def runq(self, *, show: Literal["clocks"]) -> Answer[_runq.QueueClock]:
        """Timestamps of the run queues and of the running tasks (``runq -t``)."""
    @overload
    def runq(self, *, show: Literal["lags"]) -> Answer[_runq.Lag]:
        """How many seconds each run queue lags behind the most recent one (``runq -T``)."""
    @overload
    def runq(self, *, show: Literal["running"]) -> Answer[_runq.Running]:
        """For how many seconds each CPU's task has been running (``runq -m``)."""
    @overload
    def runq(self, *, show: Literal["tasks"]) -> Answer[_runq.OnQueue]:
        """The tasks that say they are on a run queue, found task by task (``runq -d``)."""
    def rustfilt(self, symbol: str) -> Answer[_rustfilt.RustSymbol]:
        """The name that a symbol has in Rust's source; a marked answer without records for one that isn't Rust's.

        CommandFailedError where crash is older than 9.0.1 and has no such command. Source: crash's ``rustfilt``.
        """
    @overload
    def s390dbf(self) -> Answer[_s390dbf.DebugLog]:
        """The debug logs (`DebugLog`), the views of one (`DebugView`), or what a view holds.

        A view's content is `DebugEntry`, of the views ``level`` and ``pages`` one `DebugSetting`.
        CommandFailedError where crash isn't one for s390. Source: crash's ``s390dbf``.
        """
    @overload
    def s390dbf(self, log: str) -> Answer[_s390dbf.DebugView]:
        """The debug logs (`DebugLog`), the views of one (`DebugView`), or what a view holds.

        A view's content is `DebugEntry`, of the views ``level`` and ``pages`` one `DebugSetting`.
        CommandFailedError where crash isn't one for s390. Source: crash's ``s390dbf``.
        """
    @overload
    def s390dbf(self, log: str, view: str) -> Answer[_s390dbf.DebugEntry | _s390dbf.DebugSetting]:
        """The debug logs (`DebugLog`), the views of one (`DebugView`), or what a view holds.

        A view's content is `DebugEntry`, of the views ``level`` and ``pages`` one `DebugSetting`.
        CommandFailedError where crash isn't one for s390. Source: crash's ``s390dbf``.
        """
    @overload
    def s390dbf(self, *, show: Literal["views"]) -> Answer[_s390dbf.DebugLog]:
        """The views that crash can show, by name. Source: crash's ``s390dbf -v``."""
    @overload
    def sbitmapq(self, address: int) -> Answer[_sbitmapq.SbitmapQueue]:
        """The ``struct sbitmap_queue`` at ``address``: its depth, how much of it is busy, who waits. Needs crash
        8.0.1.

        Source: crash's ``sbitmapq``.
        """
    @overload
    def sbitmapq(
        self, queue: int, *, array: int, structure: str, pointers: bool = False, show: Literal["entries"]
    ) -> Answer[_sbitmapq.SbitmapEntry]:
        """What an ``array`` holds for each busy bit of the queue: ``structure`` or ``structure.member``.

        ``pointers``: the array is one of pointers. Source: crash's ``sbitmapq -s``.
        """
    def search(
        self,
        *values: int,
        texts: Sequence[str] = (),
        where: Literal["kernel", "user", "physical", "stacks", "active stacks"] = "kernel",
        start: int | None = None,
        length: int | None = None,
        ignore: int = 0,
        timeout: float | None = None,
    ) -> Answer[_search.Match]:
        """Places that hold one of ``values`` (whole words), or one of ``texts``, in all of that memory or a part.

        ``ignore``: bits that don't matter. An answer without records: nothing found. Searching all of a big dump
        takes minutes: see ``timeout`` (seconds). Source: crash's ``search``.
        """
    @overload
    def set(
        self, task: int | None = None, *, cpu: int | None = None, panic: bool = False
    ) -> Answer[_set.Context]:
        """Make a task (by pid or address), the active task of a ``cpu`` or the one that panicked the current one.

        Without any: which one it is. CommandFailedError for a task that isn't there. Source: crash's ``set``.
        """
    @overload
    def set(self, *, show: Literal["variables"]) -> Answer[_set.Variable]:
        """crash's own settings (``set -v``)."""
    @overload
    def sig(self, *who: int, threads: bool = False) -> Answer[_sig_tasks.TaskSignals]:
        """Handlers, blocked and pending signals of tasks, by pid or address; of the current context if none.

        With ``threads`` of all threads of the group. Source: crash's ``sig``.
        """
    @overload
    def sig(self, *, show: Literal["names"]) -> Answer[_sig.SignalName]:
        """Numbers and names of all signals (``sig -l``)."""
    @overload
    def sig(self, sigset: int, *, show: Literal["set"]) -> Answer[_sig.SignalInSet]:
        """The signals in a 64-bit mask (``sig -s``)."""
    @overload
    def struct(self, name: str, *, members: Sequence[str] = ...) -> Answer[_struct.Definition]:
        """A structure or union: its definition with offsets, or its contents at ``address`` (or a symbol's).

        ``members`` limits it to some (paths such as ``se.on_rq``), of a definition to one. ``count``: how many in
        a row; ``cpus``: whose copies of per-cpu data (``a``: all); ``embedded``: the address is that of this
        member (``task_struct.tasks``) or of what is so many bytes inside; ``targets`` follows pointers.
        CommandFailedError where crash knows no such structure or can't read it. Source: crash's ``struct``.
        """
    @overload
    def struct(
        self,
        name: str,
        address: int | str,
        *,
        members: Sequence[str] = ...,
        count: int = ...,
        cpus: str | None = ...,
        embedded: int | str | None = ...,
        targets: bool = ...,
    ) -> Answer[_struct.Structure]:
        """A structure or union: its definition with offsets, or its contents at ``address`` (or a symbol's).

        ``members`` limits it to some (paths such as ``se.on_rq``), of a definition to one. ``count``: how many in
        a row; ``cpus``: whose copies of per-cpu data (``a``: all); ``embedded``: the address is that of this
        member (``task_struct.tasks``) or of what is so many bytes inside; ``targets`` follows pointers.
        CommandFailedError where crash knows no such structure or can't read it. Source: crash's ``struct``.
        """
    @overload
    def struct(
        self, name: str, address: int | str, *, show: Literal["memory"]
    ) -> Answer[_grammar_hexdump.Words]:
        """The memory of a structure at ``address`` (or a symbol's), word by word (``struct -r``)."""
    def swap(self) -> Answer[_swap.SwapDevice]:
        """The swap devices: size and use in bytes, priority, file name. Source: crash's ``swap``."""
    @overload
    def sym(
        self,
        *what: int | str,
        previous: bool = False,
        following: bool = False,
        containing: str | None = None,
        module: str | None = None,
        everything: bool = False,
    ) -> Answer[_sym.Symbol | _sym.Boundary]:
        """Symbols by name or by address, with the one before or after if wanted.

        ``containing``: all whose name holds this; ``module``: all of a module, with the boundaries of its memory;
        ``everything``: all of kernel and modules. CommandFailedError for a name or address that isn't one.
        Source: crash's ``sym``.
        """
    @overload
    def sym(self, containing: str, *, show: Literal["count"]) -> Answer[_sym.Count]:
        """How many symbols hold this in their names (``sym -Q``)."""
    @overload
    def sys(self) -> Answer[_sys.System]:
        """Kernel, dump, CPUs, date, uptime, load, tasks, release, memory and panic message; one record.

        Source: crash's ``sys``.
        """
    @overload
    def sys(self, *, show: Literal["taint"]) -> Answer[_sys.Taint]:
        """The kernel's taint mask and its letters; one record (``sys -t``)."""
    @overload
    def sys(self, find: int | str | None = None, *, show: Literal["calls"]) -> Answer[_sys.SystemCall]:
        """The system call table; of it the entry ``find`` (a number), or those whose name holds ``find``."""
    @overload
    def sys(self, *, show: Literal["dmi"]) -> Answer[_sys.DmiString]:
        """The firmware's DMI strings (``sys -i``)."""
    @overload
    def sys(self, *, show: Literal["config"]) -> Answer[_sys.ConfigLine]:
        """The kernel's configuration, where the kernel keeps it (``sys config``)."""
    @overload
    def task(self, *who: int, timeout: float | None = None) -> Answer[_task.TaskStruct]:
        """The whole task_struct (and thread_info) of tasks, by pid or address; of the current context if none.

        To read a few members of many tasks, `task_members` costs as much as this; raw memory
        (``crash.kernel``) is faster by far. Source: crash's ``task``.
        """
    @overload
    def task(self, members: str, *who: int, show: Literal["members"]) -> Answer[_task.TaskMembers]:
        """Members by path, several with commas between them: ``task_members("comm,se.on_rq", 1)``."""
    @overload
    def timer(self, *, cpu: int | None = None) -> Answer[_timer.TimerBase]:
        """The timers of all CPUs or of one, base by base, in the order in which they fire; times in jiffies.

        Source: crash's ``timer``.
        """
    @overload
    def timer(self, *, cpu: int | None = None, show: Literal["hr"]) -> Answer[_timer.HrtimerBase]:
        """The high-resolution timers, clock by clock; times in nanoseconds of the clock (``timer -r``)."""
    @overload
    def tree(
        self,
        start: int | str,
        kind: Literal["rbtree", "radix", "xarray", "maple"] = ...,
        *,
        node: int | str | None = ...,
        root: int | str | None = ...,
        positions: bool = ...,
        show: str | Iterable[str] = ...,
        exact: bool = ...,
    ) -> Answer[_grammar_walks.Element]:
        """The elements of the tree at ``start``, an address or a symbol.

        ``node``: where the rb_node is in each element, ``root``: where the tree's root is in what lies at
        ``start``, both in bytes or as ``vmap_area.rb_node``. ``positions``: with each element's
        position. ``show``, ``exact``: see `list`. ``ranges``: the tree's own nodes and ranges, of a maple tree
        alone (`MapleTree`, `MapleRange`). Maple trees need crash 8.0.3. Source: crash's ``tree``.
        """
    @overload
    def tree(
        self, start: int | str, kind: Literal["maple"], *, root: int | str | None = ..., ranges: Literal[True]
    ) -> Answer[_tree.MapleTree | _tree.MapleRange]:
        """The elements of the tree at ``start``, an address or a symbol.

        ``node``: where the rb_node is in each element, ``root``: where the tree's root is in what lies at
        ``start``, both in bytes or as ``vmap_area.rb_node``. ``positions``: with each element's
        position. ``show``, ``exact``: see `list`. ``ranges``: the tree's own nodes and ranges, of a maple tree
        alone (`MapleTree`, `MapleRange`). Maple trees need crash 8.0.3. Source: crash's ``tree``.
        """
    @overload
    def vm(
        self, *who: int, pages: bool = ..., area: int | None = ..., timeout: float | None = ...
    ) -> Answer[_vm.TaskMemory]:
        """The address spaces of tasks (`TaskMemory`), by pid or task_struct; the current one where none is named.

        ``pages``: where each page is; ``area``: only the pages of the area at this address. ``mm_struct``,
        ``vm_area_structs``: the structures themselves (`TaskStructures`). Source: crash's ``vm``.
        """
    @overload
    def vm(
        self, *who: int, mm_struct: Literal[True], timeout: float | None = ...
    ) -> Answer[_vm.TaskStructures]:
        """The address spaces of tasks (`TaskMemory`), by pid or task_struct; the current one where none is named.

        ``pages``: where each page is; ``area``: only the pages of the area at this address. ``mm_struct``,
        ``vm_area_structs``: the structures themselves (`TaskStructures`). Source: crash's ``vm``.
        """
    @overload
    def vm(
        self, *who: int, vm_area_structs: Literal[True], timeout: float | None = ...
    ) -> Answer[_vm.TaskStructures]:
        """The address spaces of tasks (`TaskMemory`), by pid or task_struct; the current one where none is named.

        ``pages``: where each page is; ``area``: only the pages of the area at this address. ``mm_struct``,
        ``vm_area_structs``: the structures themselves (`TaskStructures`). Source: crash's ``vm``.
        """
    @overload
    def vm(
        self,
        *who: int,
        pages: bool = ...,
        area: int | None = ...,
        mm_struct: bool = ...,
        vm_area_structs: bool = ...,
        timeout: float | None = ...,
    ) -> Answer[_vm.TaskMemory | _vm.TaskStructures]:
        """The address spaces of tasks (`TaskMemory`), by pid or task_struct; the current one where none is named.

        ``pages``: where each page is; ``area``: only the pages of the area at this address. ``mm_struct``,
        ``vm_area_structs``: the structures themselves (`TaskStructures`). Source: crash's ``vm``.
        """
    @overload
    def vm(self, flags: int, *, show: Literal["flags"]) -> Answer[_vm.VmFlags]:
        """The names of the bits of a ``vm_flags`` (``vm -f``)."""
    def vtop(self, *addresses: int, task: int | None = None, user: bool = False) -> Answer[_vtop.Translation]:
        """How the page tables translate virtual addresses; None as physical address where they don't.

        ``task``: whose page tables, by pid or address; ``user``: the addresses are user addresses, where crash
        can't tell. Source: crash's ``vtop``.
        """
    def waitq(self, queue: int | str, *, member_of: int | None = None) -> Answer[_grammar_tasks.TaskHeader]:
        """The tasks that wait in ``queue``: its address or symbol; none is an answer too.

        With ``member_of`` (a structure's address) ``queue`` is ``structure.member``. Source: crash's ``waitq``.
        """
    @overload
    def whatis(
        self, name: str
    ) -> Answer[_struct.Definition | _whatis.Enumeration | _whatis.EnumeratorOf | _whatis.Declaration]:
        """A type's definition, an enumerator's value or a symbol's declaration.

        Without ``name`` a search: structures whose size is within ``sizes`` (lowest, highest, in bytes) and that
        hold or point to the structure ``member``. Records: `Definition`, `Enumeration`, `EnumeratorOf`,
        `Declaration`, `SizedType` (in `crashdrive.parsers.whatis`). Source: crash's ``whatis``.
        """
    @overload
    def whatis(self, *, sizes: tuple[int, int], member: str | None = ...) -> Answer[_whatis.SizedType]:
        """A type's definition, an enumerator's value or a symbol's declaration.

        Without ``name`` a search: structures whose size is within ``sizes`` (lowest, highest, in bytes) and that
        hold or point to the structure ``member``. Records: `Definition`, `Enumeration`, `EnumeratorOf`,
        `Declaration`, `SizedType` (in `crashdrive.parsers.whatis`). Source: crash's ``whatis``.
        """
    @overload
    def whatis(self, *, member: str) -> Answer[_whatis.SizedType]:
        """A type's definition, an enumerator's value or a symbol's declaration.

        Without ``name`` a search: structures whose size is within ``sizes`` (lowest, highest, in bytes) and that
        hold or point to the structure ``member``. Records: `Definition`, `Enumeration`, `EnumeratorOf`,
        `Declaration`, `SizedType` (in `crashdrive.parsers.whatis`). Source: crash's ``whatis``.
        """
    @overload
    def report(self, name: Literal["block"], *, device: Sequence[str] = ..., queues: bool = ...) -> Report:
        """Disks, partitions, counters, pending requests, devices of the device mapper."""
    @overload
    def report(self, name: Literal["bpf"], *, pid: Sequence[int] = ...) -> Report:
        """eBPF: programs, maps, links, and who holds them."""
    @overload
    def report(
        self,
        name: Literal["cgroups"],
        *,
        path: str | None = ...,
        show: Sequence[Literal["use", "cpu", "memory", "tree"]] = ...,
        tasks: bool = ...,
        pressure: bool = ...,
        io: bool = ...,
    ) -> Report:
        """Cgroups of both versions: tree, tasks, limits and counters, pressure."""
    @overload
    def report(
        self,
        name: Literal["conntrack"],
        *,
        four: bool = ...,
        six: bool = ...,
        protocol: Sequence[str] = ...,
        state: Sequence[str] = ...,
        port: Sequence[int] = ...,
        netns: str | None = ...,
    ) -> Report:
        """Connections that netfilter tracks, with both directions, state and time left."""
    @overload
    def report(self, name: Literal["cpu"]) -> Report:
        """CPUs: the task that ran, waiting tasks, tick, times, softirqs, limits."""
    @overload
    def report(
        self,
        name: Literal["dmesg"],
        *,
        level: Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] | None = ...,
        last: float | None = ...,
        grep: str | None = ...,
        caller: str | None = ...,
        oops: bool = ...,
        date: bool = ...,
    ) -> Report:
        """The kernel's log: level, caller, age before the crash, time of day."""
    @overload
    def report(
        self, name: Literal["files"], *, who: Sequence[str] = ..., deleted: bool = ..., all: bool = ...
    ) -> Report:
        """Filesystems and their state, mounts, locks on files, who holds which file."""
    @overload
    def report(
        self,
        name: Literal["hang"],
        *,
        tasks: bool = ...,
        sleepers: bool = ...,
        cpus: bool = ...,
        futexes: bool = ...,
        frozen: bool = ...,
    ) -> Report:
        """Hangs: blocked tasks in groups, locks and owners, deadlocks, frozen filesystems."""
    @overload
    def report(
        self,
        name: Literal["interfaces"],
        *,
        statistics: bool = ...,
        queues: bool = ...,
        qdiscs: bool = ...,
        features: bool = ...,
        drivers: bool = ...,
        all: bool = ...,
        device: str | None = ...,
        netns: str | None = ...,
    ) -> Report:
        """Network interfaces: flags, addresses, masters, counters, queues and qdiscs."""
    @overload
    def report(self, name: Literal["ipc"], *, waiters: bool = ..., limits: bool = ...) -> Report:
        """Shared memory, semaphores, message queues (System V, POSIX): owners, who waits."""
    @overload
    def report(self, name: Literal["irq"], *, irq: Sequence[int] = ...) -> Report:
        """Interrupts: counts by CPU, handlers, affinity, state; softirqs; vectors."""
    @overload
    def report(self, name: Literal["keys"], *, type: Sequence[str] = ...) -> Report:
        """Keys, keyrings, quotas of keys; audit; active security modules."""
    @overload
    def report(
        self,
        name: Literal["memory"],
        *,
        top: int = ...,
        files: bool = ...,
        blocks: bool = ...,
        slabs: bool = ...,
        areas: bool = ...,
        counters: bool = ...,
    ) -> Report:
        """How memory is used: zones, free blocks, slabs, vmalloc, swap, processes, cgroups, OOM."""
    @overload
    def report(
        self, name: Literal["modules"], *, module: Sequence[str] = ..., parameters: bool = ...
    ) -> Report:
        """Modules: size, users, state, taint, version, parameters, and hidden ones."""
    @overload
    def report(
        self,
        name: Literal["namespaces"],
        *,
        kind: Sequence[Literal["mnt", "uts", "ipc", "net", "pid", "user", "cgroup", "time"]] = ...,
        inum: Sequence[int] = ...,
        members: bool = ...,
        nesting: bool = ...,
    ) -> Report:
        """Namespaces of all kinds: members, owners, nesting, what keeps them."""
    @overload
    def report(
        self,
        name: Literal["neighbours"],
        *,
        four: bool = ...,
        six: bool = ...,
        all: bool = ...,
        state: Sequence[str] = ...,
        device: str | None = ...,
        netns: str | None = ...,
    ) -> Report:
        """ARP and NDP entries with state, age and probes; addresses answered for others."""
    @overload
    def report(
        self,
        name: Literal["netfilter"],
        *,
        family: Sequence[str] = ...,
        rules: bool = ...,
        netns: str | None = ...,
    ) -> Report:
        """Netfilter's hooks, chains and rules: nf_tables, iptables, and other users of the hooks."""
    @overload
    def report(self, name: Literal["netns"]) -> Report:
        """Network namespaces with their numbers, processes and interfaces."""
    @overload
    def report(
        self,
        name: Literal["netstat"],
        *,
        all: bool = ...,
        listening: bool = ...,
        numeric: bool = ...,
        tcp: bool = ...,
        udp: bool = ...,
        raw: bool = ...,
        unix: bool = ...,
        packet: bool = ...,
        netlink: bool = ...,
        four: bool = ...,
        six: bool = ...,
        processes: bool = ...,
        detail: bool = ...,
        timers: bool = ...,
        state: Sequence[str] = ...,
        port: Sequence[int] = ...,
        program: str | None = ...,
        pid: int | None = ...,
        interface: str | None = ...,
        netns: str | None = ...,
        retrans_only: bool = ...,
        names: bool = ...,
    ) -> Report:
        """Sockets of all families, protocols and network namespaces."""
    @overload
    def report(self, name: Literal["netsummary"], *, netns: str | None = ...) -> Report:
        """One page: sockets by state, and what looks wrong with the network."""
    @overload
    def report(
        self, name: Literal["panic"], *, log: bool = ..., arguments: bool = ..., versions: bool = ...
    ) -> Report:
        """Why the kernel died: kind, culprit and signature, what was reported, the stack."""
    @overload
    def report(
        self,
        name: Literal["pci"],
        *,
        device: Sequence[str] = ...,
        driver: Sequence[str] = ...,
        regions: bool = ...,
    ) -> Report:
        """PCI devices with drivers and state, buses, ranges, counted errors."""
    @overload
    def report(
        self,
        name: Literal["ps"],
        *,
        threads: bool = ...,
        tree: bool = ...,
        show: Sequence[
            Literal["states", "times", "scheduling", "memory", "io", "ids", "places", "rights", "addresses"]
        ] = ...,
        sort: Literal[
            "pid", "rss", "swap_bytes", "state_seconds", "runtime_seconds", "open_files", "oom_score"
        ]
        | None = ...,
        wait: bool = ...,
        arguments: bool = ...,
        environment: bool = ...,
        limits: bool = ...,
        signals: bool = ...,
        files: bool = ...,
        maps: bool = ...,
        pid: Sequence[int] = ...,
        comm: str | None = ...,
        state: Sequence[str] = ...,
        cpu: Sequence[int] = ...,
        uid: Sequence[int] = ...,
        cgroup: str | None = ...,
        namespace: Sequence[str] = ...,
        running: bool = ...,
        user: bool = ...,
        kernel: bool = ...,
    ) -> Report:
        """Processes and threads: states and how long, owners, scheduling, memory, times, tree."""
    @overload
    def report(
        self,
        name: Literal["qdisc"],
        *,
        classes: bool = ...,
        filters: bool = ...,
        all: bool = ...,
        busy: bool = ...,
        device: str | None = ...,
        netns: str | None = ...,
    ) -> Report:
        """Queueing disciplines, their classes and filters, as tc prints them."""
    @overload
    def report(self, name: Literal["rcu"]) -> Report:
        """RCU: the grace period, who holds it up, callbacks that wait."""
    @overload
    def report(
        self,
        name: Literal["routing"],
        *,
        four: bool = ...,
        six: bool = ...,
        table: str | None = ...,
        netns: str | None = ...,
        details: bool = ...,
        classic: bool = ...,
        rules: bool = ...,
        nexthops: bool = ...,
        cache: bool = ...,
        all: bool = ...,
    ) -> Report:
        """Routes of all tables, policy rules, nexthop objects and exceptions, of all network namespaces."""
    @overload
    def report(
        self,
        name: Literal["skb"],
        *,
        address: Sequence[int] = ...,
        queue: Sequence[int] = ...,
        data: bool = ...,
    ) -> Report:
        """Packets (struct sk_buff) by address, decoded down to their headers."""
    @overload
    def report(self, name: Literal["smp"], *, waiting: bool = ...) -> Report:
        """Calls between CPUs (IPIs): queues, who waits for which CPU."""
    @overload
    def report(
        self,
        name: Literal["snmp"],
        *,
        words: bool = ...,
        nonzero: bool = ...,
        group: Sequence[str] = ...,
        netns: str | None = ...,
    ) -> Report:
        """Network counters of all namespaces: IP, ICMP, TCP, UDP and their extensions."""
    @overload
    def report(self, name: Literal["sockstat"], *, netns: str | None = ...) -> Report:
        """Sockets in use and their memory by protocol, fragments that wait, with the limits."""
    @overload
    def report(self, name: Literal["softnet"], *, packets: bool = ...) -> Report:
        """Received packets by CPU: processed, dropped, squeezed, and what waits in the backlog."""
    @overload
    def report(
        self,
        name: Literal["stacks"],
        *,
        each: bool = ...,
        by_object: bool = ...,
        frames: bool = ...,
        folded: bool = ...,
        source: bool = ...,
        pid: Sequence[int] = ...,
        comm: str | None = ...,
        state: Sequence[str] = ...,
        cpu: Sequence[int] = ...,
        function: str | None = ...,
        running: bool = ...,
    ) -> Report:
        """Kernel stacks of all tasks, grouped; each frame sure or in doubt; folded for flame graphs."""
    @overload
    def report(
        self, name: Literal["sysctl"], *, prefix: Sequence[str] = ..., netns: str | None = ...
    ) -> Report:
        """All settings (/proc/sys), those of the network of each namespace."""
    @overload
    def report(self, name: Literal["sysinfo"], *, topology: bool = ...) -> Report:
        """The machine and its kernel: names, clocks, load, CPUs, firmware, taint, panic settings."""
    @overload
    def report(
        self,
        name: Literal["timeline"],
        *,
        last: float = ...,
        source: Sequence[Literal["log", "task", "timer", "io", "packet"]] = ...,
        pid: Sequence[int] = ...,
    ) -> Report:
        """The last seconds: log, tasks' last runs, overdue timers, IO, packets, as a table and a picture."""
    @overload
    def report(self, name: Literal["timers"], *, cpu: Sequence[int] = ...) -> Report:
        """Pending timers with their functions; wheels that are late."""
    @overload
    def report(self, name: Literal["triage"]) -> Report:
        """The first look on one page: verdict, findings with advice, where to look next, what is missing."""
    @overload
    def report(self, name: Literal["virtio"], *, device: Sequence[str] = ...) -> Report:
        """Virtio devices, queues, the balloon; virtual machines of KVM."""
    @overload
    def report(self, name: Literal["workqueues"], *, all: bool = ...) -> Report:
        """Workqueues: what workers run, what waits for them, pools that are stuck."""
    def run_report(self, name: str, **options: Any) -> Report:
        """Compute any report, one from outside too, by a name that is known at run time only."""
    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any: ...

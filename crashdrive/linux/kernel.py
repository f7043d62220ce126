"""The dump's kernel as data, with its walks: what `Crash.kernel` is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from crashdrive.kernel.objects import Object, address_of
from crashdrive.kernel.program import Head
from crashdrive.kernel.series import Objects
from crashdrive.linux.fs import files, mounts
from crashdrive.linux.machine import Machine
from crashdrive.linux.mm import vmas
from crashdrive.linux.modules import loaded
from crashdrive.linux.modules.types import ModuleTypes
from crashdrive.linux.net import net_list
from crashdrive.linux.sched import stacks as stack_records
from crashdrive.linux.sched import task_list
from crashdrive.linux.sched import tasks as task_records
from crashdrive.linux.survey import Reading
from crashdrive.records import Answer
from crashdrive.session.health import HealthWarning


class Kernel(Machine):
    """The dump's kernel as data.

    Walks over structures begin with ``walk_``, walks over what a subsystem has with ``for_each_``. None of
    them raises where the dump has holes or its lists are damaged: their results have ``complete`` and
    ``problems``; ``check()`` turns problems into an error.
    """

    @cached_property
    def module_types(self) -> ModuleTypes:
        """The types of loaded modules; `Layouts` looks here for types that the kernel's debug data lacks."""
        return ModuleTypes(self)

    @property
    def symbol_doubts(self) -> tuple[HealthWarning, ...]:
        """What there is to doubt about symbols that were looked for and not found."""
        return self.symbols.doubts()

    def _elsewhere(self) -> ModuleTypes:
        return self.module_types

    def for_each_task(self, *, threads: bool = True, idle: bool = False) -> Objects:
        """Every task; see `crashdrive.linux.sched.task_list.for_each_task`."""
        return task_list.for_each_task(self, threads=threads, idle=idle)

    def for_each_pid(self, namespace: Head | None = None) -> Objects:
        """Every ``struct pid`` of a pid namespace, the first one where None."""
        return task_list.for_each_pid(self, None if namespace is None else address_of(namespace))

    def tasks(self, *, threads: bool = True, idle: bool = False) -> Answer[task_records.Task]:
        """All tasks as records; see `crashdrive.linux.sched.tasks.tasks`."""
        return task_records.tasks(self, threads=threads, idle=idle)

    def stacks(self, *, tasks: Sequence[int] | None = None) -> Reading[stack_records.TaskStack]:
        """Kernel stacks of all tasks, or of those at these addresses; see `crashdrive.linux.sched.stacks`."""
        return stack_records.stacks(self, tasks=tasks)

    def for_each_module(self) -> Objects:
        """Every loaded ``struct module``."""
        return loaded.for_each_module(self)

    def modules(self) -> Answer[loaded.LoadedModule]:
        """Loaded modules as records."""
        return loaded.modules(self)

    def for_each_net_namespace(self) -> Objects:
        """Every ``struct net``."""
        return net_list.for_each_net_namespace(self)

    def for_each_net_device(self, namespace: Head | None = None) -> Objects:
        """Every ``struct net_device`` of a network namespace; of all of them where None."""
        return net_list.for_each_net_device(self, None if namespace is None else address_of(namespace))

    def for_each_mount(self, namespace: Head | None = None) -> Objects:
        """Every ``struct mount`` of a mount namespace, that of the first process where None."""
        return mounts.for_each_mount(self, None if namespace is None else address_of(namespace))

    def for_each_super_block(self) -> Objects:
        """Every ``struct super_block``."""
        return mounts.for_each_super_block(self)

    def for_each_inode(self, super_block: Head) -> Objects:
        """Every ``struct inode`` of a super block."""
        return mounts.for_each_inode(self, address_of(super_block))

    def for_each_file(self, task: Head) -> files.OpenFiles:
        """(descriptor, ``struct file``) of a task."""
        return files.for_each_file(self, address_of(task))

    def for_each_vma(self, task: Head) -> Objects:
        """Every ``struct vm_area_struct`` of a task, by address; none for a kernel thread."""
        return vmas.for_each_vma(self, address_of(task))

    def run_queues(self) -> list[Object]:
        """The ``struct rq`` of each present CPU."""
        return self.per_cpu("runqueues", "struct rq")

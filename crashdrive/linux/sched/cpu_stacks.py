"""A CPU's own stacks: of interrupts, of exceptions, of the entry code. x86-64.

Sources: arch/x86/include/asm/cpu_entry_area.h, processor.h; arch/x86/kernel/dumpstack_64.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashdrive.errors import KernelError
from crashdrive.kernel.pages import PAGE
from crashdrive.kernel.unwind.walk import Stack
from crashdrive.linux.sched.machines import ways
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_EXCEPTIONS, _AREA = "struct cea_exception_stacks", "struct cpu_entry_area"
_NAMES = ("DF", "NMI", "DB", "MCE", "VC", "VC2")
_IRQ_STACK = 16 << 10
# the stack size where no symbol tells it: that since 3.15 (6538b8ea886e) without KASAN
_THREAD = 16 << 10
_MOST_THREAD = 1 << 20
# INIT_TASK_DATA of include/asm-generic/vmlinux.lds.h; renamed in 6.10 (1c0d72d5ce3e)
_BORDERS = (("__start_init_stack", "__end_init_stack"), ("__start_init_task", "__end_init_task"))


def thread_size(kernel: Machine) -> int:
    """Bytes of a task's stack, by that of the first task, which the linker reserves."""
    for start, end in _BORDERS:
        if kernel.symbols.has(start) and kernel.symbols.has(end):
            size = kernel.symbols.address(end) - kernel.symbols.address(start)
            if PAGE <= size <= _MOST_THREAD and size % PAGE == 0:
                return size
    return _THREAD


def cpu_stacks(survey: Survey) -> dict[int, tuple[Stack, ...]]:
    """The known stacks of each present CPU: ``irq`` (softirqs run there, too), ``entry``, and those of
    exceptions by the kernel's names (``NMI``, ``DF``, ``DB``, ``MCE``, ``VC``, ``VC2``).

    A CPU whose stacks the dump doesn't tell is noted. Other names on other architectures:
    `crashdrive.linux.sched.arm64`, `crashdrive.linux.sched.ppc64`, `crashdrive.linux.sched.s390x`.
    """
    kernel = survey.kernel
    if (own := ways(kernel)) is not None:
        return own.cpu_stacks(survey, thread_size(kernel))
    interrupts, areas = _interrupt_tops(survey), _exception_areas(survey)
    size = kernel.sizeof("struct irq_stack") if kernel.has_type("struct irq_stack") else _IRQ_STACK
    found: dict[int, tuple[Stack, ...]] = {}
    for cpu in kernel.cpus:
        top = -(-interrupts.get(cpu, 0) // PAGE) * PAGE
        irq = (Stack(top - size, top, "irq"),) if top else ()
        found[cpu] = (*irq, *(_of_area(kernel, areas[cpu]) if areas.get(cpu) else ()))
    return found


def _interrupt_tops(survey: Survey) -> dict[int, int]:
    """The end of each CPU's interrupt stack, or since 5.12 (951c2a51ae75) the address of its last word."""
    kernel = survey.kernel
    # in pcpu_hot from 6.2 to 6.14 (d7b6d709a76a, c6a0918072ea)
    if kernel.symbols.has("pcpu_hot"):
        return _per_cpu_words(survey, "pcpu_hot", kernel.offset("struct pcpu_hot", "hardirq_stack_ptr"))
    names = ("hardirq_stack_ptr", "irq_stack_ptr")
    name = next((name for name in names if kernel.symbols.has(name)), None)
    return _per_cpu_words(survey, name, 0) if name else {}


def _exception_areas(survey: Survey) -> dict[int, int]:
    """The address of each CPU's struct cea_exception_stacks, since 5.2 (019b17b3ffe4)."""
    kernel = survey.kernel
    if not kernel.symbols.has("cea_exception_stacks") or not kernel.has_type(_EXCEPTIONS):
        return {}
    return _per_cpu_words(survey, "cea_exception_stacks", 0)


def _per_cpu_words(survey: Survey, name: str, offset: int) -> dict[int, int]:
    kernel = survey.kernel
    places = [kernel.per_cpu_address(name, cpu) + offset for cpu in kernel.cpus]
    words: Sequence[int | None] = kernel.window().words(places)
    lost = [place for place, word in zip(places, words, strict=True) if word is None]
    if lost:
        message = f"stacks of {len(lost)} CPUs are unknown: {name} at {lost[0]:#x} is not in the dump"
        survey.miss([Notice(kind="hole", message=message)])
    return {cpu: word for cpu, word in zip(kernel.cpus, words, strict=True) if word}


def _of_area(kernel: Machine, area: int) -> Iterator[Stack]:
    for name in _NAMES:
        if kernel.has_member(_EXCEPTIONS, f"{name}_stack"):
            yield _member(kernel, _EXCEPTIONS, area, f"{name}_stack", name)
    if kernel.has_member(_AREA, "estacks") and kernel.has_member(_AREA, "entry_stack_page"):
        start = area - kernel.offset(_AREA, "estacks")
        yield _member(kernel, _AREA, start, "entry_stack_page", "entry")


def _member(kernel: Machine, kind: str, base: int, path: str, name: str) -> Stack:
    place = kernel.place(kind, path)
    size = kernel.sizeof(place.type)
    if not 0 < size <= _MOST_THREAD:
        raise KernelError(f"{kind}.{path} has {size} bytes")
    low = base + kernel.offset(kind, path)
    return Stack(low, low + size, name)

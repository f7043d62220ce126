"""The machine as its kernel sees it: clock, CPUs, per-CPU memory, page tables of tasks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

from crashdrive.errors import CorruptError, KernelError
from crashdrive.kernel.arch.paging import Paging
from crashdrive.kernel.objects import Object
from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.kernel.program import Program
from crashdrive.kernel.types.model import Type

T = TypeVar("T")

_SECOND = 1_000_000_000
# no architecture has more than 1024 ticks a second
_SHORTEST_TICK = _SECOND // 10_000


class Machine(Program):
    """A kernel's image with the clock, CPUs and per-CPU memory; readers in `crashdrive.linux` take one."""

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What many readers need, made when it is first asked for: a dump stays what it is.

        A live kernel doesn't: it is made each time, but within one moment (`Memory.moment`).
        """
        if self.live:
            if (moment := self.memory.moment_number) is None:
                return make()
            if moment != self._made_in:
                self._made.clear()
                self._made_in = moment
        if key not in self._made:
            self._made[key] = make()
        made: T = self._made[key]
        return made

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}

    # the moment of a live kernel in which that was made
    _made_in: int | None = None

    @cached_property
    def hz(self) -> int:
        """Ticks per second, from the clocksource jiffies, whose tick lasts (mult >> shift) nanoseconds.

        crash's ``mach`` is the fallback: it says 1000 where it doesn't know (8.0.6 and 9.0.2 on 6.12 with
        HZ=250).
        """
        if not self.symbols.has("clocksource_jiffies"):
            return self._machine_number("HZ")
        clock = self.symbols.address("clocksource_jiffies")
        found = self.read_many("struct clocksource", [clock], ["mult", "shift"]).check()
        mult, shift = (int(column[0]) for column in found.columns)
        nanoseconds = mult >> min(shift, 64)
        if not _SHORTEST_TICK <= nanoseconds <= _SECOND:
            raise CorruptError(f"a tick of {nanoseconds} ns is impossible (clocksource_jiffies)", clock)
        return round(_SECOND / nanoseconds)

    @property
    def jiffies(self) -> int:
        """The tick counter at the time of the dump (``jiffies_64``), as counted from its odd start."""
        return self.kept("jiffies", lambda: self._word(self.read(self.symbols.address("jiffies_64"), 8)))

    @cached_property
    def cpus(self) -> tuple[int, ...]:
        """Numbers of the present CPUs; a panic may take them out of ``online``, not out of this mask."""
        return self._cpu_mask("present")

    @property
    def online_cpus(self) -> tuple[int, ...]:
        """Numbers of the online CPUs; panic() takes the others offline where no kdump follows."""
        return self.kept("online CPUs", lambda: self._cpu_mask("online"))

    @cached_property
    def possible_cpus(self) -> tuple[int, ...]:
        """Numbers of the possible CPUs: those that have per-cpu memory, present or not.

        CorruptError where there is none, or where a present CPU is not possible.
        """
        found = self._cpu_mask("possible")
        if not found or (stray := set(self.cpus) - set(found)):
            what = f"CPU {min(stray)} is present, and not possible" if found else "no CPU is possible"
            raise CorruptError(f"{what}: the masks of CPUs are damaged", 0)
        return found

    def _cpu_mask(self, which: str) -> tuple[int, ...]:
        # 5aec01b834fd (4.5) made the masks themselves symbols; cpu_present_bits before.
        for symbol in (f"__cpu_{which}_mask", f"cpu_{which}_bits"):
            if self.symbols.has(symbol):
                return tuple(self._bits(self.symbols.address(symbol), self.sizeof("struct cpumask")))
        return (0,)  # a kernel without SMP

    def _bits(self, address: int, size: int) -> Iterator[int]:
        """Numbers of the bits set in an array of unsigned long."""
        raw, width = self.read(address, size), self.pointer_size
        for at in range(0, size, width):
            word = self._word(raw[at : at + width])
            yield from (8 * at + bit for bit in range(8 * width) if word >> bit & 1)

    def per_cpu(self, name: str, kind: str | Type | None = None) -> list[Object]:
        """A per-cpu variable's instances, one for each present CPU in the order of `cpus`."""
        wanted = self.variable_type(name) if kind is None else self.type(kind)
        return [Object(self, wanted, self.per_cpu_address(name, cpu)) for cpu in self.cpus]

    def per_cpu_address(self, variable: str | int, cpu: int) -> int:
        """Where a CPU's instance of a per-cpu symbol, or of what a ``__percpu`` pointer holds, lies."""
        address = self.symbols.address(variable) if isinstance(variable, str) else variable
        return (address + self._per_cpu_offsets[cpu]) & ((1 << 8 * self.pointer_size) - 1)

    @cached_property
    def _per_cpu_offsets(self) -> Sequence[int]:
        count = max(self.possible_cpus) + 1
        if not self.symbols.has("__per_cpu_offset"):
            return [0] * count  # a kernel without SMP
        size = self.pointer_size
        raw = self.read(self.symbols.address("__per_cpu_offset"), size * count)
        offsets = [self._word(raw[at : at + size]) for at in range(0, len(raw), size)]
        # impossible CPUs share one offset, that of the variable's original (setup_percpu.c)
        found: dict[int, int] = {}
        for cpu in self.possible_cpus:
            if (other := found.setdefault(offsets[cpu], cpu)) != cpu:
                shared = f"CPUs {other} and {cpu} have the same memory"
                raise CorruptError(f"{shared}: the masks of CPUs or their offsets are damaged", 0)
        return offsets

    def _user_tables(self, task: int) -> Paging | None:
        """The page tables of a task's memory; None for a kernel thread, and for an address of no task."""
        if self.paging is None:
            return None
        try:
            found = self.read_many("struct task_struct", [task], ["mm->pgd"])
        except KernelError:
            return None
        root = found.columns[0][0]
        extents = self.paging.translate([root >> PAGE_SHIFT])[0] if root else []
        return self.paging.below(extents[0].frame << PAGE_SHIFT) if extents else None

"""The unwinder of a kernel: ORC tables of the kernel and its modules, or frame pointers.

Sources: arch/x86/kernel/unwind_orc.c (``__start_orc_unwind_ip``, ``orc_lookup``; a module's are in its
``struct mod_arch_specific``). Pages of the kernel's own tables that the dump lacks come from the vmlinux.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashdrive.dump.machines import shown_machine
from crashdrive.errors import KernelError, VmlinuxError
from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.kernel.symbols.image import section
from crashdrive.kernel.types.model import StructType
from crashdrive.kernel.unwind.call_frames import CallFrames
from crashdrive.kernel.unwind.orc import Format, Rule, Table, Tables
from crashdrive.kernel.unwind.walk import REGISTERS, Unwinder
from crashdrive.linux.modules.loaded import for_each_module
from crashdrive.linux.sched.machines import ways
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.sched.machines import StackUnwinder
    from crashdrive.linux.survey import Survey

_MODULE, _RULE, _REGS = "struct module", "struct orc_entry", "struct pt_regs"
_IPS, _RULES, _TEXT = "__start_orc_unwind_ip", "__start_orc_unwind", "_stext"
_ENDS = {_IPS: "__stop_orc_unwind_ip", _RULES: "__stop_orc_unwind"}
_SECTIONS = {_IPS: ".orc_unwind_ip", _RULES: ".orc_unwind", _TEXT: ".text"}
_MOST_RULES = 1 << 24
_X86_64 = "62"
# module_memory mem[] since 6.4 (ac3b43283923), module_layout since 4.5 (7523e4dc5057)
_TEXTS = (
    (
        ("mem[0].base", "core_layout.base", "module_core"),
        ("mem[0].size", "core_layout.text_size", "core_text_size"),
    ),
    (
        ("mem[4].base", "init_layout.base", "module_init"),
        ("mem[4].size", "init_layout.text_size", "init_text_size"),
    ),
)


def unwinder(survey: Survey) -> StackUnwinder:
    """The unwinder of a kernel; KernelError on architectures other than x86-64, arm64, ppc64 and s390x.

    Modules whose tables can't be read are noted in the survey.
    """
    kernel = survey.kernel
    machine = kernel.session.identity.get("machine", _X86_64)
    if (own := ways(kernel)) is not None:
        return own.unwinder(survey)
    if machine != _X86_64:
        name = shown_machine(int(machine))
        raise KernelError(f"stacks can be unwound on x86-64, arm64, ppc64 and s390x alone; this is {name}")
    kernel.layouts.prefetch([_RULE, _REGS, _MODULE, "struct inactive_task_frame"])
    memory = _Bytes(survey)
    tables = _tables(survey, memory)
    low, high = _text(kernel)
    is_code = tables.has_code if tables else lambda address: low <= address < high
    places = {name: kernel.offset(_REGS, name) for name in REGISTERS}
    return Unwinder(kernel.window(), tables, places, memory.read, is_code)


def _text(kernel: Machine) -> tuple[int, int]:
    """The kernel's own code, the init section at its end included."""
    ends = [kernel.symbols.address(name) for name in ("_etext", "_einittext") if kernel.symbols.has(name)]
    return kernel.symbols.address("_stext"), max(ends)


def _tables(survey: Survey, memory: _Bytes) -> Tables | None:
    """All tables; None where the kernel has none (CONFIG_UNWINDER_FRAME_POINTER)."""
    kernel = survey.kernel
    if not all(kernel.symbols.has(name) for name in (*_ENDS, *_ENDS.values())) or not kernel.has_type(_RULE):
        return None
    kind = kernel.type(_RULE)
    if not isinstance(kind, StructType):
        return None
    own = _own(kernel)
    lookup = [(own.lookup, (own.quick - own.start) // 64)] if own.lookup else []
    memory.bring([own], lookup)

    def others() -> list[Table]:
        tables = survey.attempt("unwind tables of modules", lambda: _of_modules(survey))
        memory.bring(tables)
        return tables

    return Tables(Format.of(kind), own, others, memory.of_tables, memory.by_debug_data)


def _own(kernel: Machine) -> Table:
    ips, rules = kernel.symbols.address(_IPS), kernel.symbols.address(_RULES)
    low, high = _text(kernel)
    count = min((kernel.symbols.address(_ENDS[_IPS]) - ips) // 4, _MOST_RULES)
    lookup = kernel.symbols.address("orc_lookup") if kernel.symbols.has("orc_lookup") else 0
    return Table(low, high, ips, rules, count, lookup, kernel.symbols.address("_etext"))


def _of_modules(survey: Survey) -> Iterator[Table]:
    """A table for the code of each module, and one for its init code, while that is loaded."""
    kernel = survey.kernel
    arch = [f"arch.{name}" for name in ("orc_unwind_ip", "orc_unwind", "num_orcs")]
    parts = [(kernel.path(_MODULE, *base), kernel.path(_MODULE, *size)) for base, size in _TEXTS]
    found = for_each_module(kernel)
    survey.walked(found, "modules")
    columns = survey.gaps(found.read([*arch, *(path for part in parts for path in part)]), "modules")
    for ips, rules, count, *places in columns:
        for base, size in zip(places[::2], places[1::2], strict=True):
            if ips and rules and count and base and size:
                yield Table(base, base + size, ips, rules, min(count, _MOST_RULES))


class _Bytes:
    """Bytes of the unwind tables and of code, from the dump or from the vmlinux."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._kernel = kernel = survey.kernel
        self._window = kernel.window()
        self._sections: list[tuple[int, bytes]] | None = None
        self._frames: CallFrames | None = None

    def bring(self, tables: Sequence[Table], more: Sequence[tuple[int, int]] = ()) -> None:
        """Fetch tables in one round trip; a recording has only their used parts."""
        if self._kernel.memory.reads_ahead:
            ips = [(table.ips, 4 * table.length) for table in tables]
            rules = [(table.rules, 6 * table.length) for table in tables]
            self._window.fetch([*ips, *rules, *more])

    def read(self, address: int, size: int) -> bytes | None:
        """The bytes of a range; None where neither has all of them."""
        found = self._window.bytes(address, size)
        if found is None:
            self._window.fetch([(address, size)])
            found = self._window.bytes(address, size)
        return found if found is not None else self._of_file(address, size)

    def of_tables(self, address: int, size: int) -> bytes | None:
        """Bytes of the unwind tables; missing ones are noted, as frames may then be missing."""
        found = self.read(address, size)
        if found is None:
            page = address >> PAGE_SHIFT << PAGE_SHIFT
            message = f"unwind tables at {page:#x} are neither in the dump nor in the vmlinux"
            self._survey.miss([Notice(kind="hole", message=message)])
        return found

    def by_debug_data(self, address: int) -> Rule | None:
        """The unwind rule in the vmlinux's debug data for an address in the image's code."""
        if self._frames is None:
            self._frames = CallFrames(self._section(".debug_frame") or b"")
        moved = self._kernel.session.identity.get("kaslr_offset")
        return self._frames.find(address - int(moved or "0", 0))

    def _of_file(self, address: int, size: int) -> bytes | None:
        if self._sections is None:
            self._sections = list(self._read_file())
        for start, data in self._sections:
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        return None

    def _read_file(self) -> Iterator[tuple[int, bytes]]:
        """The vmlinux's tables; the offsets in them hold with any offset of KASLR."""
        symbols = self._kernel.symbols
        for symbol, name in _SECTIONS.items():
            data = self._section(name)
            if data and symbols.has(symbol):
                yield symbols.address(symbol), data

    def _section(self, name: str) -> bytes | None:
        """A section of the vmlinux; None where there is none, or no vmlinux at hand."""
        session = self._kernel.session
        # a replay has no vmlinux: it asks for what is recorded here
        path = None if session.recording else session.identity.get("vmlinux")
        try:
            return section(path, name) if path else None
        except VmlinuxError:
            return None

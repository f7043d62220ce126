"""Registers of the CPUs at the time of the crash, from the dump: x86-64, arm64, ppc64, s390x.

Sources: ``crash_notes`` (kernel/crash_core.c: an ELF note for each CPU, which crash_save_cpu() fills in when
kdump is loaded); the notes in the dump's header (the hypervisor's); crash's ``help -r``, where the header's
notes aren't readable here, or where a recording has no dump.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.dump.identity import cpu_notes
from crashdrive.errors import CommandFailedError, DumpError
from crashdrive.linux.sched.machines import ways
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

# the words of user_regs_struct, which struct pt_regs begins with (arch/x86/include/asm/user_64.h)
_WORDS = (
    *("r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8"),
    *("ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss"),
)
_NOTE = "III8s"
_NOTE_SIZE = 20
_PRSTATUS = 1
# offset in struct elf_prstatus on all 64-bit kernels: it is an ABI
_PR_REG = 112
_CPU = re.compile(r"^CPU (\d+):", re.MULTILINE)
_VALUE = re.compile(r"\b(R[A-Z0-9]+|CS|SS): *(?:selector: *)?([0-9a-f]{4,16})\b")
_NAMES = {"RFLAGS": "flags", "R8": "r8", "R9": "r9"} | {
    f"R{name.upper()}": name for name in _WORDS if name.isalpha() and len(name) == 2
}

Registers = Mapping[str, int]


class _Layout(NamedTuple):
    """The words of a note, and the names that readers know some of them by."""

    words: Sequence[str]
    aliases: Mapping[str, str]
    order: str = "<"

    @property
    def status(self) -> int:
        """Bytes of a ``struct elf_prstatus`` up to the end of the registers."""
        return _PR_REG + 8 * len(self.words)

    def read(self, raw: bytes) -> Registers:
        """Registers in a ``struct elf_prstatus``."""
        values = struct.unpack_from(f"{self.order}{len(self.words)}Q", raw, _PR_REG)
        found = dict(zip(self.words, values, strict=True))
        return found | {name: found[word] for name, word in self.aliases.items()}


_X86_64 = _Layout(_WORDS, {})


def _layout(kernel: Machine) -> _Layout:
    own = ways(kernel)
    return _X86_64 if own is None else _Layout(own.words, own.aliases, kernel.order)


def cpu_registers(survey: Survey) -> dict[int, Registers]:
    """The registers of each present CPU by the names of ``struct pt_regs``; CPUs without any are left out.

    On arm64 ``x0`` to ``x30``, ``sp``, ``pc``, ``pstate``, and ``ip`` and ``bp`` for ``pc`` and ``x29``; on
    s390x ``psw_mask``, ``psw_addr``, ``r0`` to ``r15``, and ``ip``, ``sp`` and ``bp`` for ``psw_addr``,
    ``r15`` and ``r11``; on ppc64 ``r0`` to ``r31``, ``nip``, ``msr``, ``ctr``, ``link`` and others, and
    ``ip``, ``sp`` and ``bp`` for ``nip``, ``r1`` and ``r31``.

    kdump saves the registers that a CPU had before the NMI that stopped it. A missing page of these is noted,
    also if others are found: registers in the dump's header may be of a later time.
    """
    kernel = survey.kernel
    found = _saved(survey)
    if missing := set(kernel.cpus) - found.keys():
        others = _of_header(kernel)
        found |= {cpu: others[cpu] for cpu in missing if cpu in others}
    return found


def _saved(survey: Survey) -> dict[int, Registers]:
    """Registers in crash_notes, of the CPUs that kdump saved."""
    kernel = survey.kernel
    if not kernel.symbols.has("crash_notes"):
        return {}
    what, place = "registers that kdump saved", kernel.symbols.address("crash_notes")
    notes = survey.attempt(what, lambda: [kernel.read_pointer(place)])
    if not notes or not notes[0]:
        return {}
    places = {cpu: kernel.per_cpu_address(notes[0], cpu) for cpu in kernel.cpus}
    layout = _layout(kernel)
    size = _NOTE_SIZE + layout.status
    gathered = kernel.gather((place, size) for place in places.values())
    raw = {cpu: gathered.get(place, size) for cpu, place in places.items()}
    for cpu in [cpu for cpu, data in raw.items() if data is None]:
        hole = gathered.hole(places[cpu], size)
        reason = hole.reason if hole else "missing"
        message = f"{what} of CPU {cpu}, at {places[cpu]:#x}, are {reason}"
        survey.miss([Notice(kind="hole", message=message)])
    return {cpu: found for cpu, data in raw.items() if data and (found := _of_note(data, layout))}


def _of_note(raw: bytes, layout: _Layout) -> Registers | None:
    name_size, size, kind, name = struct.unpack_from(layout.order + _NOTE, raw)
    if name[:5] != b"CORE\0" or (name_size, kind) != (5, _PRSTATUS) or size < layout.status:
        return None
    return layout.read(raw[_NOTE_SIZE:])


def _of_header(kernel: Machine) -> Mapping[int, Registers]:
    """Registers in the dump's header."""
    session, layout = kernel.session, _layout(kernel)
    if kernel.live:
        return {}  # its CPUs run on
    # a replay has no dump: it asks for what is recorded here
    path = None if session.recording else session.identity.get("vmcore")
    try:
        notes = cpu_notes(path) if path else None
    except DumpError:
        notes = None
    if notes is None or not notes.found:
        return _told(kernel) if layout is _X86_64 else {}
    # the kernel's own notes tell their CPUs only where no note is missing
    if not notes.hypervisor and len(notes.found) != len(kernel.cpus):
        return {}
    cpus = range(len(notes.found)) if notes.hypervisor else kernel.cpus
    return {
        cpu: layout.read(raw) for cpu, raw in zip(cpus, notes.found, strict=True) if len(raw) >= layout.status
    }


def _told(kernel: Machine) -> dict[int, Registers]:
    """Registers that crash's ``help -r`` shows; none where it shows none."""
    try:
        text = kernel.session.run("help -r").text
    except CommandFailedError:
        return {}
    _, *parts = _CPU.split(text)
    found = {int(cpu): _values(shown) for cpu, shown in zip(parts[::2], parts[1::2], strict=True)}
    return {cpu: values for cpu, values in found.items() if {"ip", "sp", "cs"} <= values.keys()}


def _values(text: str) -> Registers:
    found = [(name, value) for name, value in _VALUE.findall(text)]
    return {_NAMES.get(name, name.lower()): int(value, 16) for name, value in found}

"""Registers of the CPUs at the moment of the crash, as the dump has them. x86-64.

Sources: ``crash_notes`` (kernel/crash_core.c: an ELF note for each CPU, which crash_save_cpu() fills in when
kdump is loaded); the dump's own header, by crash's ``help -r`` (dumps that the hypervisor made).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from crashdrive.errors import CommandFailedError, KernelError

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

# the words of user_regs_struct, which struct pt_regs begins with (arch/x86/include/asm/user_64.h)
_WORDS = (
    *("r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8"),
    *("ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss"),
)
_NOTE = struct.Struct("<III8s")
_PRSTATUS = 1
# of struct elf_prstatus behind the note's head, on all x86-64 kernels: it is an ABI
_PR_PID, _PR_REG = 32, 112
_SIZE = _NOTE.size + _PR_REG + 8 * len(_WORDS)
_CPU = re.compile(r"^CPU (\d+):", re.MULTILINE)
_VALUE = re.compile(r"\b(R[A-Z0-9]+|CS|SS): *(?:selector: *)?([0-9a-f]{4,16})\b")
_NAMES = {"RFLAGS": "flags", "R8": "r8", "R9": "r9"} | {
    f"R{name.upper()}": name for name in _WORDS if name.isalpha() and len(name) == 2
}

Registers = Mapping[str, int]


def cpu_registers(kernel: Machine) -> dict[int, Registers]:
    """The registers of each present CPU by the names of ``struct pt_regs``; CPUs without any are left out.

    kdump saves the registers that a CPU had before the NMI that stopped it.
    """
    found = _noted(kernel)
    if missing := set(kernel.cpus) - found.keys():
        told = _told(kernel)
        found |= {cpu: told[cpu] for cpu in missing if cpu in told}
    return found


def _noted(kernel: Machine) -> dict[int, Registers]:
    """Those in crash_notes; nothing where there are no notes, or unreadable ones."""
    if not kernel.symbols.has("crash_notes"):
        return {}
    try:
        notes = kernel.read_pointer(kernel.symbols.address("crash_notes"))
        places = {cpu: kernel.per_cpu_address(notes, cpu) for cpu in kernel.cpus}
    except KernelError:
        return {}
    gathered = kernel.gather((place, _SIZE) for place in places.values())
    raw = {cpu: gathered.get(place, _SIZE) for cpu, place in places.items()}
    return {cpu: found for cpu, data in raw.items() if data and (found := _of_note(data))}


def _of_note(raw: bytes) -> Registers | None:
    name_size, size, kind, name = _NOTE.unpack_from(raw)
    if name[:5] != b"CORE\0" or (name_size, kind) != (5, _PRSTATUS) or size < _SIZE - _NOTE.size:
        return None
    words = struct.unpack_from(f"<{len(_WORDS)}Q", raw, _NOTE.size + _PR_REG)
    return dict(zip(_WORDS, words, strict=True))


def _told(kernel: Machine) -> dict[int, Registers]:
    """Those that crash's ``help -r`` shows; nothing where it shows none."""
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

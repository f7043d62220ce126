"""The instructions around the faulting one in a report, and the faulting one's memory access.

::

    Code: 0f 1f 44 00 00 <48> 8b 47 18 c3            x86: bytes
    Code: aa0003f3 f9400674 (f9400c14) d65f03c0      arm, arm64, mips, riscv: words
    Instruction dump:                                powerpc: words in lines of their own
    7c0802a6 <e9290018> 4bfffe4c

Sources: show_opcodes() (arch/x86/kernel/dumpstack.c), dump_instr() and its like elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from crashdrive.kernel.disassembler import X86, Instruction, MemoryOperand, disassemble
from crashdrive.linux.oops.records import Event
from crashdrive.records import Record

I386, MIPS, PPC, PPC64, S390, ARM, X86_64, ARM64, RISCV = 3, 8, 20, 21, 22, 40, 62, 183, 243
"""ELF's numbers of machines."""

# register names that only one machine's oops has
_TELLING = (
    (PPC64, re.compile(r"XER|CFAR|DSISR")),
    (X86_64, re.compile(r"R[ABCD]X|RSP")),
    (I386, re.compile(r"E[ABCD]X|ESP")),
    (ARM64, re.compile(r"x(?:29|2[0-8]|1\d)")),
    (RISCV, re.compile(r"s1[01]|s[2-9]|epc|t[3-6]")),
    (ARM, re.compile(r"r10|fp|r[0-9]")),
)
_BYTES = re.compile(r"(?:[0-9a-f]{2}|<[0-9a-f]{2}>)\Z")
_WORD = re.compile(r"[<(]?([0-9a-f]{4}|[0-9a-f]{8})[>)]?\Z")
_MOST_BEFORE, _MOST_AFTER = 6, 3  # instructions that are shown
_SOMEWHERE = 1 << 12  # the offset in its function, where nothing tells it
_LIMIT = {True: 1 << 64, False: 1 << 32}


class CodeLine(Record, frozen=True):
    """An instruction of a report's ``Code:``.

    ``distance``: bytes from the faulting instruction; ``place``: function and offset. ``data``: its bytes in
    hexadecimal, in the order of memory. ``faulting``: the CPU was at this one.
    """

    distance: int
    place: str | None
    data: str
    instruction: str
    faulting: bool


class Access(NamedTuple):
    """An instruction's memory access, by the registers of the report.

    ``address`` is None where a register isn't known. ``how``: ``read``, ``write`` or ``execute``.
    """

    operand: str
    registers: tuple[tuple[str, int | None], ...]
    base: str | None
    displacement: int
    address: int | None
    how: str
    size: int


class Code(NamedTuple):
    """The code of a report: its machine (ELF's number), its instructions, the index of the faulting one."""

    machine: int
    instructions: tuple[Instruction, ...]
    faulting: Instruction


def machine_of(event: Event) -> int | None:
    """The machine that has a report's registers; None where they don't tell."""
    for machine, names in _TELLING:
        if any(names.fullmatch(name) for name in event.register_values):
            return machine
    return None


def code_of(event: Event, machine: int | None = None) -> Code | None:
    """The instructions around the faulting one; None where none are shown.

    Their addresses, and the targets of jumps, are offsets in the function, where the report tells these.
    """
    machine = machine or machine_of(event)
    if event.code_line is None or machine is None:
        return None
    raw = _bytes(event.code_line, machine)
    if raw is None:
        return None
    data, mark = raw
    pointer = event.pointer
    if pointer is None or pointer.offset is None:
        here = _SOMEWHERE
    else:
        here = pointer.offset
        data, mark = data[max(0, mark - here) :], min(mark, here)
    found = _aligned(machine, data, mark, here)
    at = next((place for place, one in enumerate(found) if one.address == here), None)
    if at is None:
        return None
    return Code(machine, tuple(found[max(0, at - _MOST_BEFORE) : at + 1 + _MOST_AFTER]), found[at])


def _bytes(text: str, machine: int) -> tuple[bytes, int] | None:
    """The bytes in the order of memory, and the index of the marked one; None for any other text."""
    words = text.split()
    marked = [at for at, word in enumerate(words) if word[0] in "<("]
    if len(marked) != 1:
        return None
    if machine in X86:
        if not all(map(_BYTES.match, words)):
            return None
        return bytes(int(word.strip("<>"), 16) for word in words), marked[0]
    hits = [_WORD.match(word) for word in words]
    order = "big" if machine in {MIPS, PPC, PPC64} else "little"
    found = [hit[1] for hit in hits if hit]
    parts = [bytes.fromhex(word)[:: 1 if order == "big" else -1] for word in found]
    return (b"".join(parts), sum(map(len, parts[: marked[0]]))) if len(parts) == len(words) else None


def _aligned(machine: int, data: bytes, mark: int, here: int) -> list[Instruction]:
    """Instructions from the first byte for which one begins at the mark."""
    for start in range(mark + 1):
        found = list(disassemble(machine, data[start:], here - mark + start))
        if any(one.address == here for one in found):
            return found
    return []


def code_lines(event: Event, code: Code) -> Iterator[CodeLine]:
    """The instructions as rows."""
    frame = event.pointer
    known = frame is not None and frame.function and frame.offset is not None
    for one in code.instructions:
        yield CodeLine(
            distance=one.address - code.faulting.address,
            place=f"{frame.function}+{one.address:#x}" if known and frame else None,
            data=one.data.hex(),
            instruction=one.text,
            faulting=one is code.faulting,
        )


def access_of(event: Event, code: Code) -> Access | None:
    """The faulting instruction's access; of several, the one that fits the faulting address."""
    wide = code.machine not in {I386, ARM, MIPS, PPC}
    found = [
        _access(event.register_values, memory, code.faulting, wide=wide) for memory in code.faulting.memory
    ]
    if not found:
        return _jump(event, code.faulting)
    bad = event.fault_address
    return next((one for one in found if bad is not None and one.address == bad), found[0])


def _access(
    values: Mapping[str, int], memory: MemoryOperand, instruction: Instruction, *, wide: bool
) -> Access:
    known = tuple((name, value_of(values, name)) for name in memory.registers)
    address: int | None = None
    if memory.segment is None and all(value is not None for _, value in known):
        parts = dict(known)
        base = parts.get(memory.base or "") or 0
        index = (parts.get(memory.scaled or "") or 0) * memory.scale
        address = (base + index + memory.displacement) % _LIMIT[wide]
    if memory.base in {"rip", "eip"}:
        address = None
    how = "write" if memory.writes and not memory.reads else "read" if not memory.writes else "read and write"
    operand = _operand(instruction.text)
    return Access(operand, known, memory.base, memory.displacement, address, how, memory.size)


def _operand(text: str) -> str:
    """The memory operand in an instruction's text."""
    hit = re.search(r"(?:%\w+:)?-?(?:0x)?[0-9a-f]*\([^)]*\)|%\w+:-?(?:0x)?[0-9a-f]+|\[[^\]]*\]", text)
    return hit[0] if hit else text


def _jump(event: Event, instruction: Instruction) -> Access | None:
    """The access of a call or jump through a register."""
    name = instruction.jumps_to
    if name is None:
        return None
    value = value_of(event.register_values, name)
    return Access(f"*%{name}", ((name, value),), name, 0, value, "execute", 0)


def value_of(values: Mapping[str, int], name: str) -> int | None:
    """A register's value by capstone's name; ``values`` has the report's names."""
    for spelled in _spellings(name):
        if spelled in values:
            return int(values[spelled])
    return None


def _spellings(name: str) -> Iterator[str]:
    """``rdi`` as RDI, ``r8`` as R08 and R8; ``x0``, ``a5`` as they are."""
    yield name
    yield name.upper()
    if name[0] == "r" and name[1:].isdigit():
        yield f"R{int(name[1:]):02}"

"""Instructions out of bytes, of any machine: capstone, and what of it crash reports need.

capstone is imported when the first instruction is asked for: that takes a tenth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

# by ELF's machine number: capstone's names of the architecture and of its modes
_MACHINES = {
    3: ("CS_ARCH_X86", ("CS_MODE_32",)),
    8: ("CS_ARCH_MIPS", ("CS_MODE_MIPS32", "CS_MODE_BIG_ENDIAN")),
    20: ("CS_ARCH_PPC", ("CS_MODE_32", "CS_MODE_BIG_ENDIAN")),
    21: ("CS_ARCH_PPC", ("CS_MODE_64", "CS_MODE_BIG_ENDIAN")),
    22: ("CS_ARCH_SYSZ", ("CS_MODE_BIG_ENDIAN",)),
    40: ("CS_ARCH_ARM", ("CS_MODE_ARM",)),
    62: ("CS_ARCH_X86", ("CS_MODE_64",)),
    183: ("CS_ARCH_ARM64", ("CS_MODE_ARM",)),
    243: ("CS_ARCH_RISCV", ("CS_MODE_RISCV64", "CS_MODE_RISCVC")),
}
X86 = frozenset({3, 62})
_READ, _WRITE = 1, 2  # CS_AC_READ, CS_AC_WRITE
_MEMORY = 3  # the kind of an operand: *_OP_MEM of all machines whose operands are looked at
_BY_BASE = frozenset({3, 20, 21, 40, 62, 183, 243})
_STORE = re.compile(r"(c\.)?(s[bhwd]|st)")
_BOTH = re.compile(r"swp|cas|ldadd|ldset|ldclr|ldeor|amo")
_NO_ACCESS = frozenset({"lea", "nop"})  # they name memory, and don't touch it


class MemoryOperand(NamedTuple):
    """Memory that an instruction names: ``base + scaled * scale + displacement``.

    Registers by their names in lower case, None where there is none; ``segment``: ``gs`` or ``fs``. ``size``
    in bytes, 0 where it isn't known. ``reads``, ``writes``: what it does there.
    """

    base: str | None
    scaled: str | None
    scale: int
    displacement: int
    segment: str | None
    size: int
    reads: bool
    writes: bool

    @property
    def registers(self) -> tuple[str, ...]:
        """Those that the address is made of."""
        return tuple(name for name in (self.base, self.scaled) if name)


class Instruction(NamedTuple):
    """An instruction: address, bytes, text as the GNU assembler has it, the memory that it names.

    ``jumps_to``: the register that it calls or jumps through. ``length``: in bytes.
    """

    address: int
    data: bytes
    text: str
    memory: tuple[MemoryOperand, ...]
    jumps_to: str | None

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + len(self.data)


def is_known(machine: int) -> bool:
    """Whether instructions of a machine (ELF's number) are known here."""
    return machine in _MACHINES


def disassemble(machine: int, data: bytes, address: int) -> Iterator[Instruction]:
    """Instructions from the first byte on, up to the first bytes that are none; nothing for other machines.

    32-bit Arm: in Arm's own set, not in Thumb.
    """
    if machine not in _MACHINES:
        return
    engine, module = _engine(machine)
    for found in engine.disasm(data, address):
        jumps = found.group(module.CS_GRP_CALL) or found.group(module.CS_GRP_JUMP)
        yield Instruction(
            found.address,
            bytes(found.bytes),
            f"{found.mnemonic} {found.op_str}".strip(),
            tuple(_memory(machine, found)),
            _register(found, module) if jumps else None,
        )


@lru_cache(maxsize=len(_MACHINES))
def _engine(machine: int) -> tuple[Any, Any]:
    import capstone

    architecture, modes = _MACHINES[machine]
    mode = 0
    for name in modes:
        mode |= getattr(capstone, name)
    engine = capstone.Cs(getattr(capstone, architecture), mode)
    engine.detail = True
    if machine in X86:
        engine.syntax = capstone.CS_OPT_SYNTAX_ATT
    return engine, capstone


def _register(found: Any, module: Any) -> str | None:
    """The only operand, where that is a register."""
    operands = found.operands
    if len(operands) != 1 or operands[0].type != module.CS_OP_REG:
        return None
    name: str = found.reg_name(operands[0].reg)
    return name


def _memory(machine: int, found: Any) -> Iterator[MemoryOperand]:
    if machine not in _BY_BASE or found.mnemonic.rstrip("bwlq") in _NO_ACCESS:
        return
    for operand in found.operands:
        if operand.type != _MEMORY:
            continue
        place = operand.mem
        base, index = (
            found.reg_name(number) if number else None for number in (place.base, getattr(place, "index", 0))
        )
        segment = getattr(place, "segment", 0)
        access = operand.access if machine in X86 else _access(found.mnemonic)
        yield MemoryOperand(
            base,
            index,
            getattr(place, "scale", 1) or 1,
            place.disp,
            found.reg_name(segment) if segment else None,
            getattr(operand, "size", 0),
            bool(access & _READ) or not access,
            bool(access & _WRITE),
        )


def _access(mnemonic: str) -> int:
    """Of machines that load and store: what an instruction does, by its name; capstone says both of many."""
    return _WRITE if _STORE.match(mnemonic) else _READ | _WRITE if _BOTH.match(mnemonic) else _READ

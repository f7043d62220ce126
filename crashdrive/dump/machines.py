"""Architectures: ELF's numbers, and their names in kernels, QEMU, Debian and crash's makefile."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from crashdrive.dump.elf import BadElfError, opened_elf


class Machine(NamedTuple):
    """One architecture.

    ``name``: the kernel's (``uname -m``), which is QEMU's, too; ``debian``: that of Debian's packages;
    ``target``: that of ``make target=`` of crash, None where upstream has no such build.
    """

    number: int
    name: str
    debian: str
    target: str | None


_KNOWN = (
    Machine(62, "x86_64", "amd64", "X86_64"),
    Machine(3, "i386", "i386", "X86"),
    Machine(183, "aarch64", "arm64", "ARM64"),
    Machine(40, "arm", "armhf", "ARM"),
    Machine(21, "ppc64le", "ppc64el", "PPC64"),
    Machine(22, "s390x", "s390x", None),
    Machine(243, "riscv64", "riscv64", "RISCV64"),
    Machine(258, "loongarch64", "loong64", "LOONGARCH64"),
    Machine(8, "mips64", "mips64el", "MIPS64"),
)
_BY_NUMBER = {one.number: one for one in _KNOWN}
# other names of the same machines: of `uname -m`, of gdb
_OTHERS = {
    "i486": 3, "i586": 3, "i686": 3, "x86": 3, "arm64": 183, "armv7l": 40, "ppc64": 21, "powerpc64": 21,
    "powerpc64le": 21, "s390": 22, "mips": 8, "mipsel": 8, "mips64el": 8, "loongarch": 258, "amd64": 62,
}  # fmt: skip
_BY_NAME = {one.name: one.number for one in _KNOWN} | _OTHERS
# a 64-bit program writes 64-bit headers for a 32-bit kernel, too
_FAMILIES = {3: 62, 20: 21}
# psABI of each: arm, arm64, ppc, ppc64, s390, riscv
_UNSIGNED_CHAR = {"40", "183", "20", "21", "22", "243"}


def machine_of(number: int | None) -> Machine | None:
    """The architecture of an ELF number; None where it isn't known here."""
    return None if number is None else _BY_NUMBER.get(number)


def number_of(name: str) -> int | None:
    """The ELF number of a name of ``uname -m`` or of gdb; None for others."""
    return _BY_NAME.get(name)


def shown_machine(number: int) -> str:
    """An architecture's name, for messages."""
    known = _BY_NUMBER.get(number)
    return known.name if known else f"ELF machine {number}"


def char_signed_on(number: str | None) -> bool:
    """Whether compilers take a plain char as signed, by the ELF number in digits; for kernels until 6.1."""
    return number not in _UNSIGNED_CHAR


def are_alike(one: int | None, other: int | None) -> bool:
    """Whether two ELF numbers may be of one dump and its kernel; what isn't known may."""
    return one is None or other is None or _FAMILIES.get(one, one) == _FAMILIES.get(other, other)


@cache
def own_machine() -> int | None:
    """The ELF number of this process; None where that can't be told."""
    return program_machine("/proc/self/exe")


def program_machine(path: str | Path) -> int | None:
    """The ELF number of a program; None where it is none, such as a script."""
    try:
        with Path(path).open("rb") as file:
            return opened_elf(file.fileno()).machine
    except (OSError, BadElfError):
        return None

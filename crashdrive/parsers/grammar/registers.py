"""Register dumps below stack frames: exception frames, saved user registers, s390's lowcore.

Each architecture has its own layout of names and values. Source in crash: ``x86_64_exception_frame()``
(x86_64.c), ``x86_dump_eframe_common()`` (x86.c), ``arm64_print_exception_frame()`` (arm64.c),
``arm_dump_exception_stack()`` (arm.c), ``print_ptregs()`` and ``s390x_print_lowcore()`` (s390x.c),
``ppc64_print_regs()`` (ppc64.c), ``ppc_print_regs()`` (ppc.c), ``riscv64_dump_pt_regs()`` (riscv64.c),
``mips64_dump_exception_stack()`` (mips64.c) and its like in loongarch64.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashdrive.records import Record


class ExceptionFrame(Record, frozen=True, kw_only=True):
    """Registers as an exception or a system call saved them.

    ``registers`` maps names in lower case to values. ``function`` and ``offset`` say where the exception
    happened (crash's ``[exception RIP: ...]``), where crash knows. ``mode`` is ``kernel`` or ``user``,
    ``location`` the address that the registers were found at, ``kind`` and ``trap`` the exception's name and
    number (ppc64); each None where crash doesn't say. ``details`` holds the rest: texts by lower-case name
    (arm's processor flags, the symbols that arm64 and ppc64 give for pc and lr, s390's function).
    ``complete``: all registers that the architecture saves are there.
    """

    registers: dict[str, int]
    function: str | None = None
    offset: int | None = None
    mode: str | None = None
    location: int | None = None
    kind: str | None = None
    trap: int | None = None
    details: dict[str, str] | None = None
    file: str | None = None
    line: int | None = None
    complete: bool = True


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(letter: str, last: int) -> frozenset[str]:
    return frozenset(f"{letter}{number}" for number in range(last + 1))


_X86_64 = _names("rip rsp rflags rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 cs ss")
_X86 = _names("eax ebx ecx edx ebp ds esi es edi cs eip err eflags")
_X86_NOTES = _names("eax ebx ecx edx ebp esp esi edi eip cs eflags")
_ARM64 = _names("pc lr sp pstate")
_ARM = _names("pc lr psr sp ip fp r10 r9 r8 r7 r6 r5 r4 r3 r2 r1 r0")
_PPC = _names("nip msr or3 ctr lr xer ccr dar dsisr syscall_result")
_S390 = frozenset({"psw_flags", "psw"})
# Each set as crash prints it; what may be absent or added stands in the second one.
_COMPLETE: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    # Registers out of a dump's notes have no ORIG_RAX; crash prints it in a line with CS and SS.
    (_X86_64, frozenset({"orig_rax"})),
    (_X86, frozenset({"gs"})),
    (_X86 | {"ss", "esp"}, frozenset({"gs"})),
    (_X86_NOTES, frozenset({"ds", "es", "fs", "gs", "ss"})),
    (_ARM64 | _numbered("x", 29), frozenset({"orig_x0", "syscallno", "fpvalid"})),
    (_ARM64 | _numbered("x", 12), frozenset()),
    (_ARM, frozenset()),
    (_PPC | _numbered("r", 31), frozenset({"mq", "softe"})),
    (_PPC | _numbered("r", 13), frozenset({"mq", "softe"})),
    (_S390 | _numbered("r", 15), frozenset()),
)
_UNCHECKED_MARKS = frozenset({"epc", "era", "hi"})
_UNCHECKED = _names(
    "epc ra gp tp a0 a1 a2 a3 a4 a5 a6 a7 s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t0 t1 t2 t3 t4 t5 t6 "
    "status badaddr cause orig_a0 syscallno hi lo badva era crmd prmd ecfg estat euen prefix cpu_timer "
    "clock_cmp tod_programmable fpc"
)
_KNOWN = frozenset().union(*(most | more for most, more in _COMPLETE), _UNCHECKED)
_MORE = re.compile(r"[xracfv]\d{1,2}|\$\d{1,2}")

# NAME: value, NAME : value, NAME: [<value>]; several in a line. Possessive: a line is read once.
_PAIR = re.compile(
    r"[ \t]*+(Syscall Result|CSR [a-z]{4,5}|[A-Za-z_][A-Za-z0-9_]{0,15}+) *+: *+"
    r"(?:(?:0x)?([0-9a-f]{1,16}+)|\[<([0-9a-f]{1,16}+)>\])(?![^ \t\r\n])"
)
_SYMBOL = re.compile(r"[ \t]*+(?:\[([^\]\n]{1,300}+)\]|<([^>\n]{1,300}+)>|([A-Za-z_][\w.]{0,200}\+\w{1,18}))")
_END = re.compile(r"[ ]*+$")


def register_pairs(line: str) -> tuple[dict[str, int], dict[str, str]] | None:
    """Registers of one line, and the symbols that stand behind them; None when it is no such line.

    A name twice in one line, or one that no architecture has, makes it no such line.
    """
    values: dict[str, int] = {}
    symbols: dict[str, str] = {}
    position = 0
    while found := _PAIR.match(line, position):
        name = found[1].lower().replace(" ", "_").removeprefix("csr_")
        if name in values or not (name in _KNOWN or _MORE.fullmatch(name)):
            return None
        values[name] = int(found[2] or found[3], 16)
        position = found.end()
        if symbol := _SYMBOL.match(line, position):
            symbols[name] = next(text for text in symbol.groups() if text)
            position = symbol.end()
    return (values, symbols) if values and _END.match(line, position) else None


_VALUES = re.compile(
    r" *+(?:(PSW|GPRS|\$ ?\d{1,2}) *+: *+)?((?:(?:0x)?+[0-9a-f]{8,16}+(?: ++|$)){1,16}+)"
    r"(\([^\n]{1,300}\))? *+$"
)


def value_row(line: str) -> tuple[str | None, list[int], str | None] | None:
    """(label, values, remark) of rows that name only their first value (s390, mips64); None for others."""
    found = _VALUES.match(line) if len(line) < 400 else None
    if found is None:
        return None
    return found[1], [int(word, 16) for word in found[2].split()], found[3]


def is_complete(registers: dict[str, int]) -> bool:
    """Whether no register of the architecture is missing (riscv64, mips64 and loongarch64 aren't checked)."""
    names = registers.keys()
    return bool(names & _UNCHECKED_MARKS) or any(most <= names <= most | more for most, more in _COMPLETE)


_ARM_FLAGS = re.compile(
    r" *+Flags: ([nN][zZ][cC][vV])  IRQs (on|off)  FIQs (on|off)  Mode (\S{1,12})  ISA (\S{1,12}) *+"
)


def arm_flags(line: str) -> dict[str, str] | None:
    """arm's decoded processor status; None when the line is none."""
    found = _ARM_FLAGS.fullmatch(line)
    return dict(zip(("flags", "irqs", "fiqs", "mode", "isa"), found.groups(), strict=True)) if found else None


_LOWCORE = re.compile(
    r"  -(psw|prefix|cpu timer|clock cmp) *: (0x[0-9a-f]{1,16}|0+)(?: (0x[0-9a-f]{1,16}|0+))? *+"
)
_LOWCORE_FUNCTION = re.compile(r"  -function : (\S{1,200}) at ([0-9a-f]{1,16}) *+")
_LOWCORE_SECTION = re.compile(r"  -(general|access|control|floating point|vector) registers: *+")
_LETTERS = {"general": "r", "access": "a", "control": "c", "floating point": "f", "vector": "v"}
_WORD = re.compile(r"0x[0-9a-f]{1,16}|0+")


class Lowcore:
    """s390's LOWCORE INFO block, line by line."""

    def __init__(self) -> None:
        self.registers: dict[str, int] = {}
        self.details: dict[str, str] = {}
        self._letter = ""
        self._numbers: Iterator[int] = iter(())

    def take(self, line: str) -> bool:
        """Whether the line belongs to the block."""
        if found := _LOWCORE.fullmatch(line):
            name = found[1].replace(" ", "_")
            self._put(name, found[2], found[3])
        elif found := _LOWCORE_FUNCTION.fullmatch(line):
            self.details["function"] = found[1]
        elif found := _LOWCORE_SECTION.fullmatch(line):
            self._letter, self._numbers = _LETTERS[found[1]], iter(range(32))
        else:
            return self._values(line)
        return True

    def _put(self, name: str, first: str, second: str | None) -> None:
        if second is None:
            self.registers[name] = int(first, 16)
        elif name == "psw":
            self.registers |= {"psw_flags": int(first, 16), "psw": int(second, 16)}
        else:
            # s390 (31 bit): two words of 32 bits.
            self.registers[name] = int(first, 16) << 32 | int(second, 16)

    def _values(self, line: str) -> bool:
        words = line.split()
        if (
            not self._letter
            or not words
            or not all(map(_WORD.fullmatch, words))
            or not line.startswith("     ")
        ):
            return False
        # The words first: they run out first, and zip() would lose a number the other way round.
        for word, number in zip(words, self._numbers, strict=False):
            self.registers[f"{self._letter}{number}"] = int(word, 16)
        return True

    def finish(self) -> ExceptionFrame:
        """The block as one record."""
        wanted = {"psw", "prefix"} | _numbered("r", 15) | _numbered("a", 15) | _numbered("c", 15)
        return ExceptionFrame(
            registers=self.registers,
            details=self.details or None,
            kind="lowcore",
            complete=wanted - {"prefix"} <= self.registers.keys(),
        )

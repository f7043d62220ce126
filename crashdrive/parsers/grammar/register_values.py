"""Register dumps below stack frames: exception frames, saved user registers.

Each architecture has its own layout of names and values. Source in crash: ``x86_64_exception_frame()``
(x86_64.c), ``x86_dump_eframe_common()`` (x86.c), ``arm64_print_exception_frame()`` (arm64.c),
``arm_dump_exception_stack()`` (arm.c), ``print_ptregs()`` and ``s390x_print_lowcore()`` (s390x.c),
``ppc64_print_regs()`` (ppc64.c), ``ppc_print_regs()`` (ppc.c), ``riscv64_dump_pt_regs()`` (riscv64.c),
``mips64_dump_exception_stack()`` (mips64.c) and its like in mips.c and loongarch64.c,
``ia64_exception_frame()`` (ia64.c), ``alpha_exception_frame()`` (alpha.c), ``sparc64_print_eframe()``
(sparc64.c).
"""

from __future__ import annotations

import re
from functools import lru_cache

from crashdrive.expressions import expression
from crashdrive.records import Address, Bits, Record


class ExceptionFrame(Record, frozen=True, kw_only=True):
    """Registers as an exception or a system call saved them.

    ``registers`` maps names in lower case to values. Alpha's ``RA/R26`` is ``r26``; MIPS and LoongArch have
    ``$0`` to ``$31``; floating point registers are given as their bits. ``function`` and ``offset``: where
    the exception happened (crash's ``[exception RIP: ...]``). ``mode`` is ``kernel`` or ``user``;
    ``location`` is the address of the saved registers; ``kind`` and ``trap`` are the exception's name and
    number (ppc64). Each is None where crash doesn't say. ``details`` holds texts by lower-case name: arm's
    processor flags, the symbols that arm64 and ppc64 give for pc and lr, s390's function. ``complete``: all
    registers that the architecture saves are there.
    """

    registers: dict[str, Bits]
    function: str | None = None
    offset: int | None = None
    mode: str | None = None
    location: Address | None = None
    kind: str | None = None
    trap: Bits | None = None
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
_RISCV = _names(
    "epc ra sp gp tp t0 t1 t2 t3 t4 t5 t6 a0 a1 a2 a3 a4 a5 a6 a7 s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11"
)
_ALPHA = (_numbered("r", 29) - _numbered("r", 15)) | _numbered("r", 8)
_ALPHA |= _names("hae trap_a0 trap_a1 trap_a2 ps pc")
_IA64 = _names(
    "b0 b6 b7 cr_iip cr_ipsr cr_ifs ar_pfs ar_rsc ar_unat ar_rnat ar_ccv ar_fpsr loadrs ar_bspstore pr "
    "r1 r2 r3 f6 f7 f8 f9"
) | (_numbered("r", 31) - _numbered("r", 7))
_SPARC = _names("tstate tt tpc tnpc sp ret_pc") | _numbered("g", 7) | _numbered("o", 5)
# Each set of registers that crash prints; the second member holds registers that may be absent or added.
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
    (_RISCV | _names("status badaddr cause orig_a0"), frozenset({"pc", "syscallno"})),
    (_RISCV, frozenset()),
    (_numbered("$", 31) | _names("hi lo epc ra status cause badva"), frozenset()),
    (_numbered("$", 31) | _names("era ra crmd prmd ecfg estat euen badva"), frozenset()),
    (_ALPHA, frozenset()),
    (_IA64, frozenset({"f10", "f11"})),
    (_SPARC, frozenset()),
    (_SPARC | _numbered("l", 7) | _numbered("i", 7), frozenset()),
)
_KNOWN = frozenset().union(*(most | more for most, more in _COMPLETE))
_MORE = expression(r"[xracfv]\d{1,2}", re.ASCII)

# NAME: value, NAME : value, NAME: [<value>]; several in a line. Possessive: a line is read once.
_PAIR = expression(
    r"[ \t]*+(Syscall Result|CSR [a-z]{4,5}|[A-Za-z_][A-Za-z0-9_]{0,15}+(?:/R\d{1,2}+)?) *+: *+"
    r"(?:(?:0x)?([0-9a-f]{1,21}+)|\[<([0-9a-f]{1,16}+)>\])(?![^ \t\r\n])",
    re.ASCII,
)
_FLOAT = expression(r"f\d{1,2}", re.ASCII)
# sparc64: NAME=0xVALUE
_ASSIGNED = expression(r"[ ]*+([A-Za-z_][A-Za-z0-9_]{0,7}+)=0x([0-9a-f]{1,16}+)()(?![^ \r\n])")
_SYMBOL = expression(
    r"[ \t]*+(?:\[([^\]\n]{1,300}+)\]|<([^>\n]{1,300}+)>|([A-Za-z_][\w.]{0,200}\+\w{1,18}))", re.ASCII
)
_END = expression(r"[ ]*+$")


def register_pairs(line: str) -> tuple[dict[str, int], dict[str, str]] | None:
    """Registers of one line, and the symbols that stand behind them; None when it is no such line.

    A line with a register twice, or with a name that no architecture has, is another one.
    """
    values: dict[str, int] = {}
    symbols: dict[str, str] = {}
    position = 0
    pair = _ASSIGNED if "=0x" in line else _PAIR
    while found := pair.match(line, position):
        title, plain, bracketed = found.groups()
        digits = plain or bracketed
        name = _register(title, wide=len(digits) > 16)
        if name is None or name in values:
            return None
        values[name] = int(digits, 16)
        position = found.end()
        if symbol := _SYMBOL.match(line, position):
            symbols[name] = next(text for text in symbol.groups() if text)
            position = symbol.end()
    return (values, symbols) if values and _END.match(line, position) else None


@lru_cache(maxsize=1024)
def _register(title: str, *, wide: bool) -> str | None:
    """The register's name by its title; None for an unknown one, and for one that can't be ``wide`` (more
    than 64 bits: ia64's floating point registers alone).
    """
    name = title.rpartition("/")[2].lower().replace(" ", "_").removeprefix("csr_")
    known = name in _KNOWN or _MORE.fullmatch(name)
    return name if known and (not wide or _FLOAT.fullmatch(name)) else None


def is_complete(registers: dict[str, int]) -> bool:
    """Whether no register of the architecture is missing."""
    names = registers.keys()
    return any(most <= names <= most | more for most, more in _COMPLETE)

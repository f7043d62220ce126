"""Register dumps of every architecture that crash has: as printed, with a line missing, with one twice."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.bt import Backtrace
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.records import Answer

HEAD = 'PID: 7      TASK: c000000012345600  CPU: 1    COMMAND: "worker"\n'
FRAME = " #0 [c000000012347d40] first_one at c000000000123450\n"
NEXT = " #1 [c000000012347e40] second_one at c000000000123460\n"

Printed = tuple[str, dict[str, int]]


class Dice:
    """Values that a rerun repeats; each is given out once and remembered under its register's name."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - values that a rerun repeats
        self.registers: dict[str, int] = {}

    def hex(self, name: str, digits: int = 16) -> str:
        """The register's value in so many digits."""
        self.registers.setdefault(name, self._random.getrandbits(4 * digits))
        return f"{self.registers[name]:0{digits}x}"


def _rows(dice: Dice, form: str, rows: str, digits: int = 16, apart: str = "  ") -> str:
    """``rows``: a line for each line, names in it; ``form``: how one register is printed."""
    printed = ""
    for row in rows.strip().splitlines():
        pairs = (form.format(name=name, value=dice.hex(name.lower(), digits)) for name in row.split())
        printed += f"    {apart.join(pairs)}\n"
    return printed


def x86_64(dice: Dice) -> str:
    text = "    [exception RIP: native_halt+14]\n"
    text += _rows(
        dice,
        "{name}: {value}",
        "RIP RSP RFLAGS\nRAX RBX RCX\nRDX RSI RDI\nRBP R8 R9\nR10 R11 R12\nR13 R14 R15",
    )
    return text + f"    ORIG_RAX: {dice.hex('orig_rax')}  CS: {dice.hex('cs', 4)}  SS: {dice.hex('ss', 4)}\n"


def x86(dice: Dice) -> str:
    text = _rows(dice, "{name}: {value}", "EAX EBX ECX EDX EBP", 8)
    text += f"    DS:  {dice.hex('ds', 4)}      ESI: {dice.hex('esi', 8)}  ES:  {dice.hex('es', 4)}"
    text += f"      EDI: {dice.hex('edi', 8)}  GS:  {dice.hex('gs', 4)}\n"
    text += f"    CS:  {dice.hex('cs', 4)}      EIP: {dice.hex('eip', 8)}  ERR: {dice.hex('err', 8)}"
    return text + f"  EFLAGS: {dice.hex('eflags', 8)} \n"


def arm64(dice: Dice) -> str:
    text = (
        f"     PC: {dice.hex('pc')}  [do_idle+236]\n     LR: {dice.hex('lr')}  [unknown or invalid address]\n"
    )
    text += f"     SP: {dice.hex('sp')}  PSTATE: {dice.hex('pstate', 8)}\n"
    names = [f"X{number}" for number in range(29, -1, -1)]
    return text + _rows(
        dice, "{name}: {value}", "\n".join(" ".join(names[i : i + 3]) for i in range(0, 30, 3))
    )


def arm64_of_32_bits(dice: Dice) -> str:
    text = _rows(dice, "{name}: {value}", "PC LR SP PSTATE", 8)
    names = [f"X{number}" for number in range(12, -1, -1)]
    return text + _rows(
        dice, "{name}: {value}", "\n".join(" ".join(names[i : i + 4]) for i in range(0, 13, 4)), 8, " "
    )


def arm(dice: Dice) -> str:
    text = f"    pc : [<{dice.hex('pc', 8)}>]    lr : [<{dice.hex('lr', 8)}>]    psr: {dice.hex('psr', 8)}\n"
    text += _rows(dice, "{name:3}: {value}", "sp ip fp\nr10 r9 r8\nr7 r6 r5 r4\nr3 r2 r1 r0", 8)
    return text + "    Flags: nzCv  IRQs on  FIQs off  Mode SVC_32  ISA ARM\n"


def ppc64(dice: Dice) -> str:
    names = [f"R{number}" for number in range(32)]
    text = " Data Access [300] exception frame:\n"
    text += _rows(
        dice, "{name:4}: {value}", "\n".join(" ".join(names[i : i + 3]) for i in range(0, 32, 3)), 16, "   "
    ).replace(" :", ": ")
    text += _rows(dice, "{name}: {value}", "NIP MSR OR3\nCTR LR XER\nCCR MQ DAR", 16, "   ")
    return text + f" DSISR: {dice.hex('dsisr')}     Syscall Result: {dice.hex('syscall_result')}\n"


def riscv64(dice: Dice) -> str:
    text = f"     PC: {dice.hex('epc')}  [do_one+12]\n     RA: {dice.hex('ra')}  [do_two+4]\n"
    text += f"     SP: {dice.hex('sp')}  CAUSE: {dice.hex('cause')}\n"
    text += _rows(
        dice,
        "{name:3}: {value}",
        "epc ra sp\ngp tp t0\nt1 t2 s0\ns1 a0 a1\na2 a3 a4\na5 a6 a7\ns2 s3 s4\ns5 s6 s7\ns8 s9 s10\n"
        "s11 t3 t4\nt5 t6",
        apart=" ",
    )
    dice.registers["pc"] = dice.registers["epc"]
    return text + _rows(dice, "{name}: {value}", "status badaddr\ncause orig_a0", apart=" ")


def _numbered_rows(dice: Dice, blanks: str, digits: int) -> str:
    text = ""
    for first in range(0, 32, 4):
        values = " ".join(dice.hex(f"${number}", digits) for number in range(first, first + 4))
        text += f"    ${first:2}{blanks}: {values}\n"
    return text


def mips(dice: Dice, digits: int = 8) -> str:
    text = _numbered_rows(dice, "   ", digits)
    text += f"    Hi    : {dice.hex('hi', digits)}\n    Lo    : {dice.hex('lo', digits)}\n"
    text += f"    epc   : {dice.hex('epc', digits)} do_one+0x10\n"
    text += f"    ra    : {dice.hex('ra', digits)} do_two+0x20\n"
    return text + _rows(dice, "{name:6}: {value}", "Status\nCause\nBadVA", digits)


def mips64(dice: Dice) -> str:
    return mips(dice, 16)


def loongarch64(dice: Dice) -> str:
    text = _numbered_rows(dice, "      ", 16)
    text += f"    era      : {dice.hex('era')} do_one+0x10\n    ra       : {dice.hex('ra')} do_two+0x20\n"
    text += _rows(dice, "CSR {name:5}: {value}", "crmd\nprmd\necfg\nestat\neuen")
    return text + f"    BadVA    : {dice.hex('badva')}\n"


def ia64(dice: Dice) -> str:
    names = "B0 CR_IIP CR_IPSR CR_IFS AR_PFS AR_RSC AR_UNAT AR_RNAT AR_CCV AR_FPSR LOADRS AR_BSPSTORE B6 B7"
    names += " PR R1 R2 R3 " + " ".join(f"R{number}" for number in range(8, 32))
    words = names.split()
    text = "  EFRAME: e0000040ff2f7de0\n"
    for left, right in zip(words[::2], words[1::2], strict=True):
        text += f"{left:>8}: {dice.hex(left.lower())} {right:>11}: {dice.hex(right.lower())}\n"
    for number in (6, 8, 10):
        left, right = f"F{number}", f"F{number + 1}"
        text += f"{left:>8}: {dice.hex(left.lower(), 21)}  {right:>5}: {dice.hex(right.lower(), 21)}\n"
    return text


def alpha(dice: Dice) -> str:
    names = "V0/R0 T0/R1 T1/R2 T2/R3 T3/R4 T4/R5 T5/R6 T6/R7 T7/R8 A3/R19 A4/R20 A5/R21 T8/R22 T9/R23"
    names += " T10/R24 T11/R25 RA/R26 T12/R27 AT/R28 HAE TRAP_A0 TRAP_A1 TRAP_A2 PS PC GP/R29 A0/R16 A1/R17"
    words = f"{names} A2/R18".split()

    def pair(name: str) -> str:
        return f"{name:>7}: {dice.hex(name.rpartition('/')[2].lower())}"

    text = f" EFRAME: fffffc0012347e10  {pair('T10/R24')}\n"
    for left, right in zip(words[:14], words[15:], strict=True):
        symbol = "  <do_one+12>" if right in {"PC", "RA/R26"} else ""
        text += f"{pair(left)}  {pair(right)}{symbol}\n"
    return text


def sparc64(dice: Dice) -> str:
    text = f"TSTATE=0x{dice.hex('tstate', 10)} TT=0x{dice.hex('tt', 3)}"
    text += f" TPC=0x{dice.hex('tpc')} TNPC=0x{dice.hex('tnpc')}\n"
    return text + _rows(
        dice,
        "{name}=0x{value}",
        "g0 g1 g2\ng3 g4 g5\ng6 g7\no0 o1 o2\no3 o4 o5\nsp ret_pc\nl0 l1 l2\nl3 l4 l5\nl6 l7\ni0 i1 i2\n"
        "i3 i4 i5\ni6 i7",
    ).replace("    ", " ")


ARCHITECTURES: tuple[Callable[[Dice], str], ...] = (
    *(x86_64, x86, arm64, arm64_of_32_bits, arm, ppc64, riscv64, mips, mips64, loongarch64, ia64, alpha),
    sparc64,
)
each = pytest.mark.parametrize("printer", ARCHITECTURES, ids=lambda printer: printer.__name__)


def read(text: str) -> Answer[Backtrace]:
    return parse("bt", HEAD + FRAME + text + NEXT)


def exception_of(answer: Answer[Backtrace]) -> ExceptionFrame:
    """The registers below the first frame."""
    exception = answer.one().frames[0].exception
    assert exception is not None
    return exception


@each
@given(seed=st.integers(min_value=0, max_value=1 << 32))
def test_registers_below_a_frame(printer: Callable[[Dice], str], seed: int) -> None:
    dice = Dice(seed)
    answer = read(printer(dice))
    assert [frame.exception is None for frame in answer.one().frames] == [False, True]
    exception = exception_of(answer)
    assert exception.registers == dice.registers
    assert (answer.complete, exception.complete) == (True, True)


@each
def test_a_line_that_is_missing_or_twice(printer: Callable[[Dice], str]) -> None:
    dice = Dice(1)
    lines = printer(dice).splitlines(keepends=True)
    for place, line in enumerate(lines):
        if not re.search(r"[:=] ?(?:0x|\[<)?[0-9a-f]{4}", line) or "EFRAME" in line:
            continue  # a title or a decoration, not registers
        if printer is ia64 and place == len(lines) - 1:
            continue  # F10 and F11, which older kernels don't save
        if printer is riscv64 and place in {0, 1, 2, 3, len(lines) - 1}:
            continue  # these registers stand in other lines too, or the frame is one of an older crash
        try:
            answer = read("".join(lines[:place] + lines[place + 1 :]))
        except ParseError:
            continue
        for frame in answer.one().frames:
            registers = frame.exception.registers if frame.exception else {}
            assert registers.items() <= dice.registers.items()
        assert not answer.complete, line
        try:
            answer = read("".join([*lines[: place + 1], *lines[place:]]))
        except ParseError:
            continue
        assert exception_of(answer).registers == dice.registers


@each
def test_registers_of_different_values_under_one_name(printer: Callable[[Dice], str]) -> None:
    """Two frames' lines mixed up are no frame."""
    first, second = (printer(Dice(seed)).splitlines(keepends=True) for seed in (1, 2))
    half = len(first) // 2
    try:
        answer = read("".join(first[:half] + second))
    except ParseError:
        return
    assert not answer.complete


def test_a_window_that_sparc64_could_not_read() -> None:
    text = sparc64(Dice(3))
    assert read(text[: text.index(" l0=")]).complete


def test_places_of_frames() -> None:
    assert exception_of(read(ia64(Dice(1)))).location == 0xE0000040FF2F7DE0
    text = ia64(Dice(1)).replace(
        "7de0\n", "7de0\n  [exception frame incomplete -- check salinfo for complete context]\n"
    )
    answer = read(text)
    assert (answer.complete, exception_of(answer).complete) == (False, False)
    title = "\nUSER-MODE EXCEPTION FRAME:\n"
    (found,) = parse("bt -e", HEAD + title + alpha(Dice(2))).one().found
    assert (found.mode, found.location, found.details) == (
        "user",
        0xFFFFFC0012347E10,
        {"r26": "do_one+12", "pc": "do_one+12"},
    )
    text = HEAD + "invalid pc: 1200a4\nNOTE: kernel-entry exception frame:\n" + alpha(Dice(2))
    trace = parse("bt", text).one()
    assert trace.exception is not None
    assert (trace.status, trace.exception.kind) == (("invalid pc: 1200a4",), "kernel-entry")


def test_what_stands_in_place_of_frames() -> None:
    for text in ("(hardware reset while in user space)", "0fff8000123456780: registers not saved"):
        assert parse("bt", f"{HEAD}{text}\n").one().status == (text,)
    answer = read("    [ NMI exception stack recursion: prior stack location overwritten ]\n")
    assert not answer.complete


def test_arguments_that_ia64_breaks_into_lines() -> None:
    names = [f"a000000100{number:06x}" for number in range(7)]
    text = f"    ({', '.join(names[:5])},\n     {names[5]},\n     {names[6]})\n"
    assert read(text).one().frames[0].arguments == tuple(names)
    for more in (NEXT, "    (void)\n", ""):
        with pytest.raises(ParseError):
            read(text.replace(f"     {names[6]})\n", more))
    cut = parse("bt", HEAD + FRAME + text.replace(f"     {names[6]})\n", ""))
    assert not cut.complete


def lowcore(dice: Dice, *, halves: bool = False) -> str:
    def words(kind: str, row: int, digits: int, count: int = 16) -> str:
        values = [f"0x{dice.hex(f'{kind}{number}', digits)}" for number in range(count)]
        return "".join("     " + " ".join(values[i : i + row]) + "\n" for i in range(0, count, row))

    timer = "0x7fffffff 0x00000012" if halves else "0x7fffffff12345678"
    return (
        f" LOWCORE INFO:\n  -psw      : 0x{dice.hex('psw_flags')} 0x{dice.hex('psw')}\n"
        "  -function : vtime_stop_cpu at a1b2c3\n    /usr/src/linux/arch/s390/kernel/vtime.c: 12\n"
        f"  -prefix   : 0x{dice.hex('prefix', 8)}\n  -cpu timer: {timer}\n  -clock cmp: {timer}\n"
        f"  -general registers:\n{words('r', 2, 16)}  -access registers:\n{words('a', 4, 8)}"
        f"  -control registers:\n{words('c', 2, 16)}  -floating point registers:\n{words('f', 2, 16)}"
    )


def test_vector_registers_of_s390x_are_two_words_each() -> None:
    dice = Dice(5)
    text = lowcore(dice) + "  -vector registers:\n"
    for number in range(32):
        high, low = (dice.hex(f"{half}{number}") for half in ("high", "low"))
        text += f"     0x{high} 0x{low} \n"
    exception = parse("bt -A", HEAD + text + "\n" + FRAME).one().exception
    assert exception is not None
    assert (exception.complete, exception.file, exception.line) == (
        True,
        "/usr/src/linux/arch/s390/kernel/vtime.c",
        12,
    )
    for number in range(32):
        value = dice.registers[f"high{number}"] << 64 | dice.registers[f"low{number}"]
        assert exception.registers[f"v{number}"] == value
    assert exception.registers["r15"] == dice.registers["r15"]
    assert not parse("bt -A", HEAD + text[: text.rindex("     0x")] + "\n" + FRAME).complete


def test_halves_of_timers_are_no_timers() -> None:
    exception = parse("bt", HEAD + lowcore(Dice(6), halves=True) + "\n" + FRAME).one().exception
    assert exception is not None
    assert "cpu_timer" not in exception.registers
    assert exception.details == {
        "function": "vtime_stop_cpu",
        "cpu_timer": "0x7fffffff 0x00000012",
        "clock_cmp": "0x7fffffff 0x00000012",
    }


def test_floating_point_registers_of_31_bit_s390() -> None:
    dice = Dice(7)
    text = lowcore(dice).partition("  -floating")[0].replace(f"  -prefix   : 0x{dice.hex('prefix', 8)}\n", "")
    text += "  -floating point registers 0,2,4,6:\n"
    text += "     0x4f20000000000000 0x0000000000000001\n     0x0000000000000002 0x0000000000000003\n"
    exception = parse("bt", HEAD + text + "\n" + FRAME).one().exception
    assert exception is not None
    assert [exception.registers[f"f{number}"] for number in (0, 2, 4, 6)] == [0x4F20 << 48, 1, 2, 3]
    assert exception.complete


def test_the_link_register_of_ppc() -> None:
    text = "  [Link Register ]  [c1235d40] third_one at c0012350  (unreliable)\n"
    first, second = read(text).one().frames
    assert (first.via, first.return_address, first.unreliable) == ("third_one", 0xC0012350, True)
    assert (second.via, second.unreliable) == (None, False)
    with pytest.raises(ParseError):
        read(text.replace("(unreliable)", "(reliable)"))

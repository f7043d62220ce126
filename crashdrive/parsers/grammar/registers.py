"""Register dumps below stack frames: a title, where the exception happened, and rows of registers.

`crashdrive.parsers.grammar.register_values` lists crash's functions and the names of registers.
"""

from __future__ import annotations

import re

from crashdrive.parsers.grammar.noises import Noise
from crashdrive.parsers.grammar.pyparsing_core import MatchFirst, Opt, ParserElement
from crashdrive.parsers.grammar.register_rows import Fields, Hole, Unnamed, Values, make_dumps
from crashdrive.parsers.grammar.register_values import register_pairs
from crashdrive.parsers.grammar.repeated import Many, Rows
from crashdrive.parsers.grammar.sections import made
from crashdrive.parsers.grammar.terminals import Anything, Row

HEX = r"[0-9a-f]{1,16}+"
_WORD = r"(?:0x)?+[0-9a-f]{8,16}+"
_WORDS = rf"({_WORD}(?: ++{_WORD}){{0,15}}+)"
_SYMBOL = r"[^\]\n]{1,300}+"


def register_dump(*, between: Noise, until: ParserElement) -> ParserElement:
    """Registers as an exception or a system call saved them, a `Registers`::

    KERNEL-MODE EXCEPTION FRAME AT: ffffcdfe80013c70
      [exception RIP: native_halt+14]
      RIP: ffffffff8c4c1f3b  RSP: ffffbe1bc0003fd0  RFLAGS: 00000002
      ...
    """
    named = Rows(_named(), between=between, until=Anything(), bare=True)
    psw, general, numbered, *others = _other_rows()
    rows = MatchFirst([_x86_64(), named, psw, general, numbered, *others]).set_name("registers")
    rest = Many(rows, between=between, until=until, first=True, least=0)
    first = (_x86_64() | named | _title() | psw | general | numbered).set_name("registers")
    return made(first + rest, make_dumps)


def source_line() -> Row:
    """``    /usr/src/linux/kernel/sched/core.c: 4321``, with ``-l``."""
    return Row(
        r"(?: ++|\t)(\S[^\n]{0,4096}?): (\d{1,7}+)",
        lambda found: Fields(found.start(), {"file": found[1], "line": int(found[2])}),
        "a line of source: FILE: NUMBER",
    )


def _title() -> ParserElement:
    """Lines above the registers::

    KERNEL-MODE EXCEPTION FRAME AT: ffffcdfe80013c70     x86_64, x86, s390
        [exception RIP: native_halt+14]                  x86_64, x86: where it happened
    System Reset [100] exception frame:                  ppc64
    NOTE: kernel-entry exception frame:                  alpha
     EFRAME: e0000040ff2f7de0                            ia64; alpha has a register behind it
    """
    mode = Row(
        rf" *+(?P<mode>KERNEL|USER)-MODE (?:EXCEPTION|INTERRUPT) FRAME(?: (?:AT|at):? (?P<at>{HEX}):?|;|:)?"
        rf"(?: pt_regs at (?P<regs>{HEX}):)?",
        _mode,
        "a title: KERNEL-MODE EXCEPTION FRAME AT: ADDRESS",
    )
    at = Row(rf" ++pt_regs at ({HEX}):", lambda found: Fields(found.start(), {}), "pt_regs at ADDRESS:")
    happened = Row(
        rf" *+\[exception [ER]IP: ({_SYMBOL})\]",
        lambda found: Fields(found.start(), {"happened": found[1]}),
        "[exception RIP: SYMBOL]",
    )
    ppc = Row(
        rf" ++([A-Za-z][A-Za-z /()-]{{2,40}}?) {{1,2}}\[({HEX})\] exception frame:",
        lambda found: Fields(found.start(), {"kind": found[1], "trap": int(found[2], 16)}),
        "a title: KIND [TRAP] exception frame:",
    )
    entry = Row(
        r"NOTE: kernel-entry exception frame:",
        lambda found: Fields(found.start(), {"kind": "kernel-entry"}),
        "NOTE: kernel-entry exception frame:",
    )
    frame = Row(rf" ++EFRAME: ({HEX})(?: ++(\S[^\n]{{0,200}}+))?+", _location, "EFRAME: ADDRESS")
    return happened | (mode + Opt(at) + Opt(happened | frame)) | ppc | (entry + Opt(frame)) | frame


def _mode(found: re.Match[str]) -> Fields:
    place = found["at"] or found["regs"]
    location = int(place, 16) if place else None
    return Fields(found.start(), {"mode": found["mode"].lower(), "location": location})


def _location(found: re.Match[str]) -> Fields | None:
    """The location of a frame; Alpha has the first register in the same line."""
    pairs = register_pairs(found[2].rstrip(" ")) if found[2] else ({}, {})
    values = {"location": int(found[1], 16)}
    return None if pairs is None else Fields(found.start(), values | {"registers": pairs[0]})


def _x86_64() -> Row:
    """All of x86_64's registers as one row: most user frames have these lines. Other dumps are read row by
    row.
    """
    layout = "RIP RSP RFLAGS/RAX RBX RCX/RDX RSI RDI/RBP R8 R9/R10 R11 R12/R13 R14 R15/ORIG_RAX CS SS"
    rows = [row.split() for row in layout.split("/")]
    names = [name.lower() for row in rows for name in row]

    def values(found: re.Match[str]) -> Values:
        registers = {name: int(digits, 16) for name, digits in zip(names, found.groups(), strict=True)}
        return Values(found.start(), registers, {})

    lines = ("".join(rf" {{1,8}}+{name}: ([0-9a-f]{{1,16}}+)" for name in row) for row in rows)
    return Row("\n".join(lines), values, "registers: RIP: VALUE ...")


def _named() -> Row:
    """``RIP: ...  RSP: ...``, ``pc : [<...>]``, ``TSTATE=0x...``; a symbol may stand behind a value."""

    def values(found: re.Match[str]) -> Values | None:
        pairs = register_pairs(found[1])
        return pairs and Values(found.start(), *pairs)

    line = r"(?=[ \t]*+[A-Za-z_][A-Za-z0-9_/ ]{0,24}+[:=])([^\n]{1,4096}+)"
    return Row(line, values, "registers: NAME: VALUE ...")


def _other_rows() -> list[Row]:
    """Rows that only some architectures have::

    PSW:  0704c00180000000 0000000000a1b2c3 (schedule+12)              s390
    GPRS: 0000000000000000 0000000000000001 ...
          0000000000000002 ...
    $ 0   : 00000000 00000001 00000002 00000003                        mips, loongarch64
    [NIP  : plpar_hcall_norets+132]                                    ppc, ppc64
    Flags: nZCv  IRQs on  FIQs on  Mode USER_32  ISA ARM               arm
    """
    psw = Row(
        rf" *+PSW *+: *+({_WORD}) ++({_WORD})(?: *+\(([^\n]{{1,300}})\))?",
        lambda found: Values(
            found.start(),
            {"psw_flags": int(found[1], 16), "psw": int(found[2], 16)},
            {"psw": found[3]} if found[3] else {},
        ),
        "PSW: FLAGS ADDRESS (SYMBOL)",
    )
    general = Row(
        rf" *+(GPRS *+: *+)?+{_WORDS}",
        lambda found: Unnamed(found.start(), found[1] is not None, _numbers(found[2])),
        "GPRS: VALUE ...",
    )
    numbered = Row(rf" *+\$ ?(\d{{1,2}}+) *+: *+{_WORDS}", _numbered, "$NUMBER: VALUE ...")
    symbol = Row(
        rf" ++\[(NIP|LR) *+: ({_SYMBOL})\]",
        lambda found: Values(found.start(), {}, {found[1].lower(): found[2]}),
        "[NIP: SYMBOL]",
    )
    flags = Row(
        r" *+Flags: (?P<flags>[nN][zZ][cC][vV])  IRQs (?P<irqs>on|off)  FIQs (?P<fiqs>on|off)"
        r"  Mode (?P<mode>\S{1,12}+)  ISA (?P<isa>\S{1,12}+)",
        lambda found: Values(found.start(), {}, found.groupdict()),
        "Flags: ...",
    )
    hole = Row(
        r" ++\[(exception frame incomplete -- [^\]\n]{1,80}+)\]",
        lambda found: Hole(found.start(), found[1]),
        "[exception frame incomplete]",
    )
    return [psw, general, numbered, symbol, flags, hole, source_line()]


def _numbers(words: str) -> list[int]:
    return [int(word, 16) for word in words.split()]


def _numbered(found: re.Match[str]) -> Values:
    first = int(found[1])
    values = {f"${first + count}": value for count, value in enumerate(_numbers(found[2]))}
    return Values(found.start(), values, {})

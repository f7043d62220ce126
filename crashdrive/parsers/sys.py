"""``sys``: the system that the dump was taken of.

Source in crash: ``display_sys_stats()``, ``show_kernel_taints()``, ``dump_sys_call_table()``,
``dump_dmi_info()``, ``read_in_kernel_config()`` (kernel.c).

As crash prints it::

    crash> sys -i
              DMI_BIOS_VENDOR: SeaBIOS
             DMI_BIOS_VERSION: 1.16.2-debian-1.16.2-1
                DMI_BIOS_DATE: 04/01/2014
    ...
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._sys_system import System, check_system, size_of, start, system
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.set import Context
from crashdrive.records import Address, Bits, Record

__all__ = [
    "EXAMPLES",
    "SHAPES",
    "ConfigLine",
    "DmiString",
    "System",
    "SystemCall",
    "Taint",
    "size_of",
]


class Taint(Record, frozen=True, kw_only=True):
    """The kernel's taint: the mask, and crash's letters for its bits (None on kernels with ``tainted``)."""

    mask: Bits
    letters: str | None


class SystemCall(Record, frozen=True, kw_only=True):
    """An entry of the system call table; ``entry``: its value, where that is no function's address."""

    number: int
    name: str | None
    file: str | None = None
    line: int | None = None
    entry: Address | None = None


class DmiString(Record, frozen=True, kw_only=True):
    """A string of the firmware's DMI data."""

    name: str
    value: str


class ConfigLine(Record, frozen=True, kw_only=True):
    """A setting of the kernel's configuration; ``value`` None: ``# CONFIG_X is not set``."""

    name: str
    value: str | None


def _taint() -> g.ParserElement:
    """``TAINTED_MASK: 80  D``; old kernels: ``TAINTED: 80``."""
    return g.Row(
        r"TAINTED(_MASK)?: ([0-9a-f]{1,16})(?:  ?([^\n]{0,64}))?",
        lambda row: Taint(mask=int(row[2], 16), letters=(row[3] or "").strip() if row[1] else None),
        "the taint: TAINTED_MASK: MASK LETTERS",
    )


def _calls() -> g.ParserElement:
    """Rows of system calls, with numbers in crash's output radix::

    NUM  SYSTEM CALL                FILE AND LINE NUMBER
      0  __x64_sys_read             ../fs/read_write.c: 613
    """
    # no path of kernel source holds a colon: make doesn't accept one
    file = r"(?P<file>[^\s:]++(?: [^\n: ]++)*+): (?P<line>\d{1,7})"
    invalid = r"invalid sys_call_table entry: (?P<entry>[0-9a-f]{1,16})(?:(?! {2})[^\n]){0,200}"
    row = g.Row(
        rf" *+(?P<number>[0-9a-f]{{1,4}}) {{2}}(?:{invalid}|(?P<name>[\w.]{{1,128}}) *+(?:{file})?)",
        lambda found: found,
        "a system call: NUM NAME FILE: LINE",
    )
    return g.Gap() + g.Titles("NUM", "SYSTEM", "CALL", "FILE", "AND", "LINE", "NUMBER") + g.Rows(row, least=0)


def _check_calls(source: Source, rows: list[re.Match[str]]) -> list[SystemCall]:
    """The system calls. Numbers are hexadecimal where one holds a letter."""
    base = 16 if any(not row["number"].isdecimal() for row in rows) else 10
    return demand_records(source, [_call(row, base) for row in rows])


def _call(row: re.Match[str], base: int) -> SystemCall:
    return SystemCall(
        number=int(row["number"], base),
        name=row["name"],
        file=row["file"],
        line=int(row["line"]) if row["line"] else None,
        entry=int(row["entry"], 16) if row["entry"] else None,
    )


def _dmi() -> g.ParserElement:
    """``DMI_BIOS_VENDOR: SeaBIOS``, or ``dmi_ident[N]`` where crash doesn't know the name."""
    name = r"DMI_[A-Z0-9_]{1,40}|dmi_ident\[\d{1,3}\]"
    row = g.Row(
        rf" *+({name}): ?((?:(?!{name})[^\n])*+)",
        lambda found: DmiString(name=found[1], value=found[2]),
        "a string: NAME: VALUE",
    )
    return g.Rows(row)


def _config() -> g.ParserElement:
    """Settings in their order; comments about no setting are left out::

    # CONFIG_COMPILE_TEST is not set
    CONFIG_LOCALVERSION=""
    CONFIG_SMP=y
    """
    value = r"\"(?:[^\"\\\n]|\\[^\n])*+\"|[^\s\"#=]{1,4096}+"
    setting = g.Row(
        rf"[ \t]*+(?:(CONFIG_\w{{1,100}})=({value})|# (CONFIG_\w{{1,100}}) is not set)[\t\r]*+",
        lambda found: ConfigLine(name=found[1] or found[3], value=found[2]),
        "a setting: CONFIG_NAME=VALUE",
    )
    comment = r"[ \t]*+#(?![^\n]*CONFIG_\w{1,100}(?:=\S| is not set))[^\n]*+"
    return g.Rows(setting, between=g.noise(g.Remark(comment)), least=0)


def _check_config(source: Source, found: list[ConfigLine]) -> list[ConfigLine]:
    if len({line.name for line in found}) < len(found):
        source.note("twice", "a setting stands twice", incomplete=True)
    return demand_records(source, found)


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


_TASK = expression(r"^ *PID: ", re.MULTILINE)

SHAPES = (
    Shape(name="taint", record=Taint, grammar=_taint, options="-t", when=_given("t")),
    Shape(
        name="calls",
        record=SystemCall,
        grammar=_calls,
        finish=_check_calls,
        options="-c",
        when=_given("c"),
    ),
    Shape(name="dmi", record=DmiString, grammar=_dmi, options="-i", when=_given("i")),
    Shape(
        name="config",
        record=ConfigLine,
        grammar=_config,
        finish=_check_config,
        options="config",
        when=lambda source: source.command.arguments[:1] == ("config",),
    ),
    Shape(
        name="start",
        record=System | Context,
        grammar=start,
        finish=check_system,
        options="(none, with the context's task below: what crash prints when it starts)",
        when=lambda source: _TASK.search(source.text) is not None,
    ),
    Shape(name="system", record=System, grammar=system, finish=check_system, options="(none)"),
)

EXAMPLES = ("sys", "sys -t", "sys -i", "sys -c", "sys -c select", "sys -c 0", "sys config")

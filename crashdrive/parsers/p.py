"""``p``: the value of an expression, of a variable, of a per-cpu variable on some CPUs, or the addresses of
its copies.

Source in crash: ``cmd_p()``, ``display_per_cpu_info()``, ``process_gdb_output()`` (symbols.c).

As crash prints it::

    crash> p panic
    panic = $14 =
     {void (const char *, ...)} 0xffffffff9e5ccf31 <panic>
"""

from __future__ import annotations

import re
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.definitions import declared_name
from crashdrive.records import Address, Record


class Expression(Record, frozen=True, kw_only=True):
    """The value of an expression.

    ``name``: the expression, where it is a symbol, else None. ``cpu``: of a copy of a per-cpu variable.
    ``history``: gdb's number for the value (``$4``). ``value``: see `crashdrive.parsers.grammar.values`.
    """

    name: str | None = None
    cpu: int | None = None
    history: int
    value: Any


class PerCpuAddress(Record, frozen=True, kw_only=True):
    """The address of a CPU's copy of a per-cpu variable; None where the CPU is offline."""

    name: str
    type: str | None
    cpu: int
    address: Address | None


_PER_CPU = r"&?per_cpu\((?P<of>[\w.$]{1,512}), (?P<cpu>\d{1,5})\) = "
_NAMED = r"(?P<name>[A-Za-z_.$][\w.$]{0,511}) = "
_NUMBER = r"\$(?P<history>\d{1,9}) =(?: \n?|\n)[ ]*"
_OFFLINE = r"cpu (\d{1,5}) is OFFLINE"


def values() -> g.ParserElement:
    """Values, each behind gdb's number for it, and behind a name where the expression is a symbol::

    jiffies = $1 = 4294898721
    per_cpu(cpu_number, 0) = $2 = 0
    cpu 1 is OFFLINE
    $3 = {
      counter = 1
    }
    """
    head = g.Terminal(
        rf"(?a:(?:{_PER_CPU}|{_NAMED})?{_NUMBER})", "a value with its number: NAME = $1 = VALUE", _head
    )
    # an address with a blank behind it has lost the text or symbol that stood there
    end = g.Terminal(r"(?:(?<!0x[0-9a-f]{16})[ \t]++)?+(?:\n|\Z)", "the end of the value's line", keep=False)
    value = (head + g.GdbValue() + end).add_parse_action(lambda tokens: _expression(*tokens))
    between = g.noise(
        g.Remark(r"[\w-]+: (WARNING: [^\n]*)", "warning", incomplete=False, words=lambda found: found[1]),
        g.Remark(_OFFLINE, "offline", incomplete=False, words=lambda found: f"CPU {found[1]} is offline"),
        blank=False,
    )
    return g.Many(value, between=between, resume=head, least=0)


def _head(found: re.Match[str]) -> re.Match[str]:
    return found


def _expression(head: re.Match[str], value: Any) -> Expression:
    return Expression(
        name=head["of"] or head["name"],
        cpu=int(head["cpu"]) if head["cpu"] else None,
        history=int(head["history"]),
        value=value,
    )


def _addresses() -> g.ParserElement:
    """The address of each CPU's copy of a variable::

    PER-CPU DATA TYPE:
      int cpu_number;
    PER-CPU ADDRESSES:
      [0]: ffff8c3b1de0a0a8
    """
    declared = g.Row(r"  ([^\n]++)", _declared, "the variable's declaration: TYPE NAME;")
    address = g.Row(
        r"  \[(\d{1,5})\]: ([0-9a-f]{1,16})",
        lambda row: (int(row[1]), int(row[2], 16)),
        "a CPU's address: [CPU]: ADDRESS",
    )
    offline = g.Row(_OFFLINE, lambda row: (int(row[1]), None), "a CPU that is offline")
    return (
        g.Titles("PER-CPU", "DATA", "TYPE:")
        + declared
        + g.Titles("PER-CPU", "ADDRESSES:")
        + g.Many(address | offline, between=g.noise(blank=False), least=0)
    )


def _declared(row: re.Match[str]) -> tuple[str, str | None] | None:
    """(name, type); the type is None where gdb knows the name alone: ``[undetermined type] NAME;``."""
    told = row[1].rstrip()
    known = told.removeprefix("[undetermined type] ")
    if known != told:
        return known.rstrip(";"), None
    found = declared_name(known)
    return (found[0], found[1]) if found and found[0] else None


def _with_name(_source: Source, found: list[Any]) -> list[PerCpuAddress]:
    (name, kind), *addresses = found
    return [PerCpuAddress(name=name, type=kind, cpu=cpu, address=address) for cpu, address in addresses]


SHAPES = (
    Shape(
        name="per-cpu",
        record=PerCpuAddress,
        grammar=_addresses,
        finish=_with_name,
        options="p PER_CPU_SYMBOL",
        when=lambda source: source.text.startswith("PER-CPU DATA TYPE:\n"),
    ),
    Shape(
        name="value",
        record=Expression,
        grammar=values,
        options="p [-x|-d] EXPRESSION; p PER_CPU_SYMBOL:CPUS",
        when=lambda source: re.search(r"(?:\A|\n|= )\$\d+ =[ \n]", source.text) is not None,
    ),
)
EXAMPLES = (
    "p jiffies",
    "p -x jiffies",
    "p init_mm",
    "p init_task",
    "p sizeof(struct task_struct)",
    "p &init_task",
    "p ((struct task_struct *)0x{task})->comm",
    "p __per_cpu_offset",
    "p linux_banner",
    "p saved_command_line",
    "p panic",
    "p system_state",
    "p softirq_vec",
    "p softirq_to_name",
    "p modules",
    "p tcp_hashinfo",
    "p fair_sched_class",
    "p runqueues",
    "p runqueues:0",
    "p cpu_number:a",
    "p 1==1",
    "p nosuchsymbol",
    "p *(int *)0xffff000000000000",
    *("px init_task.flags", "pd init_task.flags", "p runqueues:0", "p (char)65"),
    *("p -u *(int *)0x401000",),
)

"""``p``: the value of an expression."""

from __future__ import annotations

from crashdrive.commands._checked import cpu_list, expression
from crashdrive.commands.base import call, line
from crashdrive.parsers.p import Expression, PerCpuAddress
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def p(crash: Runner, text: str, *, cpus: str | None = None) -> Answer[Expression | PerCpuAddress]:
    """What a C expression is worth; for a per-cpu variable where each CPU's copy lies.

    With ``cpus`` (``a``: all) the per-cpu variable's value on these CPUs. No quotes, ``|``, ``!``, ``<``,
    ``>`` in the expression. CommandFailedError where gdb can't evaluate it. Source: crash's ``p``.
    """
    if cpus is not None:
        return call(crash, line("p", f"{arguments.symbol(text)}:{cpu_list(cpus)}"))
    return call(crash, line("p", expression(text)))

"""``set``: the context's task, or crash's internal variables.

Source in crash: ``cmd_set()``, ``show_options()`` (tools.c), ``show_context()`` (task.c).

As crash prints it::

    crash> set
        PID: 876
    COMMAND: "finish"
       TASK: ffff8c3b1f024180  [THREAD_INFO: ffff8c3b1f024180]
        CPU: 1
      STATE: TASK_RUNNING (PANIC)
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Address, Record


class Context(Record, frozen=True, kw_only=True):
    """The task that crash's commands are about.

    ``threads``: how many tasks have this pid (threads of kernels before 2.6). ``thread_info``: its address
    (the task's own where it lies in the task_struct), None of kernels without one. ``cpu`` is None where
    crash prints none; ``offline``: that CPU is offline. ``state``: as crash names it; ``note``: crash's words
    behind it (``PANIC``, ``ACTIVE``, ``SYSRQ``, ``NMI``, ...).
    """

    pid: int
    command: str
    task: Address
    thread_info: Address | None = None
    threads: int = 1
    cpu: int | None = None
    offline: bool = False
    state: str
    note: str | None = None


class Variable(Record, frozen=True):
    """One of crash's variables: ``value`` as printed; ``note``: crash's words in parentheses."""

    name: str
    value: str | None
    note: str | None = None


class ActiveTask(Record, frozen=True):
    """The task that ``set -a`` made the active one of a CPU."""

    command: str
    task: Address
    cpu: int


def context() -> g.ParserElement:
    """The lines of a task, whose name may hold anything, newlines too::

        PID: 883
    COMMAND: "finish"
       TASK: ffff8ea544a44200  [THREAD_INFO: ffff8ea544a44200]
        CPU: 1
      STATE: TASK_RUNNING (SYSRQ)
    """
    spoken = g.Remark(
        r" *((?:WARNING|INFO): [^\n]*+)", "warning", incomplete=False, words=lambda found: found[1]
    )
    return g.record(
        _context,
        _line("pid", r"PID: (-?\d{1,10})")
        + g.Terminal(
            r' *COMMAND: "((?:\\x[0-9a-f]{2}|[^\n]|\n){0,16}?)"[ ]*\n(?= *TASK: )',
            "the task's line 'COMMAND: \"NAME\"'",
            lambda found: found[1],
        )("command")
        + _line(
            "task",
            r"TASK: ([0-9a-f]{1,16})[ ]*+(?:\(1 of (\d{1,7})\)[ ]*+)?(?:\[THREAD_INFO: ([0-9a-f]{1,16})\])?",
        )
        + _line("cpu", r"CPU: (\d{1,5}|\?|-|\(unknown\))( \[OFFLINE\])?")
        + _line("state", r"STATE: ([^\n ]++(?: ++[^\n ]++)*?|)[ ]*+(?:\(([A-Z ]{2,30})\))?")
        + g.Opt(spoken),
    )


def _line(name: str, pattern: str) -> g.ParserElement:
    """A line of the task; its value is the groups of the match."""
    return g.Row(f" *{pattern}", lambda row: row.groups(), f"the task's line '{name.upper()}:'")(name)


def _context(
    pid: tuple[str],
    command: str,
    task: tuple[str, str | None, str | None],
    cpu: tuple[str, str | None],
    state: tuple[str, str | None],
) -> Context:
    address, threads, info = task
    return Context(
        pid=int(pid[0]),
        command=command,
        task=int(address, 16),
        thread_info=int(info, 16) if info else None,
        threads=int(threads or 1),
        cpu=int(cpu[0]) if cpu[0].isdecimal() else None,
        offline=cpu[1] is not None,
        state=state[0],
        note=state[1],
    )


_NAMES = (
    *("console", "core", "data_debug", "debug", "dec", "dumpfile", "edit", "emacs", "error", "free", "gdb"),
    *("hash", "hex", "namelist", "null-stop", "offline", "print_array", "print_max", "radix", "redzone"),
    *("refresh", "scope", "scroll", "silent", "unwind", "vi", "zero_excluded"),
)
# variables that crash prints by another name
_SHOWN_AS = {
    "radix": "output radix",
    "hex": "output radix",
    "dec": "output radix",
    "vi": "edit",
    "emacs": "edit",
}
# another row within a row: a newline was lost
_ANOTHER = expression(rf"(?:{'|'.join(_NAMES)}): ", re.ASCII)


def _variables() -> g.ParserElement:
    """A row for each variable::

    scroll: off (/usr/bin/less)
     radix: 10 (decimal)
    """
    word = r"[^\n( ]++(?: ++(?=[^\n( ]))?"
    row = g.Row(
        rf" *+([a-z_-]{{2,20}}|output radix): ?((?: ++(?=[^\n( ]))?(?:{word})*+) *+(?:\(([^\n]*?)\)?\))?",
        _variable,
        "a variable: NAME: VALUE (NOTE)",
    )
    return g.Rows(row, between=g.noise(blank=False), least=0)


def _variable(row: re.Match[str]) -> Variable | None:
    """The variable of a row; None for one that wasn't asked for, and for ``set: ...``, an error message."""
    command = row.string.source.command  # type: ignore[attr-defined] # a grammar's text knows its source
    asked = command.arguments[0] if not command.has("v") else ""
    expected = row[1] == _SHOWN_AS.get(asked, asked) if asked else row[1] != "set"
    if not expected or _ANOTHER.search(row[0], row.end(1) - row.start()):
        return None
    return Variable(row[1], row[2] or None, row[3])


def _check_variables(source: Source, found: list[Variable]) -> list[Variable]:
    if found and source.command.has("v") and found[0].name != "scroll":
        source.fail(0, "expected the variable scroll, which is the first")
    return demand_records(source, found, "expected a variable: NAME: VALUE (NOTE)")


def _active() -> g.ParserElement:
    """``"finish" task ffff8ea544a44200 has been marked as the active task on cpu 1``."""
    return g.Terminal(
        r'"([\s\S]{0,64})" task ([0-9a-f]{1,16}) has been marked as the active task on cpu (\d{1,5})\n?',
        "the task that is active now",
        lambda found: ActiveTask(found[1], int(found[2], 16), int(found[3])),
    )


def _freed() -> g.ParserElement:
    """``0 pages freed``."""
    return g.Row(r"(\d{1,18}) pages freed", lambda row: Variable("free", row[1], "pages"), "the pages freed")


def _silence() -> g.ParserElement:
    """Blank lines at most."""
    return g.Gap()


def _is_silent(source: Source) -> bool:
    """Whether crash has nothing to print: of a variable with crash -s, of a CPU (``-c``) always."""
    named = set(_NAMES).issuperset(source.command.arguments[:1] or "?")
    return not source.text and (named or source.command.has("c"))


def _looks(pattern: str) -> Callable[[Source], bool]:
    return lambda source: re.match(pattern, source.text) is not None


SHAPES = (
    Shape(
        name="context",
        record=Context,
        grammar=context,
        options="set [PID|TASK]; set -c CPU; set -p",
        when=_looks(r" *PID: "),
    ),
    Shape(
        name="active",
        record=ActiveTask,
        grammar=_active,
        options="set -a PID|TASK",
        when=_looks(r'"[\s\S]{0,64}" task [0-9a-f]{1,16} has been marked'),
    ),
    Shape(
        name="freed",
        record=Variable,
        grammar=_freed,
        options="set free",
        when=_looks(r"\d{1,18} pages freed"),
    ),
    Shape(
        name="silent",
        record=Variable,
        grammar=_silence,
        options="set VARIABLE VALUE under crash -s; set -c CPU",
        when=_is_silent,
    ),
    Shape(
        name="variables",
        record=Variable,
        grammar=_variables,
        finish=_check_variables,
        options="set -v; set VARIABLE [VALUE]",
        when=lambda source: source.command.has("v") or bool(source.command.arguments),
    ),
)

EXAMPLES = (
    "set",
    "set {pid}",
    "set {task}",
    "set -p",
    "set -c 0",
    "set -v",
    "set radix",
    "set radix 16",
    "set radix 10",
    "set hex",
    "set dec",
    "set scroll",
    "set print_max",
    "set null-stop",
    "set scope",
    "set namelist",
    "set 999999",
    "set nosuchvariable",
    *("set -a {panic_pid}", "set free"),
)

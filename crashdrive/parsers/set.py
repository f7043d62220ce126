"""``set``: the context's task, or crash's internal variables.

Source in crash: ``cmd_set()``, ``show_options()`` (tools.c), ``show_context()`` (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Address, Record

OPTSTRING = "pvc:a:"
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


class Context(Record, frozen=True, kw_only=True):
    """The task that crash's commands are about.

    ``threads``: how many tasks have this pid (threads of kernels before 2.6); ``thread_info``: its address
    where the kernel keeps one apart from the task; ``cpu`` is None where crash shows none; ``offline``: that
    CPU is offline; ``state`` as crash names it, ``note`` what it adds: ``PANIC``, ``ACTIVE``, ``SYSRQ``,
    ``NMI``, ...
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
    """One of crash's variables: ``value`` as it stands, ``note`` what crash says of it in parentheses."""

    name: str
    value: str | None
    note: str | None = None


class ActiveTask(Record, frozen=True):
    """The task that ``set -a`` made the active one of a CPU."""

    command: str
    task: Address
    cpu: int


# The command's name may hold anything, so that the lines are found from the far end: they can't stand in it
# twice.
_CONTEXT = re.compile(
    r' *PID: (?P<pid>-?\d{1,10})[ ]*\n *COMMAND: "(?P<command>(?:\\x[0-9a-f]{2}|.){0,16}?)"[ ]*\n'
    r" *TASK: (?P<task>[0-9a-f]{1,16})[ ]*+(?:\(1 of (?P<threads>\d{1,7})\)[ ]*+)?"
    r"(?:\[THREAD_INFO: (?P<thread_info>[0-9a-f]{1,16})\])?[ ]*+\n"
    r" *CPU: (?P<cpu>\d{1,5}|\?|-|\(unknown\))(?P<offline> \[OFFLINE\])?[ ]*+\n"
    r" *STATE: (?P<state>[^\n ]++(?: ++[^\n ]++)*?|)[ ]*+(?:\((?P<note>[A-Z ]{2,30})\))?[ ]*+\n"
    r"(?: *(?P<warning>(?:WARNING|INFO): [^\n]*)\n)?",
    re.DOTALL,
)
_VARIABLE = re.compile(
    r" *+([a-z_-]{2,20}|output radix): ?((?: ++(?=[^\n( ]))?(?:[^\n( ]++(?: ++(?=[^\n( ]))?)*+) *+"
    r"(?:\(([^\n]*?)\)?\))? *+"
)
_FREED = re.compile(r"(\d{1,18}) pages freed\n?")
_ACTIVE = re.compile(
    r'"(.{0,64})" task ([0-9a-f]{1,16}) has been marked as the active task on cpu (\d{1,5})\n?', re.DOTALL
)


def _parse_context(source: Source) -> Sequence[Context]:
    return [context_at(source, 0)]


def context_at(source: Source, offset: int) -> Context:
    """The context that the text from ``offset`` on shows; ParseError where it shows none, or more."""
    match = _CONTEXT.fullmatch(source.text[offset:].rstrip() + "\n")
    if not match:
        source.fail(offset, "expected a task's PID, COMMAND, TASK, CPU and STATE")
    if match["warning"]:
        source.note("warning", match["warning"], text=match["warning"])
    cpu, info = match["cpu"], match["thread_info"]
    return Context(
        pid=int(match["pid"]),
        command=match["command"],
        task=int(match["task"], 16),
        thread_info=int(info, 16) if info else None,
        threads=int(match["threads"] or 1),
        cpu=int(cpu) if cpu.isdecimal() else None,
        offline=match["offline"] is not None,
        state=match["state"],
        note=match["note"],
    )


def _parse_variables(source: Source) -> Sequence[Variable]:
    records = []
    for offset, line in source.lines():
        match = _VARIABLE.fullmatch(line)
        if match and _expected(source, match[1]):
            records.append(Variable(match[1], match[2] or None, match[3]))
        else:
            source.reject(offset, "no variable and its value")
    if not records or (source.command.has("v") and records[0].name != "scroll"):
        source.fail(0, "no variable and its value")
    return records


def _expected(source: Source, name: str) -> bool:
    """Whether the line is about what was asked for; ``set: ...`` is an error message."""
    if source.command.has("v"):
        return name != "set"
    asked = source.command.arguments[0]
    return name == _SHOWN_AS.get(asked, asked)


_SHOWN_AS = {
    "radix": "output radix",
    "hex": "output radix",
    "dec": "output radix",
    "vi": "edit",
    "emacs": "edit",
}


def _parse_active(source: Source) -> Sequence[ActiveTask]:
    match = _ACTIVE.fullmatch(source.text)
    if not match:
        source.fail(0, "expected an active task")
    return [ActiveTask(match[1], int(match[2], 16), int(match[3]))]


def _parse_freed(source: Source) -> Sequence[Variable]:
    match = _FREED.fullmatch(source.text)
    if not match:
        source.fail(0, "expected a number of pages")
    return [Variable("free", match[1], "pages")]


def _parse_silence(_source: Source) -> Sequence[Variable]:
    return []


_VARIABLES = frozenset(
    {
        "console",
        "core",
        "data_debug",
        "debug",
        "dec",
        "dumpfile",
        "edit",
        "emacs",
        "error",
        "free",
        "gdb",
        "hash",
        "hex",
        "namelist",
        "null-stop",
        "offline",
        "print_array",
        "print_max",
        "radix",
        "redzone",
        "refresh",
        "scope",
        "scroll",
        "silent",
        "unwind",
        "vi",
        "zero_excluded",
    }
)


def _is_silent(source: Source) -> bool:
    """Whether there is nothing to say: of a variable under crash -s, and of a CPU always."""
    named = _VARIABLES.issuperset(source.command.arguments[:1] or "?")
    return not source.text and (named or source.command.has("c"))


def _names_a_variable(source: Source) -> bool:
    return source.command.has("v") or bool(source.command.arguments)


SHAPES = (
    Shape(
        name="context",
        record=Context,
        parse=_parse_context,
        options="set [PID|TASK]; set -c CPU; set -p",
        when=lambda source: re.match(r" *PID: ", source.text) is not None,
    ),
    Shape(
        name="active",
        record=ActiveTask,
        parse=_parse_active,
        options="set -a PID|TASK",
        when=lambda source: _ACTIVE.fullmatch(source.text) is not None,
    ),
    Shape(
        name="freed",
        record=Variable,
        parse=_parse_freed,
        options="set free",
        when=lambda source: _FREED.fullmatch(source.text) is not None,
    ),
    Shape(
        name="silent",
        record=Variable,
        parse=_parse_silence,
        options="set VARIABLE VALUE under crash -s; set -c CPU",
        when=_is_silent,
    ),
    Shape(
        name="variables",
        record=Variable,
        parse=_parse_variables,
        options="set -v; set VARIABLE [VALUE]",
        when=_names_a_variable,
    ),
)

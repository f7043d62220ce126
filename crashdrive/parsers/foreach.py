"""``foreach``: another command for many tasks.

The records are those of the command that it runs: ``foreach bt`` gives what ``bt`` gives. Where that
command's output doesn't name the task itself (``vtop``), each task's records stand in a `TaskAnswer`. crash
runs one command only: ``foreach bt vm`` is ``foreach bt``, silently; the answer has a notice.

Source in crash: ``cmd_foreach()``, ``foreach()`` (task.c).

As crash prints it::

    crash> foreach bt
    PID: 0        TASK: ffffffff9f61aa40  CPU: 0    COMMAND: "swapper/0"
     #0 [ffffffff9f603e10] __schedule at ffffffff9e610e3d
     #1 [ffffffff9f603e98] schedule_idle at ffffffff9e6118e6
    ...
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, Union

from crashdrive.commandline import CommandLine, split_command
from crashdrive.errors import ParseError, UsageError
from crashdrive.parsers import bt, module_for, ps, task
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.shapes import read_part
from crashdrive.parsers.grammar.tasks import HEADER, TaskHeader


class TaskAnswer(TaskHeader, frozen=True, kw_only=True):
    """A command's answer for one task: the command's name, the shape, the records; none where it failed for
    this task.
    """

    command: str
    shape: str
    records: tuple[Any, ...]


_INNER = frozenset({"bt", "files", "net", "ps", "set", "sig", "task", "test", "vm", "vtop"})
_WITH_VALUE = ("R", "y")  # ends of options whose value is the next word
# Commands whose own output names no task: foreach prints a header line for each.
_NAMELESS = frozenset({"set", "vtop"})


def _inner(command: CommandLine) -> tuple[str, str]:
    """The name of the command that foreach runs, and the command line that prints the same for one task."""
    words = command.words[1:]
    values = [before.startswith("-") and before.endswith(_WITH_VALUE) for before in ("", *words)]
    place = next((at for at, word in enumerate(words) if word in _INNER and not values[at]), len(words))
    name = words[place] if place < len(words) else ""
    selected = words[:place] if name else ()
    flags = [word for at, word in enumerate(selected) if word.startswith("-") or values[at]]
    if name == "net" and not command.has("sS"):
        flags.append("-s")  # as crash assumes, with a warning
    return name, " ".join([name, *flags, *words[len(selected) + 1 :]])


def _note_ignored(source: Source, name: str) -> None:
    """Note the words behind the command, which have no effect: crash runs one command, on tasks named before
    it.
    """
    arguments = source.command.arguments
    behind = arguments[arguments.index(name) + 1 :] if name in arguments else ()
    if not behind or name == "vtop":
        return
    others = [word for word in behind if word in _INNER]
    message = f"crash ignores what stands behind {name}: {' '.join(behind)}"
    source.note("ignored", message, incomplete=bool(others))
    source.warnings.insert(0, source.warnings.pop())


def _selects(command: CommandLine) -> bool:
    """Whether tasks were selected; then there may be none, and crash prints nothing."""
    name, _line = _inner(command)
    return command.arguments[:1] != (name,) or command.has("RG")


def _source(source: Source, name: str, text: str) -> tuple[ModuleType, Source]:
    try:
        module = module_for(name)
    except UsageError as error:
        source.fail(0, str(error))
    command = split_command(_inner(source.command)[1])
    part = Source(command, text, lenient=source.lenient)
    part.many_tasks = True
    return module, part


def _answers() -> g.ParserElement:
    """The command's output for several tasks, read by its own grammar; empty where no task is selected::

    PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"
     #0 [ffffcdfe80013c10] __schedule at ffffffffac86c62f
     ...

    PID: 7      TASK: ffff8904411f8000  CPU: 1    COMMAND: "sh"
     ...
    """
    return _nothing() | g.Reader(_all_tasks, "what the command prints", several=True)


def _nothing() -> g.ParserElement:
    return g.End() | (g.Elided() + g.End())


def _all_tasks(source: Source, _offset: int) -> tuple[list[Any], int]:
    name = _inner(source.command)[0]
    if not name:
        source.fail(0, "no command that foreach knows")
    records = g.read(_by_task, source) if name in _NAMELESS else _run(source, name, source.text, 0)[1]
    return records, len(source.text)


def _by_task() -> g.ParserElement:
    """Each task's header line, and the output of a command that doesn't name its task::

    PID: 1      TASK: ffff8904411fc180  CPU: 0    COMMAND: "init"
    VIRTUAL     PHYSICAL
    c0000000    (not accessible)
    """
    head = g.task_header()
    answer = g.Reader(_one_task, "what the command prints for a task", start="")
    return g.Many(g.made(head + answer, _answer).set_name(head.name), resume=head)


def _one_task(source: Source, offset: int) -> tuple[tuple[str, list[Any]], int]:
    """(shape, records) of the text up to the next task's header."""
    following = next((one for one in HEADER.finditer(source.text, offset) if not one["indent"]), None)
    end = following.start() if following else len(source.text)
    # foreach sets tasks apart by a blank line of its own
    text = source.text[offset:end].removesuffix("\n") if following else source.text[offset:end]
    name = _inner(source.command)[0]
    try:
        return _run(source, name, text, offset), end
    except ParseError:
        if not _failed(source, name, offset, text):
            raise
        return ("", []), end


def _answer(text: g.Text, _place: int, found: list[Any]) -> list[Any]:
    owner, (shape, records) = found
    name = _inner(text.source.command)[0]
    if name == "set":
        return list(records)
    return [
        TaskAnswer(
            pid=owner.pid,
            task=owner.task,
            cpu=owner.cpu,
            comm=owner.comm,
            command=name,
            shape=shape,
            records=tuple(records),
        )
    ]


def _tasks() -> g.ParserElement:
    """The selected tasks, a header line for each."""
    return g.Rows(g.task_header(), least=0)


def _check(source: Source, found: list[Any]) -> list[Any]:
    name = _inner(source.command)[0]
    _note_ignored(source, name)
    if name == "test" or (not source.text.strip() and _selects(source.command)):
        return found
    if not any(answer.shape for answer in found if isinstance(answer, TaskAnswer)) and name == "vtop":
        found = []
    only_elided = [notice.kind for notice in source.warnings] == ["elided"]
    return found if only_elided else _demanded(source, name, found)


def _demanded(source: Source, name: str, found: list[Any]) -> list[Any]:
    """The records, of which commands in `_NAMELESS` must give some; other commands' grammars check that
    themselves.
    """
    return demand_records(source, found) if name in _NAMELESS or not source.text.strip() else found


def _run(source: Source, name: str, text: str, offset: int) -> tuple[str, list[Any]]:
    """(shape, records) of the command's output from ``offset`` on."""
    module, part = _source(source, name, text)
    return read_part(module.SHAPES, part, source, offset)


def _failed(source: Source, name: str, offset: int, text: str) -> bool:
    """Whether crash says that the command failed for this task: a hole, which is noted."""
    said = next((line for line in text.split("\n") if line.startswith(f"{name}: ")), None)
    if said is None:
        return False
    line = source.position(offset)[0]
    source.note("error", said.strip(), line=line, text=said, incomplete=True)
    return True


def _runs(name: str, source: Source) -> bool:
    return _inner(source.command)[0] == name


def _records(module: ModuleType) -> Any:
    return Union[tuple(shape.record for shape in module.SHAPES)]  # noqa: UP007 - it is made at run time


SHAPES = (
    *(
        Shape(
            name=name,
            record=_records(module),
            grammar=_answers,
            finish=_check,
            options=f"[tasks] {name} [options]",
            when=partial(_runs, name),
        )
        for name, module in (("bt", bt), ("ps", ps), ("task", task))
    ),
    Shape(
        name="vtop",
        record=TaskAnswer,
        grammar=_answers,
        finish=_check,
        options="[tasks] vtop addresses",
        when=partial(_runs, "vtop"),
    ),
    Shape(
        name="tasks",
        record=TaskHeader,
        grammar=_tasks,
        finish=_check,
        options="[tasks] test",
        when=partial(_runs, "test"),
    ),
    Shape(
        name="records",
        record=Any,
        grammar=_answers,
        finish=_check,
        options="[tasks] files|net|set|sig|vm [options]",
    ),
)
EXAMPLES = (
    *("foreach bt", "foreach bt -l", "foreach bt -f", "foreach bt -e", "foreach bt -t", "foreach user bt"),
    *("foreach UN bt", "foreach active bt", "foreach task -R comm,pid", "foreach task -R no_such_member"),
    *("foreach files", "foreach set", "foreach ps", "foreach ps -p", "foreach ps -t", "foreach ps -r"),
    *("foreach user sig", "foreach user sig -g", "foreach vm", "foreach net -s", "foreach user vtop 1000"),
    *("foreach 999999 bt", "foreach no_such_name bt", "foreach bt vm", "foreach net", "foreach test"),
    *("foreach sig -g", "foreach user ps -l", "foreach ps -m"),
    *(
        "foreach active bt -o",
        "foreach active bt -F",
        "foreach active bt -sd",
        "foreach active bt -sx",
        "foreach active bt -r",
        "foreach {pid} bt -t",
        "foreach {pid} vm -v",
        "foreach {pid} vm -vx",
        "foreach {pid} vm -vd",
        "foreach {pid} vm -m",
        "foreach {pid} vm -p",
        "foreach {pid} vm -R {vma}",
        "foreach {pid} task -x",
        "foreach {pid} task -R comm,pid -d",
        "foreach {pid} files -c",
        "foreach {pid} files -R {dentry}",
        "foreach {sock_pid} net -S",
        "foreach {sock_pid} net -Sx",
        "foreach {pid} ps -G",
        "foreach {pid} ps -s",
        "foreach {pid} ps -c",
        "foreach {pid} ps -a",
        "foreach {pid} ps -g",
        "foreach {pid} ps -y 0",
        "foreach {pid} vtop -u 401000",
        "foreach {pid} vtop -k {kva}",
        "foreach {pid} vtop -c {kva}",
        "foreach gleader ps",
        "foreach kernel sig",
        "foreach ZO bt",
        "foreach {pid} bt -R schedule",
    ),
)

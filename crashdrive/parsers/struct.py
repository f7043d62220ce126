"""``struct``, ``union``, ``*``: a structure's definition, or its contents at an address.

A line may begin with a structure's name (``task_struct.pid ADDR``): crash adds the command.

Source in crash: ``cmd_datatype_common()``, ``do_datatype_addr()``, ``do_datatype_declaration()``,
``parse_for_member()``, ``dereference_pointer()`` (symbols.c).

As crash prints it::

    crash> struct list_head
    struct list_head {
        struct list_head *next;
        struct list_head *prev;
    }
    SIZE: 16
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._struct_definitions import definitions, is_definition
from crashdrive.parsers._struct_targets import Target, followed_pointer
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.definitions import Definition
from crashdrive.parsers.grammar.hexdump import Words, hex_words, mark_gaps
from crashdrive.parsers.grammar.value_records import Missing, Pointer
from crashdrive.records import Address, Record


class Structure(Record, frozen=True, kw_only=True):
    """A structure's contents, or those of its members that were asked for.

    ``type``: the structure's name without ``struct`` or ``union``. ``address``: where the command line tells
    it; ``symbol``: where the command line names one. ``cpu``: of a per-cpu structure. ``index``: its number
    among several in a row. ``value``: members by name, or by the path that was asked for (``se.on_rq``); see
    `crashdrive.parsers.grammar.values`.
    """

    type: str
    address: Address | None = None
    symbol: str | None = None
    cpu: int | None = None
    index: int = 0
    value: dict[str, Any]


def _values() -> g.ParserElement:
    """Structures one after the other; above a per-cpu structure stands a line with its CPU and address::

    [0]: ffff8c3b1de2b840
    struct rq {
      nr_running = 1,
    }
    [1]: [OFFLINE]
    """
    followed = g.Terminal(
        r"(?:struct|union) ([A-Za-z_]\w{0,255}) \{\n", "a structure: struct NAME {", _if_followed
    )
    end = g.Row(r"\},?", lambda row: row[0], "the structure's end: }")
    start = g.Terminal(r"\[\d{1,5}\]: |(?:struct|union) \w+ \{", "a structure: struct NAME {")
    anonymous = (g.GdbValue("an anonymous member") + g.LineEnd()).add_parse_action(_unnamed)
    member = g.MatchFirst([followed_pointer(), g.Members(), anonymous])
    # no member begins as a structure does: lenient mode would search for the end of such a member in the
    # whole text
    members = g.Many(member, between=g.noise(_refused(), blank=False), until=end | start, first=True)
    opened = (followed + members + g.Suppress(end)).add_parse_action(_joined)
    whole = g.MatchFirst([_cpu(), opened, g.Structure()])
    return g.Many(whole, between=g.noise(_refused()), resume=start, least=0)


def _members() -> g.ParserElement:
    """Members that were asked for, of one structure, or of several with blank lines between::

    pid = 1,
    comm = "systemd"
    """
    blank = g.Row(r"(?=[^\n]| *\n)[ \t]*+", lambda _: _NEXT, "a blank line")
    asked = g.Members("the value of a member that was asked for", asked=lambda source: _arguments(source)[1])
    start = g.Terminal(r"\[\d{1,5}\]: |  [A-Za-z_][\w.\[\]]* = ", "a member")
    each = g.MatchFirst([asked, blank, _cpu(), followed_pointer()])
    return g.Many(each, between=g.noise(_refused(), blank=False), resume=start, least=0)


def _unnamed(text: str, place: int, tokens: g.ParseResults) -> Any:
    """The members of an anonymous structure: they belong to the structure around it."""
    if not isinstance(tokens[0], dict):
        g.Text.of(text).refuse(place, "a member without a name")
    return tokens[0]


def _if_followed(found: re.Match[str]) -> str | None:
    return found[1] if g.Text.of(found.string).source.command.has("p") else None


def _joined(text: str, place: int, tokens: g.ParseResults) -> list[tuple[str, dict[str, Any]]]:
    """(name, members) of a structure whose pointers are followed."""
    name, *parts = tokens
    members: dict[str, Any] = {}
    for part in parts:
        if twice := members.keys() & part.keys():
            g.Text.of(text).refuse(place, f"a member stands twice: {min(twice)}")
        members |= part
    return [(name, members)]


class _Cpu(NamedTuple):
    """The CPU of the structure below, and the structure's address; None where the CPU is offline."""

    number: int
    address: int | None


_NEXT = _Cpu(-1, None)
"""In place of a blank line: behind it another structure of the same CPU begins."""


def _cpu() -> g.ParserElement:
    return g.Row(r"\[(\d{1,5})\]: (?:([0-9a-f]{1,16})|\[OFFLINE\])", _whose, "a CPU: [CPU]: ADDRESS")


def _whose(row: re.Match[str]) -> _Cpu:
    if row[2] is None:
        text = g.Text.of(row.string)
        text.note(row.start(), "offline", f"CPU {row[1]} is offline", text=text.line(row.start()))
    return _Cpu(int(row[1]), int(row[2], 16) if row[2] else None)


def _refused() -> g.Remark:
    """crash's error about a structure that it can't show."""
    what = r"invalid (?:data structure|kernel|user)|cannot access|(?:read|seek) error|page excluded"
    return g.Remark(rf"(?:\*|[\w-]+): (?:{what})[^\n]*+", "error")


def _arguments(source: Source) -> tuple[str, tuple[str, ...]]:
    """(name of the type, members asked for) by the command line."""
    arguments = source.command.arguments
    return _asked(arguments[0]) if arguments else ("", ())


@functools.lru_cache(maxsize=256)
def _asked(word: str) -> tuple[str, tuple[str, ...]]:
    name, _, members = word.partition(".")
    return name, tuple(member for member in members.split(",") if member)


_ADDRESS = expression(r"(?:0x)?[0-9a-fA-F]{1,16}")
_SYMBOL = expression(r"[A-Za-z_.$][\w.$]*", re.ASCII)


def _place(source: Source) -> tuple[int | None, str | None]:
    """(address, symbol) in the command line; None where they aren't the structure's own."""
    arguments, options = source.command.arguments, source.command.options
    place = arguments[1] if len(arguments) > 1 else ""
    count = arguments[2] if len(arguments) > 2 else options.get("c", "")
    if not place or ":" in place or "l" in options or "f" in options or count.startswith("-"):
        return None, None
    if _ADDRESS.fullmatch(place):
        return int(place, 16), None
    return None, place if _SYMBOL.fullmatch(place) else None


def _structures(source: Source, found: list[Any]) -> list[Structure]:
    """Each structure with its CPU, its address, and its number among several in a row."""
    asked, symbol = _place(source)
    records: list[Structure] = []
    cpu: int | None = None
    address, index = asked, 0
    for one in found:
        if isinstance(one, _Cpu):
            (cpu, address), index = one, 0
            continue
        name, members = one
        where = address if index == 0 else None
        records.append(
            Structure(type=name, address=where, symbol=symbol, cpu=cpu, index=index, value=members)
        )
        index += 1
    if not records:
        source.fail(0, "expected a structure" if source.complete else "nothing but errors")
    return records


def _of_members(source: Source, found: list[Any]) -> list[Structure]:
    """Structures made of members: the next one begins behind a blank line, below a CPU's line, and where a
    member comes again.
    """
    type_, asked = _arguments(source)
    parts: list[Any] = []
    open_: dict[str, Any] = {}
    for one in found:
        is_cpu = isinstance(one, _Cpu)
        if is_cpu or not open_.keys().isdisjoint(one):
            parts += [(type_, open_)] if open_ else []
            open_ = {}
        if not is_cpu:
            open_ = {**open_, **one} if open_ else one
        elif one is not _NEXT:
            parts.append(one)
    parts += [(type_, open_)] if open_ else []
    for part in parts:
        missing = () if isinstance(part, _Cpu) else [name for name in asked if name not in part[1]]
        if missing and source.complete:
            source.note("missing", f"no value of {', '.join(missing)}", incomplete=True)
    return _structures(source, parts)


def _starts(pattern: str) -> Callable[[Source], bool]:
    match = re.compile(pattern).match
    return lambda source: match(source.text) is not None


_is_memory = _starts(r"[ ]*[0-9a-f]{1,16}:  [0-9a-f]")
_is_member = _starts(r"(?:\[\d+\]: [^\n]*\n|[ \t]*\n)*+ {0,8}[A-Za-z_][^\n]* =")
SHAPES = (
    Shape(
        name="memory",
        record=Words,
        grammar=hex_words,
        finish=mark_gaps,
        options="struct NAME -r ADDRESS",
        when=lambda source: source.command.has("r") and _is_memory(source),
    ),
    Shape(
        name="definition",
        record=Definition,
        grammar=definitions,
        options="struct NAME [-o [ADDRESS]]; struct NAME.MEMBER",
        when=is_definition,
    ),
    Shape(
        name="value",
        record=Structure,
        grammar=_values,
        finish=_structures,
        options="struct NAME ADDRESS|SYMBOL[:CPUS] [COUNT]",
        when=_starts(r"(?:\[\d+\]: [^\n]*\n)*(?:struct|union) \w+ [{<]"),
    ),
    Shape(
        name="members",
        record=Structure,
        grammar=_members,
        finish=_of_members,
        options="struct NAME.MEMBER[,MEMBER] ADDRESS|SYMBOL[:CPUS] [COUNT]",
        when=lambda source: bool("|" in source.command.text or _arguments(source)[1]) and _is_member(source),
    ),
)

EXAMPLES = (
    "struct task_struct",
    "struct task_struct -o",
    "struct task_struct {task}",
    "struct task_struct {init_task} -x",
    "struct task_struct.comm,pid {task}",
    "struct task_struct.comm,pid,nosuchmember {init_task}",
    "struct task_struct.se.on_rq,comm {init_task}",
    "struct task_struct.comm",
    "struct task_struct -o {init_task}",
    "struct task_struct.tasks -o {init_task}",
    "struct task_struct.mm,files,comm,sched_class -p {init_task}",
    "struct mm_struct -p {sym:init_mm}",
    "struct list_head {sym:modules} 2",
    "struct list_head -r {sym:modules}",
    "struct rq.nr_running,cpu runqueues:a",
    "struct page -o",
    "struct page {page}",
    "struct inode {inode}",
    "struct dentry {dentry}",
    "struct spinlock",
    "struct atomic_t",
    "struct file_operations -x {sym:pipefifo_fops}",
    "union sigval",
    "union nosuchunion",
    "* list_head {sym:modules}",
    "task_struct.comm {task}",
    "struct nosuchthing",
    "struct task_struct 0",
    "struct task_struct nosuchsymbol",
    *(
        "struct list_head -d modules",
        "struct file_operations -d pipefifo_fops",
        "union sigval -o",
        "struct task_struct.pid,comm -l task_struct.tasks {sym:init_task}",
        "struct rq.cpu runqueues:0",
        "struct task_struct.rcu_node_entry -o {task}",
    ),
    *(
        "struct list_head {sym:modules} -c 2",
        "struct list_head -u 401000",
        "struct list_head -f 1000",
    ),
)

__all__ = ["EXAMPLES", "SHAPES", "Definition", "Missing", "Pointer", "Structure", "Target"]

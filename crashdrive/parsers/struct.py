"""``struct``, ``union``, ``*``: a structure's definition, or its contents at an address.

Crash takes the command's name as given where the first word is a structure's name (``task_struct.pid ADDR``).

Source in crash: ``cmd_datatype_common()``, ``do_datatype_addr()``, ``do_datatype_declaration()``,
``parse_for_member()``, ``dereference_pointer()`` (symbols.c).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from crashdrive.errors import ParseError
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.definitions import Definition, DefinitionReader
from crashdrive.parsers.grammar.hexdump import Words, read_words
from crashdrive.parsers.grammar.values import Missing, Pointer, ValueReader, skip_to
from crashdrive.records import Address, Record

OPTSTRING = "pxdhfuc:rvol:"
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
)


class Structure(Record, frozen=True, kw_only=True):
    """A structure's contents, or those of its members that were asked for.

    ``type``: its name without ``struct`` or ``union``; ``address`` where the command line tells it,
    ``symbol`` where it was named by a symbol; ``cpu`` for per-cpu ones; ``index``: which of several in a row.
    ``value``: members by name (a path such as ``se.on_rq`` where one was asked for), see
    `crashdrive.parsers.grammar.values`.
    """

    type: str
    address: Address | None = None
    symbol: str | None = None
    cpu: int | None = None
    index: int = 0
    value: dict[str, Any]


class Target(Record, frozen=True, tag_field="$", tag="target"):
    """A pointer followed by ``-p``: its ``type`` and ``address``, and what it leads to.

    ``symbol``: the name of what is there; ``value``: what is there, None where crash shows none, and then
    ``reason`` says why: ``NULL``, ``not accessible``, ``unknown``, ``unknown target type``, ``TYPE: no
    debuginfo data``.
    """

    type: str
    address: Address
    symbol: str | None = None
    value: Any = None
    reason: str | None = None


_HEAD = re.compile(r"(struct|union) ([A-Za-z_]\w*) (?=\{|<)", re.ASCII)
_CPU = re.compile(r"\[(\d{1,5})\]: (?:([0-9a-f]{1,16})|(\[OFFLINE\]))\n")
# Two blanks as crash prints it; texts that went through a mail or a web page have others.
_MEMBER = re.compile(r"[ ]{0,40}([A-Za-z_][\w.]*(?:\[\d+\][\w.]*)*) =\s*+", re.ASCII)
_FOLLOWED = re.compile(
    r"[ ]{2}(\S[^\n={}]{0,300}?[ *]|\S[^\n={}]{0,300}?\(\*)(\w{1,255}+)(\)\([^\n={}]{0,1000}\))?"
    r" = 0x([0-9a-f]{1,16})\n  -> ",
    re.ASCII,
)
_REASON = re.compile(r"(NULL)\n|\((not accessible|unknown|unknown target type|[\w ]+: no debuginfo data)\)\n")
_NAMED = re.compile(r"<([^<>\n]+)>(?: (?=\S)| ?\n)")
_RAW_TEXT = re.compile(r'"([^\n]*)"\n')
_BARE = re.compile(r"([0-9a-f]{1,16})\n")
_ERROR = re.compile(
    r"(?:\*|[\w-]+): (?:invalid (?:data structure|kernel|user)|cannot access|(?:read|seek) error"
    r"|page excluded)[^\n]*\n"
)
_MEMBER_STARTS = re.compile(r"^(?:\[\d{1,5}\]: |  [A-Za-z_][\w.\[\]]* = )", re.MULTILINE)
_STARTS = re.compile(r"^(?:\[\d{1,5}\]: |(?:struct|union) \w+ \{)", re.MULTILINE)
_BLANK = re.compile(r"[ \t]*\n")
_ELIDED = re.compile(r"[ \t]*\.\.\.[ \t]*(?:\n|\Z)")


def _arguments(source: Source) -> tuple[str, list[str]]:
    """(type's name, members asked for) of the command line."""
    first = source.command.arguments[0] if source.command.arguments else ""
    name, _, members = first.partition(".")
    return name, [member for member in members.split(",") if member]


def _has_address(source: Source) -> bool:
    return len(source.command.arguments) > 1


class _Reader:
    """The whole output: structures one after another, or members, or definitions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.values = ValueReader(source)
        self.records: list[Structure] = []
        self.cpu: int | None = None
        self.address: int | None = None
        self.index = 0
        self.type, self.members = _arguments(source)
        self.asked, self.symbol = _place(source)
        self.errors = 0

    def finish(self) -> list[Structure]:
        """The records; without any, an error that crash printed is a failure and no answer."""
        if not self.records and self.source.complete:
            self.source.fail(0, "expected a structure")
        if not self.records:
            self.source.fail(0, "nothing but errors")
        return self.records

    def header(self, offset: int) -> int | None:
        """Past a blank line, a CPU's line or an error; None when none stands here."""
        if blank := _BLANK.match(self.text, offset):
            return blank.end()
        if cpu := _CPU.match(self.text, offset):
            self.cpu, self.index = int(cpu[1]), 0
            self.address = int(cpu[2], 16) if cpu[2] else None
            if cpu[3]:
                self._note("offline", f"CPU {cpu[1]} is offline", offset, incomplete=False)
            return cpu.end()
        if _ELIDED.match(self.text, offset):
            self._note("elided", "left out here", offset)
            return self._next_line(offset)
        if error := _ERROR.match(self.text, offset):
            self._note("error", error[0].rstrip(), offset)
            return error.end()
        return None

    def _note(self, kind: str, message: str, offset: int, *, incomplete: bool = True) -> None:
        line, _ = self.source.position(offset)
        self.source.note(kind, message, line=line, text=self.source.line_at(offset), incomplete=incomplete)

    def _next_line(self, offset: int) -> int:
        end = self.text.find("\n", offset)
        return end + 1 if end >= 0 else len(self.text)

    def add(self, type_: str, value: dict[str, Any]) -> None:
        """A structure that was read to its end."""
        address = self.address if self.cpu is not None else self.asked
        self.records.append(
            Structure(
                type=type_,
                address=address if self.index == 0 else None,
                symbol=self.symbol,
                cpu=self.cpu,
                index=self.index,
                value=value,
            )
        )
        self.index += 1

    def line_end(self, offset: int) -> int:
        """Past the rest of a line that must be empty but for a comma."""
        match = _LINE_END.match(self.text, offset)
        if not match:
            self.source.fail(offset, "unexpected text after a value")
        return match.end()


_LINE_END = re.compile(r",?[ \t]*+(?:\n|\Z)")


def _place(source: Source) -> tuple[int | None, str | None]:
    """(address, symbol) that the command line names, as far as it tells the structure's own address."""
    arguments, options = source.command.arguments, source.command.options
    place = arguments[1] if len(arguments) > 1 else ""
    count = arguments[2] if len(arguments) > 2 else options.get("c", "")
    if not place or ":" in place or "l" in options or "f" in options or count.startswith("-"):
        return None, None
    if re.fullmatch(r"(?:0x)?[0-9a-fA-F]{1,16}", place):
        return int(place, 16), None
    return None, place if re.fullmatch(r"[A-Za-z_.$][\w.$]*", place) else None


def _parse_values(source: Source) -> Sequence[Structure]:
    reader = _Reader(source)
    offset = 0
    while offset < len(source.text):
        try:
            after = reader.header(offset)
            offset = after if after is not None else _structure(reader, offset)
        except ParseError as error:
            offset = skip_to(source, error, offset, _STARTS)
    return reader.finish()


def _structure(reader: _Reader, offset: int) -> int:
    match = _HEAD.match(reader.text, offset)
    if not match:
        reader.source.fail(offset, "expected a structure")
    if reader.source.command.has("p"):
        value, end = _with_targets(reader, match.end())
    else:
        value, end = reader.values.value(match.end())
    if not isinstance(value, dict):
        reader.source.fail(match.end(), "a structure without members")
    reader.add(match[2], value)
    return reader.line_end(end)


def _with_targets(reader: _Reader, offset: int) -> tuple[Any, int]:
    """A structure whose own pointers are followed: lines of ``TYPE *NAME = 0x...`` and ``-> ...`` between its
    members.
    """
    if not reader.text.startswith("{\n", offset):
        return reader.values.value(offset)
    found: dict[str, Any] = {}
    offset += 2
    while not reader.text.startswith("}", offset):
        pair = _followed(reader, offset) or _plain_member(reader, offset)
        names = found.keys() & pair[0].keys()
        if names:
            reader.source.fail(offset, f"a member stands twice: {min(names)}")
        found |= pair[0]
        offset = pair[1]
    return found, offset + 1


def _plain_member(reader: _Reader, offset: int) -> tuple[dict[str, Any], int]:
    match = _MEMBER.match(reader.text, offset)
    value, end = reader.values.value(match.end() if match else offset)
    if match:
        return {match[1]: value}, reader.line_end(end)
    if not isinstance(value, dict):
        reader.source.fail(offset, "a member without a name")
    return value, reader.line_end(end)


def _followed(reader: _Reader, offset: int) -> tuple[dict[str, Any], int] | None:
    match = _FOLLOWED.match(reader.text, offset)
    if not match:
        return None
    type_, name, parameters, address = match.groups()
    target, end = _target(reader, f"{type_.rstrip()}{parameters or ''}", int(address, 16), match.end())
    return {name: target}, end


def _target(reader: _Reader, type_: str, address: int, offset: int) -> tuple[Target, int]:
    """What stands behind ``->``."""
    text = reader.text
    if reason := _REASON.match(text, offset):
        return Target(type=type_, address=address, reason=reason[1] or reason[2]), reason.end()
    named = _NAMED.match(text, offset)
    symbol, offset = (named[1], named.end()) if named else (None, offset)
    if named and named[0].endswith("\n"):
        return Target(type=type_, address=address, symbol=symbol), offset
    if reason := _REASON.match(text, offset):
        return Target(type=type_, address=address, symbol=symbol, reason=reason[1] or reason[2]), reason.end()
    value, offset = _target_value(reader, type_, offset)
    return Target(type=type_, address=address, symbol=symbol, value=value), offset


def _target_value(reader: _Reader, type_: str, offset: int) -> tuple[Any, int]:
    if raw := _RAW_TEXT.match(reader.text, offset):
        return raw[1], raw.end()
    bare = _BARE.match(reader.text, offset) if type_.endswith("**") else None
    if bare:
        return int(bare[1], 16), bare.end()
    value, offset = reader.values.value(offset)
    return value, reader.line_end(offset)


def _parse_members(source: Source) -> Sequence[Structure]:
    reader = _Reader(source)
    found: dict[str, Any] = {}
    offset = 0
    while offset < len(source.text):
        if _BLANK.match(source.text, offset) or _CPU.match(source.text, offset):
            found = _flush(reader, found)
        after = reader.header(offset)
        if after is not None:
            offset = after
            continue
        try:
            pair = _followed(reader, offset) or _member(reader, offset)
        except ParseError as error:
            offset = skip_to(source, error, offset, _MEMBER_STARTS)
            continue
        if found.keys() & pair[0].keys():
            found = _flush(reader, found)
        found |= pair[0]
        offset = pair[1]
    _flush(reader, found)
    return reader.finish()


def _flush(reader: _Reader, found: dict[str, Any]) -> dict[str, Any]:
    if found:
        missing = [name for name in reader.members if name not in found]
        if missing and reader.source.complete:
            reader.source.note("missing", f"no value of {', '.join(missing)}", incomplete=True)
        reader.add(reader.type, found)
    return {}


def _member(reader: _Reader, offset: int) -> tuple[dict[str, Any], int]:
    match = _MEMBER.match(reader.text, offset)
    if not match or not (match[1] in reader.members or not reader.members):
        reader.source.fail(offset, "expected the value of a member that was asked for")
    value, end = reader.values.value(match.end())
    return {match[1]: value}, reader.line_end(end)


def _parse_definitions(source: Source) -> Sequence[Definition]:
    reader = DefinitionReader(source, addresses=_has_address(source))
    records = []
    offset = 0
    while offset < len(source.text):
        if blank := _BLANK.match(source.text, offset):
            offset = blank.end()
            continue
        definition, offset = reader.definition(offset)
        records.append(definition)
    return records


def is_memory(source: Source) -> bool:
    """Whether the text starts like a row of memory."""
    return re.match(r"[ ]*[0-9a-f]{1,16}:  [0-9a-f]", source.text) is not None


_DEFINED = re.compile(r"(?:typedef )?(?:struct|union)(?: \w{1,255})? \{[ \t]*")
_OPENS = re.compile(r"(?:\[\w{1,18}\] *)?(?:const |volatile )*(?:struct|union)(?: \w{1,255})? \{")


def _is_definition(source: Source) -> bool:
    """Lines of a definition end in ``;`` or open a structure; contents have `` = `` or a bare brace."""
    head, _, rest = source.text.lstrip().partition("\n")
    first = rest.partition("\n")[0].strip()
    if len(head) > 1000 or not _DEFINED.fullmatch(head):
        return False
    return (
        first.endswith(";") or first in {"...", "}"} or first.startswith("<") or bool(_OPENS.fullmatch(first))
    )


SHAPES = (
    Shape(
        name="memory",
        record=Words,
        parse=read_words,
        options="struct NAME -r ADDRESS",
        when=lambda source: source.command.has("r") and is_memory(source),
    ),
    Shape(
        name="definition",
        record=Definition,
        parse=_parse_definitions,
        options="struct NAME [-o [ADDRESS]]; struct NAME.MEMBER",
        when=_is_definition,
    ),
    Shape(
        name="value",
        record=Structure,
        parse=_parse_values,
        options="struct NAME ADDRESS|SYMBOL[:CPUS] [COUNT]",
        when=lambda source: (
            re.match(r"(?:\[\d+\]: [^\n]*\n)*(?:struct|union) \w+ [{<]", source.text) is not None
        ),
    ),
    Shape(
        name="members",
        record=Structure,
        parse=_parse_members,
        options="struct NAME.MEMBER[,MEMBER] ADDRESS|SYMBOL[:CPUS] [COUNT]",
        when=lambda source: (
            re.match(r"(?:\[\d+\]: [^\n]*\n|[ \t]*\n)*+ {0,8}[A-Za-z_][^\n]* =", source.text) is not None
        ),
    ),
)

__all__ = [
    "EXAMPLES",
    "OPTSTRING",
    "SHAPES",
    "Definition",
    "Missing",
    "Pointer",
    "Structure",
    "Target",
    "is_memory",
]

"""``fuser``: the tasks that use a file. Source in crash: ``cmd_fuser()``, ``show_fuser()`` (filesys.c)."""

from __future__ import annotations

import re

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.cursor import Cursor
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Record


class FileUser(Record, frozen=True):
    """A task that uses a file: as ``root``, ``cwd``, ``fd`` or ``mmap``.

    crash cuts command names to 14 bytes here: ``comm_cut`` says so. ``file`` is the argument it is about,
    None where that can't be told.
    """

    pid: int
    task: Address
    comm: str
    usage: tuple[str, ...]
    file: str | None = None
    comm_cut: bool = False


OPTSTRING = ""
EXAMPLES = ("fuser {file}", "fuser {inode}", "fuser /", "fuser /no/such/file", "fuser no_such_file")

_TITLES = re.compile(r" *PID +TASK +COMM +USAGE *")
_NOBODY = re.compile(r"No users of (.{1,4096}) found")
_LEFT = re.compile(r' *(\d{1,10}) +([0-9a-f]{8,16}) +"')
_USAGE = re.compile(r" ?((?:(?:root|cwd|fd|mmap) )*(?:root|cwd|fd|mmap)) *")
# What is printed of a name: 15 bytes behind the opening quote, be they blanks, so that no name can add a use.
_COMM_BYTES = 15
# A byte that is no UTF-8 arrives as \\xNN.
_UNIT = re.compile(r"\\x[89a-f][0-9a-f]|.", re.DOTALL)


def _parse(source: Source) -> list[FileUser]:
    cursor = Cursor(source)
    sections: list[list[FileUser]] = []
    while cursor.skip_blank():
        line = cursor.line or ""
        if cursor.match(_TITLES) or cursor.match(_NOBODY):
            sections.append([])
        elif sections and (user := _user(line)):
            sections[-1].append(user)
            cursor.advance()
        else:
            cursor.skip_or_reject("no task that uses a file")
    demand_records(source, sections, "no table of tasks, nor that there is none")
    return _with_files(source, sections)


def _with_files(source: Source, sections: list[list[FileUser]]) -> list[FileUser]:
    names: tuple[str | None, ...] = source.command.arguments
    if len(names) != len(sections):
        if names:
            source.note("partial", f"{len(sections)} tables for {len(names)} files", incomplete=True)
        names = (None,) * len(sections)
    return [
        FileUser(
            pid=user.pid,
            task=user.task,
            comm=user.comm,
            usage=user.usage,
            comm_cut=user.comm_cut,
            file=name,
        )
        for name, section in zip(names, sections, strict=True)
        for user in section
    ]


def _user(line: str) -> FileUser | None:
    left = _LEFT.match(line) if len(line) < 1024 else None
    if left is None:
        return None
    end = _end_of_name(line, left.end())
    usage = _USAGE.fullmatch(line, end)
    if usage is None:
        return None
    name = line[left.end() : end].rstrip(" ")
    return FileUser(
        pid=int(left[1]),
        task=int(left[2], 16),
        comm=name.removesuffix('"'),
        comm_cut=not name.endswith('"'),
        usage=tuple(usage[1].split()),
    )


def _end_of_name(line: str, start: int) -> int:
    taken = 0
    end = start
    while taken < _COMM_BYTES and (unit := _UNIT.match(line, end)):
        taken += 1 if len(unit[0]) > 1 else len(unit[0].encode("utf-8", "surrogatepass"))
        end = unit.end()
    return end


SHAPES = (Shape(name="users", record=FileUser, parse=_parse, options="path | inode"),)

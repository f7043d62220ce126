"""``fuser``: the tasks that use a file. Source in crash: ``cmd_fuser()``, ``show_fuser()`` (filesys.c).

As crash prints it::

    crash> fuser ffff8c3b1f8543a0
     PID         TASK        COMM             USAGE
      274  ffff8c3b02904180  "connections"    fd
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Address, Record


class FileUser(Record, frozen=True):
    """A task that uses a file: as ``root``, ``cwd``, ``fd`` or ``mmap``.

    crash cuts command names to 14 bytes here: ``comm_cut`` says so. ``file`` is the argument that the row is
    about, None where that can't be told.
    """

    pid: int
    task: Address
    comm: str
    usage: tuple[str, ...]
    file: str | None = None
    comm_cut: bool = False


def _users() -> g.ParserElement:
    """A table for each file, or a line that says that nobody uses it. A long name has no closing quote::

    No users of /no/such/file found
     PID         TASK        COMM             USAGE
        1  ffff8c3b011fc180  "init"           root cwd
        3  ffff8ea541230000  "pool_workqueue  root cwd
    """
    head = g.Row(" *+PID ++TASK ++COMM ++USAGE", lambda _: True, "the header PID TASK COMM USAGE")
    nobody = g.Row(r"No users of [^\n]{1,4096} found", lambda _: (), "that a file has no users")
    user = g.Row(
        r' *+(\d{1,10}+) ++([0-9a-f]{8,16}+) ++"([^\n]{0,1000}+)',
        _user,
        "a task that uses a file: PID TASK COMM USAGE",
    )
    table = g.block(head, g.Rows(user, until=head | nobody, least=0), lambda _, users: users)
    return g.Many(table | nobody, least=0)


# The 15 bytes behind the opening quote are the name, padded with blanks: nothing in a name can pass for a
# use.
_COMM_BYTES = 15
# A byte that is no UTF-8 arrives as \\xNN.
_UNIT = expression(r"\\x[89a-f][0-9a-f]|.", re.DOTALL)
_USAGE = expression(" ?((?:root|cwd|fd|mmap)(?: (?:root|cwd|fd|mmap))*+) *+")


def _user(row: re.Match[str]) -> FileUser | None:
    pid, task, rest = row.groups()
    end = _end_of_name(rest)
    usage = _USAGE.fullmatch(rest, end)
    if usage is None:
        return None
    name = rest[:end].rstrip(" ")
    return FileUser(
        pid=int(pid),
        task=int(task, 16),
        comm=name.removesuffix('"'),
        comm_cut=not name.endswith('"'),
        usage=tuple(usage[1].split()),
    )


def _end_of_name(text: str) -> int:
    taken = end = 0
    while taken < _COMM_BYTES and (unit := _UNIT.match(text, end)):
        taken += 1 if len(unit[0]) > 1 else len(unit[0].encode("utf-8", "surrogatepass"))
        end = unit.end()
    return end


def _with_files(source: Source, tables: list[tuple[FileUser, ...]]) -> list[FileUser]:
    """The users in all tables, with the argument that each table is about."""
    demand_records(source, tables, "no table of tasks, nor that there is none")
    names: tuple[str | None, ...] = source.command.arguments
    if len(names) != len(tables):
        if names:
            source.note("partial", f"{len(tables)} tables for {len(names)} files", incomplete=True)
        names = (None,) * len(tables)
    return [replace(user, file=name) for name, table in zip(names, tables, strict=True) for user in table]


SHAPES = (Shape(name="users", record=FileUser, grammar=_users, finish=_with_files, options="path | inode"),)
EXAMPLES = ("fuser {file}", "fuser {inode}", "fuser /", "fuser /no/such/file", "fuser no_such_file")

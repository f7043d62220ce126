"""The rows of the last answer, by their numbers: ``#3`` is the third, ``#3.bt`` a command about it.

A value that is put into a command is a number of the row (an address, a pid), never a text: what strangers
wrote into a dump reaches no command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from crashdrive.errors import UsageError
from crashdrive.near import hint
from crashdrive.records import Answer, Report, Table
from crashdrive.render.cells import all_columns, field_names, hexadecimal_names
from crashdrive.shell.lines import row_parts

# #3, #3.pid among the words of a command
_INSIDE = re.compile(r"(?<!\S)#(\d+)(?:\.([A-Za-z_]\w*))?(?!\S)")
# commands about a task, which take a pid or the address of a task_struct
OF_TASKS = ("bt", "files", "net", "ps", "set", "sig", "task", "vm")
# commands about an address
OF_ADDRESSES = ("struct", "rd", "sym", "vtop", "kmem", "dis")
ACTIONS = (*OF_TASKS, *OF_ADDRESSES)
_TASKS = ("task", "task_struct", "pid", "owner_task", "owner_pid", "tgid")
# fields that aren't called as the structure that they lead to
_STRUCTURES = {
    "task": "task_struct",
    "owner_task": "task_struct",
    "parent": "task_struct",
    "superblk": "super_block",
    "mm": "mm_struct",
    "i_mapping": "address_space",
    "mapping": "address_space",
    "file_struct": "file",
    "request_queue": "request_queue",
    "msg_queue": "msg_queue",
    "inode_address": "inode",
    "cgroup_address": "cgroup",
    "timer_address": "timer_list",
    "packet_address": "sk_buff",
}
# what a record's own `address` is the address of
_ADDRESSES = {"Socket": "sock", "NamedSocket": "sock", "Interface": "net_device", "Packet": "sk_buff"}


class Rows:
    """The rows of an answer or a report, all tables of it together, numbered from 1."""

    def __init__(self, told: str, value: Any) -> None:
        """``told``: what the rows are of, for messages."""
        self.told = told
        self.value = value
        self.rows: list[Any] = [row for table in tables_of(value) for row in table.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, number: int) -> Any:
        """A row; UsageError where there is none of this number."""
        if not 0 < number <= len(self.rows):
            have = f"#1 to #{len(self.rows)}" if self.rows else "no rows"
            raise UsageError(f"#{number}: the last answer ({self.told}) has {have}")
        return self.rows[number - 1]


def tables_of(value: Any) -> tuple[Table, ...]:
    """The tables that an answer, a report or rows are shown as."""
    from crashdrive.render import as_rows

    if isinstance(value, Report):
        return value.tables
    if isinstance(value, Table):
        return (value,)
    name = value.shape if isinstance(value, Answer) else "rows"
    return (Table(name=name, rows=as_rows(value)),)


class Wanted(NamedTuple):
    """What a reference means: a command line to run, or a value to show."""

    command: str | None
    value: Any = None
    name: str = ""


def wanted(text: str, last: Callable[[], Rows], has_type: Callable[[str], bool]) -> Wanted:
    """What ``#3``, ``#3.pid``, ``#3.bt``, ``#3.inode.struct`` or ``#3.struct sock`` means.

    UsageError where the row has nothing of that kind.
    """
    number, parts, rest = row_parts(text)
    row = last().row(number)
    if not parts:
        return Wanted(None, row)
    fields = list(parts)
    action = (
        fields.pop()
        if fields[-1] in ACTIONS and not (len(fields) == 1 and _is_field(row, fields[0]))
        else None
    )
    if len(fields) > 1 or (fields and not _is_field(row, fields[0])):
        known = [*field_names(row), *ACTIONS]
        told = f"#{number}.{'.'.join(fields)}: no field or command"
        raise UsageError(f"{told}{hint(fields[0], known)}; it has {', '.join(known)}")
    if action is None:
        if rest:
            raise UsageError(f"#{number}.{fields[0]}: what is {rest!a}?")
        return Wanted(None, value_of(row, fields[0]), fields[0])
    return Wanted(_command(action, number, row, fields[0] if fields else None, rest, has_type))


def _is_field(row: Any, name: str) -> bool:
    return name in all_columns([row])


def value_of(row: Any, name: str) -> Any:
    """A field of a row."""
    from crashdrive.render.cells import column_values

    return column_values([row], name)[0]


def _command(
    action: str, number: int, row: Any, field: str | None, rest: str, has_type: Callable[[str], bool]
) -> str:
    if action in OF_TASKS:
        where = field or _first(row, _TASKS, number, f"no task that `{action}` could be about")
        return _joined(action, _number(row, where, number), rest)
    where = field or _address_field(row, number)
    target = _number(row, where, number)
    if action != "struct":
        return _joined(action, target, rest)
    kind, _, more = rest.partition(" ")
    return _joined("struct", kind or _structure(row, where, number, has_type), target, more)


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def _structure(row: Any, field: str, number: int, has_type: Callable[[str], bool]) -> str:
    if field == "address" and (found := _ADDRESSES.get(type(row).__name__)):
        return found
    name = _STRUCTURES.get(field, field)
    if not has_type(name):
        raise UsageError(
            f"#{number}.{field}.struct: of which structure? such as #{number}.{field}.struct list_head"
        )
    return name


def _first(row: Any, names: Sequence[str], number: int, else_told: str) -> str:
    for name in names:
        if _is_field(row, name) and type(value_of(row, name)) is int:
            return name
    raise UsageError(f"#{number} ({', '.join(field_names(row))}): {else_told}")


def _address_field(row: Any, number: int) -> str:
    """The first field that holds an address: its task, `address`, then any."""
    addresses = _hexadecimal(row)
    names = [name for name in ("task", "address", *field_names(row)) if name in addresses]
    return _first(row, names, number, "no address in it; name a field: #N.FIELD.struct TYPE")


def _hexadecimal(row: Any) -> frozenset[str]:
    kind: type = type(row)
    return hexadecimal_names(kind)


def _number(row: Any, field: str, number: int) -> str:
    """A row's number as crash takes it; UsageError for all that isn't one."""
    value = value_of(row, field)
    if type(value) is not int or value < 0:
        raise UsageError(f"#{number}.{field} is {value!a}: no number to put into a command")
    return f"{value:x}" if field in _hexadecimal(row) or value >= 1 << 32 else str(value)


def filled_in(command: str, last: Callable[[], Rows]) -> str:
    """A command line with numbers of rows for its references: ``bt #3``, ``struct sock #2.address``.

    A row alone is its task where the command is about tasks, else its first address.
    """
    if "#" not in command:
        return command
    name = command.split(maxsplit=1)[0]

    def number(found: re.Match[str]) -> str:
        at = int(found[1])
        row = last().row(at)
        field = found[2]
        if field is None:
            field = _first(row, _TASKS, at, "it has no task") if name in OF_TASKS else _address_field(row, at)
        elif not _is_field(row, field):
            raise UsageError(f"#{at}.{field}: no such field{hint(field, field_names(row), every=True)}")
        return _number(row, field, at)

    return _INSIDE.sub(number, command)

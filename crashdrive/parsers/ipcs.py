"""``ipcs``: System V shared memory, semaphores, message queues. Source in crash: ipcs.c.

As crash prints it::

    crash> ipcs
    SHMID_KERNEL     KEY      SHMID      UID   PERMS BYTES      NATTCH STATUS
    ffff8c3b10004f00 00001234 0          0     640   65536      2
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.parsers.grammar.columns import HEX, SIGNED, Cell, Column
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.headed import Table


class SharedMemory(Record, frozen=True):
    """A shared memory segment: address, key, id, owner, permission bits, bytes, attached tasks.

    ``status``: ``dest`` (to be destroyed), ``locked``. The pages and the inode only with ``ipcs -M``.
    """

    shmid_kernel: Address
    key: int
    shmid: int
    uid: int
    perms: int
    bytes: Long
    nattch: int
    status: tuple[str, ...] = ()
    pages_allocated: int | None = None
    pages_resident: int | None = None
    pages_swapped: int | None = None
    inode: Address | None = None


class SemaphoreArray(Record, frozen=True):
    """A semaphore array: address, key, id, owner, permission bits, number of semaphores."""

    sem_array: Address
    key: int
    semid: int
    uid: int
    perms: int
    nsems: int


class MessageQueue(Record, frozen=True):
    """A message queue: address, key, id, owner, permission bits, bytes and messages in it."""

    msg_queue: Address
    key: int
    msqid: int
    uid: int
    perms: int
    used_bytes: int
    messages: int


Facility = SharedMemory | SemaphoreArray | MessageQueue

_OCTAL = Cell(r"[0-7]{1,6}+", lambda text: int(text, 8))
_STATUS = Cell(r"[a-z]{1,16}+(?: [a-z]{1,16}+)?", lambda text: tuple(text.split()))


def _facilities() -> g.ParserElement:
    """A table for each kind that was asked for, with a blank line behind it; ``(none allocated)`` where there
    is none::

    MSG_QUEUE        KEY      MSQID      UID   PERMS USED-BYTES   MESSAGES
    ffff8c3b10004300 00002345 0          0     620   10           2

    SEM_ARRAY        KEY      SEMID      UID   PERMS NSEMS
    (none allocated)
    """
    absent = g.Row("invalid id or address: [^\n]{1,200}+", _absent, "an id that isn't there")
    return g.Many(
        g.MatchFirst([_whole(_shared()), _whole(_semaphores()), _whole(_queues()), absent]), least=0
    )


def _whole(table: Table) -> g.ParserElement:
    """A table's rows as one value. The header must stand here: it isn't searched for further down."""
    header = g.Terminal(table.pattern, table.name)
    return g.made(g.FollowedBy(header) + table, lambda _text, _place, rows: [tuple(rows)])


def _shared() -> Table:
    """Rows of segments; with ``-M`` lines about pages and inode stand below each::

    SHMID_KERNEL     KEY      SHMID      UID   PERMS BYTES      NATTCH STATUS
    ffff8c3b10004f00 00001234 0          0     640   65536      2      dest
    PAGES ALLOCATED/RESIDENT/SWAPPED: 16/2/0
    INODE: ffff8c3b1f810090
    """
    return g.table(
        SharedMemory,
        Column("SHMID_KERNEL", "shmid_kernel", HEX),
        Column("KEY", "key", HEX),
        Column("SHMID", "shmid", SIGNED),
        Column("UID", "uid", SIGNED),
        Column("PERMS", "perms", _OCTAL),
        Column("BYTES", "bytes", SIGNED),
        Column("NATTCH", "nattch", SIGNED),
        Column("STATUS", "status", _STATUS, blank=True),
        what="shared memory",
        continued=_with_pages,
        **_as_all(),
    )


def _semaphores() -> Table:
    return g.table(
        SemaphoreArray,
        Column("SEM_ARRAY", "sem_array", HEX),
        Column("KEY", "key", HEX),
        Column("SEMID", "semid", SIGNED),
        Column("UID", "uid", SIGNED),
        Column("PERMS", "perms", _OCTAL),
        Column("NSEMS", "nsems", SIGNED),
        what="semaphore arrays",
        **_as_all(),
    )


def _queues() -> Table:
    return g.table(
        MessageQueue,
        Column("MSG_QUEUE", "msg_queue", HEX),
        Column("KEY", "key", HEX),
        Column("MSQID", "msqid", SIGNED),
        Column("UID", "uid", SIGNED),
        Column("PERMS", "perms", _OCTAL),
        Column("USED-BYTES", "used_bytes", SIGNED),
        Column("MESSAGES", "messages", SIGNED),
        what="message queues",
        **_as_all(),
    )


def _as_all() -> dict[str, Any]:
    """The arguments that all three tables share."""
    none = g.Remark(r" *+\(none allocated\)")
    return {"between": g.noise(none, blank=False), "until": g.Blank(), "least": 0}


def _absent(row: re.Match[str]) -> tuple[()]:
    """An empty table for an id that doesn't exist: the answer is marked."""
    text = g.Text.of(row.string)
    line = text.line(row.start())
    text.note(row.start(), "error", line.strip(), text=line, incomplete=True)
    return ()


_PAGES = expression(r"PAGES ALLOCATED/RESIDENT/SWAPPED: (-?\d{1,20})/(-?\d{1,20})/(-?\d{1,20})", re.ASCII)
_INODE = expression(r"INODE: ([0-9a-f]{1,16})")


def _with_pages(_text: g.Text, _place: int, line: str, row: SharedMemory) -> SharedMemory | None:
    """The segment with the pages or the inode of this line; None for any other line, and for a second one."""
    if row.inode is not None:
        return None
    if (pages := _PAGES.fullmatch(line)) and row.pages_allocated is None:
        allocated, resident, swapped = map(int, pages.groups())
        return replace(row, pages_allocated=allocated, pages_resident=resident, pages_swapped=swapped)
    inode = _INODE.fullmatch(line)
    return replace(row, inode=int(inode[1], 16)) if inode else None


def _check(source: Source, tables: list[tuple[Facility, ...]]) -> list[Facility]:
    """The rows of all tables. With ``-M`` a segment without pages or inode is a hole."""
    demand_records(source, tables, "no table")
    rows = list(itertools.chain.from_iterable(tables))
    for row in rows if source.command.has("M") else ():
        if isinstance(row, SharedMemory) and None in {row.pages_allocated, row.inode}:
            source.note("partial", f"no pages or inode of segment {row.shmid}", incomplete=True)
    return rows


SHAPES = (
    Shape(
        name="facilities",
        record=SharedMemory | SemaphoreArray | MessageQueue,
        grammar=_facilities,
        finish=_check,
        options="(none) -s -m -M -q -n",
    ),
)
EXAMPLES = (
    "ipcs",
    "ipcs -m",
    "ipcs -M",
    "ipcs -s",
    "ipcs -q",
    "ipcs -n {pid}",
    "ipcs -m 424242",
    "ipcs -x",
)

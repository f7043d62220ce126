"""``ipcs``: System V shared memory, semaphores, message queues. Source in crash: ipcs.c."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from msgspec.structs import replace

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import HEX, SIGNED, Cell, Column, Layout, Table, note_error
from crashdrive.parsers.grammar.cursor import Cursor
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.records import Address, Record


class SharedMemory(Record, frozen=True):
    """A shared memory segment: address, key, id, owner, permission bits, bytes, attached tasks.

    ``status``: ``dest`` (to be destroyed), ``locked``. The pages and the inode only with ``ipcs -M``.
    """

    shmid_kernel: Address
    key: int
    shmid: int
    uid: int
    perms: int
    bytes: int
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


OPTSTRING = "smMqn:"
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

_OCTAL = Cell(r"[0-7]{1,6}", lambda text: int(text, 8))
_STATUS = Cell(r"[a-z]{1,16}(?: [a-z]{1,16})?", lambda text: tuple(text.split()))
_SHARED = Table(
    SharedMemory,
    Column("SHMID_KERNEL", "shmid_kernel", HEX),
    Column("KEY", "key", HEX),
    Column("SHMID", "shmid", SIGNED),
    Column("UID", "uid", SIGNED),
    Column("PERMS", "perms", _OCTAL),
    Column("BYTES", "bytes", SIGNED),
    Column("NATTCH", "nattch", SIGNED),
    Column("STATUS", "status", _STATUS, blank=True),
)
_SEMAPHORES = Table(
    SemaphoreArray,
    Column("SEM_ARRAY", "sem_array", HEX),
    Column("KEY", "key", HEX),
    Column("SEMID", "semid", SIGNED),
    Column("UID", "uid", SIGNED),
    Column("PERMS", "perms", _OCTAL),
    Column("NSEMS", "nsems", SIGNED),
)
_QUEUES = Table(
    MessageQueue,
    Column("MSG_QUEUE", "msg_queue", HEX),
    Column("KEY", "key", HEX),
    Column("MSQID", "msqid", SIGNED),
    Column("UID", "uid", SIGNED),
    Column("PERMS", "perms", _OCTAL),
    Column("USED-BYTES", "used_bytes", SIGNED),
    Column("MESSAGES", "messages", SIGNED),
)
_PAGES = re.compile(r"PAGES ALLOCATED/RESIDENT/SWAPPED: (-?\d+)/(-?\d+)/(-?\d+)")
_INODE = re.compile(r"INODE: ([0-9a-f]{1,16})")

Facility = SharedMemory | SemaphoreArray | MessageQueue


def _parse(source: Source) -> list[Facility]:
    """All tables; an id or address that isn't there is an answer too, but marked."""
    cursor = Cursor(source)
    records: list[Facility] = []
    answers = 0
    while cursor.skip_blank():
        line = cursor.line or ""
        table = next((table for table in (_SHARED, _SEMAPHORES, _QUEUES) if table.heads(line)), None)
        if table is not None:
            records += cursor.attempt(partial(_table_rows, cursor, table)) or []
            answers += 1
        elif line.startswith("invalid id or address: "):
            note_error(source, *cursor.take())
            answers += 1
        else:
            cursor.skip_or_reject("no header of shared memory, semaphores or message queues")
    return records if answers else demand_records(source, records, "no table")


def _table_rows(cursor: Cursor, table: Table[Any]) -> list[Facility]:
    return list(_rows(cursor, table.header(cursor.source, *cursor.take())))


def _rows(cursor: Cursor, layout: Layout[Any]) -> Iterator[Facility]:
    while cursor.at_text():
        if (cursor.line or "").strip(" ") == "(none allocated)":
            cursor.advance()
            continue
        row = layout.match(cursor.line or "")
        if row is None:
            cursor.skip_or_reject(layout.reason)
            continue
        cursor.advance()
        yield _details(cursor, row) if isinstance(row, SharedMemory) else row


def _details(cursor: Cursor, row: SharedMemory) -> SharedMemory:
    if pages := cursor.match(_PAGES):
        row = replace(
            row,
            pages_allocated=int(pages[1]),
            pages_resident=int(pages[2]),
            pages_swapped=int(pages[3]),
        )
    if inode := cursor.match(_INODE):
        row = replace(row, inode=int(inode[1], 16))
    if cursor.source.command.has("M") and not (pages and inode):
        cursor.source.note("partial", f"no pages or inode of segment {row.shmid}", incomplete=True)
    return row


SHAPES = (
    Shape(
        name="facilities",
        record=SharedMemory | SemaphoreArray | MessageQueue,
        parse=_parse,
        options="(none) -s -m -M -q -n",
    ),
)

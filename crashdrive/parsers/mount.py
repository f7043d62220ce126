"""``mount``: the mounted filesystems. Source in crash: ``show_mounts()`` (filesys.c)."""

from __future__ import annotations

import re

from msgspec.structs import asdict, replace

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import HEX, TEXT, WORD, Cell, Column, Layout, Table
from crashdrive.parsers.grammar.cursor import Cursor, mark_unknown, say_empty
from crashdrive.records import Address, Record


class MountedFile(Record, frozen=True):
    """An open file of a filesystem; ``path`` below its mount point."""

    dentry: Address
    inode: Address
    type: str
    path: str = ""


class Mount(Record, frozen=True):
    """A mounted filesystem.

    ``vfsmount``: the address in the first column, which is that of a ``struct mount`` where ``structure`` is
    ``mount`` (Linux 3.3 and later; the vfsmount is a member of it). ``files`` and ``dirty_inodes``
    (addresses) are None where they weren't asked for.
    """

    vfsmount: Address
    structure: str
    super_block: Address
    type: str
    device: str
    mount_point: str
    files: tuple[MountedFile, ...] | None = None
    dirty_inodes: tuple[Address, ...] | None = None


class _Row(Record, frozen=True):
    vfsmount: Address
    super_block: Address
    type: str
    device: str
    mount_point: str


OPTSTRING = "ifn:"
EXAMPLES = (
    "mount",
    "mount -n {pid}",
    "mount /proc",
    "mount proc",
    "mount {dentry}",
    "mount no_such_thing",
    "mount -f",
    "mount -i",
    "mount -n 999999",
)

# A blank can stand in a device's name and in a directory's: the directory begins at the only " /". Where
# there are two, or where a directory is no absolute path and more than one word, the row is refused.
_TABLE = Table(
    _Row,
    Column("MOUNT", "vfsmount", HEX),
    Column("VFSMOUNT", "vfsmount", HEX),
    Column("SUPERBLK", "super_block", HEX),
    Column("TYPE", "type", WORD),
    Column("DEVNAME", "device", Cell(r"\S(?:(?! /).){0,4096}?")),
    Column("DIRNAME", "mount_point", Cell(r"/(?:(?! /).){0,8192}?|\S{1,4096}?")),
)
_FILES = Table(
    MountedFile,
    Column("DENTRY", "dentry", HEX),
    Column("INODE", "inode", HEX),
    Column("TYPE", "type", WORD),
    Column("PATH", "path", TEXT, blank=True),
)
_ADDRESS = re.compile(r" *([0-9a-f]{8,16}) *")


def _parse(source: Source) -> list[Mount]:
    cursor = Cursor(source)
    mounts: list[Mount] = []
    layout: Layout[_Row] | None = None
    structure = ""
    while cursor.skip_blank():
        line = cursor.line or ""
        row = layout.match(line) if layout else None
        if row:
            mounts.append(Mount(**asdict(row), structure=structure))
            cursor.advance()
        elif _TABLE.heads(line):
            layout = _TABLE.header(source, *cursor.take())
            structure = "mount" if "MOUNT" in layout.titles else "vfsmount"
        elif mounts and (more := _contents(cursor, mounts[-1])):
            mounts[-1] = more
        else:
            cursor.skip_or_reject(layout.reason if layout else "no header of the mounted filesystems")
    if layout is None:
        _nothing(source)
    _doubt(source, mounts)
    mark_unknown(source, (name for m in mounts for name in (m.device, m.mount_point)))
    return mounts


def _doubt(source: Source, mounts: list[Mount]) -> None:
    """Mark rows that don't hold what was asked for.

    On kernels without lists of open files (3.13 and later) crash 8 and 9 print the first mount of all for
    anything that fits any mount (golden_outputs/9.0.2, ``mount /proc``).
    """
    for asked in source.command.arguments:
        if mounts and not any(_holds(mount, asked) for mount in mounts):
            source.note("doubtful", f"crash's row doesn't hold {asked}", incomplete=True)


def _holds(mount: Mount, asked: str) -> bool:
    words = {mount.type, mount.device, mount.mount_point.rstrip("/"), f"{mount.vfsmount:x}"}
    words.add(f"{mount.super_block:x}")
    return mount.structure == "vfsmount" or asked.removeprefix("0x").rstrip("/") in words


def _nothing(source: Source) -> None:
    """No table: crash says nothing where no filesystem fits its arguments."""
    if source.warnings or not source.command.arguments:
        source.fail(0, "no table of mounted filesystems")
    say_empty(source, "no such filesystem")


def _contents(cursor: Cursor, mount: Mount) -> Mount | None:
    """The open files or dirty inodes under a mount; None for anything else."""
    title = (cursor.line or "").strip(" :")
    if title == "OPEN FILES":
        cursor.advance()
        return replace(mount, files=tuple(_files(cursor)))
    if title == "DIRTY INODES":
        cursor.advance()
        return replace(mount, dirty_inodes=tuple(_inodes(cursor)))
    return None


def _files(cursor: Cursor) -> list[MountedFile]:
    files: list[MountedFile] = []
    if (cursor.line or "").strip(" ") == "No open files found":
        cursor.advance()
        return files
    layout = _FILES.header(cursor.source, *cursor.take())
    while row := layout.match(cursor.line or ""):
        files.append(row)
        cursor.advance()
    return files


def _inodes(cursor: Cursor) -> list[int]:
    inodes: list[int] = []
    if (cursor.line or "").strip(" ") == "No dirty inodes found":
        cursor.advance()
    while found := cursor.match(_ADDRESS):
        inodes.append(int(found[1], 16))
    return inodes


SHAPES = (Shape(name="mounts", record=Mount, parse=_parse, options="(none) -f -i -n"),)

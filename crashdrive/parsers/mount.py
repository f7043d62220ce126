"""``mount``: the mounted filesystems. Source in crash: ``show_mounts()`` (filesys.c).

As crash prints it::

    crash> mount
         MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME
    ffff8c3b011c1a00 ffff8c3b0105a800 rootfs rootfs    /
    ffff8c3b103648c0 ffff8c3b028f5000 proc   proc      /proc
    ffff8c3b0296c3c0 ffff8c3b028f7000 sysfs  sysfs     /sys
    ...
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records, mark_unknown, rows_or_hole, say_empty
from crashdrive.parsers.grammar.columns import HEX, TEXT, WORD, Cell, Column
from crashdrive.parsers.grammar.makers import Derived
from crashdrive.records import Address, Record


class MountedFile(Record, frozen=True):
    """An open file of a filesystem; ``path`` below its mount point."""

    dentry: Address
    inode: Address
    type: str
    path: str = ""


class Mount(Record, frozen=True):
    """A mounted filesystem.

    ``vfsmount``: the address in the first column. ``structure`` says what is there: ``mount`` (Linux 3.3 and
    later: a ``struct mount``, of which the vfsmount is a member) or ``vfsmount``. ``files`` and
    ``dirty_inodes`` (addresses) are None where they weren't asked for.
    """

    vfsmount: Address
    structure: str
    super_block: Address
    type: str
    device: str
    mount_point: str
    files: tuple[MountedFile, ...] | None = None
    dirty_inodes: tuple[Address, ...] | None = None


def _mounts() -> g.ParserElement:
    """A row for each mount; with ``-f`` and ``-i`` each has a header of its own, and its files and inodes
    below::

         MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME
    ffff8c3b103648c0 ffff8c3b028f5000 proc   proc      /proc

    VFSMOUNT SUPERBLK TYPE   DEVNAME   DIRNAME
    c7fb2b80 c7fb3200 ext2   /dev/root /
    OPEN FILES                      DIRTY INODES
     DENTRY    INODE    TYPE  PATH  c7ad4008
    c6d02200  c6d0f7a0  REG   x/y   c2233438
    """
    # Names of devices and directories may hold blanks: the directory begins at the only " /". A row with two
    # of these, and one whose directory has blanks and isn't absolute, is refused.
    table = g.table(
        Mount,
        Column("MOUNT", "mount", HEX),
        Column("VFSMOUNT", "only_vfsmount", HEX),
        Column("SUPERBLK", "super_block", HEX),
        Column("TYPE", "type", WORD),
        Column("DEVNAME", "device", Cell(r"\S(?:(?! /).){0,4096}?")),
        Column("DIRNAME", "mount_point", Cell(r"/(?:(?! /).){0,8192}?|\S{1,4096}?")),
        derived=(Derived(("vfsmount", "structure"), of=("mount", "only_vfsmount"), by=_structure),),
        required=(frozenset({"MOUNT", "VFSMOUNT"}), "SUPERBLK", "TYPE", "DEVNAME", "DIRNAME"),
        what="mounted filesystems",
        until=_title("OPEN FILES|DIRTY INODES"),
        again=True,
        least=0,
    )
    below = g.ZeroOrMore(g.Gap() + (_files() | _inodes()))
    return g.Many(g.made(table + below, _with_contents), least=0)


def _title(titles: str) -> g.Row:
    return g.Row(rf" *+(?:{titles}):?", lambda found: found.start(), titles.replace("|", " or "))


def _end() -> g.ParserElement:
    return g.Blank() | _title("OPEN FILES|DIRTY INODES") | g.Terminal(" *+(?:VFS)?MOUNT +", "a header")


def _files() -> g.ParserElement:
    table = g.table(
        MountedFile,
        Column("DENTRY", "dentry", HEX),
        Column("INODE", "inode", HEX),
        Column("TYPE", "type", WORD),
        Column("PATH", "path", TEXT, blank=True, joined="mark"),
        what="open files",
        between=g.noise(blank=False),
        until=_end(),
        least=0,
    )
    none = g.Row(" *+No open files found", str, "that there are no open files")
    return g.block(
        _title("OPEN FILES"), g.Suppress(none) | table, lambda place, files: (place, "files", files)
    )


def _inodes() -> g.ParserElement:
    inode = g.Row(" *+([0-9a-f]{8,16}+)", lambda row: int(row[1], 16), "a dirty inode's address")
    rows = g.Rows(inode, between=g.noise(blank=False), until=_end(), least=0)
    none = g.Row(" *+No dirty inodes found", str, "that there are no dirty inodes")
    return g.block(
        _title("DIRTY INODES"), g.Suppress(none) | rows, lambda place, inodes: (place, "dirty_inodes", inodes)
    )


def _structure(mount: int | None, vfsmount: int | None) -> tuple[int | None, str]:
    """The address in the first column, and the structure there."""
    return (vfsmount, "vfsmount") if mount is None else (mount, "mount")


def _with_contents(text: g.Text, _place: int, found: list[Any]) -> list[Mount]:
    """The rows below a header, the last one with the files and inodes below it."""
    mounts = [one for one in found if isinstance(one, Mount)]
    for place, field, values in found[len(mounts) :]:
        if not mounts or getattr(mounts[-1], field) is not None:
            text.misfit(place, f"{text.line(place).strip()} of no mount, or twice of one")
        else:
            mounts[-1] = replace(mounts[-1], **{field: values})
    return mounts


def _check(source: Source, mounts: list[Mount]) -> list[Mount]:
    """The mounts; unreadable values are marked. crash prints nothing where no filesystem fits."""
    if not source.text.strip():
        if not source.command.arguments:
            demand_records(source, mounts, "no table of mounted filesystems")
        say_empty(source, "no such filesystem")
        return mounts
    rows_or_hole(source, mounts)
    _doubt(source, mounts)
    mark_unknown(source, (name for mount in mounts for name in (mount.device, mount.mount_point)))
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


SHAPES = (Shape(name="mounts", record=Mount, grammar=_mounts, finish=_check, options="(none) -f -i -n"),)
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

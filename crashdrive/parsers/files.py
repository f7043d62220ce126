"""``files``: the open files of tasks, a dentry, an inode's pages. Source in crash: filesys.c.

As crash prints it::

    crash> files
    PID: 876      TASK: ffff8c3b1f024180  CPU: 1    COMMAND: "finish"
    ROOT: /    CWD: /
     FD       FILE            DENTRY           INODE       TYPE PATH
      0 ffff8c3b103e2200 ffff8c3b01cf6e40 ffff8c3b02049c20 CHR  /dev/console
    ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records, say_empty
from crashdrive.parsers.grammar.asked import Told, check_asked
from crashdrive.parsers.grammar.columns import (
    DECIMAL,
    HEX,
    TEXT,
    WORD,
    Cell,
    Column,
    often,
    or_none,
)
from crashdrive.parsers.grammar.pages import Page, page_table
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from crashdrive.parsers.grammar.headed import Table


class OpenFile(Record, frozen=True):
    """An open file descriptor.

    ``type``: ``REG DIR LNK CHR BLK FIFO PIPE SOCK UNKN``. With ``files -c``: ``i_mapping`` and ``nrpages``
    (pages in the page cache) in place of ``file`` and ``dentry``. ``inode``, ``type`` and ``path`` are None
    where crash prints ``?``, as the file has no dentry or no inode.
    """

    fd: int
    file: Address | None = None
    dentry: Address | None = None
    inode: Address | None = None
    i_mapping: Address | None = None
    nrpages: int | None = None
    type: str | None = None
    path: str | None = None


class TaskFiles(Record, frozen=True):
    """A task, its root and working directories, its open files."""

    pid: int | None
    task: Address
    cpu: int | None
    comm: str | None
    root: str | None
    cwd: str | None
    files: tuple[OpenFile, ...]


class Dentry(Record, frozen=True):
    """A directory entry (``files -d``); a negative one has no inode and no type."""

    dentry: Address
    inode: Address
    superblk: Address
    type: str | None = None
    path: str | None = None


class InodePages(Record, frozen=True):
    """An inode and its pages in the page cache (``files -p``)."""

    inode: Address
    nrpages: int
    pages: tuple[Page, ...]


def _files() -> g.ParserElement:
    """Each task's directories and descriptors; with ``-c`` the columns I_MAPPING and NRPAGES replace FILE and
    DENTRY::

    PID: 720    TASK: c67f2000  CPU: 1   COMMAND: "innd"
    ROOT: /    CWD: /var/spool/news
     FD    FILE     DENTRY    INODE    TYPE  PATH
      0  c6b9c740  c7cc45a0  c7c939e0  CHR   /dev/null
    """
    directory = r"(?:(?!    CWD: )[^\n])"
    root = g.Row(
        rf"ROOT: ({directory}{{0,8192}}+)    CWD: ({directory}{{0,8192}}?) ?",
        lambda found: _Directories(found[1], found[2]),
        "a task's directories: ROOT CWD",
    )
    none = g.Row("No open files", lambda _: _NONE, "that there are no open files")
    return g.Blocks(g.task_header(), root, _descriptors(), none, make=_task)


class _Directories(NamedTuple):
    root: str
    cwd: str


_NONE = "No open files"


def _descriptors() -> Table:
    return g.table(
        OpenFile,
        Column("FD", "fd", DECIMAL),
        Column("FILE", "file", HEX),
        Column("DENTRY", "dentry", HEX),
        Column("INODE", "inode", or_none(HEX, r"\?")),
        Column("I_MAPPING", "i_mapping", HEX),
        Column("NRPAGES", "nrpages", DECIMAL),
        Column("TYPE", "type", often(or_none(Cell(r"[A-Z]{3,4}+"), r"\?"))),
        Column("PATH", "path", or_none(TEXT, r"\?"), blank=True, joined="mark"),
        what="open files",
        between=g.noise(blank=False),
        until=g.Blank() | g.task_header(),
        continued=_goes_on,
        ascending="fd",
        least=0,
    )


def _goes_on(text: g.Text, place: int, line: str, row: OpenFile) -> OpenFile | None:
    """The row with this line added to its path, which may hold a newline."""
    from crashdrive.parsers.grammar.joined import rest_of_name

    path = rest_of_name(text, place, line, row.path)
    return None if path is None else replace(row, path=path)


def _task(_text: g.Text, place: int, task: TaskHeader, below: list[Any]) -> tuple[int, _Task]:
    directories = [one for one in below if isinstance(one, _Directories)]
    root, cwd = directories[0] if directories else (None, None)
    files = tuple(one for one in below if isinstance(one, OpenFile))
    found = TaskFiles(
        pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, root=root, cwd=cwd, files=files
    )
    return place, _Task(found, told=bool(files) or _NONE in below, directories=len(directories))


@dataclass(frozen=True)
class _Task(Told[TaskFiles]):
    """A task's files, and how many lines of directories it has."""

    directories: int


def _check_files(source: Source, found: list[tuple[int, _Task]]) -> list[TaskFiles]:
    """The tasks, which must have been asked for; a second line of directories is an error."""
    for place, task in found:
        if task.directories > 1:
            source.reject(place, "the directories of a task stand twice")
    tasks = check_asked(source, found)
    for task in tasks:
        if not task.told and not source.command.has("R"):
            message = f"crash said nothing of the files of task {task.task:x}"
            source.note("partial", message, incomplete=True)
    if not source.text.strip() and source.command.has("R"):
        say_empty(source, "no such reference")
        return []
    return [task.found for task in demand_records(source, tasks, "no task's header line")]


def _dentry() -> g.ParserElement:
    """A dentry; a negative one has no inode and no type::

    DENTRY    INODE    SUPERBLK  TYPE  PATH
    f745fd60  f7451c00  f73a3e00  DIR  /var/spool
    """
    return g.table(
        Dentry,
        Column("DENTRY", "dentry", HEX),
        Column("INODE", "inode", HEX),
        Column("SUPERBLK", "superblk", HEX),
        Column("TYPE", "type", or_none(WORD, "N/A")),
        Column("PATH", "path", TEXT, blank=True, joined="mark"),
        required=("DENTRY", "INODE", "SUPERBLK", "TYPE", "PATH"),
        what="dentries",
        between=g.noise(blank=False),
        until=g.Blank(),
        least=0,
    )


def _check_dentry(source: Source, found: list[Dentry]) -> list[Dentry]:
    return demand_records(source, found, "no dentry")


def _pages() -> g.ParserElement:
    """An inode, and the table of its pages where it has any::

     INODE    NRPAGES
    f59b90fc        6

      PAGE    PHYSICAL   MAPPING    INDEX CNT FLAGS
    ca3353e0  39a9f000  f59b91ac        0  2 82c referenced,uptodate,lru,private
    """
    row_ends: dict[str, Any] = {"between": g.noise(blank=False), "until": g.Blank()}
    inode = g.table(
        _Inode,
        Column("INODE", "inode", HEX),
        Column("NRPAGES", "nrpages", DECIMAL),
        required=("INODE", "NRPAGES"),
        what="an inode",
        **row_ends,
    )
    pages = g.Many(page_table("pages of an inode", least=0, **row_ends), least=0)
    return g.made(inode + pages, _with_pages)


class _Inode(NamedTuple):
    inode: int
    nrpages: int


def _with_pages(text: g.Text, place: int, found: list[Any]) -> list[InodePages]:
    """The inode with its pages; none where lenient mode has set the inode's row aside."""
    inodes = [one for one in found if isinstance(one, _Inode)]
    if len(inodes) > 1:
        text.misfit(place, "more than one inode")
    pages = tuple(one for one in found if isinstance(one, Page))
    return [InodePages(inode=one.inode, nrpages=one.nrpages, pages=pages) for one in inodes[:1]]


def _check_pages(source: Source, found: list[InodePages]) -> list[InodePages]:
    """The inode; marked where crash lists another number of pages than ``nrpages``."""
    for inode in found:
        if len(inode.pages) != inode.nrpages:
            message = f"{inode.nrpages} pages, {len(inode.pages)} of them are listed"
            source.note("partial", message, incomplete=True)
    return found


SHAPES = (
    Shape(
        name="dentry",
        record=Dentry,
        grammar=_dentry,
        finish=_check_dentry,
        options="-d dentry",
        when=lambda source: source.command.has("d"),
    ),
    Shape(
        name="pages",
        record=InodePages,
        grammar=_pages,
        finish=_check_pages,
        options="-p inode",
        when=lambda source: source.command.has("p"),
    ),
    Shape(name="files", record=TaskFiles, grammar=_files, finish=_check_files, options="(none) -c -R"),
)
EXAMPLES = (
    "files",
    "files {pid}",
    "files -c {pid}",
    "files -R 1 {pid}",
    "files -R {file} {pid}",
    "files -R no_such_file {pid}",
    "files -d {dentry}",
    "files -p {inode}",
    "files 1 {pid}",
    "files 999999",
    "files -d 0",
    "files -p 0",
    "files -Z",
)

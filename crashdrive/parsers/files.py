"""``files``: the open files of tasks, a dentry, an inode's pages. Source in crash: filesys.c."""

from __future__ import annotations

import re
from functools import partial

from msgspec.structs import replace

from crashdrive.parsers._kmem_pages import PAGES, Page, read_page
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.asked import asked_blocks
from crashdrive.parsers.grammar.columns import DECIMAL, HEX, TEXT, WORD, Cell, Column, Table, or_none
from crashdrive.parsers.grammar.cursor import Cursor, goes_on, only_table, read_table, say_empty
from crashdrive.parsers.grammar.rows import demand_records
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Record


class OpenFile(Record, frozen=True):
    """An open file descriptor.

    ``type``: ``REG DIR LNK CHR BLK FIFO PIPE SOCK UNKN``. With ``files -c``: ``i_mapping`` and ``nrpages``
    (pages in the page cache) in place of ``file`` and ``dentry``. ``inode``, ``type`` and ``path`` are None
    where the file has no dentry or no inode (crash's ``?``).
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


class _InodeRow(Record, frozen=True):
    inode: Address
    nrpages: int


OPTSTRING = "d:n:R:p:c"
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

_FILES = Table(
    OpenFile,
    Column("FD", "fd", DECIMAL),
    Column("FILE", "file", HEX),
    Column("DENTRY", "dentry", HEX),
    Column("INODE", "inode", or_none(HEX, r"\?")),
    Column("I_MAPPING", "i_mapping", HEX),
    Column("NRPAGES", "nrpages", DECIMAL),
    Column("TYPE", "type", or_none(Cell(r"[A-Z]{3,4}"), r"\?")),
    Column("PATH", "path", or_none(TEXT, r"\?"), blank=True),
)
_DENTRY = Table(
    Dentry,
    Column("DENTRY", "dentry", HEX),
    Column("INODE", "inode", HEX),
    Column("SUPERBLK", "superblk", HEX),
    Column("TYPE", "type", or_none(WORD, "N/A")),
    Column("PATH", "path", TEXT, blank=True),
)
_INODE = Table(_InodeRow, Column("INODE", "inode", HEX), Column("NRPAGES", "nrpages", DECIMAL))
_ROOT = re.compile(r"ROOT: ((?:(?!    CWD: ).){0,8192})    CWD: ((?:(?!    CWD: ).){0,8192}?) ?")


def _parse_files(source: Source) -> list[TaskFiles]:
    tasks = [_task(task, Cursor(source, start, stop)) for task, start, stop in asked_blocks(source)]
    if not source.text.strip() and source.command.has("R"):
        say_empty(source, "no such reference")
        return tasks
    return demand_records(source, tasks, "no task's header line")


def _task(task: TaskHeader, cursor: Cursor) -> TaskFiles:
    root: str | None = None
    cwd: str | None = None
    files: list[OpenFile] = []
    none = False
    while cursor.skip_blank():
        line = cursor.line or ""
        if root is None and (found := cursor.match(_ROOT, 20000)):
            root, cwd = found[1], found[2]
        elif _FILES.heads(line):
            files += cursor.attempt(partial(_open_files, cursor)) or []
        elif line == "No open files":
            none = True
            cursor.advance()
        else:
            cursor.skip_or_reject("no line about a task's files")
    if not files and not none and not cursor.source.command.has("R"):
        message = f"crash said nothing of the files of task {task.task:x}"
        cursor.source.note("partial", message, incomplete=True)
    return TaskFiles(
        pid=task.pid, task=task.task, cpu=task.cpu, comm=task.comm, root=root, cwd=cwd, files=tuple(files)
    )


def _open_files(cursor: Cursor) -> list[OpenFile]:
    """The table of descriptors, which crash prints in ascending order."""
    layout = _FILES.header(cursor.source, *cursor.take())
    files: list[OpenFile] = []
    while cursor.at_text():
        file = layout.match(cursor.line or "")
        if file is None:
            _no_file(cursor, files)
        elif files and file.fd <= files[-1].fd:
            cursor.skip_or_reject("a file descriptor out of order")
        else:
            files.append(file)
            cursor.advance()
    return files


def _no_file(cursor: Cursor, files: list[OpenFile]) -> None:
    """A line that is no row: a message, or the rest of a path that holds a newline."""
    if cursor.skip_noise():
        return
    path = goes_on(cursor, files[-1].path if files else None)
    if path is not None:
        files[-1] = replace(files[-1], path=path)


def _parse_dentry(source: Source) -> list[Dentry]:
    return demand_records(source, only_table(source, _DENTRY), "no dentry")


def _parse_pages(source: Source) -> list[InodePages]:
    cursor = Cursor(source)
    cursor.skip_blank()
    rows = read_table(cursor, _INODE)
    if len(rows) != 1:
        source.fail(0, "no inode, or more than one")
    pages: list[Page] = []
    while cursor.skip_blank():
        if PAGES.heads(cursor.line or ""):
            pages += _pages(cursor)
        else:
            cursor.skip_or_reject("no table of pages")
    if len(pages) != rows[0].nrpages:
        source.note("partial", f"{rows[0].nrpages} pages, {len(pages)} of them are listed", incomplete=True)
    return [InodePages(inode=rows[0].inode, nrpages=rows[0].nrpages, pages=tuple(pages))]


def _pages(cursor: Cursor) -> list[Page]:
    layout = PAGES.header(cursor.source, *cursor.take())
    pages: list[Page] = []
    while cursor.at_text():
        page = read_page(cursor.line or "", layout)
        if page is None:
            cursor.skip_or_reject(layout.reason)
            continue
        pages.append(page)
        cursor.advance()
    return pages


SHAPES = (
    Shape(
        name="dentry",
        record=Dentry,
        parse=_parse_dentry,
        options="-d dentry",
        when=lambda source: source.command.has("d"),
    ),
    Shape(
        name="pages",
        record=InodePages,
        parse=_parse_pages,
        options="-p inode",
        when=lambda source: source.command.has("p"),
    ),
    Shape(name="files", record=TaskFiles, parse=_parse_files, options="(none) -c -R"),
)

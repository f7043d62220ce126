"""What a release of crash that prints one more column costs: the diffs of docs/grammars.md, and no line more.

Each is put into the module's own source, which then reads the new output and the old one.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec import structs

from crashdrive.errors import ParseError
from crashdrive.parsers import module_for, parse
from crashdrive.parsers.base import Shape

DOCUMENT = Path(__file__).parents[2] / "docs" / "grammars.md"


class Release(NamedTuple):
    """A column that a made-up release adds: what goes into the module's source, each line behind another."""

    module: str
    command: str
    shape: str
    lines: tuple[tuple[str, str], ...]
    old: str
    new: str
    field: str
    value: object


RELEASES = (
    # a title that the kernel's change made another one, as TEXT_BASE of crash 8.0.4: the field is known
    Release(
        "mod",
        "mod",
        "modules",
        (('        Column("TEXT_BASE", "base", HEX),', '        Column("CORE_BASE", "base", HEX),'),),
        "     MODULE       NAME                  BASE          SIZE  OBJECT FILE\n",
        "     MODULE       NAME             CORE_BASE          SIZE  OBJECT FILE\n",
        "base",
        0xFFFFFFFFC060D000,
    ),
    # a column of its own
    Release(
        "ps",
        "ps",
        "tasks",
        (
            ("    priority: int | None = None", "    tgid: int | None = None"),
            (
                '        Column("PID", "pid", Cell(r"\\d{1,10}+", int)),',
                '        Column("TGID", "tgid", Cell(r"\\d{1,10}+", int)),',
            ),
        ),
        "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n",
        "      PID    TGID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n",
        "tgid",
        7,
    ),
    Release(
        "kmem.caches",
        "kmem -s",
        "caches",
        (
            ("    ssize: int | None = None", "    align: int | None = None"),
            (
                '        Column("OBJSIZE", "objsize", DECIMAL),',
                '        Column("ALIGN", "align", DECIMAL),',
            ),
        ),
        "CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME\n",
        "CACHE             OBJSIZE  ALIGN  ALLOCATED     TOTAL  SLABS  SSIZE  NAME\n",
        "align",
        64,
    ),
    Release(
        "mount",
        "mount",
        "mounts",
        (
            ("    dirty_inodes: tuple[Address, ...] | None = None", "    mnt_id: int | None = None"),
            (
                '        Column("SUPERBLK", "super_block", HEX),',
                '        Column("ID", "mnt_id", Cell(r"\\d{1,10}+", int)),',
            ),
        ),
        "     MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME\n",
        "     MOUNT           SUPERBLK        ID  TYPE   DEVNAME   DIRNAME\n",
        "mnt_id",
        21,
    ),
    Release(
        "net",
        "net",
        "devices",
        (
            ("    addresses: tuple[str, ...] = ()", "    mtu: int | None = None"),
            (
                '        Column("NAME", "name", WORD),',
                '        Column("MTU", "mtu", Cell(r"\\d{1,10}+", int)),',
            ),
        ),
        "   NET_DEVICE     NAME       IP ADDRESS(ES)\n",
        "   NET_DEVICE     NAME       MTU    IP ADDRESS(ES)\n",
        "mtu",
        65536,
    ),
)
ROWS = {
    "mod": ("ffffffffc0610140  garp            ffffffffc060d000   16384  (not loaded)\n",) * 2,
    "ps": (
        "        8       1   0  ffff8904411fc180  IN   0.2     1540     1196  init\n",
        "        8       7       1   0  ffff8904411fc180  IN   0.2     1540     1196  init\n",
    ),
    "kmem -s": (
        "ffff8c3b011b7300     8328        145       156     52    32k  task_struct\n",
        "ffff8c3b011b7300     8328     64        145       156     52    32k  task_struct\n",
    ),
    "mount": (
        "ffff8c3b103648c0 ffff8c3b028f5000 proc   proc      /proc\n",
        "ffff8c3b103648c0 ffff8c3b028f5000    21  proc   proc      /proc\n",
    ),
    "net": (
        "ffff8a6cc1b78000  lo         127.0.0.1, ::1\n",
        "ffff8a6cc1b78000  lo         65536  127.0.0.1, ::1\n",
    ),
}


@pytest.fixture(params=RELEASES, ids=lambda release: release.command)
def release(request: pytest.FixtureRequest) -> Release:
    assert isinstance(request.param, Release)
    return request.param


@pytest.fixture
def changed(release: Release) -> Iterator[Shape]:
    """The command's shape with the grammar of a module that has the release's lines in it."""
    known = importlib.import_module(f"crashdrive.parsers.{release.module}")
    source = inspect.getsource(known)
    for behind, line in release.lines:
        assert source.count(f"{behind}\n") == 1
        source = source.replace(f"{behind}\n", f"{behind}\n{line}\n")
    module = types.ModuleType(f"new_release_of_{release.module}")
    sys.modules[module.__name__] = module
    exec(compile(source, module.__name__, "exec"), vars(module))  # noqa: S102 # the module's own source
    shapes = module_for(release.command.partition(" ")[0]).SHAPES
    shape = next(shape for shape in shapes if shape.name == release.shape)
    yield structs.replace(shape, grammar=getattr(module, shape.grammar.__name__))
    del sys.modules[module.__name__]


def test_a_column_that_nobody_knows_is_an_error_at_its_place(release: Release) -> None:
    with pytest.raises(ParseError) as caught:
        parse(release.command, release.new + ROWS[release.command][1])
    title = release.lines[-1][1].split('"')[1]
    assert (caught.value.line, caught.value.column) == (1, release.new.index(title) + 1)
    assert "unknown column" in caught.value.reason


def test_with_its_line_the_new_release_is_read_and_the_old_one_too(release: Release, changed: Shape) -> None:
    old, new = ROWS[release.command]
    record = parse(release.command, release.new + new, grammar=changed).one()
    assert getattr(record, release.field) == release.value
    assert parse(release.command, release.old + old, grammar=changed).complete


def test_the_document_shows_these_lines(release: Release) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"+{line}" in document for _, line in release.lines)

"""What a release of crash that prints one more column costs: the diffs of docs/grammars.md, and no line more.

Each is put into the module's own source, which then reads the new output and the old one.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import module_for, parse

DOCUMENT = Path(__file__).parents[2] / "docs" / "grammars.md"


class Release(NamedTuple):
    """A column that a made-up release adds: what goes into the module's source, each line behind another."""

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
)
ROWS = {
    "mod": ("ffffffffc0610140  garp            ffffffffc060d000   16384  (not loaded)\n",) * 2,
    "ps": (
        "        8       1   0  ffff8904411fc180  IN   0.2     1540     1196  init\n",
        "        8       7       1   0  ffff8904411fc180  IN   0.2     1540     1196  init\n",
    ),
}


@pytest.fixture(params=RELEASES, ids=lambda release: release.command)
def release(request: pytest.FixtureRequest) -> Release:
    assert isinstance(request.param, Release)
    return request.param


@pytest.fixture
def changed(release: Release) -> Iterator[types.ModuleType]:
    """The command's module with the release's lines in it."""
    source = inspect.getsource(module_for(release.command))
    for behind, line in release.lines:
        assert source.count(f"{behind}\n") == 1
        source = source.replace(f"{behind}\n", f"{behind}\n{line}\n")
    module = types.ModuleType(f"new_release_of_{release.command}")
    sys.modules[module.__name__] = module
    exec(compile(source, module.__name__, "exec"), vars(module))  # noqa: S102 # the module's own source
    yield module
    del sys.modules[module.__name__]


def test_a_column_that_nobody_knows_is_an_error_at_its_place(release: Release) -> None:
    with pytest.raises(ParseError) as caught:
        parse(release.command, release.new + ROWS[release.command][1])
    title = release.lines[-1][1].split('"')[1]
    assert (caught.value.line, caught.value.column) == (1, release.new.index(title) + 1)
    assert "unknown column" in caught.value.reason


def test_with_its_line_the_new_release_is_read_and_the_old_one_too(
    release: Release, changed: types.ModuleType
) -> None:
    shape = next(shape for shape in changed.SHAPES if shape.name == release.shape)
    old, new = ROWS[release.command]
    record = parse(release.command, release.new + new, grammar=shape).one()
    assert getattr(record, release.field) == release.value
    assert parse(release.command, release.old + old, grammar=shape).complete


def test_the_document_shows_these_lines(release: Release) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"+{line}" in document for _, line in release.lines)

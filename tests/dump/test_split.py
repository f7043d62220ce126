"""Dumps in several files: which belong together, and made one again."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from crashdrive.dump.identity import dump_identity
from crashdrive.dump.split import SplitPart, join, missing_pages, split_part
from crashdrive.errors import DumpError
from tests.dump.test_identity import core, kdump

PAGES, TABLE = 12, 16384
RANGES = ((0, 5), (5, 9), (9, 64))


def split(folder: Path, *, order: str = "<", version: int = 6) -> tuple[bytes, list[str]]:
    """A dump, and the files that makedumpfile --split would write of it."""
    whole = kdump(pages=PAGES, order=order, version=version)
    marked = bytearray(whole)
    struct.pack_into(order + "QQ", marked, 4096 + 80, 0, 0)
    struct.pack_into(order + "Q", marked, 4096 + 96, 64)
    struct.pack_into(order + "I", marked, 440, 64)
    for page in range(PAGES):  # the pages differ
        at = TABLE + 24 * PAGES + 100 * page
        marked[at : at + 100] = bytes([page]) * 100
    paths = []
    for number, (first, end) in enumerate(RANGES):
        pages = range(first, min(end, PAGES))
        head = bytearray(marked[:TABLE])
        struct.pack_into(order + "iQQ", head, 4096 + 12, 1, first, end)
        if version >= 6:
            struct.pack_into(order + "iQQ", head, 4096 + 12, 1, 0, 0)
            struct.pack_into(order + "QQ", head, 4096 + 80, first, end)
        data_at = TABLE + 24 * len(pages)
        table = b"".join(
            struct.pack(order + "QIIQ", data_at + 100 * at, 100, 1, 0) for at in range(len(pages))
        )
        data = b"".join(bytes([page]) * 100 for page in pages)
        path = folder / f"vmcore-{number}"
        path.write_bytes(bytes(head) + table + data)
        paths.append(str(path))
    return bytes(marked), paths


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [5, 6])
def test_put_together_they_are_the_dump(tmp_path: Path, order: str, version: int) -> None:
    whole, paths = split(tmp_path, order=order, version=version)
    stream = io.BytesIO()
    join(paths[::-1], stream, 1 << 20)
    assert stream.getvalue() == whole
    (tmp_path / "whole").write_bytes(whole)
    assert dump_identity(tmp_path / "whole").incomplete is False
    assert [dump_identity(path).incomplete for path in paths] == [None] * 3


def test_what_belongs_together_and_what_is_missing(tmp_path: Path) -> None:
    _, paths = split(tmp_path)
    parts = [part for path in paths if (part := split_part(path))]
    assert [(part.first, part.end, part.frames) for part in parts] == [(*one, 64) for one in RANGES]
    assert len({part.whose for part in parts}) == 1
    assert missing_pages(parts[::-1]) is None
    assert missing_pages(parts[1:]) == "0x0 to 0x4"
    assert missing_pages([parts[0], parts[2]]) == "0x5 to 0x8"
    assert missing_pages(parts[:2]) == "0x9 to 0x3f"
    with pytest.raises(DumpError, match="parts of its dump are missing"):
        join(paths[:2], io.BytesIO(), 1 << 20)


def test_other_files_are_no_parts(tmp_path: Path) -> None:
    for name, data in {"whole": kdump(), "elf": core(b""), "old": kdump(version=1, split=1)}.items():
        (tmp_path / name).write_bytes(data)
        assert split_part(str(tmp_path / name)) is None
    with pytest.raises(DumpError):
        split_part(str(tmp_path / "none"))


@pytest.mark.parametrize("cut", [50, 250, 4000])
def test_a_cut_part_is_told(tmp_path: Path, cut: int) -> None:
    _, paths = split(tmp_path)
    place = Path(paths[1])
    place.write_bytes(place.read_bytes()[:-cut])
    with pytest.raises(DumpError, match=r"damaged|truncated"):
        join(paths, io.BytesIO(), 1 << 20)


@pytest.mark.parametrize("end", [1 << 62, (1 << 64) - 1])
def test_a_range_without_end_is_taken_as_far_as_there_are_pages(tmp_path: Path, end: int) -> None:
    """Once, two to the power of that was a number to be made."""
    whole, paths = split(tmp_path)
    place = Path(paths[2])
    data = bytearray(place.read_bytes())
    struct.pack_into("<QQ", data, 4096 + 80, RANGES[2][0], end)
    place.write_bytes(data)
    stream = io.BytesIO()
    join(paths, stream, 1 << 20)
    assert stream.getvalue() == whole


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    _, paths = split(tmp_path)
    with pytest.raises(DumpError, match="no space"):
        join(paths, io.BytesIO(), 1000)


def test_ranges_that_overlap_are_told() -> None:
    parts = [SplitPart("a", "x", 0, 9, 20), SplitPart("b", "x", 5, 20, 20)]
    assert missing_pages(parts) is None  # join() counts their pages then

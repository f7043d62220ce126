"""Variables of modules out of their files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from crashdrive.errors import FaultError
from crashdrive.linux.modules.files import _Files

DATA, NOTE = 0xFFFFB056D1AA0000, 0xFFFFB056D1AA8000
BUILD_ID = bytes(range(36))
NAMES = b"\0hash\0table\0function\0gone\0per_cpu\0"


def module(path: Path, build_id: bytes = BUILD_ID, *, stripped: bool = False) -> Path:
    """A relocatable file: code, data, zeros, a per-CPU section, a build id, symbols."""
    titles = b"\0.text\0.data\0.bss\0.data..percpu\0.note.gnu.build-id\0.symtab\0.strtab\0"

    def symbol(name: bytes, info: int, section: int, value: int) -> bytes:
        return struct.pack("<IBBHQQ", NAMES.index(b"\0" + name + b"\0") + 1, info, 0, section, value, 8)

    symbols = (
        bytes(24)
        + symbol(b"hash", 0x11, 2, 0x8C0)
        + symbol(b"table", 0x01, 3, 0x10)
        + symbol(b"function", 0x12, 1, 0)
        + symbol(b"gone", 0x11, 0, 0)
        + symbol(b"per_cpu", 0x11, 4, 8)
    )
    parts = [
        (".text", 1, 6, bytes(16)), (".data", 1, 3, bytes(16)), (".bss", 8, 3, b""),
        (".data..percpu", 1, 3, bytes(16)), (".note.gnu.build-id", 7, 2, build_id),
        (".symtab", 1 if stripped else 2, 0, symbols), (".strtab", 3, 0, NAMES), (".strtab", 3, 0, titles),
    ]  # fmt: skip
    body, rows = b"", [bytes(64)]
    for title, kind, flags, data in parts:
        place = titles.index(title.encode() + b"\0")
        link, width = (7, 24) if kind == 2 else (0, 0)
        at = 64 + len(body)
        rows.append(struct.pack("<IIQQQQIIQQ", place, kind, flags, 0, at, len(data), link, 1, 1, width))
        body += data
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 1, 183, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, len(rows), 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + body + b"".join(rows))
    return path


class Kernel:
    """Memory with one build id."""

    def __init__(self, build_id: bytes | None = BUILD_ID) -> None:
        self.build_id = build_id

    def read(self, address: int, size: int) -> bytes:
        """At the note's place alone."""
        if address != NOTE or self.build_id is None:
            raise FaultError("no", address, size, "excluded")
        return self.build_id[:size]


PLACES = {
    ".text": 1,
    ".data": DATA,
    ".bss": DATA + 0x1000,
    ".note.gnu.build-id": NOTE,
    ".data..percpu": 0x400,
}


def rows(folder: Path, kernel: Any = None, places: dict[str, int] | None = None) -> Any:
    files = {"vmlinux": str(folder / "boot/vmlinux-6.1"), "vmcore": str(folder / "vmcore")}
    identity = {**files, "osrelease": "6.1"}
    memory: Any = kernel or Kernel()
    return _Files(identity).rows(memory, "nf_thing", PLACES if places is None else places)


def test_variables_lie_where_the_kernel_put_their_sections(tmp_path: Path) -> None:
    module(tmp_path / "lib/modules/6.1/kernel/net/nf-thing.ko")
    (tmp_path / "boot").mkdir()
    found = {symbol.name: (int(symbol.address), symbol.kind, size) for symbol, size in rows(tmp_path)}
    assert found == {
        "hash": (DATA + 0x8C0, "D", 8),
        "table": (DATA + 0x1010, "b", 8),
        "per_cpu": (0x408, "D", 8),
    }


def test_a_file_beside_the_dump_is_found(tmp_path: Path) -> None:
    module(tmp_path / "nf_thing.ko.debug")
    assert len(rows(tmp_path)) == 3


def test_a_file_without_symbols_is_passed_over(tmp_path: Path) -> None:
    module(tmp_path / "nf_thing.ko", stripped=True)
    assert rows(tmp_path) is None
    module(tmp_path / "nf_thing.ko.debug")
    assert len(rows(tmp_path)) == 3


@pytest.mark.parametrize("kernel", [Kernel(bytes(36)), Kernel(None)])
def test_a_file_of_another_build_is_not_taken(tmp_path: Path, kernel: Kernel) -> None:
    module(tmp_path / "nf_thing.ko")
    assert rows(tmp_path, kernel) is None


def test_without_the_places_of_sections_nothing_is_taken(tmp_path: Path) -> None:
    module(tmp_path / "nf_thing.ko")
    assert rows(tmp_path, places={}) is None


@pytest.mark.parametrize("content", [b"", b"\x7fELF" + bytes(100), b"text" * 100])
def test_damaged_files_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "nf_thing.ko").write_bytes(content)
    assert rows(tmp_path) is None


def test_a_file_whose_symbols_have_no_names_is_passed_over(tmp_path: Path) -> None:
    damaged = module(tmp_path / "nf_thing.ko")
    entry = struct.pack("<IB", NAMES.index(b"hash"), 0x11)
    content = damaged.read_bytes()
    assert content.count(entry) == 1
    damaged.write_bytes(content.replace(entry, struct.pack("<IB", 1 << 31, 0x11)))
    assert rows(tmp_path) is None
    module(tmp_path / "nf_thing.ko.debug")
    assert len(rows(tmp_path)) == 3

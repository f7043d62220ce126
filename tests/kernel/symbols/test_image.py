"""Symbols out of a vmlinux that was never linked."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from crashdrive.errors import VmlinuxError
from crashdrive.kernel.symbols.image import ImageSymbol, ImageSymbols, is_mark

TEXT, DATA = 0xFFFFFFFF81000000, 0xFFFFFFFF82000000
NAMES = b"\0jiffies\0usecs_to_jiffies\0dup\0_weak\0cpu_var\0abs\0gone\0file.c\0"
GLOBAL, LOCAL, WEAK = 1 << 4, 0, 2 << 4


def at(name: str) -> int:
    """Where a name begins; the end of another one's may do."""
    return NAMES.index(name.encode() + b"\0")


def symbol(name: str, bind: int, kind: int, section: int, value: int) -> bytes:
    return struct.pack("<IBBHQQ", at(name), bind | kind, 0, section, value, 0)


SYMBOLS = (
    bytes(24)
    + symbol("file.c", LOCAL, 4, 0xFFF1, 0)
    + symbol("usecs_to_jiffies", GLOBAL, 2, 1, TEXT + 16)
    + symbol("jiffies", GLOBAL, 1, 2, DATA + 8)
    + symbol("dup", LOCAL, 2, 1, TEXT + 64)
    + symbol("dup", LOCAL, 2, 1, TEXT + 32)
    + symbol("_weak", WEAK, 2, 1, TEXT)
    + symbol("cpu_var", GLOBAL, 1, 3, 0x2B0)
    + symbol("abs", LOCAL, 0, 0xFFF1, 7)
    + symbol("gone", GLOBAL, 0, 0, 0)
)


def vmlinux(path: Path, symbols: bytes = SYMBOLS, *, names: int = 5, text: str = ".text") -> Path:
    """An ELF file of five sections: .text, .data, .data..percpu, .symtab, .strtab."""
    titles = b"\0" + text.encode() + b"\0.data\0.data..percpu\0.symtab\0.strtab\0"
    body = 64
    parts = [
        (text, 1, 6, TEXT, 0, 0x4000),
        (".data", 1, 3, DATA, 0, 0x4000),
        (".data..percpu", 1, 3, 0, 0, 0x4000),
    ]
    rows = [bytes(64)]
    for title, kind, flags, address, offset, size in parts:
        place = titles.index(title.encode() + b"\0")
        rows.append(struct.pack("<IIQQQQIIQQ", place, kind, flags, address, offset, size, 0, 0, 1, 0))
    tables = ((".symtab", 2, symbols, names, 24), (".strtab", 3, NAMES, 0, 0), (".strtab", 3, titles, 0, 0))
    data = b""
    for title, kind, content, link, width in tables:
        place = titles.index(title.encode() + b"\0")
        rows.append(
            struct.pack("<IIQQQQIIQQ", place, kind, 0, 0, body + len(data), len(content), link, 1, 1, width)
        )
        data += content
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, body + len(data), 0, 64, 0, 0, 64, len(rows), 6)
    path.write_bytes(head + data + b"".join(rows))
    return path


def test_names_kinds_and_places(tmp_path: Path) -> None:
    image = ImageSymbols(vmlinux(tmp_path / "vmlinux"), 0x1000000)
    assert image.named("jiffies") == [ImageSymbol(DATA + 8 + 0x1000000, "jiffies", "D")]
    assert image.named("usecs_to_jiffies") == [ImageSymbol(TEXT + 16 + 0x1000000, "usecs_to_jiffies", "T")]
    assert [(one.address - TEXT, one.kind) for one in image.named("dup")] == [
        (0x1000020, "t"),
        (0x1000040, "t"),
    ]
    assert image.named("_weak")[0].kind == "W"
    assert image.named("cpu_var") == [ImageSymbol(0x2B0, "cpu_var", "D")]
    assert image.named("abs") == [ImageSymbol(7, "abs", "a")]
    assert image.named("gone") == image.named("file.c") == image.named("nothing") == image.named("fies") == []
    assert {one.name for one in every(image)} == {
        "jiffies", "usecs_to_jiffies", "dup", "_weak", "cpu_var", "abs"
    }  # fmt: skip


def test_many_names_are_found_as_each_alone(tmp_path: Path) -> None:
    """The table that all are put into has what a search finds, and no more."""
    path = vmlinux(tmp_path / "vmlinux")
    names = [
        *(one.name for one in every(ImageSymbols(path))),
        "gone",
        "file.c",
        "nothing",
        "fies",
        "to_jiffies",
    ]
    image = ImageSymbols(path)
    alone = [ImageSymbols(path).named(name) for name in names]
    for _ in range(100):
        assert [image.named(name) for name in names] == alone
    assert "_by_name" in vars(image)


def every(image: ImageSymbols) -> list[ImageSymbol]:
    addresses, indexes = image.places()
    found = [one for one in map(image.symbol, indexes) if one is not None]
    assert [one.address for one in found] == list(addresses)
    return found


def test_marks_of_the_assembler_are_no_names() -> None:
    assert all(map(is_mark, ("$x", "$d", "$d.12", "$a", "$t", "$xrv64i2p1"[:2])))
    assert not any(map(is_mark, ("x", "$", "$name", "dollar$x", "d.12")))


def test_code_in_front_of_the_text_moves_with_it(tmp_path: Path) -> None:
    """arm64's image begins with ``_text`` in .head.text."""
    path = vmlinux(tmp_path / "vmlinux", text=".head.text")
    assert ImageSymbols(path, 0x1000000).named("_weak")[0].address == TEXT + 0x1000000


def test_absolute_symbols_are_moved_where_they_are_addresses_of_the_image(tmp_path: Path) -> None:
    """``ffffffffffffffe0 a OFFSETOF_FOLD_ACROSS_512_BITS_CONSTS`` (7.2), ``A init_per_cpu__gdt_page``."""
    absolute = b"".join(symbol("abs", LOCAL, 0, 0xFFF1, value) for value in (DATA + 0x100, (1 << 64) - 32))
    image = ImageSymbols(vmlinux(tmp_path / "vmlinux", SYMBOLS + absolute), 0x1000000)
    assert [one.address for one in image.named("abs")] == [7, DATA + 0x1000100, (1 << 64) - 32]


def test_an_address_stays_one_of_64_bits(tmp_path: Path) -> None:
    """A damaged vmlinux may have a variable at the very end of all addresses."""
    wild = symbol("dup", GLOBAL, 1, 2, (1 << 64) - 32)
    image = ImageSymbols(vmlinux(tmp_path / "vmlinux", SYMBOLS + wild), 0x1000000)
    assert image.named("dup")[0].address == 0x1000000 - 32


@pytest.mark.parametrize("content", [b"", b"\x7fELF" + bytes(100), b"no ELF at all" * 10])
def test_what_is_no_vmlinux_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(content)
    with pytest.raises(VmlinuxError, match="symbol"):
        ImageSymbols(path)


def test_tables_that_point_nowhere_are_told(tmp_path: Path) -> None:
    with pytest.raises(VmlinuxError, match="no symbol table"):
        ImageSymbols(vmlinux(tmp_path / "vmlinux", names=77))
    with pytest.raises(VmlinuxError, match="can't be read"):
        ImageSymbols(tmp_path / "missing")


def test_a_name_outside_the_strings_is_empty(tmp_path: Path) -> None:
    wild = struct.pack("<IBBHQQ", 1 << 31, GLOBAL, 0, 1, TEXT, 0)
    image = ImageSymbols(vmlinux(tmp_path / "vmlinux", SYMBOLS + wild))
    assert "" in {one.name for one in every(image)}


@pytest.mark.parametrize("field", [24, 32], ids=["offset", "size"])
def test_a_table_that_is_nowhere(tmp_path: Path, field: int) -> None:
    path = vmlinux(tmp_path / "vmlinux")
    data = bytearray(path.read_bytes())
    headers = int.from_bytes(data[40:48], "little")
    struct.pack_into("<Q", data, headers + 4 * 64 + field, (1 << 64) - 24)
    path.write_bytes(data)
    with pytest.raises(VmlinuxError, match="can't be read"):
        ImageSymbols(path)


def test_per_cpu_offsets_need_a_text(tmp_path: Path) -> None:
    path = vmlinux(tmp_path / "vmlinux")
    path.write_bytes(path.read_bytes().replace(b".text\0", b".code\0"))
    with pytest.raises(VmlinuxError, match=r"no \.text"):
        ImageSymbols(path)

"""What tells a vmlinux's contents, and a dump, from others."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from crashdrive.dump.contents import content_sample, current_mark, file_mark, sections_digest
from crashdrive.dump.elf import BadElfError
from tests.dump.test_find import elf, note

ID = bytes(range(20))
SECTIONS = {
    b".text": b"code",
    b".BTF": b"types",
    b".debug_info": b"dwarf" * 500_000,  # more than is read at once
    b".debug_str": b"skc_daddr\0skc_dport\0",
    b".debug_line_str": b"names",
    b".debug_line": b"lines",
    b".debug_loclists": b"places",
    b".symtab": b"values",
    b".strtab": b"udp_table\0udplite_table\0",
}


def vmlinux(folder: Path, **changed: bytes) -> Path:
    """A vmlinux of one build id; sections by their names without the dot."""
    changes = {f".{name}".encode(): data for name, data in changed.items()}
    path = folder / "vmlinux"
    path.write_bytes(elf(2, note(b"GNU", 3, ID), SECTIONS | changes))
    return path


def test_all_that_types_and_symbols_are_made_of_counts(tmp_path: Path) -> None:
    whole = sections_digest(vmlinux(tmp_path))
    assert whole is not None
    assert sections_digest(vmlinux(tmp_path)) == whole
    changes: list[dict[str, bytes]] = [
        {"debug_str": b"skc_dport\0skc_daddr\0"},
        {"debug_info": SECTIONS[b".debug_info"][:-1] + b"F"},
        {"debug_line_str": b"nemas"},
        {"symtab": b"vaules"},
        {"strtab": b"udp_tabel\0udplite_table\0"},
        {"BTF": b"tpyes"},
        {"text": b"longer code"},
    ]
    digests = [sections_digest(vmlinux(tmp_path, **change)) for change in changes]
    assert len({whole, *digests}) == len(changes) + 1
    for change in ({"debug_line": b"senil"}, {"debug_loclists": b"secalp"}):
        assert sections_digest(vmlinux(tmp_path, **change)) == whole


def test_relocations_count_where_nobody_has_linked(tmp_path: Path) -> None:
    def relocated(kind: int, data: bytes) -> str | None:
        path = vmlinux(tmp_path, debug_str=data)
        content = bytearray(path.read_bytes())
        struct.pack_into("<H", content, 16, kind)
        (table,) = struct.unpack_from("<Q", content, 40)
        number = 1 + list(SECTIONS).index(b".debug_str")
        struct.pack_into("<I", content, table + 64 * number + 4, 4)  # SHT_RELA
        path.write_bytes(content)
        return sections_digest(path)

    assert relocated(2, b"one") == relocated(2, b"two")
    assert relocated(1, b"one") != relocated(1, b"two")


def test_what_cannot_be_told_is_not_guessed(tmp_path: Path) -> None:
    path = vmlinux(tmp_path, gnu_debugaltlink=b"other file")
    assert sections_digest(path) is None
    # sections that lie in each other, so that there is more to read than the file has
    content = bytearray(vmlinux(tmp_path).read_bytes())
    (table,) = struct.unpack_from("<Q", content, 40)
    for number in (1, 2):
        struct.pack_into("<QQ", content, table + 64 * number + 24, 0, len(content))
    path.write_bytes(content)
    assert sections_digest(path) is None
    path.write_bytes(vmlinux(tmp_path).read_bytes()[:-100])
    with pytest.raises(BadElfError):
        sections_digest(path)
    with pytest.raises(OSError, match="none"):
        sections_digest(tmp_path / "none")


def test_a_sample_has_both_ends_the_size_and_something_of_the_middle(tmp_path: Path) -> None:
    path, content = tmp_path / "dump", os.urandom(1 << 20)
    path.write_bytes(content)
    whole = content_sample(path)
    for place in (0, 65535, (1 << 19) + 5, (1 << 20) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert content_sample(path) != whole
    path.write_bytes(content + b"\0")
    assert content_sample(path) != whole
    path.write_bytes(b"")
    assert content_sample(path) != whole


def test_marks(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b"one")
    status = path.stat()
    mark = current_mark(path)
    assert mark == file_mark(status)
    os.utime(path, ns=(1, status.st_mtime_ns + 10_000_000_000))
    os.utime(path, ns=(1, status.st_mtime_ns))
    assert current_mark(path) != mark  # the time of the last change can't be set back
    assert current_mark(tmp_path / "none") is None

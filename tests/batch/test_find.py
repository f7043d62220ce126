"""Which dumps the words of a command line mean."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

import lz4.frame
import pytest
import zstandard

from crashdrive.batch import unpack
from crashdrive.batch.find import Search, find_dumps
from crashdrive.batch.run import Options, job_for
from crashdrive.batch.worker import done
from crashdrive.dump.find import find_vmlinux
from crashdrive.dump.identity import dump_identity
from crashdrive.dump.kernels import vmlinux_files
from crashdrive.errors import DumpError, UsageError, VmlinuxError
from tests.dump.test_find import ID, OTHER, elf, note, vmcore, vmlinux
from tests.dump.test_identity import POINTERS, on_ppc64
from tests.dump.test_image import BUILD_ID, info, memory
from tests.dump.test_split import split


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two dumps of two kernels in a folder, one kernel deep in another one."""
    (tmp_path / "crash" / "host-a").mkdir(parents=True)
    (tmp_path / "crash" / "host-a" / "vmcore").write_bytes(vmcore(ID))
    (tmp_path / "crash" / "second.bin").write_bytes(vmcore(OTHER))
    (tmp_path / "crash" / "notes.txt").write_text("no dump")
    (tmp_path / "kernels" / "team" / "6.1.0-test").mkdir(parents=True)
    (tmp_path / "kernels" / "team" / "6.1.0-test" / "vmlinux").write_bytes(vmlinux(ID))
    return tmp_path


def test_a_folder_and_kernels_deep_in_another_one(place: Path) -> None:
    search = find_dumps([str(place / "crash")], [str(place / "kernels")])
    by_name = {Path(one.path).name: one for one in search.dumps}
    assert by_name.keys() == {"vmcore", "second.bin"}
    assert by_name["vmcore"].vmlinux == str(place / "kernels" / "team" / "6.1.0-test" / "vmlinux")
    assert by_name["vmcore"].trouble is None
    assert by_name["second.bin"].trouble_kind == "no-vmlinux"
    assert OTHER.hex() in str(by_name["second.bin"].trouble)
    assert search.others == 1


def test_one_dump_under_several_names_is_one(place: Path) -> None:
    first = place / "crash" / "host-a" / "vmcore"
    (place / "crash" / "copy").write_bytes(first.read_bytes())
    (place / "crash" / "link").symlink_to(first)
    os.link(first, place / "crash" / "hard")
    search = find_dumps([str(first), str(place / "crash"), str(first)], [str(place / "kernels")])
    (one,) = [one for one in search.dumps if one.build_id == ID.hex()]
    assert one.path == str(first)
    assert sorted(Path(name).name for name in one.also) == ["copy", "hard", "link"]


def test_circles_of_links_end(place: Path) -> None:
    (place / "crash" / "round").symlink_to(place / "crash")
    (place / "crash" / "vmcore.self").symlink_to("vmcore.self")
    (place / "kernels" / "round").symlink_to("..")
    search = find_dumps([str(place / "crash")], [str(place / "kernels")])
    assert len(search.dumps) == 3
    (told,) = [one for one in search.dumps if one.trouble_kind == "no-dump"]
    assert Path(told.path).name == "vmcore.self"
    assert len(list(vmlinux_files(place / "kernels"))) == 1


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("vmcore", b"", "empty"),
        ("vmcore", b"text\n" * 100, "no dump of a kernel"),
        ("vmcore.1", vmcore(ID)[:100], "truncated"),
        ("cut", b"KDUMP   " + bytes(100), "truncated or damaged"),
        ("packed-vmcore", b"\x1f\x8b" + bytes(30), "can't be unpacked"),
        ("packed-vmcore", gzip.compress(b"text" * 100, mtime=0), "no dump of a kernel"),
        ("packed-vmcore", b"\x28\xb5\x2f\xfd" + b"\xff" * 30, "can't be unpacked"),
        ("packed-vmcore", b"\x04\x22\x4d\x18" + bytes(30), "can't be unpacked"),
    ],
)
def test_broken_ones_in_a_folder_are_told(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    (one,) = find_dumps([str(tmp_path)]).dumps
    assert one.trouble_kind == "no-dump"
    assert told in str(one.trouble)


_PACKERS = (gzip.compress, bz2.compress, lzma.compress, zstandard.compress, lz4.frame.compress)


@pytest.mark.parametrize("pack", _PACKERS)
def test_packed_ones_are_known_by_what_is_in_them(
    tmp_path: Path, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vmlinux").write_bytes(vmlinux(ID))
    (tmp_path / "vmcore.packed").write_bytes(pack(vmcore(ID)))
    (one,) = find_dumps([str(tmp_path)]).dumps
    assert (one.packed, one.build_id, one.trouble, one.vmlinux) == (
        True,
        ID.hex(),
        None,
        str(tmp_path / "vmlinux"),
    )
    opened = []

    def opening(_vmlinux: str, path: str, **_: object) -> None:
        opened.append((path, Path(path).read_bytes()))
        raise DumpError("enough")

    monkeypatch.setattr("crashdrive.crash.open_dump", opening)
    result = done(job_for(one, Options()))
    assert (result.vmcore, result.reason) == (one.path, "enough")
    assert opened[0][1] == vmcore(ID)
    assert not Path(opened[0][0]).exists()
    (tmp_path / "vmcore.packed").write_bytes(pack(vmcore(ID))[:-4])
    assert "can't be unpacked" in str(done(job_for(one, Options())).reason)


@pytest.mark.parametrize("pack", _PACKERS)
def test_packed_ones_in_a_folder_need_no_dumps_name(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    contents = {"web1": vmcore(ID), "text": b"text" * 100, "empty": b""}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(pack(data))
    (tmp_path / "broken").write_bytes(pack(vmcore(ID))[:8])
    search = find_dumps([str(tmp_path)])
    assert [Path(one.path).name for one in search.dumps] == ["web1"]
    assert search.others == 3


def test_packed_cores_of_processes_cost_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def counted(path: str, to: IO[bytes], most: int, **more: bool) -> None:
        sizes.append(most)
        copied(path, to, most, **more)

    copied = unpack._copy
    monkeypatch.setattr(unpack, "_copy", counted)
    core = elf(4, note(b"CORE", 6, bytes(8)), {})
    (tmp_path / "core.1").write_bytes(zstandard.compress(core + bytes(1 << 20)))
    assert find_dumps([str(tmp_path)]) == Search([], 1)
    assert max(sizes) < unpack.HEAD


def test_packed_memory_is_looked_at_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells its kernel may be anywhere in it."""
    monkeypatch.setattr("crashdrive.batch.unpack.HEAD", 1 << 20)
    monkeypatch.setattr("crashdrive.batch.find.HEAD", 1 << 20)
    (tmp_path / "web1").write_bytes(gzip.compress(b"QEVM\0\0\0\3" + memory((5 << 20, info())), 1, mtime=0))
    (tmp_path / "raw-vmcore").write_bytes(gzip.compress(memory((5 << 20, info())), 1, mtime=0))
    (tmp_path / "no-vmcore").write_bytes(gzip.compress(memory(), 1, mtime=0))
    dumps = {Path(one.path).name: one for one in find_dumps([str(tmp_path)]).dumps}
    assert [(dumps[name].format, dumps[name].build_id) for name in ("web1", "raw-vmcore")] == [
        ("kvmdump", BUILD_ID),
        ("raw", BUILD_ID),
    ]
    assert str(dumps["no-vmcore"].trouble).startswith(f"{tmp_path}/no-vmcore: no dump of a kernel")


def test_packed_memory_may_tell_the_kernel_of_a_dump_with_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of QEMU's dumps of ppc64le and s390x, whose notes lack VMCOREINFO."""
    monkeypatch.setattr("crashdrive.batch.unpack.HEAD", 1 << 16)
    monkeypatch.setattr("crashdrive.batch.find.HEAD", 1 << 16)
    text = note(b"VMCOREINFO", 0, info())
    (tmp_path / "vmcore.gz").write_bytes(gzip.compress(on_ppc64(text, *POINTERS), 1, mtime=0))
    (one,) = find_dumps([str(tmp_path)]).dumps
    assert (one.format, one.build_id) == ("elf", BUILD_ID)


def test_files_of_one_dump_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, paths = split(tmp_path)
    last = Path(paths[2]).rename(tmp_path / "elsewhere")
    (one,) = find_dumps(paths[:2]).dumps
    assert (one.trouble_kind, one.parts) == ("no-part", tuple(paths[:2]))
    last.rename(paths[2])
    known = {one.path: one}
    (one,) = find_dumps([str(tmp_path)], known=known).dumps
    assert (one.parts, one.size) == (tuple(paths), sum(Path(path).stat().st_size for path in paths))
    assert one.trouble_kind == "no-vmlinux"
    opened = []

    def opening(_vmlinux: str, path: str, **_: object) -> None:
        opened.append(Path(path).read_bytes())
        raise DumpError(f"{path}: enough")

    monkeypatch.setattr("crashdrive.crash.open_dump", opening)
    result = done(job_for(one, Options()))
    assert (result.vmcore, result.reason, opened) == (one.path, f"{one.path}: enough", [whole])


@pytest.mark.parametrize("name", ["vmcore-dmesg.txt", "core.bin", "vmcore.log", "readme"])
def test_what_nobody_takes_for_a_dump_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"text")
    os.mkfifo(tmp_path / "fifo-vmcore")
    search = find_dumps([str(tmp_path)])
    assert (search.dumps, search.others) == ([], 1)


def test_a_live_kernel_behind_a_link_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a word names is refused; in a folder it isn't "empty"."""
    kcore, folder = tmp_path / "kcore", tmp_path / "folder"
    kcore.write_bytes(vmcore(ID))
    folder.mkdir()
    (folder / "vmcore").symlink_to(kcore)
    monkeypatch.setattr("crashdrive.dump.live.SOURCES", (str(kcore),))
    (found,) = find_dumps([str(folder)]).dumps
    assert found.trouble == f"{folder}/vmcore: a kernel that runs: a batch is of dumps"
    with pytest.raises(UsageError, match=r"kcore is a kernel that runs: a batch is of dumps"):
        find_dumps([str(kcore)])


def test_two_empty_files_are_two(tmp_path: Path) -> None:
    for name in ("vmcore.1", "vmcore.2"):
        (tmp_path / name).write_bytes(b"")
    assert len(find_dumps([str(tmp_path)]).dumps) == 2


def test_patterns_and_lists(place: Path) -> None:
    pattern = find_dumps([str(place / "*" / "**" / "vmcore")], [str(place / "kernels")])
    assert [Path(one.path).name for one in pattern.dumps] == ["vmcore"]
    (place / "list").write_text("# dumps\n\ncrash/host-a/vmcore\n  crash/second.bin  \n")
    (place / "list.csv").write_text(
        "host,vmcore,vmlinux\nweb1,crash/second.bin,kernels/other\n,crash/host-a/vmcore,\n"
    )
    assert len(find_dumps([f"@{place}/list"]).dumps) == 2
    one, two = find_dumps([f"@{place}/list.csv"], [str(place / "kernels")]).dumps
    assert (one.host, one.vmlinux) == ("web1", str(place / "kernels/other"))
    assert (two.host, two.trouble) == (None, None)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("missing", "no such file or folder"),
        ("nothing*", "no file is named so"),
        ("@missing", "No such file"),
        ("@bad.csv", "no column vmcore"),
    ],
)
def test_words_that_mean_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("a,b\n")
    with pytest.raises(UsageError, match=told):
        find_dumps([word])


def test_what_is_known_is_not_read_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, folders = [str(place / "crash")], [str(place / "kernels")]
    known = {one.path: one for one in find_dumps(words, folders).dumps}
    monkeypatch.setattr("crashdrive.batch.find.dump_identity", lambda path: pytest.fail(f"reads {path}"))
    monkeypatch.setattr("crashdrive.batch.find.is_likely", lambda _path: True)
    (place / "crash" / "notes.txt").unlink()
    assert find_dumps(words, folders, known).dumps == list(known.values())
    (place / "kernels" / "team" / "new").write_bytes(b"")
    (place / "kernels" / "vmlinux-other").write_bytes(vmlinux(OTHER))
    assert all(one.trouble is None for one in find_dumps(words, folders, known).dumps)


def test_a_single_dump_finds_its_kernel_below_a_debug_dir(place: Path) -> None:
    identity = dump_identity(place / "crash" / "host-a" / "vmcore")
    found = find_vmlinux(identity, [str(place / "kernels")])
    assert found.build_id == ID.hex()
    with pytest.raises(VmlinuxError, match=r"\*\*/vmlinux\*"):
        find_vmlinux(dump_identity(place / "crash" / "second.bin"), [str(place / "kernels")])

"""A live kernel in a dump's place: known by its name, identified by what it says, refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.dump import find, live
from crashdrive.dump.addresses import linked_addresses
from crashdrive.dump.find import find_target
from crashdrive.dump.identity import cpu_notes, dump_identity, read_headers
from crashdrive.errors import DumpError, VmlinuxError
from crashdrive.session.standin import Shown, standin
from tests.dump.test_find import ID, OTHER, elf, note, vmlinux

INFO = b"OSRELEASE=6.1.0-test\nBUILD-ID=" + ID.hex().encode() + b"\nKERNELOFFSET=1400000\nCRASHTIME=1\n"


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel that runs, with files of ours where it shows itself; its kcore."""
    said = {
        "NOTES": note(b"Linux", 0x100, b"\0\0\0\0") + note(b"GNU", 3, ID),
        "BOOT": b"b007\n", "RELEASE": b"6.1.0-test\n", "NODE": b"box\x1b[31m\n",
        "VERSION": b"Linux version 6.1\n",
    }  # fmt: skip
    for name, data in said.items():
        (tmp_path / name).write_bytes(data)
        monkeypatch.setattr(live, name, str(tmp_path / name))
    kcore = tmp_path / "kcore"
    kcore.write_bytes(elf(4, note(b"CORE", 1, bytes(336)) + note(b"VMCOREINFO", 0, INFO), {}))
    sources = tuple(str(tmp_path / name) for name in ("kcore", "mem", "crash"))
    for module in (live, find):
        monkeypatch.setattr(module, "SOURCES", sources)
    return kcore


def test_it_is_known_by_every_name_that_leads_to_it(
    running: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for a dump, its answers would be kept, and not be marked."""
    (tmp_path / "there").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (f"/{running}", "kcore", "./kcore", "there/kcore", str(tmp_path / "there" / "kcore")):
        assert live.live_source(path) == str(running), path
        assert dump_identity(path).format == "live", path
    assert live.live_source("kcore.elf") is None
    assert live.named_source("//proc/./kcore") is None  # as the sources are ours here
    monkeypatch.undo()
    for path in ("/proc/kcore", "//proc/./kcore", "/proc/../dev/mem"):
        assert live.named_source(path) in {"/proc/kcore", "/dev/mem"}, path
    for path in ("proc/kcore", "/proc/kcore2", "/srv/proc/kcore", "~/kcore"):
        assert live.named_source(path) is None, path


def test_in_a_proc_of_elsewhere_it_is_refused() -> None:
    """As in a container's /host/proc, or behind a link on another host: no name tells that it is live."""
    head = elf(
        4, note(b"CORE", 1, bytes(336)) + note(b"CORE", 4, bytes(64)) + note(b"VMCOREINFO", 0, INFO), {}
    )

    def read(offset: int, size: int) -> bytes:
        return head[offset : offset + size]

    with pytest.raises(
        DumpError, match=r"^/host/proc/kcore: a live kernel's memory .*: name it /proc/kcore$"
    ):
        read_headers(read, 1 << 47, "/host/proc/kcore")
    read_headers(read, 1 << 40, "a copy of a part of it")


def test_what_it_says_of_itself(running: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(running)
    for path in (str(running), f"{tmp_path}/./kcore", str(tmp_path / "link")):
        found = dump_identity(path)
        assert (found.path, found.format, found.build_id, found.machine) == (
            str(running),
            "live",
            ID.hex(),
            62,
        )
        assert (found.osrelease, found.host, found.kaslr_offset) == ("6.1.0-test", "box\\x1b[31m", 0x1400000)
        assert (found.mark, found.size, found.crash_time, found.incomplete) == ("boot b007", 0, None, None)
        assert found.banner == "Linux version 6.1"
    assert not cpu_notes(running).found  # its own note is no CPU's: they run


def test_of_a_device_the_same_is_known(running: Path) -> None:
    mem = running.with_name("mem")
    mem.write_bytes(b"whatever memory holds")
    assert dump_identity(mem).build_id == ID.hex()
    running.write_bytes(b"no ELF")
    found = dump_identity(mem)
    assert (found.build_id, found.osrelease, found.vmcoreinfo) == (ID.hex(), "6.1.0-test", {})


def test_its_vmlinux(running: Path, tmp_path: Path) -> None:
    """That of another build is refused; its own, alone, means the kernel that runs, as for crash."""
    own, other = tmp_path / "own", tmp_path / "other"
    own.write_bytes(vmlinux(ID))
    other.write_bytes(vmlinux(OTHER))
    one, source = str(own), str(running)
    for first, second in ((one, source), (source, one), (one, None), (None, one)):
        found = find_target(first, second)
        assert (found.dump.path, found.vmlinux.path) == (str(running), str(own))
    with pytest.raises(VmlinuxError, match="another build"):
        find_target(str(other), str(running))
    with pytest.raises(DumpError, match="no core dump"):
        find_target(str(other), None)


def test_who_may_not_read_it_is_told_in_a_line(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DumpError, match=r"crash: not on this kernel; .* by \S+kcore or \S+mem$"):
        dump_identity(running.with_name("crash"))
    running.unlink()
    running.mkdir()  # which nobody reads, root neither
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(
        DumpError, match=r"kcore: a live kernel's memory can't be read: .*; run crashdrive as root"
    ):
        dump_identity(running)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert dump_identity(running).build_id == ID.hex()  # what is against it crash says, as lockdown


def test_addresses_of_a_few_variables(tmp_path: Path) -> None:
    """What crash finds physical memory by, in the stand-in that it is given; names may end others."""
    image = tmp_path / "image"
    variables = (("a_page_offset_base", 1), ("page_offset_base", 0xFFFFFFFF82554598), ("vmalloc_base", 5))
    image.write_bytes(standin(62, Shown(variables, b"Linux version 6.1")) or b"")
    assert b"\0Linux version 6.1\n" in image.read_bytes()
    names = [name for name, _ in variables]
    assert linked_addresses(image, [*names, "vmemmap_base"]) == dict(variables)
    assert linked_addresses(image, ["offset_base"]) == {}
    image.write_bytes(image.read_bytes()[:3000])
    assert linked_addresses(image, names) == {}
    assert linked_addresses(tmp_path / "none", names) == {}

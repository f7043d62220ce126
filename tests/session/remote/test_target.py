"""Files on another host, and what of them is kept here: the helper there is run by a shell, without ssh."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from crashdrive.cache.store import open_store
from crashdrive.dump.contents import content_sample
from crashdrive.dump.find import Target
from crashdrive.dump.identity import dump_identity, vmlinux_identity
from crashdrive.errors import DeadlineError, DumpError, HostError, VmlinuxError
from crashdrive.kernel.symbols.image import section
from crashdrive.session.remote import channel as channels
from crashdrive.session.remote import files
from crashdrive.session.remote import target as targets
from crashdrive.session.remote.away import Away
from crashdrive.session.remote.files import RemoteFile
from crashdrive.session.remote.host import Host
from crashdrive.session.remote.link import Link
from crashdrive.session.remote.target import Copies, Finder
from tests.dump.test_find import elf, note, vmcore, vmlinux

BUILD_ID = b"\x11" * 20
DATA = {b".debug_info": b"DWARF" * 1000, b".symtab": b"S" * 24, b".rodata": b"R" * 9000}


class Near(Host):
    """A host whose login is a shell here."""

    def begin(self) -> list[str]:
        """See Host."""
        return ["/bin/sh", "-c"]

    def words(self, terminal: str, *, master: bool = False) -> list[str]:  # noqa: ARG002 - Host's
        """See Host."""
        return ["/bin/sh", "-c"]


class There:
    """Two files there, and the way to them."""

    def __init__(self, folder: Path) -> None:
        self.vmlinux, self.vmcore = folder / "vmlinux", folder / "vmcore"
        self.vmlinux.write_bytes(elf(2, note(b"GNU", 3, BUILD_ID), DATA))
        self.vmcore.write_bytes(vmcore(BUILD_ID))
        self.link = Link(Near("box"))

    def find(self, copies: Copies | None = None) -> tuple[Target, Away]:
        finder = Finder(self.link, copies or Copies(open_store()))
        return finder.find(str(self.vmlinux), str(self.vmcore))


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(targets.Copies, "settle", lambda _self, *_marks: None)
    (tmp_path / "there").mkdir()
    made = There(tmp_path / "there")
    yield made
    made.link.close()


def test_copies_say_what_the_files_say(there: There) -> None:
    found, away = there.find()
    for copy, own in (
        (found.vmlinux, vmlinux_identity(there.vmlinux)),
        (found.dump, dump_identity(there.vmcore)),
    ):
        assert copy.path != own.path
        assert msgspec.structs.replace(copy, path=own.path, mark=own.mark) == own
    assert content_sample(found.dump.path) == content_sample(there.vmcore)
    assert away.names() == {"vmlinux": f"box:{there.vmlinux}", "vmcore": f"box:{there.vmcore}"}


def test_what_was_left_behind_is_no_zeros(there: There) -> None:
    copy = there.find()[0].vmlinux.path
    assert section(copy, ".symtab") == DATA[b".symtab"]
    assert section(copy, ".debug_info") is section(copy, ".rodata") is None


def test_copies_without_a_store_live_as_long_as_what_was_found(there: There) -> None:
    found, away = there.find(Copies(None))
    gc.collect()
    assert Path(found.vmlinux.path).is_file()
    assert Path(found.dump.path).is_file()
    del away
    gc.collect()
    assert not Path(found.vmlinux.path).exists()


def test_known_files_are_not_read_again(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    first = there.find()[0]
    monkeypatch.setattr(RemoteFile, "fetch", lambda *_: pytest.fail("is read again"))
    assert there.find()[0] == first


def test_a_changed_dump_is_another_one(there: There) -> None:
    """Answers are kept by the paths and marks of copies: none is given of the dump as it was."""
    first = there.find()[0].dump
    status = there.vmcore.stat()
    changed = bytearray(there.vmcore.read_bytes())
    changed[-1] ^= 1
    there.vmcore.write_bytes(changed)
    os.utime(there.vmcore, ns=(status.st_atime_ns, status.st_mtime_ns))  # as `cp -p` over it
    second = there.find()[0].dump
    assert (second.path, second.mark) != (first.path, first.mark)
    assert content_sample(second.path) == content_sample(there.vmcore) != content_sample(first.path)


def test_a_vmlinux_that_changes_while_it_is_read(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """Symbols of one file are never kept under the name of another."""
    fetch = files.fetch_vmlinux

    def meanwhile(file: RemoteFile) -> list[tuple[int, bytes]]:
        there.vmlinux.write_bytes(elf(2, note(b"GNU", 3, BUILD_ID), {**DATA, b".symtab": b"T" * 24}))
        return fetch(file)

    monkeypatch.setattr(targets, "fetch_vmlinux", meanwhile)
    with pytest.raises(VmlinuxError, match=r"box:.*vmlinux: was changed while it was read"):
        there.find()
    monkeypatch.setattr(targets, "fetch_vmlinux", fetch)
    assert section(there.find()[0].vmlinux.path, ".symtab") == b"T" * 24


def test_kernels_without_a_build_id_have_a_copy_each(there: There) -> None:
    far = b"\0" * (200 << 10)  # nothing of the symbols is near headers
    for symbols in (b"S" * 24, b"T" * 24):
        there.vmlinux.write_bytes(
            elf(2, b"", {b".text": far, b".symtab": symbols, b".data": far, b".debug_info": b"D"})
        )
        there.vmcore.write_bytes(elf(4, note(b"VMCOREINFO", 0, b"OSRELEASE=6.1.0\nPAGESIZE=4096\n"), {}))
        assert section(there.find()[0].vmlinux.path, ".symtab") == symbols


def test_an_answer_that_comes_too_late_is_none_to_the_next_question(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.link.channel()
    monkeypatch.setattr(channels, "ANSWER_SECONDS", 0.0)
    with pytest.raises(DeadlineError, match="box: no answer for 0 s"):
        there.link.ask("kernels", str(there.vmlinux.parent), "")
    monkeypatch.undo()
    (seen,) = there.link.seen([str(there.vmcore)])
    assert seen is not None
    assert seen.size == there.vmcore.stat().st_size


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file there"),
        (b"", "is empty"),
        (b"makedumpfile\0\0\0\0" + bytes(8192), "flattened"),
        (b"QEVM" + bytes(8192), "on another host ELF dumps and kdump's are read"),
    ],
)
def test_dumps_that_are_none(there: There, content: bytes | None, said: str) -> None:
    if content is None:
        there.vmcore.unlink()
    else:
        there.vmcore.write_bytes(content)
    with pytest.raises(DumpError, match=said) as error:
        there.find()
    assert f"box:{there.vmcore}" in str(error.value)


def test_a_vmlinux_beside_the_dump_is_found(there: There) -> None:
    _, away = Finder(there.link, Copies(open_store())).find(None, str(there.vmcore))
    assert away.vmlinux.path == str(there.vmlinux)


def test_the_fitting_vmlinux_is_found_there(there: There, tmp_path: Path) -> None:
    folder = tmp_path / "debug" / "deep"
    folder.mkdir(parents=True)
    (folder / "vmlinux-other").write_bytes(vmlinux(b"\x22" * 20))
    finder = Finder(there.link, Copies(open_store()))
    there.vmlinux.rename(tmp_path / "elsewhere")
    with pytest.raises(VmlinuxError, match="no vmlinux on box for the dump") as error:
        finder.find(None, str(there.vmcore), [str(tmp_path / "debug")])
    assert f" {there.vmlinux}," in str(error.value)  # a place there, not that of a copy here
    (tmp_path / "elsewhere").rename(folder / "vmlinux-6.1")
    found, away = finder.find(None, str(there.vmcore), [str(tmp_path / "debug")])
    assert found.vmlinux.build_id == BUILD_ID.hex()
    assert away.vmlinux.path == str(folder / "vmlinux-6.1")


def test_names_that_are_no_lines(there: There) -> None:
    with pytest.raises(HostError, match="can't be asked for"):
        there.link.seen([f"{there.vmcore}\nlook"])

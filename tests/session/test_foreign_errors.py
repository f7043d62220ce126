"""Others' exceptions come out as ours, whichever library raises them and wherever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive import errors
from crashdrive.cache.store import Store
from crashdrive.crash import open_dump
from crashdrive.dump.elf import BadElfError, ElfFile
from crashdrive.errors import CrashdriveError
from crashdrive.kernel.symbols.image import ImageSymbols
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.declarations import Abi
from crashdrive.session.replay import open_record
from crashdrive.session.session import Session
from tests.session.conftest import Fake


def replayed(tmp_path: Path, content: bytes) -> Session:
    path = tmp_path / "session"
    path.write_bytes(content)
    return Session.replay(path)


def cut_elf(_tmp_path: Path) -> Any:
    return list(ElfFile(lambda offset, size: b"\x7fELF\x02\x01\x01"[offset : offset + size]).sections())


def no_folder(tmp_path: Path) -> Any:
    with open_record(tmp_path / "no" / "session"):
        return None


FILES: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "OSError of a dump": (lambda p: open_dump(None, p / "none"), errors.DumpError, "none"),
    "OSError of a folder as a dump": (lambda p: open_dump(None, p), errors.DumpError, "directory|folder"),
    "OSError of a vmlinux": (lambda p: ImageSymbols(p / "none"), errors.VmlinuxError, "No such file"),
    "OSError of a recording": (lambda p: Session.replay(p / "none"), errors.TranscriptError, "No such file"),
    "OSError of a file to record to": (no_folder, errors.UsageError, "can't record"),
    "struct.error of a cut header": (cut_elf, BadElfError, "ELF|cut|header|end"),
    "struct.error of cut BTF": (lambda _p: Btf(b"\x9f\xeb\x01", abi=Abi(8)), errors.KernelError, "BTF"),
    "msgspec.DecodeError of JSON": (lambda p: replayed(p, b"{]\n"), errors.TranscriptError, "no recorded"),
    "msgspec.ValidationError": (lambda p: replayed(p, b'{"a": 1}\n'), errors.TranscriptError, "no recorded"),
    "RecursionError of JSON": (lambda p: replayed(p, b"[" * 9999 + b"\n"), errors.TranscriptError, "no rec"),
    "UnicodeDecodeError of JSON": (lambda p: replayed(p, b'"\xff"\n'), errors.TranscriptError, "no recorded"),
    "lzma.LZMAError": (lambda p: replayed(p, b"\xfd7zXZ\0" + b"x" * 30), errors.TranscriptError, "recorded"),
    "ValueError of a NUL in a path": (lambda p: open_dump(None, f"{p}/a\0b"), errors.TargetError, "a.*b"),
}


@pytest.mark.parametrize("what", FILES)
def test_files(tmp_path: Path, what: str) -> None:
    act, ours, message = FILES[what]
    with pytest.raises(ours, match=message) as caught:
        act(tmp_path)
    assert str(caught.value).isprintable()
    assert isinstance(caught.value, CrashdriveError | BadElfError)


SESSIONS: dict[str, tuple[Callable[[Session], Any], type[Exception], str]] = {
    "pexpect.EOF": (lambda s: s.run("die"), errors.SessionDiedError, "SIGKILL"),
    "pexpect.TIMEOUT": (lambda s: s.run("spin", timeout=0.3), errors.DeadlineError, r"0\.3 s"),
    "UnicodeEncodeError": (lambda s: s.run("echo \ud800"), errors.UsageError, "no single crash command"),
    "ValueError of a NUL": (lambda s: s.run("echo \0"), errors.UsageError, "no single crash command"),
}


@pytest.mark.parametrize("what", SESSIONS)
def test_sessions(make_fake: Callable[..., Fake], what: str) -> None:
    act, ours, message = SESSIONS[what]
    with make_fake().session() as session:
        with pytest.raises(ours, match=message) as caught:
            act(session)
        assert str(caught.value).isprintable()
        assert session.run("echo alive").text == "alive\n"


def test_a_full_disk(make_fake: Callable[..., Fake]) -> None:
    """OSError while a session is recorded."""
    with (
        make_fake().session() as session,
        open_record("/dev/full") as file,
        pytest.raises(errors.SessionError, match="No space left"),
    ):
        session._record(file)


@pytest.mark.parametrize(
    "content", [b"no database at all", b"SQLite format 3\0" + b"x" * 4000], ids=["text", "damaged"]
)
def test_a_damaged_store(tmp_path: Path, content: bytes) -> None:
    """sqlite3.DatabaseError is no error to anybody: what isn't kept is asked for again."""
    store = Store(tmp_path / "cache")
    store.put("kind", "key", "name", 1, version=1)
    store.close()
    store.path.write_bytes(content)
    assert Store(store.directory).get("kind", "key", "name", int, version=1) is None


def test_a_kept_value_of_another_shape(tmp_path: Path) -> None:
    """msgspec.DecodeError is none either."""
    store = Store(tmp_path / "cache")
    store.put("kind", "key", "name", "text", version=1)
    assert store.get("kind", "key", "name", int, version=1) is None

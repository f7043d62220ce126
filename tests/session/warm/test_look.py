"""Why a warm session that is there can't be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crashdrive.cache import code
from crashdrive.session import Session
from crashdrive.session.warm import find, frames, look, place
from crashdrive.session.warm.server import Told, served
from tests.session.conftest import Fake
from tests.session.warm.conftest import Warm


def seen(warm: Warm) -> look.Seen:
    (found,) = look.sessions()
    assert found.key == warm.key
    return found


def test_one_that_can_be_used(warm: Warm) -> None:
    assert seen(warm).against is None


def test_one_of_other_code(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    own = code.code_digest()
    for digest, what in (
        ("0" * 16 + own[16:], "crashdrive's own files"),
        (own[:16] + "0" * 16, "Python or its packages"),
    ):
        monkeypatch.setattr(find, "code_digest", lambda digest=digest: digest)
        assert seen(warm).against == f"it is of another version of crashdrive: {what} changed"


def test_one_whose_dump_was_changed(warm: Warm) -> None:
    (found,) = look.sessions()
    os.utime(warm.dump)
    assert found.against == "the dump was changed after it was opened"


def test_one_that_answers_something_else(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = frames.Failed(number=1, kind="busy", message="another client has crash")
    monkeypatch.setattr(type(warm.server), "told", lambda _self, _number: failed)
    assert seen(warm).against == "it gives an answer of another kind: Failed"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files that the digest of code is of."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(code, "_PACKAGE", folder)
    code.code_digest.cache_clear()
    yield folder
    code.code_digest.cache_clear()


def test_code_that_changes_while_crash_starts_is_other_code(
    package: Path, sockets: Path, make_fake: Callable[[str], Fake], tmp_path: Path
) -> None:
    """The server runs what was there when it began."""
    assert not sockets.exists()
    warm = Warm(make_fake(""), tmp_path)
    before = code.code_digest()
    code.code_digest.cache_clear()

    def opening() -> tuple[Session, Told]:
        (package / "fresh.py").touch()
        return warm.own(), Told(0.0, [], 1.0)

    with place.opened_folder(make=True) as folder:
        assert folder is not None
        with served(warm.key, folder, opening) as server:
            assert server.welcome().code == before

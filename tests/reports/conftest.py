"""Dumps for reports: recorded sessions, which need nothing, and real ones in a crash that is none of theirs.

Each comes as ``lab``: a session, and a folder with the dump's ``dump.json`` and the guest's ``truth``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sessionkit import SESSION, folders, replayed, unpack

from crashdrive.crash import Crash
from crashdrive.session import Session
from tests.live.conftest import chosen, crash_binary, dump_file

# reports read memory: what the recordings can't show is how dumps with holes behave in another crash
LIVE = [("6.1-elf-sysrq", "vmcore.filtered", "8.0.6"), ("6.12-elf-sysrq", "vmcore.filtered", "8.0.6")]


class Guest(msgspec.Struct, frozen=True):
    """A dump and what its guest said; ``recording`` is where the session comes from, None for a real one."""

    name: str
    folder: Path
    session: Session
    recording: Path | None


def targets() -> Iterator[Any]:
    """The recorded sessions, then the real ones."""
    for folder in folders():
        yield pytest.param(folder, id=f"recorded-{folder.name}")
    for target in chosen(LIVE):
        yield pytest.param(target, id="-".join(target), marks=pytest.mark.live)


@pytest.fixture(scope="session", params=targets())
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Each of them, opened."""
    if isinstance(request.param, Path):
        place = tmp_path_factory.mktemp(request.param.name)
        unpack(request.param, place)
        with Session.replay(request.param / SESSION) as session:
            yield Guest(request.param.name, place, session, request.param)
        return
    name, file, version = request.param
    vmcore = dump_file(name, file)
    with Session.open(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary(version))]) as session:
        yield Guest(name, vmcore.parent, session, None)


@pytest.fixture(scope="module")
def crash(folder: Path) -> Iterator[Crash]:
    """The recording in a module's ``folder``, opened."""
    with replayed(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def truth(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What its guest said, as far as it was kept."""
    place = tmp_path_factory.mktemp(folder.name)
    unpack(folder, place)
    return place / "truth"

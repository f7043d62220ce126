"""Recordings that a report of the system brings, with the truth of the guests that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sessionkit import TRUTH, replayed, report_folders, truth_folder, unpack

from crashdrive.session import Session
from tests.live.conftest import chosen, crash_binary, dump_file
from tests.reports.conftest import Guest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Of a module with a REPORT each test runs on the report's recordings whose guest's truth is kept."""
    report = getattr(metafunc.module, "REPORT", None)
    if report and "guest" in metafunc.fixturenames:
        folders = [folder for folder in report_folders(report) if _truth_of(folder)]
        recorded = [pytest.param(folder, id=folder.name) for folder in folders]
        # real dumps alone that are asked for
        real = [pytest.param(one, id="-".join(one), marks=pytest.mark.live) for one in chosen([])]
        metafunc.parametrize("guest", [*recorded, *real], indirect=True, scope="module")


def _truth_of(folder: Path) -> Path | None:
    """Where the guest's truth is: beside the report's own recording, or beside what that stands on."""
    return folder if (folder / TRUTH).exists() else truth_folder(folder.name)


@pytest.fixture(scope="module")
def guest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A recording, opened, and the folder with its guest's truth."""
    if isinstance(request.param, tuple):
        name, file, version = request.param
        vmcore, binary = dump_file(name, file), crash_binary(version)
        with Session.open(vmcore.parent / "vmlinux", vmcore, crash=[str(binary)]) as session:
            yield Guest(name, vmcore.parent, session, None)
        return
    folder: Path = request.param
    place = tmp_path_factory.mktemp(folder.name)
    truth = _truth_of(folder)
    assert truth is not None
    unpack(truth, place)
    with replayed(folder) as crash:
        yield Guest(folder.name, place, crash.session, folder)

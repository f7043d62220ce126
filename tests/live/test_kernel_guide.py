"""The examples of docs/kernel.md, on the dump that they were written on."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from crashdrive.crash import Crash
from crashdrive.session import Session
from tests.live.conftest import crash_binary, dump_file

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "kernel.md"


def test_the_guide_says_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    vmcore = dump_file("6.1-elf-sysrq")
    with Session.open(vmcore.parent / "vmlinux", vmcore, crash=[str(crash_binary("8.0.6"))]) as session:
        names = {"kernel": Crash(session).kernel}
        found = doctest.testfile(str(GUIDE), module_relative=False, globs=names, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 40
    assert found.failed == 0

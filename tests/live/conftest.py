"""Real dumps and real crashes: what ``scripts/lab`` has made, each opened once for all tests on it.

A test takes ``lab``, one dump in one crash, or asks `dumps` and `crash_binary` itself. What isn't there is
skipped, with what is missing; with CRASHDRIVE_REQUIRE_LAB=1 it fails.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crashdrive.linux.kernel import Kernel
from crashdrive.session import Session

LAB = Path(__file__).resolve().parents[2] / ".lab"

# (dump, its file, crash): each kernel, format and crash at least once
TARGETS = [
    ("6.1-elf-sysrq", "vmcore", "8.0.2"),
    ("6.1-elf-sysrq", "vmcore.filtered", "8.0.6"),
    ("6.12-elf-sysrq", "vmcore", "9.0.2"),
    ("6.12-elf-sysrq", "vmcore.filtered", "8.0.6"),
    ("6.12-kdump-sysrq", "vmcore", "9.0.2"),
]


def chosen(usual: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """What live tests run on: the usual, or what CRASHDRIVE_LIVE names.

    ``CRASHDRIVE_LIVE=5.10-elf-sysrq/vmcore/8.0.6`` is any dump of the lab with the whole scene; several are
    divided by spaces.
    """
    named = [tuple(words.split("/")) for words in os.environ.get("CRASHDRIVE_LIVE", "").split()]
    return [(dump, file, crash) for dump, file, crash in named] or usual


if os.environ.get("CRASHDRIVE_REQUIRE_LAB") == "1" and importlib.util.find_spec("drgn") is None:
    raise pytest.UsageError("drgn is missing: pip install -e '.[dev]' brings it")


class Lab(msgspec.Struct, frozen=True):
    """One dump in one crash. ``twin``: an ELF dump of the same memory without holes."""

    name: str
    vmlinux: Path
    vmcore: Path
    crash: Path
    session: Session
    twin: Path | None

    @property
    def folder(self) -> Path:
        """The dump's folder, with its ``truth``."""
        return self.vmcore.parent


def missing(what: str) -> None:
    """Skip the test, or fail it where the laboratory is required."""
    if os.environ.get("CRASHDRIVE_REQUIRE_LAB") == "1":
        pytest.fail(f"{what} is missing: scripts/lab makes it")
    pytest.skip(f"{what} is missing: scripts/lab makes it")


def dumps() -> list[Path]:
    """The folders of all dumps of this architecture that are there."""
    found = sorted((LAB / "dumps").glob("*/dump.json"))
    return [path.parent for path in found if _architecture(path) == "amd64"]


def _architecture(path: Path) -> str:
    facts: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return str(facts.get("architecture", "amd64"))


def crash_binary(version: str) -> Path:
    """A crash of a version."""
    path = LAB / "crash" / version / "crash"
    if not path.exists():
        missing(f"crash {version}")
    return path


def dump_file(name: str, file: str = "vmcore") -> Path:
    """A dump's file."""
    path = LAB / "dumps" / name / file
    if not path.exists():
        missing(f"dump {name}/{file}")
    return path


@pytest.fixture(scope="session", params=chosen(TARGETS), ids="-".join)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Each dump in its crash, opened."""
    name, file, version = request.param
    crash, vmcore = crash_binary(version), dump_file(name, file)
    vmlinux = vmcore.parent / "vmlinux"
    twin = vmcore.parent / "vmcore" if "-elf-" in name else None
    with Session.open(vmlinux, vmcore, crash=[str(crash)]) as session:
        yield Lab(name, vmlinux, vmcore, crash, session, twin)


@pytest.fixture
def kernel(lab: Lab) -> Kernel:
    """The kernel of the dump, nothing of it known yet."""
    return Kernel(lab.session)


@pytest.fixture(scope="session")
def peer(lab: Lab) -> Any:
    """drgn on the same dump, or on its ELF twin; skips where it opens neither."""
    try:
        import drgn
    except ImportError:
        missing("drgn (pip install drgn)")
    program = drgn.Program()
    for core in (lab.vmcore, lab.twin):
        if core is None:
            continue
        try:
            program.set_core_dump(core)
        except (OSError, ValueError):
            program = drgn.Program()
            continue
        program.load_debug_info([lab.vmlinux])
        return program
    pytest.skip(f"drgn opens neither {lab.name} nor a twin of it")

"""What holds for all tests."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import replaykit
from hypothesis import HealthCheck, settings

# Machines differ and are shared: speed is measured in benchmarks/, never here.
settings.register_profile("crashdrive", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("crashdrive")
# What this machine's user has added to crashdrive is no part of it.
os.environ["CRASHDRIVE_PLUGINS"] = "off"
# Each test sees an answer made; those of what is kept turn it on.
os.environ["CRASHDRIVE_NO_CACHE"] = "1"
# No gdb runs beside a fake crash; tests of indexes turn it on.
os.environ["CRASHDRIVE_GDB_INDEX"] = "off"
# no warm session of the developer's
os.environ["CRASHDRIVE_SESSION"] = "off"

# a dump in a crash, opened once for all modules: 6.1-elf-sysrq-vmcore-8.0.2
_LAB = re.compile(r"[\[-](\d[\w.]*-\w+-\w+-vmcore[\w.]*?-[\d.]+)\b")
# a dump in a crash, opened once for a module: 6.1-elf-sysrq-8.0.2
_OPENED = re.compile(r"\[\d[\w.]*-\w+-\w+-\d[\d.]*\b")
# whose fixtures open dumps for all tests of a module
_LIVE = ("tests/live/", "tests/pykdump/test_pykdump_live.py", "tests/faults/test_sessions.py")
# words that each module with live tests has
_SAYS_LIVE = re.compile(r"\b(live|lab)\b")
# each test of these takes as long as many others: they begin early, so that no process waits at the end
_LONG = ("tests/live/test_batch_live.py", "tests/faults/test_holes.py", "tests/live/test_warm_live.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """``-m live`` imports the modules alone that can have live tests: the others are nine tenths of all."""
    if config.option.markexpr != "live" or collection_path.suffix != ".py":
        return None
    return None if can_be_live(collection_path) else True


@functools.cache
def can_be_live(path: Path) -> bool:
    """Whether a module has a word without which it has no live test; held for all that are collected."""
    return path.name == "conftest.py" or bool(_SAYS_LIVE.search(path.read_text(encoding="utf-8")))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each process begins elsewhere: what one has compiled, and rewritten, is read by the others.

    A fresh clone has nothing compiled. All import all modules at the same time, and in one order each of them
    would compile nearly all of it by itself.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    paths = sorted(
        path
        for place in session.config.args
        for path in (session.config.rootpath / place).rglob("test_*.py")
        if not pytest_ignore_collect(path, session.config)
    )
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    if number == 0:
        return
    start = len(paths) * number // count
    for path in [*paths[start:], *paths[:start]] if number < count - 1 else paths[::-1]:
        # pytest itself imports it later, and tells what is wrong
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.relative_to(session.config.rootpath).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests go last: what needs no dump says first whether the code is right."""
    live = [item for item in items if item.get_closest_marker("live") is not None]
    if missed := {str(item.path) for item in live if not can_be_live(item.path)}:
        raise pytest.UsageError(
            f"`-m live` would miss the tests of {', '.join(sorted(missed))}: see conftest.py"
        )
    items.sort(key=lambda item: item.get_closest_marker("live") is not None)


def pytest_collection_finish() -> None:
    """Garbage is looked for among what tests make, not again and again among twenty thousand tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadscope``: live tests that share a crash run in one process, all others in any."""
    # xdist's own groups (loadgroup) are without effect in pytest 9.2, whose items have no _nodeid to write
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
        """The largest scopes first, as xdist has it, and then those of long tests."""

        _split_scope = staticmethod(shared)

        def schedule(self) -> None:
            begins = self.collection is None
            super().schedule()
            if begins:
                for scope in [scope for scope in self.workqueue if scope.startswith(_LONG)]:
                    self.workqueue.move_to_end(scope, last=False)

    return Scheduling(config, log)


def shared(nodeid: str) -> str:
    """What a test shares with others: the dump of all modules, something of its module, or nothing."""
    path, _, name = nodeid.partition("::")
    if lab := _LAB.search(name):
        return lab[1]
    if not path.startswith(_LIVE):
        return nodeid
    if opened := _OPENED.search(name):
        return f"{path}{opened[0]}"
    return f"{path}{name[name.find('[') :]}" if "[" in name else path


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """A shell that starts us in the background ignores SIGINT, nohup SIGHUP; our children would, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def recordings() -> Iterator[None]:
    """Those of golden_outputs don't change while tests run: each process reads one once."""
    with replaykit.read_once():
        yield


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the test starts are measured by no coverage, which loads modules of its own in each."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)

"""What holds for all tests."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests go last: what needs no dump says first whether the code is right."""
    items.sort(key=lambda item: item.get_closest_marker("live") is not None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadscope``: live tests that share a crash run in one process, all others in any."""
    # xdist's own groups (loadgroup) are without effect in pytest 9.2, whose items have no _nodeid to write
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = shared
    return scheduler


def shared(nodeid: str) -> str:
    """What a test shares with others: the dump of all modules, something of its module, or nothing."""
    path, _, name = nodeid.partition("::")
    if lab := _LAB.search(name):
        return lab[1]
    if not path.startswith("tests/live/"):
        return nodeid
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

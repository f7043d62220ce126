"""What holds for all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# Machines differ and are shared: speed is measured in benchmarks/, never here.
settings.register_profile("crashdrive", deadline=None)
settings.load_profile("crashdrive")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests go last: what needs no dump says first whether the code is right."""
    items.sort(key=lambda item: item.get_closest_marker("live") is not None)


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> None:
    """A shell that starts us in the background ignores SIGINT, nohup SIGHUP; our children would, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

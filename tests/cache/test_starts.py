"""What is guessed of a start from earlier ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.cache.starts import Starts
from crashdrive.cache.store import Store


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    return Starts(Store(tmp_path), "b1", "report netstat")


def test_the_second_run_is_promising(starts: Starts) -> None:
    assert not starts.is_promising()
    assert starts.is_promising(otherwise=True)
    starts.learn({"gdb", "sym", "mod"}, minimal=False, became_full=False)
    assert starts.is_promising()
    starts.learn(set(), minimal=True, became_full=False)
    assert starts.is_promising()


def test_a_run_with_other_commands_is_not(starts: Starts) -> None:
    starts.learn({"rd", "ps"}, minimal=False, became_full=False)
    assert not starts.is_promising(otherwise=True)


def test_quick_starts_that_are_wasted_end(starts: Starts) -> None:
    starts.learn(set(), minimal=False, became_full=False)
    for _ in range(2):
        starts.learn({"gdb"}, minimal=True, became_full=True)
        assert starts.is_promising()
    starts.learn(set(), minimal=True, became_full=False)
    for _ in range(3):
        assert starts.is_promising()
        starts.learn({"gdb"}, minimal=True, became_full=True)
    assert not starts.is_promising()
    starts.learn({"gdb"}, minimal=False, became_full=False)
    assert not starts.is_promising()


def test_other_kernels_and_purposes_are_others(tmp_path: Path) -> None:
    Starts(Store(tmp_path), "b1", "one").learn(set(), minimal=False, became_full=False)
    assert Starts(Store(tmp_path), "b1", "one").is_promising()
    assert not Starts(Store(tmp_path), "b1", "two").is_promising()
    assert not Starts(Store(tmp_path), "b2", "one").is_promising()


def test_without_a_store_nothing_is_known(tmp_path: Path) -> None:
    for starts in (Starts(None, "b", "x"), Starts(Store(tmp_path), None, "x")):
        starts.learn(set(), minimal=False, became_full=False)
        assert not starts.is_promising()

"""Which tests run in one process where several do: `shared` in conftest.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import can_be_live, shared


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/live/test_a.py::test_x[6.12-elf-sysrq-vmcore.filtered-8.0.6]",
         "6.12-elf-sysrq-vmcore.filtered-8.0.6"),
        ("tests/live/test_b.py::test_y[6.1-elf-sysrq-vmcore-8.0.2-sock]", "6.1-elf-sysrq-vmcore-8.0.2"),
        ("tests/live/test_b.py::test_y[sock-6.1-elf-sysrq-vmcore-8.0.2]", "6.1-elf-sysrq-vmcore-8.0.2"),
        ("tests/reports/net/test_e.py::test_y[6.1-elf-sysrq-vmcore.filtered-8.0.6]",
         "6.1-elf-sysrq-vmcore.filtered-8.0.6"),
        ("tests/reports/test_f.py::test_y[recorded-6.1-elf-sysrq-8.0.2]",
         "tests/reports/test_f.py::test_y[recorded-6.1-elf-sysrq-8.0.2]"),
        ("tests/live/test_c.py::test_z[8.0.6]", "tests/live/test_c.py[8.0.6]"),
        ("tests/live/test_c.py::test_z", "tests/live/test_c.py"),
        ("tests/pykdump/test_pykdump_live.py::test_z[6.1-elf-sysrq-8.0.2-arrays]",
         "tests/pykdump/test_pykdump_live.py[6.1-elf-sysrq-8.0.2"),
        ("tests/faults/test_sessions.py::test_z", "tests/faults/test_sessions.py"),
        ("tests/faults/test_sessions.py::test_z[netstat]", "tests/faults/test_sessions.py[netstat]"),
        ("tests/cli/test_live.py::test_z[6.1-8.0.2]", "tests/cli/test_live.py::test_z[6.1-8.0.2]"),
        ("tests/kernel/test_d.py::test_z[1]", "tests/kernel/test_d.py::test_z[1]"),
    ],
)  # fmt: skip
def test_who_shares_what(nodeid: str, scope: str) -> None:
    assert shared(nodeid) == scope


def test_modules_without_live_tests_are_told_by_a_word(tmp_path: Path) -> None:
    for name, text in {
        "a": "@pytest.mark.live",
        "b": "def test_x(lab: Lab)",
        "c": "def test_alive(): ...",
    }.items():
        (tmp_path / name).write_text(text)
    assert [can_be_live(tmp_path / name) for name in "abc"] == [True, True, False]

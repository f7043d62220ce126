"""Architectures by their numbers and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.dump.machines import (
    are_alike,
    machine_of,
    number_of,
    own_machine,
    program_machine,
    shown_machine,
)


@pytest.mark.parametrize(
    ("name", "number"),
    [("x86_64", 62), ("i686", 3), ("aarch64", 183), ("arm64", 183), ("s390x", 22), ("ppc64le", 21)],
)
def test_names_of_kernels_and_of_crashs_makefile(name: str, number: int) -> None:
    assert number_of(name) == number


def test_what_is_not_known_has_no_name_but_its_number() -> None:
    assert number_of("vax") is None
    assert machine_of(75) is None
    assert machine_of(None) is None
    assert shown_machine(75) == "ELF machine 75"
    assert shown_machine(183) == "aarch64"


def test_headers_of_64_bits_may_be_of_a_32_bit_kernel() -> None:
    assert are_alike(3, 62)
    assert are_alike(None, 62)
    assert are_alike(183, 183)
    assert not are_alike(62, 183)


def test_programs_tell_theirs_and_scripts_do_not(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert program_machine(script) is None
    assert program_machine(tmp_path / "none") is None
    assert own_machine() == program_machine("/proc/self/exe") is not None

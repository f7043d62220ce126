"""Security modules of made-up kernels: with a list of them, without one, without any."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import Type
from crashdrive.linux.security.modules import SecurityModule, security_modules
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import BOOL, FakeMemory, fake_kernel, record

STATE = {"struct selinux_state": record("selinux_state", ("enforcing", BOOL), ("initialized", BOOL))}
FIXED = {"struct selinux_state": record("selinux_state", ("initialized", BOOL))}


def read(names: str, types: dict[str, Type], **words: int) -> tuple[Survey, list[SecurityModule]]:
    """What is read of a kernel with these modules, types, and variables."""
    memory = FakeMemory()
    symbols = {name: memory.allocate(8) for name in ("lsm_names", *words)}
    text = memory.allocate(512)
    memory.write(text, names.encode())
    for name, word in {"lsm_names": text, **words}.items():
        memory.word(symbols[name], word)
    survey = Survey(fake_kernel(memory, types, symbols))
    return survey, survey.attempt("security modules", lambda: security_modules(survey))


@pytest.mark.parametrize(
    ("types", "words", "mode"),
    [
        (STATE, {"selinux_state": 1}, "enforcing"),
        (STATE, {"selinux_state": 0}, "permissive"),
        (FIXED, {"selinux_state": 0}, "enforcing"),
        ({}, {"selinux_enforcing": 0}, "permissive"),
    ],
)
def test_selinux_of_all_kernels(types: dict[str, Type], words: dict[str, int], mode: str) -> None:
    survey, rows = read("capability,selinux", types, **words)
    assert [(row.security_module, row.security_mode) for row in rows] == [
        ("capability", None),
        ("selinux", mode),
    ]
    assert survey.complete


@pytest.mark.parametrize("name", ["lockdown", "selinux", "yama"])
def test_a_state_that_is_kept_elsewhere_is_said_to_be(name: str) -> None:
    survey, rows = read(name, {})
    assert [row.security_mode for row in rows] == [None]
    assert not survey.complete
    assert [notice.kind for notice in survey.notices] == ["elsewhere"]


@pytest.mark.parametrize(("symbols", "kind"), [({}, "absent"), ({"security_capable": 1}, "elsewhere")])
def test_a_kernel_without_the_list_has_modules_all_the_same(symbols: dict[str, int], kind: str) -> None:
    survey = Survey(fake_kernel(FakeMemory(), {}, symbols))
    assert not survey.attempt("security modules", lambda: security_modules(survey))
    assert [notice.kind for notice in survey.notices] == [kind]
    assert survey.complete is (kind == "absent")

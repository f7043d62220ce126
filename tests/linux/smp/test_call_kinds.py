"""Which calls are waited for, by the bits that each kernel has for that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.smp.queues import Kinds, kinds

# since 5.8 (include/linux/smp_types.h), and before (kernel/smp.c)
NEW = {
    "CSD_FLAG_LOCK": 1, "CSD_TYPE_ASYNC": 0, "CSD_TYPE_SYNC": 0x10, "CSD_TYPE_IRQ_WORK": 0x20,
    "CSD_TYPE_TTWU": 0x30, "CSD_FLAG_TYPE_MASK": 0xF0,
}  # fmt: skip
OLD = {"CSD_FLAG_LOCK": 1, "CSD_FLAG_SYNCHRONOUS": 2}


def bits_of(known: dict[str, int]) -> Kinds:
    survey: Any = SimpleNamespace(
        kernel=SimpleNamespace(layouts=SimpleNamespace(enumeration_of=lambda _member: known))
    )
    return kinds(survey)


@pytest.mark.parametrize(
    ("known", "flags", "kind", "waits"),
    [
        (NEW, 0x11, "call", True), (NEW, 0x10, "call", False), (NEW, 0x01, "call", False),
        (NEW, 0x21, "IRQ work", False), (NEW, 0x31, "wakeup", False), (NEW, None, None, False),
        (OLD, 3, "call", True), (OLD, 2, "call", False), (OLD, 1, "call", False),
    ],
)  # fmt: skip
def test_kinds_of_calls(known: dict[str, int], flags: int | None, kind: str | None, waits: bool) -> None:  # noqa: FBT001 - a case
    bits = bits_of(known)
    assert (bits.kind(flags), bits.waits(flags)) == (kind, waits)


def test_a_kernel_that_tells_neither_is_not_guessed() -> None:
    with pytest.raises(UnknownMemberError):
        bits_of({"CSD_FLAG_LOCK": 1})

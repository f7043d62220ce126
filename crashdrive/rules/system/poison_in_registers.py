"""Registers hold poison: patterns that freed or unused memory is filled with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.oops.rows import Register

# include/linux/poison.h; pointers to members of freed objects are at small distances from these
_WORDS = (
    (0x6B6B6B6B6B6B6B6B, "freed slab memory (POISON_FREE)"),
    (0x5A5A5A5A5A5A5A5A, "slab memory that was never written (POISON_INUSE)"),
    (0xDEAD000000000100, "an entry that was taken off a list (LIST_POISON1)"),
    (0xDEAD000000000122, "an entry that was taken off a list (LIST_POISON2)"),
    (0xAAAAAAAAAAAAAAAA, "freed pages (PAGE_POISON)"),
)
_NEAR = 0x400


@rule(
    id="poison-in-registers",
    severity="critical",
    looks_at=("panic.registers",),
    message="{count:register holds|registers hold} what freed memory is filled with",
    threshold="a register is within 1 KiB of a pattern of include/linux/poison.h",
    explanation="Something was used after it was freed, or an entry after it was taken off its list.",
    advice="Look for the code that frees it; the object's cache: crashdrive exec VMCORE 'kmem ADDRESS'.",
    reference="include/linux/poison.h",
)
def poison_in_registers(registers: Iterable[Register]) -> Iterator[Match]:
    return matches((row for row in registers if _meaning(row)), _told)


def _meaning(row: Register) -> str | None:
    return next((meaning for word, meaning in _WORDS if abs(int(row.value) - word) < _NEAR), None)


def _told(row: Register) -> str:
    return f"{row.register} {int(row.value):016x}: {_meaning(row)}"

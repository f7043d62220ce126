"""Taints of a kernel or a module, letter by letter (kernel/panic.c, admin-guide/tainted-kernels.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_FLAGS = (
    ("P", "a proprietary module was loaded"),
    ("F", "a module was loaded by force"),
    ("S", "the processor is outside its specification"),
    ("R", "a module was unloaded by force"),
    ("M", "a machine check happened"),
    ("B", "a page was in a bad state"),
    ("U", "user space asked for the taint"),
    ("D", "the kernel died before: an oops or a BUG"),
    ("A", "an ACPI table was overridden"),
    ("W", "a warning was given"),
    ("C", "a staging driver was loaded"),
    ("I", "firmware has a bug that is worked around"),
    ("O", "an out-of-tree module was loaded"),
    ("E", "an unsigned module was loaded"),
    ("L", "a soft lockup happened"),
    ("K", "the kernel was live patched"),
    ("X", "the distribution's own taint"),
    ("T", "the layout of structures is randomised"),
    ("N", "a test was run in the kernel"),
    ("J", "fwctl's mutating debug interface was used"),
)


class Taint(Record, frozen=True):
    """A set flag: its bit's number, its letter in an oops (``?`` if unknown here), its meaning."""

    bit: int
    letter: str
    meaning: str


def taints(mask: int) -> Iterator[Taint]:
    """The flags in a mask, such as ``tainted_mask`` and ``struct module.taints``."""
    for bit in range(mask.bit_length()):
        if mask >> bit & 1:
            letter, meaning = _FLAGS[bit] if bit < len(_FLAGS) else ("?", "a flag of a newer kernel")
            yield Taint(bit=bit, letter=letter, meaning=meaning)


def taints_of_letters(said: str) -> Iterator[Taint]:
    """The flags that the letters of an oops name (``OE``), in the order of their bits; G is for none."""
    for bit, (letter, meaning) in enumerate(_FLAGS):
        if letter in said:
            yield Taint(bit=bit, letter=letter, meaning=meaning)


def letters(mask: int) -> str:
    """The letters of a mask without blanks: ``OE``."""
    return "".join(one.letter for one in taints(mask))


def kernel_taints(survey: Survey) -> Iterator[Taint]:
    """The kernel's taints (``tainted_mask``)."""
    yield from taints(survey.kernel.symbol_as("tainted_mask", "unsigned long").value_())

"""Operations of requests and bios: ``enum req_op`` and ``enum req_flag_bits`` (include/linux/blk_types.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import UnknownTypeError

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

# REQ_OP_BITS
_BITS = 8
# 87c37be99bf9 (5.20) gave the enumeration of operations its short name
_OPERATIONS = ("enum req_op", "enum req_opf")


def operation_name(survey: Survey, flags: int) -> str:
    """The operation in the lower byte: ``READ``, ``WRITE``, ``FLUSH``...; its number where it has no name."""
    number = flags & ((1 << _BITS) - 1)
    for name, value in _enumerators(survey, *_OPERATIONS).items():
        if value == number and name != "REQ_OP_LAST":
            return name.removeprefix("REQ_OP_")
    return str(number)


def flag_names(survey: Survey, flags: int) -> tuple[str, ...]:
    """The flags above it: ``SYNC``, ``META``, ``FUA``..."""
    names = {bit: name for name, bit in _enumerators(survey, "enum req_flag_bits").items()}
    return tuple(
        names.get(bit, f"__REQ_{bit}").removeprefix("__REQ_")
        for bit in range(_BITS, flags.bit_length())
        if flags >> bit & 1
    )


def _enumerators(survey: Survey, *kinds: str) -> dict[str, int]:
    for kind in kinds:
        try:
            return survey.kernel.enumerators(kind)
        except UnknownTypeError:
            continue
    return {}

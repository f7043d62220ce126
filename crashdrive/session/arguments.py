"""Values on their way to crash's command line: each is checked against what it may be.

crash acts on ``|``, ``!``, ``>``, ``<`` anywhere, completes on TAB and splits on newlines, so that a name
out of a dump would be a shell injection. Nothing is quoted or escaped here: what isn't plainly an address,
a number, a symbol, a type, a member path or a path is refused with ArgumentError.
"""

from __future__ import annotations

import re
from typing import NoReturn

from crashdrive.errors import ArgumentError

_SYMBOL = re.compile(r"[A-Za-z_.$][A-Za-z0-9_.$]{0,511}")
_TYPE = re.compile(r"(?:(?:struct|union|enum) )?[A-Za-z_][A-Za-z0-9_]{0,255}")
_MEMBERS = re.compile(
    r"[A-Za-z_]\w{0,255}(?:\[\d{1,9}\])?(?:\.[A-Za-z_]\w{0,255}(?:\[\d{1,9}\])?){0,63}", re.ASCII
)
_PATH = re.compile(r"/[A-Za-z0-9_./+:@%,=~-]{1,4000}")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:/-]{0,255}")


def _refuse(what: str, value: object, example: str) -> NoReturn:
    raise ArgumentError(f"{ascii(value)[:120]} is no {what} (such as {example})")


def address(value: int) -> str:
    """An address as crash takes it: hexadecimal without 0x; 0 to 2**64-1."""
    if not 0 <= value < 1 << 64:
        _refuse("address", value, "0xffff888003a54000")
    return f"{value:x}"


def number(value: int, *, low: int = 0, high: int = (1 << 63) - 1) -> str:
    """A decimal number within bounds."""
    if not low <= value <= high:
        _refuse(f"number from {low} to {high}", value, str(low))
    return str(value)


def pid(value: int) -> str:
    """A process id, 0 to 2**22."""
    return number(value, high=1 << 22)


def symbol(value: str) -> str:
    """A kernel symbol's name."""
    return _full(_SYMBOL, "symbol", value, "init_task")


def type_name(value: str) -> str:
    """A structure, union, enum or typedef name, with or without its keyword."""
    return _full(_TYPE, "type name", value, "struct task_struct")


def members(value: str) -> str:
    """A path of members: ``__sk_common.skc_state`` or ``comm[3]``."""
    return _full(_MEMBERS, "member path", value, "__sk_common.skc_state")


def path(value: str) -> str:
    """An absolute path without anything that crash's command line acts on."""
    return _full(_PATH, "absolute path of plain characters", value, "/proc/self/fd/3")


def word(value: str) -> str:
    """A plain word, such as a slab cache's name or a device's."""
    return _full(_WORD, "plain word", value, "kmalloc-64")


def task(value: int) -> str:
    """A task, by pid (small numbers) or by the address of its task_struct."""
    return pid(value) if value <= 1 << 22 else address(value)


def _full(pattern: re.Pattern[str], what: str, value: str, example: str) -> str:
    if not pattern.fullmatch(value):
        _refuse(what, value, example)
    return value

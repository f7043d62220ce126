"""Arguments that several typed calls share, each checked before it stands on crash's command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crashdrive.errors import ArgumentError
from crashdrive.session import arguments

# crash acts on | ! > < and quotes; -> is the only one of them that C needs here.
_EXPRESSION = re.compile(r"(?:[\w .,*&()\[\]+/%~^=?:-]|->){1,1000}", re.ASCII)
_CPUS = re.compile(r"a|all|\d{1,5}(?:-\d{1,5})?(?:,\d{1,5}(?:-\d{1,5})?){0,63}")


def place(value: int | str, cpus: str | None = None) -> str:
    """An address, or a symbol's name; with ``cpus`` (``a``, ``0``, ``1-3,5``) of per-cpu data."""
    plain = arguments.symbol(value) if isinstance(value, str) else arguments.address(value)
    return plain if cpus is None else f"{plain}:{cpu_list(cpus)}"


def cpu_list(cpus: str) -> str:
    """CPUs as crash takes them: ``a`` for all, or numbers and ranges."""
    if not _CPUS.fullmatch(cpus):
        raise ArgumentError(f"{cpus!a} names no CPUs (such as a, 0 or 1-3,5)")
    return cpus


def member_offset(value: int | str) -> str:
    """An offset in bytes, or a member as ``structure.member``."""
    if isinstance(value, int):
        return arguments.number(value)
    structure, _, member = value.partition(".")
    return f"{arguments.type_name(structure)}.{arguments.members(member)}"


def structure_members(structure: str, members: Iterable[str] = ()) -> str:
    """``structure`` or ``structure.member,member``, as ``-s`` and ``struct`` take it."""
    name = bare_type(structure)
    listed = ",".join(map(arguments.members, members))
    return f"{name}.{listed}" if listed else name


def bare_type(name: str) -> str:
    """A structure's name without its keyword."""
    return arguments.type_name(name).removeprefix("struct ").removeprefix("union ")


def shown(wanted: str | Iterable[str]) -> list[str]:
    """What ``-s`` shows of each element: ``"module"``, ``"module.name"`` or several of these."""
    listed = [wanted] if isinstance(wanted, str) else list(wanted)
    return [_shown_one(one) for one in listed]


def _shown_one(wanted: str) -> str:
    structure, _, members = wanted.partition(".")
    return structure_members(structure, members.split(",") if members else ())


def expression(text: str) -> str:
    """A C expression; in parentheses of its own, where crash acts on nothing, unless it is a plain symbol."""
    if re.fullmatch(r"[A-Za-z_]\w{0,255}", text, re.ASCII):
        return text
    if not _EXPRESSION.fullmatch(text) or not _balanced(text):
        raise ArgumentError(
            f"{text!a} is no C expression without quotes, |, !, < and > (such as init_task.comm)"
        )
    return f"({text})"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0

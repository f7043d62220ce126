"""``search``: where memory holds a value or a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from crashdrive.commands.base import call, line
from crashdrive.errors import ArgumentError, UsageError
from crashdrive.parsers.search import Match
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner

Where = Literal["kernel", "user", "physical", "stacks", "active stacks"]
_WHERE = {"kernel": "-k", "user": "-u", "physical": "-p", "stacks": "-t", "active stacks": "-T"}
# inside quotes crash's command line leaves all of these alone
_TEXT = re.compile(r"[\w .,:/%+=()\[\]@#-]{1,63}", re.ASCII)


def search(
    crash: Runner,
    *values: int,
    texts: Sequence[str] = (),
    where: Where = "kernel",
    start: int | None = None,
    length: int | None = None,
    ignore: int = 0,
    timeout: float | None = None,
) -> Answer[Match]:
    """Places that hold one of ``values`` (whole words), or one of ``texts``, in all of that memory or a part.

    ``ignore``: bits that don't matter. An answer without records: nothing found. Searching all of a big dump
    takes minutes: see ``timeout`` (seconds). Source: crash's ``search``.
    """
    if where not in _WHERE:
        raise ArgumentError(f"{where!a} is no memory to search (such as kernel)")
    if bool(values) == bool(texts):
        raise UsageError("search needs values or texts, not both")
    wanted = [arguments.address(value) for value in values] or ["-c", *map(_quoted, texts)]
    command = line(
        "search",
        _WHERE[where],
        "" if start is None else f"-s {arguments.address(start)}",
        "" if length is None else f"-l {arguments.number(length)}",
        f"-m {arguments.address(ignore)}" if ignore else "",
        *wanted,
    )
    return call(crash, command, timeout=timeout)


def _quoted(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise ArgumentError(f"{text!a} holds what can't stand in quotes on crash's command line")
    return f'"{text}"'

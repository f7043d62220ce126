"""Futexes: the word that a waiter waits for, and who holds it where the kernel or user memory tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crashdrive.linux.futexes.queued import futex_kind, queued, user_address
from crashdrive.linux.futexes.words import Word, words
from crashdrive.linux.locks.objects import Belonging

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

TYPE = "futex"
OF = "futex"
FUNCTIONS = re.compile(r".*")


def belonging(survey: Survey, addresses: Sequence[int]) -> Iterator[Belonging]:
    """The futexes of these waiters (``struct futex_q``), which the hash table has, too:
    ``7f12 of COMM (PID)``.
    """
    table = dict(queued(survey))
    mine = [(place, table[place]) for place in addresses if place in table]
    for place, word in words(survey, mine).items():
        row = table[place]
        owner, doubt = (row["owner_task"], None) if row["pi"] else (word.owner, _doubt(word))
        yield Belonging(
            place,
            _name(row, word, survey.kernel.page_size),
            owner or None,
            place=user_address(row["page"], row["offset"], survey.kernel.page_size),
            note=_note(row, word),
            doubt="timeout" if word.has_timeout and owner else doubt,
        )


def _doubt(word: Word) -> str | None:
    return "glibc" if word.by == "glibc" else None


def _name(row: Mapping[str, Any], word: Word, page_size: int) -> str:
    address = user_address(row["page"], row["offset"], page_size)
    where = "?" if address is None else f"{address:x}"
    if futex_kind(row["offset"]) == "file":
        return f"at {where} of a file (i_sequence {row['of']})"
    pid, comm = word.process
    return f"{where} of {comm or '?'} ({pid if pid is not None else '?'})"


def _note(row: Mapping[str, Any], word: Word) -> str:
    said = [f"word {word.value:x}" if word.value is not None else f"word not read: {word.reason}"]
    if row["pi"]:
        said.append("priority inheritance")
    if word.by == "robust":
        said.append("on its holder's robust list")
    elif word.by == "glibc":
        said.append("perhaps glibc's mutex, whose __owner it is")
    if word.has_timeout:
        said.append("with a timeout")
    return ", ".join(said)

"""``list``: the elements of a linked list."""

from __future__ import annotations

from collections.abc import Iterable

from crashdrive.commands._checked import member_offset, place, shown
from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.grammar.walks import Element
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def list(  # noqa: A001 - named after crash's command
    crash: Runner,
    start: int | str,
    offset: int | str = 0,
    *,
    head: bool = False,
    whole: bool = False,
    backwards: bool = False,
    show: str | Iterable[str] = (),
    exact: bool = False,
) -> Answer[Element]:
    """The elements of the list at ``start``, an address or a symbol.

    ``offset``: where the link is in each element, in bytes or as ``task_struct.tasks``. ``head``: ``start``
    is a list_head outside of the elements; ``whole``: it is an element and the link a list_head in it;
    ``backwards`` follows ``prev``. ``show``: members of each, as ``"task_struct.pid,comm"``: read from memory
    (integers, texts), or with ``exact`` printed by gdb, 0.5 s for each element. CommandFailedError where the
    list can't be followed from the start. Source: crash's ``list``.
    """
    letter = "s" if exact else "S"
    return call(
        crash,
        line(
            "list",
            f"-o {member_offset(offset)}",
            flag("r", backwards),
            *(f"-{letter} {one}" for one in shown(show)),
            flag("H", head),
            flag("h", whole),
            place(start),
        ),
    )

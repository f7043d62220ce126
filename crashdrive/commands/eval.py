"""``eval``: a number in every base."""

from __future__ import annotations

from crashdrive.commands._checked import expression
from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.eval import Evaluation
from crashdrive.records import Answer
from crashdrive.session.result import Runner


def eval(crash: Runner, text: str, *, bits: bool = False) -> Answer[Evaluation]:  # noqa: A001 - crash's name
    """What crash makes of a number, a symbol or a sum such as ``panic + 0x20``; with ``bits`` which are set.

    Source: crash's ``eval``.
    """
    return call(crash, line("eval", flag("b", bits), expression(text)))

"""Which commands' answers may be given again, and what they are kept under.

An answer is that of the command line in a state: the settings and the context that were made before it. What
does more than print, or reads more than the dump, ends all recalling in its session.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from crashdrive.cache.sessions import digest_of
from crashdrive.commandline import command_line

Kind = Literal["prints", "context", "acts"]

# gdb on types, sizes and places: nothing is called, nothing is assigned
_OF_TYPES: Final = re.compile(
    r"gdb (?:ptype(?:/o)?|whatis|p sizeof\(|p \(unsigned long\)&|p \((?:typeof\(|\w+(?: \w+)*\)-1))"
    r"(?:[\w &*.,<>()\[\]:]|->|-\d)*",
    re.ASCII,
)
# failures by which nothing is said of the dump
PASSING: Final = frozenset({"interrupted", "died", "deadline", "not-run", "gdb-crashed", "minimal"})
# what makes all answers of a session doubtful, by no fault of the dump's
_SPOILS: Final = frozenset({"restarted", "unchecked", "zeros"})


def kind_of(command: str) -> Kind:
    """What a command does: print, set what later answers depend on, or more than that."""
    line = command_line(command)
    if line.name == "set" and command.isprintable() and not re.search(r"[|<>!`]", command):
        return "context" if line.sets else "prints"
    prints = line.only_prints or line.words in {("mod",), ("mod", "-t")} or _OF_TYPES.fullmatch(command)
    return "prints" if prints else "acts"


class State:
    """What answers depend on beside dump, crash, settings and context: which stacks were drawn before.

    A crash that draws its first stack is right; one that drew others may go by what it learnt of them.
    """

    def __init__(self) -> None:
        self._asked = ""
        self._drawn = ""

    def names(self, command: str, context: Sequence[str]) -> list[str]:
        """What the answer may be kept under, the surest first."""
        histories = ["", self._asked] if _draws(command) else [""]
        return list(dict.fromkeys(digest_of(command, list(context), one) for one in histories))

    def name(self, command: str, context: Sequence[str]) -> str:
        """What the answer of the crash at hand is kept under; before it is noted."""
        return digest_of(command, list(context), self._drawn if _draws(command) else "")

    def note(self, command: str, *, by_crash: bool) -> None:
        """A command that was answered, by crash or in its place."""
        if _draws(command):
            self._asked = digest_of(self._asked, command)
            if by_crash:
                self._drawn = digest_of(self._drawn, command)


def _draws(command: str) -> bool:
    return command_line(command).traits.draws


def spoils(kinds: Sequence[str], outcomes: Sequence[str]) -> bool:
    """Whether warnings of these kinds, or starts that ended so, keep a session's answers from being kept."""
    return not _SPOILS.isdisjoint(kinds) or "deadline" in outcomes

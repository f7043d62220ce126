"""The first prompt, which stands before what edits a line is loaded: that takes longer than all before it.

Until then the terminal is as prompt_toolkit wants it, and shows nothing of what is typed: keys wait in it, ^C
and ^D, too, and are the line's. prompt_toolkit draws its own prompt over this one.
"""

from __future__ import annotations

import os
import sys
import termios
from typing import Final

# as prompt_toolkit sets a terminal (input/vt100.py)
_INPUT: Final = termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR
_LOCAL: Final = termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG
# terminals on which nothing can be drawn over what stands there
_DUMB = frozenset({"", "dumb", "unknown"})
# of what tcgetattr gives
_IFLAG, _LFLAG, _CC = 0, 3, 6
Attributes = list[int | list[bytes | int]]


class Ahead:
    """A prompt that was written ahead; none where the terminal can't be drawn over.

    Whoever reads the first line takes the terminal over by `taken`; else `undo` makes it what it was.
    """

    def __init__(self, prompt: str) -> None:
        self._before: Attributes | None = None
        if os.environ.get("TERM", "").lower() in _DUMB:
            return
        try:
            before = termios.tcgetattr(sys.stdin)
            termios.tcsetattr(sys.stdin, termios.TCSANOW, _raw(before))
        except (termios.error, OSError, ValueError):
            return  # its reader will say so, or do without
        try:
            sys.stdout.write(f"\r{prompt}\x1b[K")
            sys.stdout.flush()
        except BaseException:
            # nobody has this object, who could undo it
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
            raise
        self._before = before

    def taken(self) -> Attributes | None:
        """What the terminal was, once; None where nothing has to be made so again. The cursor goes back."""
        before, self._before = self._before, None
        if before is not None:
            sys.stdout.write("\r")
            sys.stdout.flush()
        return before

    def undo(self) -> None:
        """Make the terminal what it was, where nobody took it over."""
        before = self.taken()
        if before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _raw(attributes: Attributes) -> Attributes:
    found = list(attributes)
    found[_IFLAG] = _without(found[_IFLAG], _INPUT)
    found[_LFLAG] = _without(found[_LFLAG], _LOCAL)
    control = found[_CC]
    if isinstance(control, list):
        control = list(control)
        control[termios.VMIN] = 1
        found[_CC] = control
    return found


def _without(flags: object, unwanted: int) -> int:
    return flags & ~unwanted if isinstance(flags, int) else 0

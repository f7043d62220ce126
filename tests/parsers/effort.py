"""How much work a parser does with a text, held without a limit in seconds: machines are slow, or busy.

Two things are held against a text's length:

- **The functions that are called**, ours and those of C code: methods of patterns and of strings among them.
  That is the same number in each run.
- **The growth of time** from a quarter of a text to the whole of it: the work inside one pattern is no call.
  For four times the text a pattern that runs away takes 16 times as long, or more. The time is that of the
  processor for this thread, and the least of several tries counts: other programs would have to slow down the
  whole text, and never its quarter, in each of them.
"""

from __future__ import annotations

import contextlib
import cProfile
import gc
import time
from collections.abc import Callable, Iterator

CALLS = 60
"""Most calls for each character of a text; a line of one character that is a message of crash takes 39."""

GROWTH = 10
"""How many times as long as a quarter of a text the whole of it may take."""

MANY = 20
"""How many times as long as a whole output one that is damaged may take."""

TRIES = 8
"""How often a time is taken before it is held to be true."""

LITTLE = 0.05
"""Seconds: what takes no longer is looked at no more. A text of 10 kB that runs away takes longer."""

# for the start of a parser, whatever the text
_START = 3000


def assert_linear(
    read: Callable[[str], object],
    text: Callable[[int], str],
    size: int,
    *,
    calls: float = CALLS,
    little: float = LITTLE,
) -> None:
    """Reading ``text(size)``, of about ``size`` characters, takes no more than its length's share.

    Calls are counted in a sixteenth of it: the growth of the time holds for these, too.
    """
    whole, quarter, part = text(size), text(size // 4), text(size // 16)
    if assert_quick(lambda: read(whole), lambda: read(quarter), GROWTH, little) <= little:
        return
    counted = count_calls(lambda: read(part))
    assert counted <= _START + calls * len(part), f"{counted / len(part):.1f} calls a character"


def repeated(head: str, unit: str, tail: str = "") -> Callable[[int], str]:
    """Texts with so many characters of a unit between a head and a tail."""
    return lambda size: head + unit * (size // len(unit)) + tail


def assert_quick(
    do: Callable[[], object], other: Callable[[], object], times: float, little: float = LITTLE
) -> float:
    """The seconds that it takes: a ``little`` at most, or so many ``times`` those of the ``other``."""
    took, others = seconds(do), float("inf")
    if took <= little:
        return took
    for _ in range(TRIES):
        others = min(others, seconds(other))
        if took <= max(times * others, little):
            return took
        took = min(took, seconds(do))
    raise AssertionError(f"{took:.3f} s, {took / others:.1f} times as long as {others:.3f} s")


def seconds(do: Callable[[], object]) -> float:
    """What a run takes of this thread's time."""
    with _no_collections():
        start = time.thread_time()
        do()
        return time.thread_time() - start


def count_calls(do: Callable[[], object]) -> int:
    """How many functions a run calls."""
    counted = cProfile.Profile()
    with _no_collections():
        counted.enable()
        try:
            do()
        finally:
            counted.disable()
    return sum(each.callcount for each in counted.getstats())


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Garbage is looked for among all that other tests have left, at any time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()

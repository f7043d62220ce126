"""Which of several crash binaries is taken: the first that is whole, else the best of them.

A crash that is older than the kernel may come up and know a few of the tasks. So each that comes up is looked
at, and where answers of it are to be doubted the next is started, too. The best is the one with the fewest
commands in doubt; of those that are alike the one with the fewest start options; then the one named first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from crashdrive.errors import SessionDiedError, StartError
from crashdrive.session.health import ALL_COMMANDS, Attempt, Health, doubted, doubts
from crashdrive.session.launch import Ladder, Launched, start_one
from crashdrive.session.room import room_for_another
from crashdrive.session.transport import OutOfTimeError, PtyTransport


class _Session(Protocol):
    """What is chosen from."""

    @property
    def health(self) -> Health: ...

    def close(self) -> None: ...


S = TypeVar("S", bound=_Session)
# looks at a crash that came up; closes it where that fails
Judge = Callable[[PtyTransport, Launched], S]


class _Candidate(NamedTuple, Generic[S]):
    session: S
    launched: Launched
    pid: int | None

    @property
    def rank(self) -> tuple[int, int]:
        """The lower the better; 0 at first: whole."""
        return doubted(self.session.health.warnings), len(self.launched.options)


def choose(ladder: Ladder, judge: Judge[S]) -> tuple[S, tuple[Attempt, ...]]:
    """A session on the best crash, and all that was tried; StartError or DeadlineError if none comes up.

    Two are open at once only where memory allows it; else the first is closed, and started again where the
    second is no better.
    """
    first = _next(ladder, judge, None)
    if first is None:
        raise ladder.failure()
    best, is_open = first, True
    try:
        while ladder.has_more(best.rank[0]):
            if is_open and not room_for_another(best.pid):
                ladder.notify("little memory is free: it is closed before the next one is started")
                best.session.close()
                is_open = False
            other = _next(ladder, judge, best)
            if other is not None and other.rank < best.rank:
                best.session.close()
                best, is_open = other, True
            elif other is not None:
                other.session.close()
        if not is_open:
            best = _again(best, ladder, judge)
    except BaseException:
        best.session.close()
        raise
    if len(ladder.attempts) > 1:
        ladder.notify(f"taken: {_named(best.launched)}")
    return best.session, tuple(ladder.attempts)


def _next(ladder: Ladder, judge: Judge[S], best: _Candidate[S] | None) -> _Candidate[S] | None:
    """The next crash that comes up and stays; starts that can't beat the ``best`` are skipped."""
    bound = ALL_COMMANDS + 1 if best is None else best.rank[0]
    while (found := ladder.climb(bound)) is not None:
        try:
            candidate = _judged(judge, *found)
        except StartError as error:
            ladder.fell(str(error), error.__cause__)
            continue
        told = [warning.message for warning in doubts(candidate.session.health.warnings)]
        ladder.note(told)
        for message in told:
            ladder.notify(f"{_named(candidate.launched)} came up, but: {message}")
        return candidate
    return None


def _again(best: _Candidate[S], ladder: Ladder, judge: Judge[S]) -> _Candidate[S]:
    """The best crash started again: it was closed to make room for another one."""
    ladder.notify(f"starting {_named(best.launched)} again: none was better")
    try:
        transport, _ = start_one(best.launched.binary, best.launched.options, ladder.start)
    except (OutOfTimeError, SessionDiedError) as error:
        raise StartError(f"crash could not be started again: {error}", ladder.attempts) from error
    return _judged(judge, transport, best.launched)


def _judged(judge: Judge[S], transport: PtyTransport, launched: Launched) -> _Candidate[S]:
    pid = transport.crash_pid()
    try:
        return _Candidate(judge(transport, launched), launched, pid)
    except (OutOfTimeError, SessionDiedError) as error:
        raise StartError(f"{_named(launched)} came up, and ended at once: {error}") from error


def _named(launched: Launched) -> str:
    words = [launched.binary.path, f"({launched.binary.version or 'unknown version'})", *launched.options]
    return " ".join(words)

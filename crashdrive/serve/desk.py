"""Questions about one dump from several connections, answered in turn by the thread that owns crash.

Who asks waits a moment for the answer. Where that takes longer, `BusyError` says what is going on, and the
answer is there when the same question is asked again. Answers are kept, the most recent ones.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from crashdrive.errors import CrashdriveError, SessionClosedError, UsageError
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.crash import Crash

T = TypeVar("T")
MOST_WAITING = 64
"""Questions that may wait; further ones are refused."""
MOST_KEPT = 40
"""Answers that are kept for whoever asks the same again."""
PATIENCE = 1.5
"""Seconds that a page waits before it says that it is being made."""
_SHORT, _LONG, _LAST = 0, 1, 2


class BusyError(Exception):
    """The answer isn't there yet; ``work`` says how far it is."""

    def __init__(self, work: Work) -> None:
        super().__init__(work.title)
        self.work = work


class Work:
    """A question on its way: what it is, since when, and the last step that was taken for it."""

    def __init__(self, key: str, title: str, question: Callable[[Crash], Any]) -> None:
        self.key = key
        self.title = title
        self.question = question
        self.asked = time.monotonic()
        self.began: float | None = None
        self.step = ""
        self.steps = 0
        self.done = threading.Event()
        self.answer: Any = None
        self.error: Exception | None = None

    def told(self) -> dict[str, Any]:
        """What a page shows of it."""
        return {
            "title": printable(self.title),
            "done": self.done.is_set(),
            "waiting": self.began is None,
            "seconds": round(time.monotonic() - (self.began or self.asked), 1),
            "step": printable(self.step),
            "steps": self.steps,
        }


class _Steps(logging.Handler):
    """Hears what each step took (`crashdrive.steps`), for the question that it was taken for."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(logging.INFO)
        self._desk = desk

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of the last step."""
        if (work := self._desk.current) is not None:
            work.step, work.steps = record.getMessage(), work.steps + 1


class Desk:
    """Takes questions from any thread; `work` answers them in the thread that calls it, until `close`."""

    def __init__(self, crash: Crash) -> None:
        self.crash = crash
        self.current: Work | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: queue.PriorityQueue[tuple[int, int, Work | None]] = queue.PriorityQueue()
        self._known: OrderedDict[str, Work] = OrderedDict()
        self._closed = False

    # asking

    def ask(
        self,
        key: str,
        title: str,
        question: Callable[[Crash], T],
        *,
        short: bool = False,
        patience: float = PATIENCE,
    ) -> T:
        """The answer; BusyError where it takes longer than ``patience``, the question's own error otherwise.

        ``key`` tells the question from all others. ``short`` ones go before those that take long.
        """
        work = self._work(key, title, question, short=short)
        if not work.done.wait(patience):
            raise BusyError(work)
        if work.error is not None:
            with self._lock:  # asked again, it is tried again
                if self._known.get(key) is work:
                    del self._known[key]
            raise work.error
        found: T = work.answer
        return found

    def look(self, key: str) -> Work | None:
        """The work on a question, or that is done; None for one that nobody asked."""
        with self._lock:
            return self._known.get(key)

    def _work(self, key: str, title: str, question: Callable[[Crash], Any], *, short: bool) -> Work:
        with self._lock:
            if self._closed:
                raise SessionClosedError("crashdrive serve has ended")
            if (work := self._known.get(key)) is not None:
                self._known.move_to_end(key)
                return work
            if self._waiting.qsize() >= MOST_WAITING:
                raise UsageError(f"{MOST_WAITING} questions are waiting: ask again when some are answered")
            work = self._known[key] = Work(key, title, question)
            self._forget()
            self._waiting.put((_SHORT if short else _LONG, next(self._numbers), work))
            return work

    def _forget(self) -> None:
        old = [key for key, work in self._known.items() if work.done.is_set()]
        for key in old[: max(len(self._known) - MOST_KEPT, 0)]:
            del self._known[key]

    # answering

    def work(self) -> None:
        """Answer questions until `close`; to be called by one thread, which an interrupt may reach."""
        steps, handler = logging.getLogger("crashdrive.steps"), _Steps(self)
        level, passes = steps.level, steps.propagate
        # heard here, and by others only if they would have heard it anyway
        steps.propagate = steps.isEnabledFor(logging.INFO)
        steps.setLevel(logging.INFO)
        steps.addHandler(handler)
        try:
            while (work := self._next()) is not None:
                self._answer(work)
        finally:
            steps.removeHandler(handler)
            steps.propagate = passes
            steps.setLevel(level)
            self._end()

    def close(self) -> None:
        """End `work` after the question at hand; all that wait are told. From any thread."""
        with self._lock:
            self._closed = True
        self._waiting.put((_LAST, next(self._numbers), None))

    def _next(self) -> Work | None:
        while not self._closed:
            try:
                # a deadline, so that a signal is seen at once
                return self._waiting.get(timeout=0.2)[2]
            except queue.Empty:
                continue
        return None

    def _answer(self, work: Work) -> None:
        self.current, work.began = work, time.monotonic()
        try:
            work.answer = work.question(self.crash)
        except CrashdriveError as error:
            work.error = error
        except Exception as error:  # noqa: BLE001 - one question must not end the others
            work.error = CrashdriveError(f"a defect of crashdrive: {type(error).__name__}: {error}")
        except BaseException:
            work.error = SessionClosedError("crashdrive serve has ended")
            raise
        finally:
            self.current = None
            work.done.set()

    def _end(self) -> None:
        with self._lock:
            self._closed = True
            left = [work for work in self._known.values() if not work.done.is_set()]
        for work in left:
            work.error = SessionClosedError("crashdrive serve has ended")
            work.done.set()

"""Whose turn it is: one client at a time, in the order in which they asked."""

from __future__ import annotations

import threading
import time
from collections import deque


class Turns:
    """One turn, taken by clients (any object) in the order of their asking."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holder: object | None = None

    def take(self, client: object, seconds: float) -> bool:
        """Wait so long for the turn; whoever has it already keeps it."""
        with self._changed:
            if self._holder is client:
                return True
            self._waiting.append(client)
            deadline = time.monotonic() + seconds
            try:
                while self._holder is not None or self._waiting[0] is not client:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    self._changed.wait(left)
                self._holder = client
            finally:
                self._waiting.remove(client)
                self._changed.notify_all()
        return True

    def give(self, client: object) -> None:
        """Let the next one have it; nothing where it isn't this client's."""
        with self._changed:
            if self._holder is client:
                self._holder = None
                self._changed.notify_all()

    @property
    def holder(self) -> object | None:
        """Who has it."""
        return self._holder

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting)

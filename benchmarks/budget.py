"""How long a whole measurement may take."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

# a run that is ended sooner would tell nothing
_LEAST = 60.0


class Budget:
    """Seconds that there are for all; who asks by `rounds` gets fewer of them once its share is used up."""

    def __init__(self, seconds: float) -> None:
        self._ends = monotonic() + seconds
        self._parts = 1

    def divide(self, parts: int) -> None:
        """So many measurements are still to come."""
        self._parts = max(parts, 1)

    @property
    def left(self) -> float:
        """Seconds, 0 once they are over."""
        return max(self._ends - monotonic(), 0.0)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.left == 0.0

    def patience(self, most: float) -> float:
        """How long a single run may take."""
        return min(most, max(self.left, _LEAST))

    def rounds(self, most: int) -> Iterator[int]:
        """0, 1, ...: at least one, then as many as the part that begins now has time for."""
        until = monotonic() + self.left / self._parts
        self._parts = max(self._parts - 1, 1)
        for number in range(most):
            if number and monotonic() >= until:
                return
            yield number

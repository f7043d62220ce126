"""What is seen of a session while an answer is made: whether it is one to keep, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.records import Report

# what spoils an answer by no fault of the dump's: in the session, and in parts of a report (a deadline, say)
_PASSING = frozenset({"restarted", "unchecked"})
_FAILED = frozenset({"failed", "rule", "unread"})


class Witness:
    """Sees how an answer is made; says at the end whether it may be kept."""

    def __init__(self) -> None:
        self._crash: Crash | None = None
        self._spoiled = False

    def opened(self, crash: Crash) -> None:
        """The answer rests on this crash's dump."""
        self._crash = crash

    def made(self, report: Report) -> None:
        """The answer is this report; one of which a part failed is not one to keep."""
        self._spoiled |= any(notice.kind in _FAILED for notice in report.warnings)

    def basis(self) -> tuple[tuple[str, ...], str] | None:
        """The dump and the vmlinux, and the binary; None where the answer is not one to keep."""
        crash = self._crash
        if crash is None or self._spoiled:
            return None
        health, identity = crash.health, crash.identity
        troubled = any(warning.kind in _PASSING for warning in health.warnings)
        if troubled or any(attempt.outcome == "deadline" for attempt in health.attempts):
            return None
        files = tuple(identity[name] for name in ("vmcore", "vmlinux") if name in identity)
        return (files, health.binary) if len(files) == 2 else None

    def marks(self) -> tuple[str, ...]:
        """What the dump and the vmlinux were when crash opened them."""
        crash = self._crash
        marks = {} if crash is None else crash.session.marks
        return tuple(marks.get(name, "") for name in ("vmcore", "vmlinux"))

"""crash as a process: start it, talk to it, end it."""

from __future__ import annotations

from crashdrive.session.health import Attempt, Health, HealthWarning
from crashdrive.session.result import CommandResult, Failure, Runner
from crashdrive.session.session import Session

__all__ = [
    "Attempt",
    "CommandResult",
    "Failure",
    "Health",
    "HealthWarning",
    "Runner",
    "Session",
]

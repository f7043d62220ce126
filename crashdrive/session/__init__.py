"""crash as a process: start it, talk to it, end it. The names below are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashdrive.session.health import Attempt, Health, HealthWarning
    from crashdrive.session.result import CommandResult, Failure, Runner
    from crashdrive.session.session import Session

_HOMES = {
    "Attempt": "health",
    "CommandResult": "result",
    "Failure": "result",
    "Health": "health",
    "HealthWarning": "health",
    "Runner": "result",
    "Session": "session",
}

__all__ = [
    "Attempt",
    "CommandResult",
    "Failure",
    "Health",
    "HealthWarning",
    "Runner",
    "Session",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

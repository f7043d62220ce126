"""Counters of the network stack as rows; memory of sockets, and which counters are losses: other modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.net.counters.snmp import Counter, every_counter
from crashdrive.linux.net.survey import NetSurvey

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Reading

__all__ = ["Counter", "read"]


def read(kernel: Machine, *, netns: str | None = None) -> Reading[Counter]:
    """Counters that nstat shows, of a namespace (of all where None); UsageError for no namespace."""
    survey = NetSurvey.of(kernel, netns)
    return survey.reading(every_counter(survey))

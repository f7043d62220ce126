"""Network devices: `read` gives them as rows, with their state, addresses and counters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crashdrive.linux.net.devices.devices import Interface, devices, interfaces
from crashdrive.linux.net.survey import NetSurvey

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Reading

__all__ = ["Interface", "read"]


def read(kernel: Machine, *, netns: str | None = None) -> Reading[Interface]:
    """Interfaces of a namespace, of all where None; UsageError for an unknown namespace."""
    survey = NetSurvey.of(kernel, netns)
    every = survey.attempt("interfaces", partial(devices, survey))
    return survey.reading(survey.attempt("interfaces", partial(interfaces, survey, every)))

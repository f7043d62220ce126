"""Traffic control: `read` gives qdiscs as rows; classes and filters are in modules of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crashdrive.linux.net.devices.devices import devices
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.net.tc.qdisc_tree import Qdisc, qdiscs

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Reading

__all__ = ["Qdisc", "read"]


def read(kernel: Machine, *, netns: str | None = None) -> Reading[Qdisc]:
    """Qdiscs of the interfaces of a namespace, of all where None; UsageError for an unknown namespace.

    ``Qdisc.unread``: the kind isn't known; the row has counters, without the kind's own data.
    """
    survey = NetSurvey.of(kernel, netns)
    every = survey.attempt("interfaces", partial(devices, survey))
    return survey.reading(survey.attempt("qdiscs", partial(qdiscs, survey, every)))

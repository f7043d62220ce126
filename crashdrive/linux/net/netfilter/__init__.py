"""Netfilter's hooks and connections as rows; nf_tables and iptables are modules of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.net.netfilter.conntrack import Entry, every_entry
from crashdrive.linux.net.netfilter.hooks import Hook, every_hook
from crashdrive.linux.net.survey import NetSurvey

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Reading

__all__ = ["Entry", "Hook", "read", "read_connections"]


def read(kernel: Machine, *, netns: str | None = None) -> Reading[Hook]:
    """Hooks of a namespace (of all where None) in the order of their calls; UsageError for an unknown
    namespace.
    """
    survey = NetSurvey.of(kernel, netns)
    return survey.reading(every_hook(survey))


def read_connections(kernel: Machine, *, netns: str | None = None) -> Reading[Entry]:
    """Connections that netfilter tracks, expired ones that wait for garbage collection included."""
    survey = NetSurvey.of(kernel, netns)
    return survey.reading(every_entry(survey))

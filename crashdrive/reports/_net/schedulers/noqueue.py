"""noqueue, noop: they queue nothing and keep nothing (net/sched/sch_generic.c)."""

from __future__ import annotations

from crashdrive.reports._net.schedulers.base import Kind

KIND = Kind(names=("noqueue", "noop"))

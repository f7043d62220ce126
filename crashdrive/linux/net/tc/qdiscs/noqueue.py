"""noqueue, noop: no queue, no private data (net/sched/sch_generic.c)."""

from __future__ import annotations

from crashdrive.linux.net.tc.qdiscs.base import Kind

KIND = Kind(names=("noqueue", "noop"))

r"""Virtio devices, their queues, the balloon; virtual machines that this kernel is the host of.

\b
Examples:
  crashdrive report virtio vmcore
  crashdrive report virtio --device virtio3 vmcore
  crashdrive report virtio --format json vmcore | jq '.tables.queues[]'

outstanding: buffers that the host has; many in a queue of requests, and none answered, means that the host
doesn't come to it. Queues that receive are full of buffers that wait for data. answered: the host is done
with them and the guest hasn't taken them, as where interrupts are lost or a CPU is stuck.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.survey import Survey
from crashdrive.linux.virtio.balloons import balloons_of
from crashdrive.linux.virtio.devices import queues_of, read_devices
from crashdrive.linux.virtio.machines import machines
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "virtio"
SUMMARY = "Virtio devices, queues, the balloon; virtual machines of KVM."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(
        name="device", flags=("-d", "--device"), kind="text", many=True, help="This device alone (virtio0)."
    ),
)


def report(crash: Any, **asked: Any) -> Report:
    """The devices that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = survey.attempt("virtio devices", partial(read_devices, survey))
    survey.require("virtio device", asked["device"], [one.row.virtio_device for one in found])
    shown = [one for one in found if not asked["device"] or one.row.virtio_device in asked["device"]]
    queues = survey.attempt("virtqueues", partial(queues_of, survey, shown))
    held = survey.attempt("balloons", partial(balloons_of, survey, shown))
    tables = [
        Table(name="devices", rows=[one.row for one in shown], columns=_DEVICE, title="Devices"),
        Table(name="queues", rows=queues, columns=_QUEUE, title="Queues"),
        Table(name="balloons", rows=held, title="Balloons"),
    ]
    if not asked["device"]:
        hosted = survey.attempt("virtual machines", partial(machines, survey))
        tables.append(Table(name="machines", rows=hosted, title="Virtual machines of KVM"))
    return judged(report_of(NAME, survey, tables), "system")


_DEVICE = (
    "virtio_device", "virtio_kind", "driver_name", "parent_device", "virtio_features", "driver_gave_up",
    "config_pending",
)  # fmt: skip
_QUEUE = (
    "virtio_device", "queue_number", "virtqueue_name", "ring_size", "ring_free", "outstanding", "answered",
    "broken", "queue_callback",
)  # fmt: skip

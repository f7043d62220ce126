"""I/O of cgroups by device: ``io.stat`` (block/blk-cgroup.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.cgroups.roots import controllers
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crashdrive.linux.cgroups.groups import Found
    from crashdrive.linux.survey import Survey

_BLKCG, _GQ = "struct blkcg", "struct blkcg_gq"
_OPERATIONS = ("read", "written", "discarded")
_FIELDS = {
    # a request_queue had no pointer to its disk until 5.15 (d152c682f03c): its kobject lies in the disk's
    "device": ("q->disk->disk_name", "q->kobj.parent->name"),
    **{f"{name}_bytes": (f"iostat.cur.bytes[{at}]",) for at, name in enumerate(_OPERATIONS)},
    **{f"{name}_count": (f"iostat.cur.ios[{at}]",) for at, name in enumerate(_OPERATIONS)},
}


class CgroupIo(Record, frozen=True):
    """A cgroup's I/O with a device, that of groups below it included, as the kernel summed it up last."""

    path: str | None
    device: str | None
    read_bytes: Long | None
    written_bytes: Long | None
    discarded_bytes: Long | None
    read_count: int | None
    written_count: int | None
    discarded_count: int | None


def cgroup_io(survey: Survey, found: Iterable[Found]) -> Iterator[CgroupIo]:
    """A row for each cgroup and device with I/O; none where the kernel was built without BLK_CGROUP."""
    kernel = survey.kernel
    known = [one for one in controllers(survey) if "io" in {one.name, one.old_name}]
    if not known or not kernel.has_type(_GQ):
        return
    states = Fields(kernel, "struct cgroup", {"state": (f"subsys[{known[0].id}]",)})
    groups = [one for one in found if one.above is not None]
    rows = survey.rows(states, [one.address for one in groups], "block devices of cgroups")
    mine = [(one, row["state"]) for one, row in zip(groups, rows, strict=True) if row["state"]]
    head = kernel.offset(_BLKCG, "blkg_list")
    for one, state in mine:
        walked = kernel.walk_hlist(state + head, _GQ, "blkcg_node")
        survey.walked(walked, "block devices of cgroups")
        fields = Fields(kernel, _GQ, _FIELDS, ("device",))
        rows = survey.rows(fields, walked.addresses, "block devices of cgroups")
        pointers = [row["device"] for row in rows if isinstance(row["device"], int)]
        names = texts(survey, pointers, "disks' names")
        for row in rows:
            if any(row[name] for name in _FIELDS if name != "device"):
                device = names[row["device"]] if isinstance(row["device"], int) else row["device"]
                yield CgroupIo(path=one.path, **{**row, "device": device})

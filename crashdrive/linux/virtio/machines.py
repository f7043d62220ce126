"""Virtual machines that this kernel is the host of: KVM's list (virt/kvm/kvm_main.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_KVM = "struct kvm@kvm"
_FIELDS = {
    "pid": ("userspace_pid",),
    "online": ("online_vcpus.counter",),
    "created": ("created_vcpus",),
    "bugged": ("vm_bugged",),
    "dead": ("vm_dead",),
    "slots": ("nr_memslot_pages",),
}


class VirtualMachine(Record, frozen=True):
    """A virtual machine of KVM: ``owner_pid``, the process that made it (QEMU).

    ``online_vcpus`` of ``created_vcpus``: its CPUs. ``memory_bytes``: of its memory slots.
    ``machine_state``: ``usable``; ``dead``: it is being torn down; ``bugged``: KVM found an error of its own
    and stopped it.
    """

    owner_pid: int | None
    created_vcpus: int | None
    online_vcpus: int | None
    memory_bytes: int | None
    machine_state: str | None
    kvm: Address


def machines(survey: Survey) -> Iterator[VirtualMachine]:
    """All virtual machines; none where KVM isn't loaded."""
    kernel = survey.kernel
    if not kernel.symbols.has("vm_list"):
        return
    walked = kernel.walk_list(kernel.symbols.address("vm_list"), _KVM, "vm_list")
    survey.walked(walked, "virtual machines")
    fields = Fields(kernel, _KVM, _FIELDS, ("pid", "online"))
    for place, row in survey.addressed(fields, walked.addresses, "virtual machines"):
        yield VirtualMachine(
            owner_pid=row["pid"],
            created_vcpus=row["created"],
            online_vcpus=row["online"],
            memory_bytes=None if row["slots"] is None else row["slots"] * kernel.page_size,
            machine_state=_state(bugged=row["bugged"], dead=row["dead"]),
            kvm=place,
        )


def _state(*, bugged: bool | None, dead: bool | None) -> str | None:
    if bugged is None and dead is None:
        return None
    return "bugged" if bugged else "dead" if dead else "usable"

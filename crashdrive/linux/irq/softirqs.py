"""Softirqs of each CPU: how often they ran, which wait; as /proc/softirqs and crash's ``irq -b``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.lowcore import LOWCORE, is_s390x, lowcores
from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_STAT, _COUNTS = "struct kernel_stat", "softirqs"
_NAMES = "softirq_to_name"
_LONGEST = 32
# a mask of 16 bits holds them since 5.2 (0b9ccc0a9b14)
_MOST = 32


class Softirq(Record, frozen=True):
    """A softirq by its name in /proc/softirqs.

    ``counts``: how often each CPU ran it since boot. ``pending_cpus``: CPUs on which it is raised and hasn't
    run.
    """

    softirq: str
    counts: dict[int, int]
    pending_cpus: tuple[int, ...]


def softirqs(survey: Survey) -> Iterator[Softirq]:
    """All softirqs, in the order of their numbers; a CPU whose counts the dump lacks is left out."""
    kernel, names = survey.kernel, softirq_names(survey)
    places = [kernel.per_cpu_address("kstat", cpu) for cpu in kernel.cpus]
    rows = survey.rows(Fields(kernel, _STAT, {"counts": (_COUNTS,)}, ("counts",)), places, "softirq counts")
    counted = {cpu: row["counts"] for cpu, row in zip(kernel.cpus, rows, strict=True) if row["counts"]}
    masks = pending_masks(survey)
    for number, name in enumerate(names):
        yield Softirq(
            softirq=name,
            counts={cpu: counts[number] for cpu, counts in counted.items() if number < len(counts)},
            pending_cpus=tuple(cpu for cpu, mask in masks.items() if (mask or 0) >> number & 1),
        )


def softirq_names(survey: Survey) -> list[str]:
    """Their names by their numbers (``softirq_to_name``)."""
    kernel = survey.kernel
    start, step = kernel.symbols.address(_NAMES), kernel.pointer_size
    count = min(kernel.variable_size(_NAMES) // step, _MOST)
    places = [kernel.read_pointer(start + step * number) for number in range(count)]
    return [kernel.read_string(place, _LONGEST).decode("ascii", "backslashreplace") for place in places]


def pending_masks(survey: Survey) -> dict[int, int | None]:
    """The pending softirqs of each present CPU, a bit for each; None where the dump lacks them."""
    kernel = survey.kernel
    if is_s390x(kernel):
        own, kind, path = lowcores(survey), LOWCORE, "softirq_pending"
    else:
        name, kind, path = _mask_place(survey)
        own = {cpu: kernel.per_cpu_address(name, cpu) for cpu in kernel.cpus}
    columns = survey.gaps(kernel.read_many(kind, list(own.values()), [path]), "pending softirqs")
    return dict.fromkeys(kernel.cpus) | dict(zip(own, columns[path], strict=True))


def _mask_place(survey: Survey) -> tuple[str, str, str]:
    """A per-CPU variable, its type and the mask's member: x86 has had it in pcpu_hot from 6.2 to 6.14."""
    kernel = survey.kernel
    if kernel.symbols.has("__softirq_pending"):
        return "__softirq_pending", "u16", ""
    if kernel.symbols.has("pcpu_hot") and kernel.has_member("struct pcpu_hot", "softirq_pending"):
        return "pcpu_hot", "struct pcpu_hot", "softirq_pending"
    return "irq_stat", "irq_cpustat_t", "__softirq_pending"

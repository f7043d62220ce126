"""Counters of the network stack: per-CPU, plain or wrapped, in devices and in drivers' private data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

Counters = dict[str, int | None]


def private_offset(kernel: Machine) -> int:
    """The offset of a driver's private data in a device: netdev_priv()."""
    kind = "struct net_device"
    if kernel.has_member(kind, "priv"):  # kernels of 2024 and later
        return kernel.offset(kind, "priv")
    return -(-kernel.sizeof(kind) // 32) * 32


def sums(survey: Survey, kind: str, pointers: Sequence[int], names: Sequence[str]) -> dict[int, Counters]:
    """Per-cpu counters added up over the CPUs, by their per-cpu pointer; None where one can't be read."""
    kernel = survey.kernel
    if not pointers or not kernel.has_type(kind):
        return {}
    cpus = kernel.possible_cpus
    places = [kernel.per_cpu_address(pointer, cpu) for pointer in pointers for cpu in cpus]
    fields = Fields(kernel, kind, {name: (name,) for name in names})
    columns = survey.read(fields, places, "statistics")
    found: dict[int, Counters] = {}
    for i, pointer in enumerate(pointers):
        parts = slice(i * len(cpus), (i + 1) * len(cpus))
        found[pointer] = {name: total(survey, columns[name][parts]) for name in names if fields.has(name)}
    return found


def total(survey: Survey, values: Sequence[Any]) -> int | None:
    """Counters of either form added up; None where one of them can't be read."""
    return None if None in values else sum(number(survey, value) for value in values)


def number(survey: Survey, value: int | bytes) -> int:
    """A plain counter, or the structure that wraps it in newer kernels (316580b69d0a: u64_stats_t)."""
    if isinstance(value, int):
        return value
    return int.from_bytes(value, "little" if survey.kernel.byte_order == "little" else "big")


def add(found: Counters, more: Mapping[str, int | None]) -> None:
    """Add counters to ``found``; a sum with an unknown part is unknown."""
    for name, value in more.items():
        before = found.get(name, 0)
        found[name] = None if before is None or value is None else before + value

"""A kernel of two CPUs and one network namespace, for tests of readers."""

from __future__ import annotations

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    PAGE,
    ULONG,
    FakeMemory,
    fake_kernel,
    record,
)

CPUS = 2
NET = 0xFFFF_8880_1000_0000
MIB = record("mib", ("mibs", ArrayType(ULONG, 3)))


def survey_of(kernel: Kernel) -> NetSurvey:
    found = (NetNamespace(address=NET, inum=1, name=None, pid=None, initial=True),)
    everywhere = Namespaces(nets=found)
    return NetSurvey(kernel, everywhere, everywhere)


def two_cpus(memory: FakeMemory, types: dict[str, Type], symbols: dict[str, int] | None = None) -> Kernel:
    """A kernel whose CPUs' areas are a page apart."""
    mask, offsets = memory.allocate(8), memory.allocate(8 * CPUS)
    memory.word(mask, (1 << CPUS) - 1)
    memory.word(offsets, *(cpu * PAGE for cpu in range(CPUS)))
    types = {"struct cpumask": record("cpumask", ("bits", ArrayType(ULONG, 1))), **types}
    return fake_kernel(
        memory, types, {"__cpu_present_mask": mask, "__per_cpu_offset": offsets, **(symbols or {})}
    )

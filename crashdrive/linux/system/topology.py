"""The topology of CPUs: package, die, core, threads of a core, NUMA node (``struct cpuinfo_x86``; x86-64)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

_KIND, _VARIABLE, _NODE = "struct cpuinfo_x86", "cpu_info", "numa_node"
_FIELDS = {
    # 6e290323582b (6.6) put the topology into a structure of its own
    "package": ("topo.pkg_id", "phys_proc_id"),
    "die": ("topo.die_id", "cpu_die_id"),
    "core": ("topo.core_id", "cpu_core_id"),
}


class CpuPlace(Record, frozen=True):
    """A present CPU's place in the topology.

    ``thread_siblings``: the CPUs of its core, itself too; ``package_cpus``: those of its package.
    ``numa_node``: the node whose memory is nearest.
    """

    cpu: int
    package: int | None
    die: int | None
    core: int | None
    numa_node: int | None
    thread_siblings: tuple[int, ...] | None
    package_cpus: tuple[int, ...] | None


def cpu_places(survey: Survey) -> Iterator[CpuPlace]:
    """The present CPUs, by number."""
    kernel, cpus = survey.kernel, survey.kernel.cpus
    places = [kernel.per_cpu_address(_VARIABLE, cpu) for cpu in cpus]
    rows = survey.rows(Fields(kernel, _KIND, _FIELDS, ("package", "core")), places, "places of CPUs")
    nodes = cpu_nodes(survey)
    cores = [(row["package"], row["die"], row["core"]) for row in rows]
    packages = [row["package"] for row in rows]
    for cpu, row, core in zip(cpus, rows, cores, strict=True):
        known = row["package"] is not None and row["core"] is not None
        yield CpuPlace(
            cpu=cpu,
            package=row["package"],
            die=row["die"],
            core=row["core"],
            numa_node=nodes.get(cpu),
            thread_siblings=_same(cpus, cores, core) if known else None,
            package_cpus=_same(cpus, packages, row["package"]) if row["package"] is not None else None,
        )


def _same(cpus: Sequence[int], groups: Sequence[object], group: object) -> tuple[int, ...]:
    return tuple(cpu for cpu, own in zip(cpus, groups, strict=True) if own == group)


def cpu_nodes(survey: Survey) -> dict[int, int | None]:
    """The NUMA node of each present CPU; of all the first one where the kernel has no NUMA."""
    kernel, cpus = survey.kernel, survey.kernel.cpus
    if not kernel.symbols.has(_NODE):
        return dict.fromkeys(cpus, 0)
    places = [kernel.per_cpu_address(_NODE, cpu) for cpu in cpus]
    column = survey.gaps(kernel.read_many("int", places, [""]), "NUMA nodes of CPUs")[""]
    return dict(zip(cpus, column, strict=True))

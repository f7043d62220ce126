"""NUMA nodes: their CPUs, memory, and how far they are from each other, as ``numactl -H`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.mm.nodes import memory_nodes, read_nodes
from crashdrive.linux.system.topology import cpu_nodes
from crashdrive.records import Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crashdrive.linux.survey import Survey

_TABLE, _COUNT = "numa_distance", "numa_distance_cnt"
# MAX_NUMNODES is 1024 at most (NODES_SHIFT)
_MOST = 1 << 10
# LOCAL_DISTANCE, REMOTE_DISTANCE (include/linux/topology.h)
_LOCAL, _REMOTE = 10, 20


class NumaNode(Record, frozen=True):
    """A NUMA node that is online.

    ``node_cpus``: present CPUs that are near its memory. ``node_distances``: to each node, 10 being itself,
    as firmware says; where it says nothing, 20 is any other one.
    """

    node: int
    node_cpus: tuple[int, ...]
    present_bytes: int | None
    node_distances: dict[int, int]


def numa_nodes(survey: Survey) -> Iterator[NumaNode]:
    """All nodes that are online."""
    near = cpu_nodes(survey)
    known = [node.number for node in read_nodes(survey)]
    memory = {row.node: row.present_bytes for row in memory_nodes(survey)}
    distances = _distances(survey)
    for node in known:
        yield NumaNode(
            node=node,
            node_cpus=tuple(cpu for cpu, own in near.items() if own == node),
            present_bytes=memory.get(node),
            node_distances=_of(node, known, distances),
        )


def _of(node: int, known: list[int], table: Mapping[tuple[int, int], int] | None) -> dict[int, int]:
    if table is None:
        return {}
    return {other: table.get((node, other), _LOCAL if node == other else _REMOTE) for other in known}


def _distances(survey: Survey) -> dict[tuple[int, int], int] | None:
    """The table of distances, empty where firmware gives none; None where the dump lacks it."""
    kernel = survey.kernel
    if not kernel.symbols.has(_TABLE) or not kernel.symbols.has(_COUNT):
        return {}
    count = survey.gaps(kernel.read_many("int", [kernel.symbols.address(_COUNT)], [""]), "distances")[""][0]
    if count is None:
        return None
    if not 0 <= count <= _MOST:
        survey.miss([Notice(kind="damaged", message=f"distances of {count} nodes are impossible; not read")])
        return None
    place = kernel.read_pointer(kernel.symbols.address(_TABLE))
    if not place or not count:
        return {}
    raw = survey.attempt("distances of nodes", lambda: [kernel.read(place, count * count)])
    return {divmod(at, count): value for at, value in enumerate(raw[0])} if raw else None

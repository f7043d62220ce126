"""Network namespaces and their devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from crashdrive.kernel.structures.walk import Walk

if TYPE_CHECKING:
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine


def for_each_net_namespace(kernel: Machine) -> Objects:
    """Every ``struct net`` on ``net_namespace_list`` (net/core/net_namespace.c)."""
    return kernel.walk_list(kernel.symbols.address("net_namespace_list"), "struct net", "list")


def for_each_net_device(kernel: Machine, namespace: int | None = None) -> Objects:
    """Every ``struct net_device`` of one network namespace, or of all, in the order of their indices."""
    nets = for_each_net_namespace(kernel).walk if namespace is None else Walk(addresses=[namespace])
    head = kernel.offset("struct net", "dev_base_head")
    found = kernel.walk_lists([net + head for net in nets], "struct net_device", "dev_list").walk
    problems = (*nets.problems, *found.problems)
    complete = nets.complete and found.complete
    return kernel.objects("struct net_device", structs.replace(found, problems=problems, complete=complete))

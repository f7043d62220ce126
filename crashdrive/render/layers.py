"""Where the nodes of a directed graph are drawn: in layers from left to right, with few crossings.

Each node stands right of all that lead to it, but for edges of circles, of which one leads back
(K. Sugiyama's way: layers, then places by the means of neighbours).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

_SWEEPS = 4


def layers(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The nodes of each layer from top to bottom; edges between names that are no nodes don't count."""
    known = set(nodes)
    following: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        if source in known and target in known and source != target:
            following[source].append(target)
    forward = _without_circles(nodes, following)
    depth = _depths(nodes, forward)
    found: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        found[depth[node]].append(node)
    return _ordered(found, forward)


def _without_circles(nodes: Sequence[str], following: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The edges without those that lead back to where a walk came from."""
    state: dict[str, int] = {}
    kept: dict[str, list[str]] = {node: [] for node in nodes}
    for start in nodes:
        if start in state:
            continue
        state[start] = 1
        path = [(start, iter(following.get(start, ())))]
        while path:
            node, rest = path[-1]
            target = next(rest, None)
            if target is None:
                state[node] = 2
                path.pop()
            elif state.get(target) != 1:
                kept[node].append(target)
                if target not in state:
                    state[target] = 1
                    path.append((target, iter(following.get(target, ()))))
    return kept


def _depths(nodes: Sequence[str], forward: Mapping[str, list[str]]) -> dict[str, int]:
    """The longest way to each node."""
    into = dict.fromkeys(nodes, 0)
    for targets in forward.values():
        for target in targets:
            into[target] += 1
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not into[node]]
    for node in ready:
        for target in forward[node]:
            depth[target] = max(depth[target], depth[node] + 1)
            into[target] -= 1
            if not into[target]:
                ready.append(target)
    return depth


def _ordered(found: list[list[str]], forward: Mapping[str, list[str]]) -> list[list[str]]:
    """Each layer in the order of the mean places of its neighbours, swept to and fro."""
    backward: defaultdict[str, list[str]] = defaultdict(list)
    for source, targets in forward.items():
        for target in targets:
            backward[target].append(source)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = backward if down else forward
        for at in range(1, len(found)) if down else range(len(found) - 2, -1, -1):
            places = {node: place for layer in found for place, node in enumerate(layer)}
            found[at].sort(key=lambda node: _mean(neighbours.get(node, ()), places, places[node]))
    return found


def _mean(others: Sequence[str], places: Mapping[str, int], own: int) -> float:
    return sum(places[one] for one in others) / len(others) if others else own

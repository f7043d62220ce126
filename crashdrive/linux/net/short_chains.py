"""Many short chains at once, each by itself: those at the leaves of a tree or in a bucket."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.kernel.structures.walk import suspicion
from crashdrive.linux.survey import Survey
from crashdrive.records import Notice


def chained(
    survey: Survey, kind: str, firsts: Sequence[int | None], following: str, what: str, *, shift: int = 0
) -> list[list[int]]:
    """The structures of each chain; a round trip reads the nth ones of all chains together.

    ``following``: the member that points to the next structure, ``shift`` bytes after its start; ``firsts``
    point there, too. A chain that leaves the dump, or loops, ends there, with a notice.
    """
    chains: list[list[int]] = [[] for _ in firsts]
    seen: set[int] = set()
    ends = {i: first - shift for i, first in enumerate(firsts) if first}
    while ends:
        ends = {i: node for i, node in ends.items() if _fits(survey, node, shift, seen, what)}
        columns = survey.gaps(survey.kernel.read_many(kind, list(ends.values()), [following]), what)
        onward: dict[int, int] = {}
        for (i, node), pointer in zip(ends.items(), columns[following], strict=True):
            if pointer is not None:
                chains[i].append(node)
            if pointer:
                onward[i] = pointer - shift
        ends = onward
    return chains


def _fits(survey: Survey, node: int, shift: int, seen: set[int], what: str) -> bool:
    """Whether this can be a node, and a new one; it is added to ``seen``."""
    kind = suspicion(node + shift, survey.kernel.pointer_size)
    if kind is None and node in seen:
        kind = "loop"
    if kind is not None:
        said = "was there before" if kind == "loop" else f"is no pointer to one ({kind})"
        survey.miss([Notice(kind=kind, message=f"{what}: node {node:#x} {said}; its chain ends here")])
        return False
    seen.add(node)
    return True

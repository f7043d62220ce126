"""The kernel's linked lists: list_head, hlist, hlist_nulls, llist, plist, and plain ``next`` pointers.

Sources: include/linux/list.h, list_nulls.h, llist.h, plist.h. In each of them the node's first word
points to the next node, and ``offset`` is where the node lies in its container.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.structures.walk import HARMLESS, Chains, Problem, Visit, Walk, walk

Reach = tuple[int, int]
"""The part of each container that is fetched along with its node: (from, to), relative to the container."""


def list_heads(
    window: Window, heads: Sequence[int], offset: int, *, reach: Reach = (0, 0), visit: Visit | None = None
) -> Walk:
    """Containers on several circular lists (struct list_head), list by list in the order of ``heads``.

    Every node's ``prev``, and that of each head, is held against the node before it.
    """
    window.fetch((head, 2 * window.pointer_size) for head in heads)
    lasts = [window.word(head + window.pointer_size) for head in heads]
    chains = _chains(window, heads, offset, reach, visit, heads=heads)
    chains.follow(_firsts(window, heads, heads, chains.problems))
    if not any(p.kind not in HARMLESS for p in chains.problems):
        _check_ends(heads, lasts, chains)
    return structs.replace(_walk(chains, offset), lists=chains.numbers())


def _check_ends(heads: Sequence[int], lasts: Sequence[int | None], chains: Chains) -> None:
    ends = chains.lasts()
    for i, (head, said) in enumerate(zip(heads, lasts, strict=True)):
        last = ends.get(i, head)
        if said is not None and said != last:
            message = f"the list at {head:#x} ends at {last:#x}, but its head's prev is {said:#x}"
            kind = chains.kind_of(said, head, i)
            chains.problems.append(Problem(kind=kind, address=head, message=message))


def list_head(window: Window, head: int, offset: int, *, reach: Reach = (0, 0)) -> Walk:
    """Containers on one circular list; ``offset`` of their ``struct list_head``, ``head`` itself left out."""
    return list_heads(window, [head], offset, reach=reach)


def hlists(
    window: Window,
    heads: Sequence[int],
    offset: int,
    *,
    backed: bool = False,
    reach: Reach = (0, 0),
    visit: Visit | None = None,
) -> Walk:
    """Containers on hlists (struct hlist_head), that is on all chains of a hash table; each ends in NULL.

    ``backed``: each node's second word points to the pointer to it (pprev of struct hlist_node).
    """
    empty = [0] * len(heads)
    chains = _chains(window, empty, offset, reach, visit, heads=heads if backed else None)
    chains.follow(_firsts(window, heads, empty, chains.problems))
    return _walk(chains, offset)


def hlist_nulls(
    window: Window,
    heads: Sequence[int],
    offset: int,
    *,
    base: int | None = None,
    backed: bool = False,
    reach: Reach = (0, 0),
    visit: Visit | None = None,
) -> Walk:
    """Containers on hlist_nulls chains; each ends in an odd value that tells which chain it was.

    ``base``: the mark of chain i is ``base + i``; another chain's mark is a problem. Unchecked if None.
    ``backed`` as `hlists` has it.
    """
    # what an empty chain's head holds, and what ends any chain: its own mark
    own = range(first := 2 * (base or 0) + 1, first + 2 * len(heads), 2)
    chains = _chains(window, own, offset, reach, visit, heads=heads if backed else None, nulls=True)
    firsts = _firsts(window, heads, own, chains.problems)
    chains.follow((first, i) for first, i in firsts if not first & 1)
    if base is not None:
        strays = [*((i, first) for first, i in firsts if first & 1), *chains.strays]
        chains.problems += [_stray(i, heads[i], mark) for i, mark in strays]
    return _walk(chains, offset)


def _stray(chain: int, head: int, mark: int) -> Problem:
    message = f"chain {chain} at {head:#x} ends in the mark {mark >> 1} of another chain"
    return Problem(kind="end", address=head, message=message)


def llist(window: Window, head: int, offset: int, *, reach: Reach = (0, 0)) -> Walk:
    """Containers on a lock-less list (struct llist_head), newest first; it ends in NULL like an hlist."""
    return hlists(window, [head], offset, reach=reach)


def plist(window: Window, head: int, offset: int, node_list: int, *, reach: Reach = (0, 0)) -> Walk:
    """Containers on a priority-sorted list: ``head`` is the address of ``plist_head.node_list``, ``offset``
    that of the container's ``struct plist_node``, ``node_list`` the offset in that.
    """
    return list_head(window, head, offset + node_list, reach=reach)


def pointer_chain(window: Window, first: int, link: int, *, reach: Reach = (0, 0)) -> Walk:
    """Structures of which each points to the next's start by a member at ``link`` (vm_next), until NULL."""
    chains = Chains(window, [0], link=link, reach=reach)
    chains.follow([(first, 0)] if first else [])
    return _walk(chains, 0)


def _chains(
    window: Window,
    ends: Sequence[int],
    offset: int,
    reach: Reach,
    visit: Visit | None,
    *,
    heads: Sequence[int] | None = None,
    nulls: bool = False,
) -> Chains:
    visitor = visit if visit is None or not offset else _shifted(visit, offset)
    reach = (reach[0] - offset, reach[1] - offset)
    return Chains(window, ends, reach=reach, heads=heads, nulls=nulls, visit=visitor)


def _shifted(visit: Visit, offset: int) -> Visit:
    return lambda nodes: visit([node - offset for node in nodes])


def _firsts(
    window: Window, heads: Sequence[int], empty: Sequence[int], problems: list[Problem]
) -> list[tuple[int, int]]:
    """(what a head points to, chain) of all heads that can be read and don't hold the ``empty`` value."""
    firsts = [
        (word, i)
        for i, (word, nothing) in enumerate(zip(window.words(heads), empty, strict=True))
        if word != nothing
    ]
    lost = [i for word, i in firsts if word is None]
    for i in lost:
        hole = window.hole(heads[i], window.pointer_size)
        message = f"head {heads[i]:#x} is not in the dump ({hole.reason if hole else 'unknown'})"
        problems.append(Problem(kind="hole", address=heads[i], message=message))
    return [(word, i) for word, i in firsts if word is not None]


def _walk(chains: Chains, offset: int) -> Walk:
    return walk([node - offset for node in chains.nodes()], chains.problems)

"""The kernel's linked lists: list_head, hlist, hlist_nulls, llist, plist, and plain ``next`` pointers.

Sources: include/linux/list.h, list_nulls.h, llist.h, plist.h. In each of them the node's first word
points to the next node, and ``offset`` is where the node lies in its container.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crashdrive.kernel.walks.base import HARMLESS, Chains, Problem, Visit, Walk, walk
from crashdrive.kernel.window import Window

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
    chains = _chains(window, lambda pointer, i: pointer == heads[i], offset, reach, visit, heads)
    chains.follow(_firsts(window, heads, chains.problems))
    stopped = {p.address for p in chains.problems if p.kind not in HARMLESS}
    for i, (head, last) in enumerate(zip(heads, lasts, strict=True)):
        nodes = chains.found.get(i) or [head]
        if last is not None and last != nodes[-1] and not stopped:
            message = f"the list at {head:#x} ends at {nodes[-1]:#x}, but its head's prev is {last:#x}"
            chains.problems.append(Problem(kind="link", address=head, message=message))
    return _walk(chains, offset)


def list_head(window: Window, head: int, offset: int, *, reach: Reach = (0, 0)) -> Walk:
    """Containers on one circular list; ``offset`` of their ``struct list_head``, ``head`` itself left out."""
    return list_heads(window, [head], offset, reach=reach)


def hlists(
    window: Window, heads: Sequence[int], offset: int, *, reach: Reach = (0, 0), visit: Visit | None = None
) -> Walk:
    """Containers on hlists (struct hlist_head), that is on all chains of a hash table; each ends in NULL."""
    window.fetch((head, window.pointer_size) for head in heads)
    chains = _chains(window, lambda pointer, _: pointer == 0, offset, reach, visit)
    chains.follow(_firsts(window, heads, chains.problems))
    return _walk(chains, offset)


def hlist_nulls(
    window: Window,
    heads: Sequence[int],
    offset: int,
    *,
    base: int | None = None,
    reach: Reach = (0, 0),
    visit: Visit | None = None,
) -> Walk:
    """Containers on hlist_nulls chains; each ends in an odd value that tells which chain it was.

    ``base``: the mark of chain i is ``base + i``; another chain's mark is a problem. Unchecked if None.
    """
    window.fetch((head, window.pointer_size) for head in heads)
    strays: list[Problem] = []
    ended = _nulls_end(heads, base, strays)
    chains = _chains(window, ended, offset, reach, visit)
    chains.follow(_firsts(window, heads, chains.problems))
    chains.problems += strays
    return _walk(chains, offset)


def _nulls_end(heads: Sequence[int], base: int | None, strays: list[Problem]) -> Callable[[int, int], bool]:
    def plain(pointer: int, _: int) -> bool:
        return pointer & 1 == 1

    def checked(pointer: int, chain: int) -> bool:
        if not pointer & 1:
            return False
        if pointer >> 1 != base_ + chain:
            message = f"chain {chain} at {heads[chain]:#x} ends in the mark {pointer >> 1} of another chain"
            strays.append(Problem(kind="end", address=heads[chain], message=message))
        return True

    if base is None:
        return plain
    base_ = base
    return checked


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
    chains = Chains(window, lambda pointer, _: pointer == 0, link=link, reach=reach)
    chains.follow([(first, 0)])
    return _walk(chains, 0)


def _chains(
    window: Window,
    ended: Callable[[int, int], bool],
    offset: int,
    reach: Reach,
    visit: Visit | None,
    heads: Sequence[int] | None = None,
) -> Chains:
    visitor = visit if visit is None or not offset else _shifted(visit, offset)
    reach = (reach[0] - offset, reach[1] - offset)
    return Chains(window, ended, reach=reach, heads=heads, visit=visitor)


def _shifted(visit: Visit, offset: int) -> Visit:
    return lambda nodes: visit([node - offset for node in nodes])


def _firsts(window: Window, heads: Sequence[int], problems: list[Problem]) -> list[tuple[int, int]]:
    firsts = []
    for i, head in enumerate(heads):
        first = window.word(head)
        if first is not None:
            firsts.append((first, i))
            continue
        hole = window.hole(head, window.pointer_size)
        message = f"head {head:#x} is not in the dump ({hole.reason if hole else 'unknown'})"
        problems.append(Problem(kind="hole", address=head, message=message))
    return firsts


def _walk(chains: Chains, offset: int) -> Walk:
    nodes = [node - offset for i in sorted(chains.found) for node in chains.found[i]]
    return walk(nodes, chains.problems)

"""The kernel's linked lists: list_head, hlist, hlist_nulls, llist, plist, and plain ``next`` pointers.

Sources: include/linux/list.h, list_nulls.h, llist.h, plist.h. In each of them the node's first word
points to the next node, and ``offset`` is where the node lies in its container.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    chains = _chains(window, offset, reach, visit, heads=heads)
    chains.follow((first, i) for i, first in _firsts(window, heads, heads, chains.problems))
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
    chains = _chains(window, offset, reach, visit)
    firsts = _firsts(window, heads, [0] * len(heads), chains.problems)
    chains.follow((first, i) for i, first in firsts)
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
    chains = _chains(window, offset, reach, visit, nulls=True)
    # an empty chain's head holds the chain's own mark
    empty = range(own := 2 * (base or 0) + 1, own + 2 * len(heads), 2)
    firsts = _firsts(window, heads, empty, chains.problems)
    chains.follow((first, i) for i, first in firsts if not first & 1)
    if base is not None:
        marks = [*((i, first) for i, first in firsts if first & 1), *chains.marks.items()]
        chains.problems += [_stray(i, heads[i], mark) for i, mark in marks if mark != empty[i]]
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
    chains = Chains(window, link=link, reach=reach)
    chains.follow([(first, 0)] if first else [])
    return _walk(chains, 0)


def _chains(
    window: Window,
    offset: int,
    reach: Reach,
    visit: Visit | None,
    *,
    heads: Sequence[int] | None = None,
    nulls: bool = False,
) -> Chains:
    visitor = visit if visit is None or not offset else _shifted(visit, offset)
    reach = (reach[0] - offset, reach[1] - offset)
    return Chains(window, reach=reach, heads=heads, nulls=nulls, visit=visitor)


def _shifted(visit: Visit, offset: int) -> Visit:
    return lambda nodes: visit([node - offset for node in nodes])


def _firsts(
    window: Window, heads: Sequence[int], empty: Sequence[int], problems: list[Problem]
) -> list[tuple[int, int]]:
    """(chain, what its head points to) of all heads that can be read and don't hold the ``empty`` value."""
    firsts = [
        (i, word)
        for i, (word, nothing) in enumerate(zip(window.words(heads), empty, strict=True))
        if word != nothing
    ]
    lost = [i for i, word in firsts if word is None]
    for i in lost:
        hole = window.hole(heads[i], window.pointer_size)
        message = f"head {heads[i]:#x} is not in the dump ({hole.reason if hole else 'unknown'})"
        problems.append(Problem(kind="hole", address=heads[i], message=message))
    return [(i, word) for i, word in firsts if word is not None]


def _walk(chains: Chains, offset: int) -> Walk:
    nodes = [node - offset for i in sorted(chains.found) for node in chains.found[i]]
    return walk(nodes, chains.problems)

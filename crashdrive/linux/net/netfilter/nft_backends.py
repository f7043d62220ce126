"""Elements of sets by backend: net/netfilter/nft_set_{hash,rbtree,bitmap,pipapo}.c.

Each function gives the addresses of the elements; an element's data follows the backend's own part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from crashdrive.kernel.structures.rhashtable import rhashtable
from crashdrive.kernel.structures.walk import Problem, Walk, walk

if TYPE_CHECKING:
    from crashdrive.kernel import Objects
    from crashdrive.linux.machine import Machine

_MOST = 1 << 26

Places = Callable[["Machine", int], "Walk | Objects"]


def _impossible(place: int, count: int, what: str) -> Walk:
    return walk([], [Problem(kind="node", address=place, message=f"{count} {what} are impossible")])


def _resizable(kernel: Machine, own: int) -> Walk:
    table = kernel.read_pointer(own + kernel.offset("struct nft_rhash", "ht.tbl"))
    return rhashtable(kernel, table, kernel.offset("struct nft_rhash_elem", "node"))


def _fixed(kernel: Machine, own: int) -> Walk | Objects:
    count = int(kernel.object("struct nft_hash", own).buckets)
    if not 0 < count <= _MOST:
        return _impossible(own, count, "buckets")
    heads = own + kernel.offset("struct nft_hash", "table")
    return kernel.walk_table(heads, count, "struct nft_hash_elem", "node")


def _tree(kernel: Machine, own: int) -> Objects:
    root = own + kernel.offset("struct nft_rbtree", "root")
    return kernel.walk_rbtree(root, "struct nft_rbtree_elem", "node")


def _bitmap(kernel: Machine, own: int) -> Objects:
    head = own + kernel.offset("struct nft_bitmap", "list")
    return kernel.walk_list(head, "struct nft_bitmap_elem", "head")


def _pipapo(kernel: Machine, own: int) -> Walk:
    """Elements of a pipapo set: the last field's rules point to them, consecutive rules perhaps to the same
    one.
    """
    kind, field = "struct nft_pipapo_match", "struct nft_pipapo_field"
    match = int(kernel.object("struct nft_pipapo", own).match)
    if not match:
        return walk([], [])
    count = int(kernel.object(kind, match).field_count)
    last = match + kernel.offset(kind, "f") + (count - 1) * kernel.sizeof(field)
    ((rules, table),) = kernel.read_many(field, [last], ["rules", "mt"]).check()
    if not 0 <= rules <= _MOST or count <= 0:
        return _impossible(match, rules, "rules")
    width = kernel.sizeof("union nft_pipapo_map_bucket")
    places = range(table, table + rules * width, width)
    words = kernel.window().words(places)
    lost = [place for place, word in zip(places, words, strict=True) if word is None]
    problems = [Problem(kind="hole", address=lost[0], message="rules are not in the dump")] if lost else []
    return walk(list(dict.fromkeys(word for word in words if word)), problems)


BACKENDS: Mapping[str, Places] = {
    "rhash": _resizable,
    "hash": _fixed,
    "rbtree": _tree,
    "bitmap": _bitmap,
    "pipapo": _pipapo,
}

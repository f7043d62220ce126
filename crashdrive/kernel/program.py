"""A program's memory as data, with walks over its structures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from crashdrive.errors import FaultError, KernelError
from crashdrive.kernel.core import KernelBase
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.objects import Object, address_of
from crashdrive.kernel.series import Objects, Table
from crashdrive.kernel.structures import lists
from crashdrive.kernel.structures.hash_tables import read_table
from crashdrive.kernel.structures.idr import LayerShape, idr_layers
from crashdrive.kernel.structures.maple_tree import MapleShape, Ranges, maple_tree
from crashdrive.kernel.structures.rbtree import RbOffsets, rbtree
from crashdrive.kernel.structures.walk import lost, walk
from crashdrive.kernel.structures.xarray import Entries, NodeShape, entries, pointers_of
from crashdrive.kernel.types.model import ArrayType, StructType, Type
from crashdrive.kernel.types.paths import bare

Head = int | str | Object
"""An address, a structure, or a pointer to one."""

_BACKED = frozenset({"hlist_node", "hlist_nulls_node"})


class Program(KernelBase):
    """A program's memory as data: symbols, layouts, objects, and walks over structures.

    No walk raises where the dump has holes or its lists are damaged: what it gives says ``complete`` and
    ``problems``; ``check()`` turns that into an error.
    """

    def walk_list(
        self, head: Head, kind: str | Type, member: str, *, window: Window | None = None
    ) -> Objects:
        """Objects on a circular list, linked by their ``struct list_head`` ``member``; without the head.

        ``window``: one that has their pages already.
        """
        offset = self.offset(kind, member)
        return self.objects(kind, lists.list_head(window or self.window(), address_of(head), offset))

    def walk_lists(self, heads: Sequence[Head], kind: str | Type, member: str) -> Objects:
        """Objects on many circular lists, list by list, fetched together."""
        offset = self.offset(kind, member)
        return self.objects(kind, lists.list_heads(self.window(), [address_of(h) for h in heads], offset))

    def walk_hlist(self, head: Head, kind: str | Type, member: str) -> Objects:
        """Objects on a ``struct hlist_head`` or ``struct llist_head``."""
        offset = self.offset(kind, member)
        backed = self._is_backed(kind, member)
        return self.objects(kind, lists.hlists(self.window(), [address_of(head)], offset, backed=backed))

    def _is_backed(self, kind: str | Type, member: str) -> bool:
        """Whether a node of a chain has a pointer back; a ``struct llist_node`` or a plain pointer hasn't."""
        node = bare(self.layouts, self.place(kind, member).type)
        return isinstance(node, StructType) and node.name in _BACKED

    def walk_plist(self, head: Head, kind: str | Type, member: str) -> Objects:
        """Objects on a ``struct plist_head``, linked by their ``plist_node`` ``member``, in its order."""
        start = address_of(head) + self.offset("struct plist_head", "node_list")
        offset = self.offset(kind, f"{member}.node_list")
        return self.objects(kind, lists.list_head(self.window(), start, offset))

    def walk_chain(self, first: Head, kind: str | Type, member: str) -> Objects:
        """Structures of which each points to the next by ``member``, until NULL; ``first`` is the first."""
        link = self.offset(kind, member)
        return self.objects(kind, lists.pointer_chain(self.window(), address_of(first), link))

    def walk_table(
        self,
        table: Head,
        buckets: int,
        kind: str | Type,
        member: str,
        *,
        step: int | None = None,
        nulls: bool = False,
        nulls_base: int | None = None,
        fields: Sequence[str] = (),
    ) -> Table:
        """Objects in all chains of a hash table, bucket by bucket.

        ``table`` is where the first bucket's chain begins, ``step`` how many bytes further on the next one's
        (a pointer's size where None). ``nulls``: the chains are hlist_nulls, and that of bucket i ends in the
        mark ``nulls_base + i`` where this is given. ``fields`` of the objects are read while their pages are
        at hand (`Table.columns`), for half the time of `read_many` afterwards.
        """
        heads = range(first := address_of(table), first + buckets * (size := step or self.pointer_size), size)
        offset = self.offset(kind, member)
        plan = self.plan(kind, fields) if fields else None
        walk, columns = read_table(
            self.window(), heads, offset, plan,
            nulls=nulls, base=nulls_base, backed=self._is_backed(kind, member),
        )  # fmt: skip
        return Table(self, self.type(kind), walk, columns)

    def walk_rbtree(
        self, root: Head, kind: str | Type, member: str, *, window: Window | None = None
    ) -> Objects:
        """Objects in a red-black tree in its order; ``root``: a ``struct rb_root`` or ``rb_root_cached``.

        Their pages are brought into ``window``, where one is given.
        """
        names = ("__rb_parent_color", "rb_left", "rb_right")
        links = RbOffsets(*(self.offset("struct rb_node", name) for name in names))
        offset = self.offset(kind, member)
        try:
            first = self.read_pointer(address_of(root) + self.offset("struct rb_root", "rb_node"))
        except FaultError as error:
            return self.objects(kind, walk([], [lost(error, "the tree's root")]))
        return self.objects(kind, rbtree(window or self.window(), first, offset, links))

    def walk_xarray(self, root: Head) -> Entries:
        """(index, entry) of a ``struct xarray``, or of a ``struct radix_tree_root``."""
        path = self._root_path
        kind = "struct xarray" if path == "xa_head" else "struct radix_tree_root"
        shape = self._node_shape
        try:
            head = self.read_pointer(address_of(root) + self.offset(kind, path))
        except FaultError as error:
            return Entries(entries=(), problems=(lost(error, "the array's head"),))
        return entries(self.window(), head, shape)

    @cached_property
    def _root_path(self) -> str:
        return "xa_head" if self.has_type("struct xarray") else "rnode"

    @cached_property
    def _node_shape(self) -> NodeShape:
        xarray = self._root_path == "xa_head"
        kind = "struct xa_node" if xarray else "struct radix_tree_node"
        if not self.has_member(kind, "shift"):
            # 4.7 gave nodes a shift for their path and height
            raise KernelError("radix trees of kernels before 4.7 can't be walked")
        count = self._count(kind, "slots")
        return NodeShape(
            self.sizeof(kind), self.offset(kind, "shift"), self.offset(kind, "slots"), count, xarray
        )

    def _count(self, kind: str, path: str) -> int:
        array = bare(self.layouts, self.place(kind, path).type)
        if not isinstance(array, ArrayType) or not array.count:
            raise KernelError(f"{kind}.{path} is no array")
        return array.count

    def walk_idr(self, idr: Head, *, values: bool = False) -> Entries:
        """(id, pointer) of a ``struct idr``, ids counted from its base (4.16: 6ce711f27500).

        ``values``: entries that can be no pointers are entries, too, and no problem.
        """
        address = address_of(idr)
        if not self.has_member("struct idr", "idr_rt"):
            found = self._old_idr(address)
        else:
            found = self._from_base(address, self.walk_xarray(address + self.offset("struct idr", "idr_rt")))
        return found if values else pointers_of(found, self.pointer_size)

    def _from_base(self, address: int, found: Entries) -> Entries:
        if not self.has_member("struct idr", "idr_base"):
            return found
        try:
            base = self.object("struct idr", address).idr_base.value_()
        except FaultError as error:
            return Entries(entries=(), problems=(*found.problems, lost(error, "the idr's base")))
        return Entries(entries=tuple((i + base, entry) for i, entry in found), problems=found.problems)

    def _old_idr(self, address: int) -> Entries:
        kind = "struct idr_layer"
        shape = LayerShape(
            self.sizeof(kind), self.offset(kind, "layer"), self.offset(kind, "ary"), self._count(kind, "ary")
        )
        try:
            top = self.read_pointer(address + self.offset("struct idr", "top"))
        except FaultError as error:
            return Entries(entries=(), problems=(lost(error, "the idr's top"),))
        return idr_layers(self.window(), top, shape)

    def walk_maple(self, tree: Head) -> Ranges:
        """(first index, last index, entry) of a ``struct maple_tree``."""
        shapes, size = self._maple_shapes, self.sizeof("struct maple_node")
        try:
            root = self.read_pointer(address_of(tree) + self.offset("struct maple_tree", "ma_root"))
        except FaultError as error:
            return Ranges(ranges=(), problems=(lost(error, "the tree's root"),))
        return maple_tree(self.window(), root, shapes, size)

    @cached_property
    def _maple_shapes(self) -> dict[int, MapleShape]:
        kinds = self.enumerators("enum maple_type")
        range_, arange = self._maple_shape("mr64"), self._maple_shape("ma64")
        return {
            kinds["maple_leaf_64"]: range_._replace(leaf=True),
            kinds["maple_range_64"]: range_,
            kinds["maple_arange_64"]: arange._replace(always=True),
        }

    def _maple_shape(self, form: str) -> MapleShape:
        kind = "struct maple_node"
        return MapleShape(
            pivots=self.offset(kind, f"{form}.pivot"),
            pivot_count=self._count(kind, f"{form}.pivot"),
            slots=self.offset(kind, f"{form}.slot"),
            slot_count=self._count(kind, f"{form}.slot"),
            end=self.offset(kind, f"{form}.meta.end"),
            leaf=False,
            always=False,
        )

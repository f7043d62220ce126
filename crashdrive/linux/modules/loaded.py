"""Loaded modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.kernel.structures.lists import list_head
from crashdrive.records import Address, Answer, Record

if TYPE_CHECKING:
    from crashdrive.kernel.memory.window import Window
    from crashdrive.kernel.series import Objects
    from crashdrive.linux.machine import Machine

_MODULE = "struct module"
# module_memory mem[] since 6.4 (ac3b43283923), MOD_TEXT is the first; module_layout since 4.5 (7523e4dc5057)
_BASE = ("mem[0].base", "core_layout.base", "module_core")
_SIZE = ("mem[0].size", "core_layout.size", "core_size")


class LoadedModule(Record, frozen=True):
    """A module: the address of its struct module, the base of its code, its size in bytes."""

    module: Address
    name: str | None
    base: Address | None
    size: int | None


def for_each_module(kernel: Machine) -> Objects:
    """Every ``struct module`` on the list ``modules`` (kernel/module), the youngest first."""
    offset, window = kernel.offset(_MODULE, "list"), kernel.window()
    if kernel.memory.reads_ahead:
        _bring(kernel, window, offset)
    return kernel.objects(_MODULE, list_head(window, kernel.symbols.address("modules"), offset))


def _bring(kernel: Machine, window: Window, offset: int) -> None:
    """Read all modules' list nodes in a few round trips, by the tree of modules' addresses.

    The list alone takes a round trip for each. ``mod_tree`` exists since 4.2 (93c2e105f6bc), not in all
    configurations. It is a hint: a module that is missing in the tree costs a round trip, and isn't lost.
    """
    if kernel.symbols.has("mod_tree") and kernel.has_member("struct mod_tree_root", "root.tree[0]"):
        root = kernel.symbols.address("mod_tree") + kernel.offset("struct mod_tree_root", "root.tree[0]")
        nodes = kernel.walk_rbtree(root, "struct mod_tree_node", "node.node[0]")
        owners = {owner for (owner,) in nodes.read(["mod"]) if owner}
        window.fetch((owner + offset, 2 * kernel.pointer_size) for owner in owners)


def modules(kernel: Machine) -> Answer[LoadedModule]:
    """Loaded modules as records; ``size`` is that of all parts that stay after initialisation."""
    found = for_each_module(kernel)
    sizes = _size_fields(kernel)
    columns = found.read(["name", kernel.path(_MODULE, *_BASE), *sizes])
    records = tuple(
        LoadedModule(module=address, name=name, base=base, size=None if None in parts else sum(parts))
        for address, (name, base, *parts) in zip(found.addresses, columns, strict=True)
    )
    return Answer(
        command="modules",
        shape="modules",
        complete=found.complete and columns.complete,
        warnings=found.notices() + columns.notices("modules"),
        records=records,
    )


def _size_fields(kernel: Machine) -> list[str]:
    path = kernel.path(_MODULE, *_SIZE)
    if not path.startswith("mem["):
        return [path]
    kinds = kernel.enumerators("enum mod_mem_type")
    kept = [number for name, number in kinds.items() if name in _KEPT]
    return [path.replace("[0]", f"[{number}]") for number in kept]


_KEPT = ("MOD_TEXT", "MOD_DATA", "MOD_RODATA", "MOD_RO_AFTER_INIT")

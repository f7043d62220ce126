"""Modules as in lsmod and /proc/modules, and those that aren't on the list (kernel/module/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.modules.loaded import for_each_module
from crashdrive.linux.survey import Fields
from crashdrive.linux.system.taint import letters
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_KIND, _USE = "struct module", "struct module_use"
_FIELDS = {
    "name": ("name",),
    "state": ("state",),
    "references": ("refcnt.counter",),
    "taints": ("taints",),
    "version": ("version",),
    "srcversion": ("srcversion",),
    "arguments": ("args",),
    "init": ("init",),
    "exit": ("exit",),
    "parameters": ("kp",),
    "parameter_count": ("num_kp",),
    "base": ("mem[0].base", "core_layout.base", "module_core"),
    "core": ("core_layout.size", "core_size"),
    "late": ("init_layout.size", "init_size"),
}
_NEEDED = ("name", "state", "taints", "base")
# MODULE_STATE_LIVE, _COMING, _GOING, _UNFORMED
_STATES = ("Live", "Loading", "Unloading", "Unformed")
# MODULE_REF_BASE: the count of an unused module
_BASE_COUNT = 1
_LONGEST_ARGUMENTS = 4096


class ModuleRow(Record, frozen=True):
    """A module; ``size``: bytes of all its parts, as in /proc/modules.

    ``references``: its reference count, None where it can't be unloaded; ``used_by``: modules that use it.
    ``state``: ``Live``, ``Loading``, ``Unloading``. ``taint``: the letters of an oops. ``permanent``: it has
    no exit function. ``srcversion``: a digest of its source. ``load_arguments``: the parameters at its
    loading. ``listed``: False where it is in memory and not on the list of modules.
    """

    name: str | None
    size: int | None
    references: int | None
    used_by: tuple[str, ...]
    state: str | None
    taint: str | None
    permanent: bool | None
    version: str | None
    srcversion: str | None
    load_arguments: str | None
    listed: bool
    base: Address | None
    parameters: Address | None
    parameter_count: int | None
    address: Address


def module_rows(survey: Survey) -> list[ModuleRow]:
    """All modules, the youngest first; those that aren't on the list at the end."""
    kernel = survey.kernel
    listed = for_each_module(kernel)
    survey.walked(listed, "modules")
    known = set(listed.addresses)
    # a module that a broken list lost isn't hidden
    others = dict.fromkeys(_elsewhere(survey)) if listed.complete else {}
    hidden = [one for one in others if one not in known]
    places = [*listed.addresses, *hidden]
    rows = survey.rows(Fields(kernel, _KIND, _FIELDS, _NEEDED), places, "modules")
    said = texts(survey, (row[name] for row in rows for name in ("version", "srcversion")), "modules")
    said |= texts(survey, (row["arguments"] for row in rows), "modules", _LONGEST_ARGUMENTS)
    sizes, users = _sizes(survey, places, rows), _users(survey, places)
    return [
        _row(place, row, said.__getitem__, sizes[at], users.get(place), listed=place in known)
        for at, (place, row) in enumerate(zip(places, rows, strict=True))
    ]


def _row(
    address: int,
    row: Mapping[str, Any],
    text: Callable[[int | None], str | None],
    size: int | None,
    users: tuple[str, ...] | None,
    *,
    listed: bool,
) -> ModuleRow:
    state, count = row["state"], row["references"]
    known = row["init"] is not None and row["exit"] is not None
    return ModuleRow(
        name=row["name"], size=size,
        references=None if count is None else count - _BASE_COUNT,
        used_by=users or (),
        state=None if state is None else _STATES[state] if 0 <= state < len(_STATES) else str(state),
        taint=None if row["taints"] is None else letters(row["taints"]),
        permanent=bool(row["init"]) and not row["exit"] if known else None,
        version=text(row["version"]), srcversion=text(row["srcversion"]),
        load_arguments=text(row["arguments"]), listed=listed, base=row["base"],
        parameters=row["parameters"] or None, parameter_count=row["parameter_count"], address=address,
    )  # fmt: skip


def _elsewhere(survey: Survey) -> Iterator[int]:
    """Addresses of modules by two other ways: mod_tree, and kobjects below /sys/module."""
    kernel = survey.kernel
    if kernel.symbols.has("mod_tree") and kernel.has_member("struct mod_tree_root", "root.tree[0]"):
        root = kernel.symbols.address("mod_tree") + kernel.offset("struct mod_tree_root", "root.tree[0]")
        nodes = kernel.walk_rbtree(root, "struct mod_tree_node", "node.node[0]")
        survey.walked(nodes, "the tree of modules")
        columns = survey.gaps(nodes.read(["mod"]), "the tree of modules")
        yield from (owner for (owner,) in columns if owner)
    if kernel.symbols.has("module_kset"):
        head = kernel.read_pointer(kernel.symbols.address("module_kset")) + kernel.offset(
            "struct kset", "list"
        )
        folders = kernel.walk_list(head, "struct module_kobject", "kobj.entry")
        survey.walked(folders, "folders of modules")
        columns = survey.gaps(folders.read(["mod"]), "folders of modules")
        yield from (owner for (owner,) in columns if owner)


def _sizes(survey: Survey, places: Sequence[int], rows: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Bytes of all parts: mem[] since 6.4 (ac3b43283923)."""
    kernel = survey.kernel
    if not kernel.has_member(_KIND, "mem"):
        return [
            None if row["core"] is None or row["late"] is None else row["core"] + row["late"] for row in rows
        ]
    count = kernel.sizeof(kernel.place(_KIND, "mem").type) // kernel.sizeof("struct module_memory")
    paths = [f"mem[{number}].size" for number in range(count)]
    columns = survey.gaps(kernel.read_many(_KIND, places, paths), "sizes of modules")
    return [None if None in parts else sum(parts) for parts in columns]


def _users(survey: Survey, places: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The names of the modules that use each, in the kernel's order."""
    kernel = survey.kernel
    if not kernel.has_member(_KIND, "source_list"):
        return {}
    shift = kernel.offset(_KIND, "source_list")
    found = kernel.walk_lists([place + shift for place in places], _USE, "source_list")
    survey.walked(found, "users of modules")
    names = survey.gaps(found.read(["source->name"]), "users of modules")["source->name"]
    users: dict[int, tuple[str, ...]] = {}
    for number, name in zip(found.walk.lists, names, strict=True):
        if name is not None:
            users[places[number]] = (*users.get(places[number], ()), name)
    return users

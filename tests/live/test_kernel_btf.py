"""Types out of the dump's BTF: the kernel's against gdb's, modules' against drgn with their debug files."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import UnknownTypeError
from crashdrive.kernel.debuginfo.arrays import Arrays
from crashdrive.kernel.debuginfo.dimensions import dimensions, made_of
from crashdrive.kernel.symbols.lookup import Symbols
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FunctionType,
    IntType,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    size_of,
    type_name,
)
from crashdrive.linux.kernel import Kernel
from tests.live.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.conftest import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

SEEDS = [
    "task_struct",
    "tcp_sock",
    "net_device",
    "sk_buff",
    "super_block",
    "page",
    "rq",
    "bio",
    "iphdr",
    "zone",
]
AT_LEAST = 300
WELL_KNOWN = {
    "struct virtnet_info@virtio_net",
    "struct bonding@bonding",
    "struct macvlan_dev@macvlan",
    "struct veth_priv@veth",
    "struct net_bridge_mdb_entry@bridge",
    "struct tun_struct@tun",
    "struct nft_rule@nf_tables",
    "struct htb_sched@sch_htb",
}
# names that several modules define, and not all in the same way
DIFFERENT = "enum nf_ip_trace_comments"


def of_vmlinux(kernel: Kernel) -> Btf:
    types = kernel.module_types
    return types._base(types._places[0].base)


def plain(kind: Type) -> object:  # noqa: PLR0911 - one for each kind of type
    """A type with what BTF and gdb word differently taken away.

    BTF has no arrays of several dimensions, no x[0]; gdb looks through typedefs of functions, for some way,
    and takes unsigned enumerators for signed.
    """
    match kind:
        case IntType(name, size, signed, form):
            return {*name.split()} - {"int"}, size, signed, form
        case ArrayType(element, count):
            while isinstance(element, ArrayType):
                count, element = (count or 0) * (element.count or 0), element.element
            return [plain(element) if count else type(element), count or 0]
        case PointerType(FunctionType()) | FunctionType():
            return FunctionType
        case PointerType(target, size):
            return ["*", plain(target), size]
        case StructType(keyword, name, size, members):
            found = [(m.name, plain(m.type), m.bit_offset, m.bit_size) for m in members]
            return [keyword, name, size, found]
        case TypedefType(name, target):
            return [name, PointerType if isinstance(target, PointerType) else plain(target)]
        case EnumType(name, size, _, values):
            return [name, size, [(text, value % (1 << 8 * size)) for text, value in values]]
        case TypeRef(name):
            return name
        case _:
            return type_name(kind)


def test_the_kernel_s_types_are_those_of_gdb(lab: Lab, kernel: Kernel) -> None:
    if "kdump" in lab.name or lab.vmcore.name != "vmcore":
        pytest.skip("types depend on vmlinux and crash alone: seen on the other dumps")
    btf = of_vmlinux(kernel)
    clear = [name for name, numbers in sorted(btf.named.items()) if len(numbers) == 1]
    names = [f"struct {name}" for name in SEEDS] + clear[:: len(clear) // (AT_LEAST + 20)]
    layouts = Layouts(lab.session)
    layouts.prefetch(names)
    compared = 0
    for name in dict.fromkeys(names):
        try:
            told = layouts.type(name)
        except UnknownTypeError:  # of assembler and BPF, which gdb doesn't show
            continue
        compared += 1
        assert plain(btf.type(btf.named[name][0])) == plain(told), name
    assert compared >= AT_LEAST


def leaves(kind: Any, path: str = "", base: int = 0) -> Iterator[tuple[str, int, int | None, int | None]]:
    """(path, bit offset, bit size, bytes) of all members in drgn's words, those of nested ones too."""
    while kind.kind.name == "TYPEDEF":
        kind = kind.type
    for member in kind.members:
        where, inner = f"{path}.{member.name or ''}", member.type
        place = base + member.bit_offset
        yield where, place, member.bit_field_size, bytes_of(inner)
        if inner.kind.name in {"STRUCT", "UNION"}:
            yield from leaves(inner, where, place)


def bytes_of(kind: Any) -> int:
    """The size of a type in drgn's words; 0 for x[]."""
    try:
        return int(sys.modules["drgn"].sizeof(kind))
    except TypeError:
        return 0


def our_leaves(
    kind: StructType, path: str = "", base: int = 0
) -> Iterator[tuple[str, int, int | None, int | None]]:
    """The same in ours."""
    for member in kind.members:
        where, place = f"{path}.{member.name or ''}", base + member.bit_offset
        yield where, place, member.bit_size, size_of(member.type)
        if isinstance(member.type, StructType):
            yield from our_leaves(member.type, where, place)


def arrays(kind: Type) -> Iterator[ArrayType]:
    """All arrays in a type out of BTF that may have more dimensions than it has."""
    match kind:
        case ArrayType(element, count, origin):
            if origin and count:
                yield kind
            yield from arrays(element)
        case StructType(members=members):
            for member in members:
                yield from arrays(member.type)
        case PointerType(target=inner) | TypedefType(target=inner):
            yield from arrays(inner)


def bounds_of(drgn: Any, kind: Any, path: str) -> list[int]:
    """The dimensions of the array at a path of a type, in drgn's words."""
    kinds = drgn.TypeKind
    for name, _ in re.findall(r"\.(\w+)|(\[0\])", path):
        while kind.kind == kinds.TYPEDEF:
            kind = kind.type
        if name:
            kind = kind.member(name).type
        while not name and kind.kind == kinds.ARRAY:
            kind = kind.type
    while kind.kind in {kinds.TYPEDEF, kinds.POINTER}:
        kind = kind.type
    found = []
    while kind.kind == kinds.ARRAY:
        found.append(kind.length)
        kind = kind.type
    return found


def test_arrays_have_the_dimensions_that_drgn_has(
    lab: Lab, kernel: Kernel, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that may have several, and one in 40 of the others."""
    if "kdump" in lab.name or lab.vmcore.name != "vmcore":
        pytest.skip("types depend on vmlinux alone: seen on the other dumps")
    drgn = pytest.importorskip("drgn")
    btf, shapes, several = of_vmlinux(kernel), Arrays(str(lab.vmlinux)), dimensions(str(lab.vmlinux))
    assert several is not None
    monkeypatch.setattr("crashdrive.kernel.debuginfo.arrays._MOST", 1 << 40)
    alone = {name: numbers[0] for name, numbers in btf.named.items() if len(numbers) == 1}
    found = {
        str(one.origin): one for number in alone.values() for one in arrays(btf.type(number, origins=True))
    }
    unsure = {name for name, one in found.items() if one.count in several.get(made_of(one.element), ())}
    compared, missing_ones = 0, set()
    for origin in [*unsure, *sorted(found.keys() - unsure)[::40]]:
        outer = re.split(r"[.\[]", origin, maxsplit=1)[0]
        if outer in alone:
            path = origin.removeprefix(outer)
            told = shapes.find(outer, path)
            if told is None:
                missing_ones.add(outer)
                continue
            assert told.element == made_of(found[origin].element), origin
            assert list(told.bounds) == bounds_of(drgn, peer.type(outer), path), origin
            compared += len(told.bounds) > 1
    assert compared > 30
    # what isn't found is looked for in another way; its entry isn't at the top of a unit
    assert missing_ones <= {"struct id_bitmap"}


def module_files(lab: Lab) -> dict[str, Path]:
    """The debug files of modules, by module."""
    folder = lab.folder / "modules"
    files = {path.stem.replace("-", "_"): path for path in folder.glob("kernel/**/*.ko")}
    if not files:
        missing(f"debug files of modules in {folder}")
    return files


def test_all_types_of_all_modules_are_those_of_their_debug_files(lab: Lab, kernel: Kernel) -> None:
    if "kdump" in lab.name:
        pytest.skip("the same modules as in the ELF dump")
    drgn = pytest.importorskip("drgn")
    files, types = module_files(lab), kernel.module_types
    compared, members = set(), 0
    for module, _ in types._catalog.modules:
        if module not in files:  # those that the guest builds itself
            continue
        program = drgn.Program()
        program.extra_module(module, create=True).try_file(files[module], force=True)
        for name, numbers in types._btf(module).named.items():
            if name.startswith(("struct ", "union ")) and len(numbers) == 1:
                found, theirs = kernel.type(f"{name}@{module}"), program.type(name)
                assert isinstance(found, StructType)
                assert found.size == theirs.size, name
                assert list(our_leaves(found)) == list(leaves(theirs)), f"{name} of {module}"
                members += len(found.members)
                compared.add(f"{name}@{module}")
    assert compared >= WELL_KNOWN
    assert len(compared) > 500
    assert members > 4000


def test_a_name_of_several_modules(kernel: Kernel) -> None:
    with pytest.raises(UnknownTypeError, match=rf"modules differ .*{DIFFERENT}@ip_tables"):
        kernel.type(DIFFERENT)
    both = [kernel.enumerators(f"{DIFFERENT}@{module}") for module in ("ip_tables", "ip6_tables")]
    assert len(both[0]) == len(both[1])
    assert both[0] != both[1]
    types = kernel.module_types
    shared = [name for name, modules in types._catalog.names.items() if len(modules) > 1]
    assert len(shared) > 50
    told = [name for name in shared if not kernel.has_type(name)]
    assert len(told) < 6


def test_a_module_s_structures_are_read_as_the_kernel_s(lab: Lab, kernel: Kernel) -> None:
    device = next(d for d in kernel.for_each_net_device() if d.name.string_() == "eth0")
    has_priv = kernel.has_member("struct net_device", "priv")
    size = kernel.offset("struct net_device", "priv") if has_priv else kernel.sizeof("struct net_device")
    start = int(device.address_of_()) + -(-size // 32) * 32
    info = kernel.object("struct virtnet_info@virtio_net", start)
    assert info.dev == device.address_of_()
    assert info.vdev.dev.driver.name.string_() == "virtio_net"
    assert info.sq[0].vq.deref_().num_free.value_() > 0
    (ring,), (name,) = kernel.read_many(
        "struct virtnet_info",
        [start],
        ["sq->vq->num_max" if "6.12" in lab.name else "sq->vq->index", "sq->name"],
    ).columns
    assert ring is not None
    assert name.startswith("output")


def test_what_is_known_isn_t_read_again(lab: Lab, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    wanted = ["struct virtnet_info", "struct bonding", "struct nft_rule", "struct slave@bonding"]

    def opened() -> Kernel:
        layouts = Layouts(lab.session, store, "a build", elsewhere=lambda: found.module_types)
        # what modules define is kept by the dump, as its symbols are
        found = Kernel(lab.session, layouts=layouts, symbols=Symbols(lab.session, store, "a dump"))
        return found

    cold, warm = opened(), opened()
    types = cold.layouts.types(wanted)
    assert not cold.has_type("struct nobody_has_this")
    began = time.process_time()
    assert warm.layouts.types(wanted) == types
    assert not warm.has_type("struct nobody_has_this")
    assert time.process_time() - began < 5
    assert warm.layouts.queries == 0
    assert warm.memory.rounds == 0

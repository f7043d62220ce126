"""Types as crash's gdb tells them, member for member against drgn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import UnknownMemberError, UnknownTypeError
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    FunctionType,
    IncompleteType,
    IntType,
    PointerType,
    StructType,
    Type,
    VoidType,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.conftest import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

SEEDS = [
    "task_struct",
    "tcp_sock",
    "net_device",
    "super_block",
    "request_queue",
    "module",
    "inode",
    "page",
    "zone",
    "pglist_data",
    "unix_sock",
    "fib_info",
    "kmem_cache",
    "bpf_prog",
    "nf_conn",
    "perf_event",
    "cgroup",
    "Qdisc",
    "mount",
    "pci_dev",
    "bio",
    "udp_sock",
    "packet_sock",
    "netlink_sock",
    "vm_area_struct",
    "file",
    "dentry",
    "pid",
    "workqueue_struct",
    "gendisk",
    "rq",
    "cpu_rmap",
    "xarray",
    "maple_tree",
]
AT_LEAST = 400


def reached(peer: Any, most: int) -> list[str]:
    """Names of structures, unions and enums that can be reached from the seeds, nearest first."""
    names = dict.fromkeys(f"struct {name}" for name in SEEDS)
    done = 0
    while done < most and done < len(names):
        name = list(names)[done]
        done += 1
        if is_known(peer, name):
            for named in held_by(peer.type(name)):
                names.setdefault(named)
    return [name for name in list(names)[:most] if is_known(peer, name)]


def held_by(kind: Any) -> Iterator[str]:
    """The named types of a structure's members, and those of anonymous ones in it."""
    for member in getattr(kind, "members", None) or ():
        inner = member.type
        while inner.kind.name in {"TYPEDEF", "POINTER", "ARRAY"}:
            inner = inner.type
        if inner.kind.name in {"STRUCT", "UNION", "ENUM"} and inner.tag:
            yield f"{inner.kind.name.lower()} {inner.tag}"
        elif inner.kind.name in {"STRUCT", "UNION"}:
            yield from held_by(inner)


def is_known(peer: Any, name: str) -> bool:
    try:
        return bool(peer.type(name).is_complete())
    except LookupError:
        return False


class Comparison:
    """Ours and drgn's types side by side; ``differences`` says where they aren't equal."""

    def __init__(self, layouts: Layouts) -> None:
        self.layouts = layouts
        self.members = 0
        self.differences: list[str] = []

    def differ(self, path: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            self.differences.append(f"{path}: {ours!r} is not {theirs!r}")

    def compare(self, path: str, kind: Type, theirs: Any, depth: int = 0) -> None:
        while theirs.kind.name == "TYPEDEF":
            theirs = theirs.type
        ours = self.layouts.resolve(kind) if depth == 0 or not isinstance(kind, IncompleteType) else kind
        self.differ(path, *_shapes(ours, theirs))
        match ours:
            case StructType() if theirs.is_complete():
                for member, other in zip(ours.members, theirs.members, strict=False):
                    self.members += 1
                    where = f"{path}.{other.name}"
                    self.differ(
                        where,
                        (member.name, member.bit_offset, member.bit_size),
                        (other.name, other.bit_offset, other.bit_field_size),
                    )
                    self.compare(where, member.type, other.type, depth)
            case ArrayType():
                self.compare(f"{path}[]", ours.element, theirs.type, depth)
            case PointerType() if depth == 0:
                self.target(f"*{path}", ours.target, theirs.type)

    def target(self, path: str, ours: Type, theirs: Any) -> None:
        """What a pointer leads to: by name where it has one."""
        name = getattr(ours, "name", None)
        if theirs.kind.name in {"STRUCT", "UNION", "ENUM"} and theirs.tag:
            self.differ(path, name and str(name).split()[-1], theirs.tag)
        elif theirs.kind.name == "POINTER":
            assert isinstance(ours, PointerType)
            self.target(f"*{path}", ours.target, theirs.type)


def _shapes(ours: Type, theirs: Any) -> tuple[object, object]:  # noqa: PLR0911 - one for each kind of type
    kind = theirs.kind.name
    match ours:
        case StructType():
            there = (
                (kind.lower(), theirs.tag, theirs.size, len(theirs.members)) if theirs.is_complete() else kind
            )
            return (ours.kind, ours.name, ours.size, len(ours.members)), there
        case ArrayType():
            return ("ARRAY", ours.count), (kind, getattr(theirs, "length", None))
        case EnumType():
            values = tuple((e.name, e.value) for e in theirs.enumerators) if theirs.is_complete() else ()
            there = (kind, theirs.tag, theirs.type.size, theirs.type.is_signed, values)
            return ("ENUM", ours.name, ours.size, ours.signed, ours.enumerators), there
        case IntType():
            named = {"INT": "int", "BOOL": "bool"}
            is_char = ours.kind == "char"
            signed = bool(getattr(theirs, "is_signed", False))
            return ("int" if is_char else ours.kind, ours.size, ours.signed), (
                named.get(kind),
                theirs.size,
                signed,
            )
        case PointerType():
            return ("POINTER", ours.size), (kind, getattr(theirs, "size", None))
        case FloatType():
            return ("FLOAT", ours.size), (kind, theirs.size)
        case IncompleteType():
            return False, theirs.is_complete()
        case VoidType() | FunctionType():
            return type(ours).__name__, {"VOID": "VoidType", "FUNCTION": "FunctionType"}.get(kind)
        case _:
            return ours, kind


def test_every_member_of_four_hundred_types_is_that_of_drgn(lab: Lab, peer: Any) -> None:
    if "kdump" in lab.name:
        pytest.skip("layouts depend on vmlinux and crash alone: seen on the other dumps")
    layouts = Layouts(lab.session)
    names = reached(peer, 600)
    types = layouts.types(names)
    comparison = Comparison(layouts)
    for name, kind in types.items():
        comparison.compare(name, kind, peer.type(name))
    assert comparison.differences == []
    assert len(types) >= AT_LEAST
    assert comparison.members > 10_000


def test_a_cold_layout_is_one_query_and_a_kept_one_none(lab: Lab, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    names = ["struct task_struct", "struct sock", "struct net_device", "struct super_block"]
    cold = Layouts(lab.session, store, "a build")
    cold.type("struct list_head")
    assert cold.queries == 1
    cold.types(names)
    # two more, once per kernel: whether char is signed
    assert cold.queries == 1 + len(names) + 2
    warm = Layouts(lab.session, store, "a build")
    assert warm.types(names) == cold.types(names)
    assert warm.queries == 0
    other = Layouts(lab.session, store, "another build")
    other.type("struct list_head")
    assert other.queries == 1


def test_offsets_are_those_of_crash_itself(lab: Lab) -> None:
    layouts = Layouts(lab.session)
    for kind, path in (
        ("struct task_struct", "comm"),
        ("struct task_struct", "se.vruntime"),
        ("struct sock", "__sk_common.skc_state"),
        ("struct super_block", "s_inodes"),
        ("struct net_device", "name[3]"),
    ):
        asked = lab.session.run(f"gdb p (long)&(({kind} *)0)->{path}").check().text
        assert layouts.offset(kind, path) == int(asked.split("= ")[1])
    for kind in ("struct page", "struct file", "u64", "enum pid_type", "atomic_t", "struct list_head *"):
        asked = lab.session.run(f"gdb p sizeof({kind})").check().text
        assert layouts.sizeof(kind) == int(asked.split("= ")[1])


def test_strange_names_are_unknown_types_and_nothing_more(lab: Lab, tmp_path: Path) -> None:
    layouts = Layouts(lab.session)
    mark = tmp_path / "mark"
    for name in (
        "struct no_such_thing",
        "no_such_t",
        f"struct x | touch {mark}",
        f"struct x > {mark}",
        f"x; !touch {mark}",
        "struct",
        "",
        "struct sock foo",
        "\n",
    ):
        with pytest.raises(UnknownTypeError):
            layouts.type(name)
    assert not mark.exists()
    with pytest.raises(UnknownMemberError, match="near: "):
        layouts.offset("struct sock", "sk_socke")


def test_without_ptype_o_the_layouts_are_the_same(lab: Lab) -> None:
    """The way of crash 7, which isn't at hand, gone in a crash that knows both."""
    if "kdump" in lab.name:
        pytest.skip("layouts depend on vmlinux and crash alone: seen on the other dumps")
    names = ["struct list_head", "struct sock_common", "struct page", "struct hrtimer", "struct kref"]
    modern, old = Layouts(lab.session), Layouts(lab.session)
    old._has_offsets = False
    for name in names:
        ours, theirs = modern.type(name), old.type(name)
        assert isinstance(ours, StructType)
        assert isinstance(theirs, StructType)
        assert theirs.size == ours.size
        assert [(n, place, m.bit_size) for n, m, place in theirs.leaves()] == [
            (n, place, m.bit_size) for n, m, place in ours.leaves()
        ]
    assert old.sizeof("atomic_t") == modern.sizeof("atomic_t")
    assert old.enumerators("enum pid_type") == modern.enumerators("enum pid_type")

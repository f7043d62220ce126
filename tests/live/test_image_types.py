"""Types out of a kernel's DWARF against those of its own BTF: names, places, sizes, references."""

from __future__ import annotations

import random

import msgspec
import pytest

from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo.layouts import ImageTypes
from crashdrive.kernel.symbols.image import section
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.model import (
    ArrayType,
    FunctionType,
    PointerType,
    StructType,
    Type,
    TypedefType,
)
from tests.live.conftest import LAB

pytestmark = pytest.mark.live
NAMED = (
    "struct task_struct", "struct sock", "struct tcp_sock", "struct net", "struct net_device",
    "struct sk_buff", "struct page", "struct zone", "struct inode", "struct module", "struct irq_desc", "u32",
    "union nf_inet_addr", "enum pid_type",
)  # fmt: skip
_BY_LOT = 40
# drivers' own, and one of a file that is compiled twice
SEVERAL = ("struct irq_info", "struct pci_root_info", "struct remap_data", "struct elf_note_info")


def flat(kind: Type) -> Type:  # noqa: PLR0911 - one for each kind of type
    """A type as BTF has it: arrays of several dimensions as one."""
    match kind:
        case ArrayType(element, count):
            inner = flat(element)
            if isinstance(inner, ArrayType):
                return ArrayType(inner.element, count * inner.count if count and inner.count else None)
            return ArrayType(inner, count)
        case PointerType(target, size):
            return PointerType(flat(target), size)
        case TypedefType(name, target):
            return TypedefType(name, flat(target))
        case FunctionType(returns, parameters, variadic):
            return FunctionType(flat(returns), tuple(map(flat, parameters)), variadic)
        case StructType():
            members = (msgspec.structs.replace(one, type=flat(one.type)) for one in kind.members)
            return msgspec.structs.replace(kind, members=tuple(members))
        case _:
            return kind


@pytest.mark.parametrize("series", ["5.10", "6.1", "6.12"])
def test_they_are_what_btf_says(series: str) -> None:
    vmlinux = LAB / "kernels" / series / "vmlinux"
    if not vmlinux.exists():
        pytest.skip(f"{vmlinux} is missing: scripts/lab makes it")
    image = ImageTypes(str(vmlinux))
    # the BTF of 5.10 doesn't tell whether a char is signed
    btf = Btf(section(vmlinux, ".BTF") or b"", abi=image.abi)
    single = sorted(name for name, numbers in btf.named.items() if len(numbers) == 1)
    chosen = random.Random(f"{series} types").sample(single, _BY_LOT)  # noqa: S311 - a lot that stays
    for name in (*NAMED, *chosen):
        found = image.find(name)
        assert found is not None, name
        assert flat(found) == flat(btf.type(btf.named[name][0])), name
    assert image.abi == btf.abi


@pytest.mark.parametrize("series", ["5.10", "6.1", "6.12"])
def test_names_with_several_types_are_left_to_gdb(series: str) -> None:
    vmlinux = LAB / "kernels" / series / "vmlinux"
    if not vmlinux.exists():
        pytest.skip(f"{vmlinux} is missing: scripts/lab makes it")
    image = ImageTypes(str(vmlinux), compared=64)
    assert image.has_all
    for name in SEVERAL:
        with pytest.raises(VmlinuxError, match="several types are named"):
            image.find(name)

"""Areas of the kernel's addresses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from crashdrive.linux.areas import areas
from crashdrive.linux.oops.addresses import address_class

ALLOCATOR = 0xFFFFB05733000100
SYMBOLS = {"_text": 0xFFFFB05731800000, "_end": 0xFFFFB05733400000, "module_alloc_base": ALLOCATOR}
# of a guest of 6.1 with KASLR: modules lie near the image, in vmalloc's area
ARM64 = {
    "NUMBER(VA_BITS)": "48",
    "NUMBER(MODULES_VADDR)": "0xffff800000000000",
    "NUMBER(MODULES_END)": "0xffff800008000000",
    "NUMBER(VMALLOC_START)": "0xffff800008000000",
    "NUMBER(VMALLOC_END)": "0xfffffbfff0000000",
    "NUMBER(VMEMMAP_START)": "0xfffffc0000000000",
    "NUMBER(VMEMMAP_END)": "0xfffffe0000000000",
}


def survey(machine: str, info: dict[str, str]) -> Any:
    """A survey of a kernel that has these symbols."""
    kernel = SimpleNamespace(
        session=SimpleNamespace(identity={"machine": machine}, vmcoreinfo=info),
        symbols=SimpleNamespace(has=SYMBOLS.__contains__, address=SYMBOLS.__getitem__),
        read_pointer={ALLOCATOR: 0xFFFFB056D1900000}.__getitem__,
    )
    return SimpleNamespace(kernel=kernel)


def test_areas_of_arm64() -> None:
    found = list(areas(survey("183", ARM64)))
    for address, name in {
        0xFFFFB05731FD47E4: "image",
        0xFFFFB056D1943000: "module",
        0xFFFF523CC8A46C00: "direct map",
        0xFFFF800009073810: "vmalloc",
        0xFFFFFC0000001000: "page structures",
    }.items():
        assert address_class(address, found).name == name


def test_areas_of_ppc64() -> None:
    """Of a guest of 6.1 with 1 GB in pages of 64 KiB, and the radix MMU."""
    words = {
        "max_pfn": 0x4000, "vmemmap": 0xC00C << 48,
        "__vmalloc_start": 0xC008 << 48, "__vmalloc_end": 0xC00A << 48,
    }  # fmt: skip
    places = {name: 0xC000000002759000 + 8 * at for at, name in enumerate(words)}
    symbols = {"_text": 0xC << 60, "_end": 0xC000000002880000} | places
    kernel = SimpleNamespace(
        session=SimpleNamespace(identity={"machine": "21"}, vmcoreinfo={"PAGESIZE": "65536"}),
        symbols=SimpleNamespace(has=symbols.__contains__, address=symbols.__getitem__),
        read_pointer={places[name]: word for name, word in words.items()}.__getitem__,
    )
    ppc64: Any = SimpleNamespace(kernel=kernel)
    found = list(areas(ppc64))
    for address, name in {
        0xC00000000002B000: "image",
        0xC00000000FC474B0: "direct map",
        0xC008000000A30000: "vmalloc",
        0xC00C000000001000: "page structures",
    }.items():
        assert address_class(address, found).name == name
    assert found[1].high == (0xC << 60) + (1 << 30)


def test_what_is_not_told_is_left_out() -> None:
    assert [area.name for area in areas(survey("183", {}))] == ["image"]
    wrong = dict.fromkeys(ARM64, "a lot")
    assert [area.name for area in areas(survey("183", wrong))] == ["image"]
    assert list(areas(survey("22", ARM64))) == []

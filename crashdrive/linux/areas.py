"""Areas of the kernel's address space, as this kernel laid them out. x86-64, arm64, ppc64.

Sources: Documentation/arch/x86/x86_64/mm.rst; arch/x86/mm/kaslr.c, which moves three of them; their bases are
in variables. Documentation/arch/arm64/memory.rst; VMCOREINFO has the bounds of arm64's. Those of
ppc64 depend on its MMU and are in variables (arch/powerpc/mm/book3s64/radix_pgtable.c, hash_utils.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.dump.linear_map import LINEAR
from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.linux.oops.addresses import Area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_X86_64, _ARM64, _PPC64 = "62", "183", "21"
_VMALLOC, _VMEMMAP = ("__vmalloc_start", "__vmalloc_end"), "vmemmap"
_BASES = ("page_offset_base", "vmalloc_base", "vmemmap_base")
_MODULES_END = 0xFFFFFFFFFF000000
_IMAGE = ("_text", "_end")
_BOUNDS = (
    *("MODULES_VADDR", "MODULES_END", "VMALLOC_START", "VMALLOC_END", "VMEMMAP_START", "VMEMMAP_END"),
    "VA_BITS",
)
_LEAST_BITS, _MOST_BITS, _WORD = 36, 52, 1 << 64


def areas(survey: Survey) -> Iterator[Area]:
    """The areas that are known: ``direct map``, ``vmalloc``, ``page structures``, ``image``, ``module``.

    No area on other architectures, and none whose base the kernel doesn't tell.
    """
    kernel = survey.kernel
    has = kernel.symbols.has
    machine = kernel.session.identity.get("machine", _X86_64)
    if machine not in {_X86_64, _ARM64, _PPC64} or not all(map(has, _IMAGE)):
        return
    low, high = (kernel.symbols.address(name) for name in _IMAGE)
    yield Area(low, high, "image")
    if machine == _ARM64:
        yield from _of_arm64(kernel)
        return
    if machine == _PPC64:
        yield from _of_ppc64(kernel)
        return
    yield Area(high, _MODULES_END, "module")
    if all(map(has, _BASES)):
        direct, vmalloc, pages = _words(kernel)
        end = direct + (_memory_end(kernel) or vmalloc - direct)
        yield Area(direct, end, "direct map")
        yield Area(vmalloc, pages, "vmalloc")
        yield Area(pages, pages + (1 << 40), "page structures")


def _of_arm64(kernel: Machine) -> Iterator[Area]:
    """Since 5.4 (14c127c957c1) the direct map is the lower half of the kernel's addresses.

    Modules lie near the image, where KASLR has moved that, within the area of vmalloc.
    """
    told = kernel.session.vmcoreinfo
    bounds = {name: _number(told.get(f"NUMBER({name})", "")) for name in _BOUNDS}
    base = kernel.symbols.address("module_alloc_base") if kernel.symbols.has("module_alloc_base") else None
    size = (bounds["MODULES_END"] or 0) - (bounds["MODULES_VADDR"] or 0)
    if base is not None and size > 0:
        start = kernel.read_pointer(base)
        yield Area(start, start + size, "module")
    for low, high, name in (
        ("VMEMMAP_START", "VMEMMAP_END", "page structures"),
        ("VMALLOC_START", "VMALLOC_END", "vmalloc"),
    ):
        first, last = bounds[low], bounds[high]
        if first is not None and last is not None:
            yield Area(first, last, name)
    bits = bounds["VA_BITS"]
    if bits is not None and bounds["VMALLOC_START"] is not None and _LEAST_BITS <= bits <= _MOST_BITS:
        yield Area(_WORD - (1 << bits), _WORD - (1 << bits - 1), "direct map")


def _of_ppc64(kernel: Machine) -> Iterator[Area]:
    """Modules lie within the area of vmalloc."""
    size = _number(kernel.session.vmcoreinfo.get("PAGESIZE", "")) or 0
    if kernel.symbols.has("max_pfn") and size:
        count = kernel.read_pointer(kernel.symbols.address("max_pfn"))
        yield Area(LINEAR, LINEAR + count * size, "direct map")
    if all(map(kernel.symbols.has, _VMALLOC)):
        low, high = (kernel.read_pointer(kernel.symbols.address(name)) for name in _VMALLOC)
        yield Area(low, high, "vmalloc")
    if kernel.symbols.has(_VMEMMAP):
        pages = kernel.read_pointer(kernel.symbols.address(_VMEMMAP))
        yield Area(pages, pages + (1 << 40), "page structures")


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def _words(kernel: Machine) -> list[int]:
    return [kernel.read_pointer(kernel.symbols.address(name)) for name in _BASES]


def _memory_end(kernel: Machine) -> int:
    """The physical address behind the last page; 0 where that isn't known."""
    if not kernel.symbols.has("max_pfn"):
        return 0
    return kernel.read_pointer(kernel.symbols.address("max_pfn")) << PAGE_SHIFT

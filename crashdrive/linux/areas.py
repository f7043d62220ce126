"""Areas of the kernel's address space, as this kernel laid them out. x86-64.

Sources: Documentation/arch/x86/x86_64/mm.rst; arch/x86/mm/kaslr.c, which moves three of them; their bases are
in variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.linux.oops.addresses import Area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_X86_64 = "62"
_BASES = ("page_offset_base", "vmalloc_base", "vmemmap_base")
_MODULES_END = 0xFFFFFFFFFF000000
_IMAGE = ("_text", "_end")


def areas(survey: Survey) -> Iterator[Area]:
    """The areas that are known: ``direct map``, ``vmalloc``, ``page structures``, ``image``, ``module``.

    No area on other architectures, and none whose base the kernel doesn't tell.
    """
    kernel = survey.kernel
    has = kernel.symbols.has
    if kernel.session.identity.get("machine", _X86_64) != _X86_64 or not all(map(has, _IMAGE)):
        return
    low, high = (kernel.symbols.address(name) for name in _IMAGE)
    yield Area(low, high, "image")
    yield Area(high, _MODULES_END, "module")
    if all(map(has, _BASES)):
        direct, vmalloc, pages = _words(kernel)
        end = direct + (_memory_end(kernel) or vmalloc - direct)
        yield Area(direct, end, "direct map")
        yield Area(vmalloc, pages, "vmalloc")
        yield Area(pages, pages + (1 << 40), "page structures")


def _words(kernel: Machine) -> list[int]:
    return [kernel.read_pointer(kernel.symbols.address(name)) for name in _BASES]


def _memory_end(kernel: Machine) -> int:
    """The physical address behind the last page; 0 where that isn't known."""
    if not kernel.symbols.has("max_pfn"):
        return 0
    return kernel.read_pointer(kernel.symbols.address("max_pfn")) << PAGE_SHIFT

"""The lowcore of s390x: what each CPU sees at address 0 (arch/s390/include/asm/lowcore.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine

MACHINE = "22"
LOWCORE = "struct lowcore"


def is_s390x(kernel: Machine) -> bool:
    """Whether the kernel is of s390x; asked before anything about structures that others lack."""
    return kernel.session.identity.get("machine") == MACHINE


def lowcores(kernel: Machine) -> dict[int, int]:
    """Where each present CPU's lowcore lies; a CPU of which that isn't known is left out."""
    cpus, size = kernel.cpus, kernel.pointer_size
    first = kernel.symbols.address("lowcore_ptr")
    window = kernel.window()
    places = [first + size * cpu for cpu in cpus]
    window.fetch((place, size) for place in places)
    words = window.words(places)
    return {cpu: word for cpu, word in zip(cpus, words, strict=True) if word}

"""The lowcore of s390x: what each CPU sees at address 0 (arch/s390/include/asm/lowcore.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

MACHINE = "22"
LOWCORE = "struct lowcore"


def is_s390x(kernel: Machine) -> bool:
    """Whether the kernel is of s390x; asked before anything about structures that others lack."""
    return kernel.session.identity.get("machine") == MACHINE


def lowcores(survey: Survey) -> dict[int, int]:
    """Where each present CPU's lowcore lies; a CPU of which that isn't known is noted and left out."""
    kernel = survey.kernel
    cpus, size = kernel.cpus, kernel.pointer_size
    first = kernel.symbols.address("lowcore_ptr")
    window = kernel.window()
    places = [first + size * cpu for cpu in cpus]
    found = {cpu: word for cpu, word in zip(cpus, window.words(places), strict=True) if word}
    for cpu in cpus:
        if cpu not in found:
            survey.miss([Notice(kind="hole", message=f"the lowcore of CPU {cpu} isn't found")])
    return found

"""x86-64."""

from crashdrive.kernel.arch.base import Architecture
from crashdrive.kernel.arch.x86_64.page_tables import Tables

__all__ = ["ARCHITECTURE", "Tables"]

ARCHITECTURE = Architecture(machine=62, floor=0xFF << 56, paging=Tables.of_kernel)

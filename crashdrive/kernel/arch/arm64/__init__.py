"""arm64."""

from crashdrive.kernel.arch.arm64.page_tables import Tables
from crashdrive.kernel.arch.base import Architecture

__all__ = ["ARCHITECTURE", "Tables"]

ARCHITECTURE = Architecture(machine=183, floor=0xFF << 56, paging=Tables.of_kernel)

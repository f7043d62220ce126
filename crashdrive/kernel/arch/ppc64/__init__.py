"""ppc64 and ppc64le."""

from crashdrive.dump.linear_map import LINEAR
from crashdrive.kernel.arch.base import Architecture
from crashdrive.kernel.arch.ppc64.page_tables import Tables

__all__ = ["ARCHITECTURE", "Tables"]

ARCHITECTURE = Architecture(machine=21, floor=LINEAR, paging=Tables.of_kernel)

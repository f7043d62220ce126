"""s390x."""

from crashdrive.kernel.arch.base import Architecture
from crashdrive.kernel.arch.s390x.page_tables import Tables

__all__ = ["ARCHITECTURE", "Tables"]

# The lowest two pages are the lowcore: NULL and small numbers point there. `linux.sched.s390x` reads it
# where it lies besides, by each CPU's prefix.
ARCHITECTURE = Architecture(machine=22, floor=0x2000, paging=Tables.of_kernel, shared=False)

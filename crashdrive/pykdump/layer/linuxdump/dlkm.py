"""``LinuxDump.dlkm``: loaded modules."""

from __future__ import annotations

from crashdrive.kernel.objects import address_of
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.run import current


def lsmod() -> dict[str, int]:
    """The address of each loaded module's ``struct module``."""
    return {module.name.string_(): address_of(module) for module in current().kernel.for_each_module()}


__getattr__ = lazy_names(__name__, {})

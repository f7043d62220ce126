"""``LinuxDump.kobjects``: names of devices, and the lists that drivers keep of them."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.layer.access import readSUListFromHead
from crashdrive.pykdump.layer.lazy import lazy_names

_MOST = 20_000


def klistAll(klist: Any) -> list[Any]:
    """Every ``struct klist_node`` of a ``struct klist``."""
    head = klist.k_list if klist.hasField("k_list") else klist.list
    return readSUListFromHead(int(head), "n_node", "struct klist_node", maxel=_MOST)


def dev_name(dev: Any) -> Any:
    """The name of a ``struct device``."""
    if dev.hasField("init_name") and dev.init_name:
        return dev.init_name
    return kobj_name(dev.kobj)


def kobj_name(kobj: Any) -> Any:
    """The name of a ``struct kobject``."""
    return kobj.name


__getattr__ = lazy_names(__name__, {})

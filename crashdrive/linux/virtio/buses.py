"""Devices of a bus of the driver model (drivers/base/bus.c): what ``/sys/bus/NAME/devices`` lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_PRIVATE, _NODE = "struct subsys_private", "struct device_private"


def bus_devices(survey: Survey, variable: str, what: str) -> list[int]:
    """Addresses of ``struct device`` of all devices of a bus, such as ``virtio_bus``."""
    kernel = survey.kernel
    private = _private(survey, kernel.symbols.address(variable), what)
    if not private:
        return []
    head = private + kernel.offset(_PRIVATE, "klist_devices.k_list")
    walked = kernel.walk_list(head, _NODE, "knode_bus.n_node")
    survey.walked(walked, what)
    column = survey.gaps(kernel.read_many(_NODE, walked.addresses, ["device"]), what)["device"]
    return [device for device in column if device]


def _private(survey: Survey, bus: int, what: str) -> int:
    """The address of the bus's ``struct subsys_private``: since 6.3 (3465e7e3a9cb) it is found on the list of
    all buses.
    """
    kernel = survey.kernel
    if kernel.has_member("struct bus_type", "p"):
        return survey.gaps(kernel.read_many("struct bus_type", [bus], ["p"]), what)["p"][0] or 0
    buses = kernel.read_pointer(kernel.symbols.address("bus_kset"))
    head = buses + kernel.offset("struct kset", "list")
    walked = kernel.walk_list(head, _PRIVATE, "subsys.kobj.entry")
    survey.walked(walked, what)
    column = survey.gaps(kernel.read_many(_PRIVATE, walked.addresses, ["bus"]), what)["bus"]
    return next((place for place, own in zip(walked.addresses, column, strict=True) if own == bus), 0)

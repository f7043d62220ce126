"""Features of network devices as ``ethtool -k`` words them. Sources: net/ethtool/common.c, features.c."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from crashdrive.linux.net.devices.devices import Device

_NAMES = "netdev_features_strings"
_LENGTH = 32  # ETH_GSTRING_LEN
_BITS = 64
_WORDS = {"features": ("features",), "hw": ("hw_features",), "wanted": ("wanted_features",)}
# ethtool's own names for some
_CALLED = {
    "rx-checksum": "rx-checksumming", "tx-generic-segmentation": "generic-segmentation-offload",
    "rx-gro": "generic-receive-offload", "rx-lro": "large-receive-offload",
    "rx-vlan-hw-parse": "rx-vlan-offload", "tx-vlan-hw-insert": "tx-vlan-offload",
    "rx-ntuple-filter": "ntuple-filters", "rx-hashing": "receive-hashing",
}  # fmt: skip
# NETIF_F_NEVER_CHANGE
_NEVER = {"vlan-challenged", "tx-lockless", "netns-local"}


class Feature(Record, frozen=True):
    """A feature of a device, by ethtool's name; ``requested``: the requested state, where it differs."""

    netns: str | None
    device: str
    feature: str
    on: bool
    fixed: bool
    requested: bool | None


def features(survey: NetSurvey, every: Sequence[Device]) -> list[Feature]:
    """The features that the kernel knows, of each device in the chosen namespaces."""
    kernel = survey.kernel
    chosen = [device for device in every if device.row["net"] in survey.chosen]
    names = _names(survey)
    fields = Fields(kernel, "struct net_device", _WORDS, tuple(_WORDS))
    columns = survey.read(fields, [device.address for device in chosen], "features")
    found: list[Feature] = []
    for device, active, hardware, wanted in zip(chosen, *columns.values(), strict=True):
        if None in {active, hardware, wanted}:
            continue
        for bit, name in names.items():
            on, asked = bool(active >> bit & 1), bool(wanted >> bit & 1)
            fixed = name in _NEVER or not hardware >> bit & 1
            found.append(
                Feature(
                    netns=survey.labels.get(device.row["net"]),
                    device=device.row["name"],
                    feature=_CALLED.get(name, name),
                    on=on,
                    fixed=fixed,
                    requested=None if fixed or on == asked else asked,
                )
            )
    return found


def _names(survey: NetSurvey) -> dict[int, str]:
    """Names by bit; bits that no kernel uses any more have none."""
    kernel = survey.kernel
    start = kernel.symbols.address(_NAMES)
    size = kernel.sizeof(kernel.variable_type(_NAMES))
    raw = kernel.read(start, min(size, _LENGTH * _BITS))
    texts = (raw[at : at + _LENGTH].split(b"\0")[0] for at in range(0, len(raw), _LENGTH))
    return {bit: text.decode("ascii", "backslashreplace") for bit, text in enumerate(texts) if text}

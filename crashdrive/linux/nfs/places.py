"""Where modules of NFS keep what they know of each network namespace, and addresses of peers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from crashdrive.errors import FaultError, UnknownSymbolError
from crashdrive.linux.modules.loaded import for_each_module
from crashdrive.linux.net.addresses import ipv4, ipv6, port
from crashdrive.linux.net.pernet import own_memory
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Survey
from crashdrive.records import Notice

# struct sockaddr_in, struct sockaddr_in6: port, flow label, address (include/uapi/linux/in.h, in6.h)
_INET, _INET6, _SIZE = 2, 10, 28


class Endpoint(NamedTuple):
    """An address of IP with its port; ``text``: None for other families."""

    address: str
    port: int

    @property
    def text(self) -> str:
        """``127.0.0.1:2049``, ``[::1]:2049``."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def is_loaded(survey: Survey, module: str, symbol: str) -> bool:
    """Whether the kernel has what ``symbol`` stands for.

    UnknownSymbolError where the module is loaded, and its symbol isn't known.
    """
    if survey.kernel.symbols.has(symbol):
        return True
    modules = for_each_module(survey.kernel)
    survey.walked(modules, "modules")
    if module in survey.gaps(modules.read(["name"]), "modules")["name"]:
        raise UnknownSymbolError(f"module {module} is loaded, but {symbol} isn't known")
    return False


def of_namespaces(survey: NetSurvey, module: str, symbol: str) -> Mapping[int, int]:
    """A module's data of each chosen namespace, by the address of its ``struct net``; none without it."""
    if not is_loaded(survey, module, symbol):
        return {}
    found = {net: own_memory(survey, net, symbol) for net in sorted(survey.chosen)}
    return {net: place for net, place in found.items() if place}


class Endpoints:
    """The address in each ``struct sockaddr_storage``; None of other families, and where it is missing."""

    def __init__(self, survey: Survey, places: Iterable[int]) -> None:
        wanted = list(places)
        survey.kernel.prefetch((place, _SIZE) for place in wanted)
        self._found: dict[int, Endpoint | None] = dict.fromkeys(wanted)
        for place in wanted:
            try:
                raw = bytes(survey.kernel.read(place, _SIZE))
            except FaultError as error:
                survey.miss([Notice(kind="hole", message=f"addresses of peers: {error}")])
            else:
                self._found[place] = _endpoint(raw, survey.kernel.byte_order == "little")

    def __getitem__(self, place: int) -> Endpoint | None:
        return self._found[place]


def _endpoint(raw: bytes, little: bool) -> Endpoint | None:  # noqa: FBT001 - the machine's byte order
    family = int.from_bytes(raw[:2], "little" if little else "big")
    if family == _INET:
        return Endpoint(ipv4(raw[4:8]), port(raw[2:4]))
    return Endpoint(ipv6(raw[8:24]), port(raw[2:4])) if family == _INET6 else None

"""Functions that netfilter's hooks call. Source: net/netfilter/core.c."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from crashdrive.errors import UnknownMemberError, UnknownTypeError
from crashdrive.kernel.types.model import StructType
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Address, Notice, Record

_ENTRIES = "struct nf_hook_entries"
_ENTRY = "struct nf_hook_entry"
_OPS = "struct nf_hook_ops"
WHAT = "netfilter hooks"
# MAX_HOOK_COUNT in net/netfilter/core.c
_MOST = 1024
# include/uapi/linux/netfilter.h, netfilter_bridge.h; netfilter_arp.h
_INET = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_HOOKS = {"ipv4": _INET, "ipv6": _INET, "bridge": _INET[:5], "arp": ("input", "output", "forward")}
_OF_TABLES = ("nft_do_chain", "nf_route_table_")
_DEVICE = {"ingress": ("nf_hooks_ingress",), "egress": ("nf_hooks_egress",)}
_PRIORITIES = {
    "ipv4": ("enum nf_ip_hook_priorities", "NF_IP_PRI_"),
    "ipv6": ("enum nf_ip6_hook_priorities", "NF_IP6_PRI_"),
}


class Hook(Record, frozen=True):
    """A function that a hook calls for packets; a family's and hook's functions are in the order of
    ``priority``.

    ``priority_name`` is the kernel's name for that number, if it has one; ``function`` the symbol, ``module``
    the function's module (None: the kernel). ``kind`` is ``nf_tables`` or ``bpf``, None for all others;
    kernels before 5.14 don't tell: there the function does. ``private_address``: the function's argument: a
    ``struct nft_chain``, a ``struct xt_table``. ``address`` of the ``struct nf_hook_ops``.
    """

    netns: str | None
    family: str
    hook: str
    device: str | None
    priority: int | None
    priority_name: str | None
    function: str | None
    module: str | None
    kind: str | None
    private_address: Address | None
    address: Address | None


class _Chain(NamedTuple):
    """The list of functions of a family and hook."""

    net: int | None
    family: str
    hook: str
    device: str | None
    pointer: int


def every_hook(survey: NetSurvey) -> list[Hook]:
    """The hooks; a kernel without netfilter, or one that keeps them elsewhere, is noted."""
    if survey.kernel.has_member("struct net", "nf"):
        return survey.attempt(WHAT, partial(hooks, survey))
    survey.absent("netfilter")
    return []


def hooks(survey: NetSurvey) -> Iterator[Hook]:
    """The functions that netfilter calls, in their order, of each namespace, family and hook, and of devices.

    UnknownMemberError for kernels before 4.14, which keep them in lists.
    """
    kernel = survey.kernel
    # lists of entries until 960632ece694 (4.14)
    if not kernel.has_member(_ENTRIES, "num_hook_entries"):
        raise UnknownMemberError(f"no {_ENTRIES}.num_hook_entries")
    chains = [*_of_families(survey), *_of_devices(survey)]
    pointers = [chain.pointer for chain in chains]
    counts = kernel.read_many(_ENTRIES, pointers, ["num_hook_entries"])
    names = _priority_names(survey)
    for chain, count in zip(chains, survey.gaps(counts, WHAT)["num_hook_entries"], strict=True):
        if count is not None and count > _MOST:
            message = f"{WHAT}: {count} at {chain.pointer:#x} are impossible; not read"
            survey.miss([Notice(kind="node", message=message)])
        elif count:
            yield from _of_chain(survey, chain, count, names.get(chain.family, {}))


def _of_families(survey: NetSurvey) -> Iterator[_Chain]:
    """Arrays of pointers in each namespace, one for each family since b0f38338aef2 (4.16)."""
    kernel = survey.kernel
    kind = kernel.type(kernel.place("struct net", "nf").type)
    members = [leaf[0] for leaf in kind.leaves()] if isinstance(kind, StructType) else []
    families = [name.removeprefix("hooks_") for name in members if name.startswith("hooks_")]
    if not families:
        raise UnknownMemberError("struct netns_nf has no hooks_ipv4")
    nets = [one.address for one in survey.namespaces.nets if one.address in survey.chosen]
    columns = kernel.read_many("struct net", nets, [f"nf.hooks_{family}" for family in families])
    for net, arrays in zip(nets, survey.gaps(columns, WHAT), strict=True):
        for family, pointers in zip(families, arrays, strict=True):
            for number, pointer in enumerate(pointers or ()):
                if pointer:
                    yield _Chain(net, family, _hook_name(family, number), None, pointer)


def _hook_name(family: str, number: int) -> str:
    known = _HOOKS.get(family, ())
    return known[number] if number < len(known) else str(number)


def _of_devices(survey: NetSurvey) -> Iterator[_Chain]:
    """Hooks of interfaces: ingress, and egress since 5.16."""
    kernel = survey.kernel
    hooks = [name for name, paths in _DEVICE.items() if kernel.first_path("struct net_device", paths)]
    devices = for_each_net_device(kernel)
    survey.walked(devices, "interfaces")
    columns = devices.read(["nd_net.net", "name", *(_DEVICE[name][0] for name in hooks)])
    for net, device, *pointers in survey.gaps(columns, "hooks of interfaces"):
        for name, pointer in zip(hooks, pointers, strict=True):
            if pointer and net in survey.chosen:
                yield _Chain(net, "netdev", name, device, pointer)


def _of_chain(survey: NetSurvey, chain: _Chain, count: int, names: dict[int, str]) -> Iterator[Hook]:
    """The functions of a chain: an array of them, followed by an array of pointers to their nf_hook_ops."""
    kernel = survey.kernel
    step, size = kernel.sizeof(_ENTRY), kernel.pointer_size
    first = chain.pointer + kernel.offset(_ENTRIES, "hooks")
    entries = kernel.read_many(_ENTRY, range(first, first + count * step, step), ["hook", "priv"])
    behind = first + count * step
    window = kernel.window()
    registered = window.words(range(behind, behind + count * size, size))
    known = [ops for ops in registered if ops]
    told = kernel.has_member(_OPS, "hook_ops_type")
    columns = kernel.read_many(_OPS, known, ["priority", *(["hook_ops_type"] if told else [])])
    settings = dict(zip(known, survey.gaps(columns, WHAT), strict=True))
    for (function, private), ops in zip(survey.gaps(entries, WHAT), registered, strict=True):
        priority, kind = (*settings.get(ops or 0, (None,)), None)[:2]
        place = kernel.symbols.lookup(function) if function else None
        yield Hook(
            netns=survey.labels.get(chain.net),
            family=chain.family,
            hook=chain.hook,
            device=chain.device,
            priority=priority,
            priority_name=names.get(priority) if priority is not None else None,
            function=_function(function, place),
            module=place.module if place else None,
            kind=_kind(survey, kind) if told else _kind_by(place),
            private_address=private or None,
            address=ops or None,
        )


def _function(address: int | None, place: Any) -> str | None:
    if address is None or place is None:
        return None if address is None else f"{address:x}"
    return str(place.symbol.name) if not place.offset else f"{place.symbol.name}+{place.offset:#x}"


def _kind_by(place: Any) -> str | None:
    """``nf_tables`` for the functions that it gives its chains (nft_chain_filter.c, nft_chain_route.c)."""
    return "nf_tables" if place is not None and place.symbol.name.startswith(_OF_TABLES) else None


def _kind(survey: NetSurvey, number: int | None) -> str | None:
    """``nf_tables`` for NF_HOOK_OP_NF_TABLES; None for NF_HOOK_OP_UNDEFINED."""
    if not number:
        return None
    known = {value: name for name, value in survey.kernel.enumerators("enum nf_hook_ops_type").items()}
    return known.get(number, str(number)).removeprefix("NF_HOOK_OP_").lower()


def _priority_names(survey: NetSurvey) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for family, (kind, prefix) in _PRIORITIES.items():
        try:
            known = survey.kernel.enumerators(kind)
        except UnknownTypeError:
            continue
        names = found.setdefault(family, {})
        for name, number in known.items():
            names.setdefault(number, name.removeprefix(prefix).lower())
    return found

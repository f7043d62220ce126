"""What PyKdump's programs show of single things, by addresses or by name: headers, folders, trees, handlers.

Each function is given an opened dump and a survey of it, notes there what is missing, and yields the lines
that the program prints.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from crashdrive.errors import CommandFailedError, FaultError, IncompleteError, UsageError
from crashdrive.linux.net.packets.headers import IPV4, IPV6, Decoder, Header
from crashdrive.linux.survey import Survey
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.folders import listing, lookup
from crashdrive.pykdump.imports import importable
from crashdrive.pykdump.likeness.marks import UNREAD

_MOST_OF_IP, _MOST_OF_TCP = 120, 60
_LEAST = 20
_TCP = 6
_VERSIONS = {4: IPV4, 6: IPV6}


def headers(crash: Any, _: Survey, kind: str, addresses: Sequence[int]) -> Iterator[str]:
    """A header of IP (``iph``) or of TCP (``th``) at each address, and what is behind it."""
    for address in addresses:
        most = _MOST_OF_TCP if kind == "th" else _MOST_OF_IP
        raw = _bytes(crash, address, most)
        decoder = Decoder(address, raw)
        if kind == "th":
            decoder.transport(_TCP, 0)
        elif (version := raw[0] >> 4) in _VERSIONS:
            decoder.network(_VERSIONS[version], 0)
        yield f"{kind} {address:#x}"
        if not decoder.found:
            yield "    no header that could be decoded"
        yield from map(_header, decoder.found)


def _bytes(crash: Any, address: int, most: int) -> bytes:
    """As many bytes as there are up to ``most``; FaultError where there isn't even the least header."""
    try:
        return bytes(crash.kernel.read(address, most))
    except FaultError:
        return bytes(crash.kernel.read(address, _LEAST))


def _header(header: Header) -> str:
    fields = " ".join(f"{name}={_field(value)}" for name, value in header.fields.items())
    return f"    {header.protocol}: {fields}"


def _field(value: Any) -> str:
    return "|".join(value) if isinstance(value, tuple) else str(value)


def tree_element(crash: Any, _: Survey, root: int, index: int) -> Iterator[str]:
    """The entry of a radix tree or xarray at an index."""
    found = crash.kernel.walk_xarray(root)
    entry = next((entry for at, entry in found.entries if at == index), None)
    if entry is not None:
        yield f"  index={index:#x}, slot={int(entry):#x}"
    elif found.problems:
        raise IncompleteError(f"{root:#x}: no entry {index:#x} was found, but {found.problems[0]}")
    else:
        yield "   Not found"


def folder(_: Any, survey: Survey, name: str, *, verbose: int) -> Iterator[str]:
    """A folder's entries in memory, or a file, by path or by the address of its dentry."""
    dentry = lookup(survey, name) if name.startswith("/") else _address(name)
    yield from listing(survey, dentry, verbose=verbose)


def _address(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise UsageError(f"{text!a}: neither a path from the root on nor an address of a dentry") from None


@contextlib.contextmanager
def _layer(crash: Any) -> Iterator[Any]:
    """The run of a program in PyKdump's API; what it can't read is an error of crashdrive's."""
    try:
        with importable(crash) as run:
            yield run
    except CrashError as error:
        raise CommandFailedError(str(error)) from error


def handlers(crash: Any, _: Survey) -> Iterator[str]:
    """Who is given the packets that come in: for all of them (``ptype_all``), and by their protocol."""
    with _layer(crash) as run:
        api = import_module("pykdump.API")
        yield f"{'ptype_all':-^60s}"
        # later kernels have a list in each namespace
        everything = (
            run.facts.address("ptype_all")
            if run.facts.exists("ptype_all")
            else api.Addr(api.readSymbol("init_net").ptype_all)
        )
        for handler in api.readSUListFromHead(everything, "list", "struct packet_type"):
            yield from _handler(run, handler)
        yield from ("", f"{'ptype_base':-^60s}")
        for bucket, head in enumerate(api.readSymbol("ptype_base")):
            for handler in api.readSUListFromHead(api.Addr(head), "list", "struct packet_type"):
                yield from _handler(run, handler, f"  (bucket={bucket})")


def _handler(run: Any, handler: Any, place: str = "") -> Iterator[str]:
    kind = int(handler.type)
    # in the network's order
    number = struct.unpack(">H", struct.pack(f"{run.kernel.order}H", kind))[0]
    device = handler.dev
    where = f"{int(device):#x} ({device.name})" if device else "0x0"
    yield f"{handler}{place}"
    yield f"\ttype={number:#06x} dev={where} func={run.facts.name(int(handler.func)) or UNREAD}"

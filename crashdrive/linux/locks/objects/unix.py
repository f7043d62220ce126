"""Unix sockets: the sockets whose queues tasks wait in, and who holds the peer (net/unix/af_unix.c).

A task waits in the queue of its own socket (``socket.wq``) to receive, to accept, or for its peer to take
what was sent; in the peer's (``unix_sock.peer_wq``) where the peer takes no more connections or datagrams.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crashdrive.linux.locks.objects import Belonging, read_guesses
from crashdrive.linux.net.sockets.rows import TYPES
from crashdrive.linux.net.sockets.unix import LISTEN, bound_names, every_socket
from crashdrive.linux.processes.holders import Holder, holders
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey
    from crashdrive.records import Notice

TYPE = "unix"
OF = "waitqueue"
FUNCTIONS = re.compile(
    r"(__)?unix_(accept|wait_for_peer|(stream|dgram|seqpacket)_(read|recv|send|connect)\w*)"
)
_SOCKET, _UNIX, _ALLOCATED = "struct socket", "struct unix_sock", "struct socket_alloc"
_OF_SOCKET = {"sk": ("sk",), "file": ("file",)}
_OF_UNIX = {
    "family": ("sk.__sk_common.skc_family",),
    "operations": ("sk.__sk_common.skc_prot",),
    "state": ("sk.__sk_common.skc_state",),
    "type": ("sk.sk_type",),
    "socket": ("sk.sk_socket",),
    "flags": ("sk.__sk_common.skc_flags",),
    "peer": ("peer",),
    "bound": ("addr",),
    "queued": ("sk.sk_receive_queue.qlen",),
    "most": ("sk.sk_max_ack_backlog",),
    "receive": ("sk.sk_rcvtimeo",),
    "send": ("sk.sk_sndtimeo",),
    # a number until 6.9, a vertex of a graph since (1fbfdfaa5902)
    "flying": ("inflight.counter", "vertex"),
}
_NEEDED = ("family", "operations", "state", "socket", "flags", "peer")
_AF_UNIX = 1
_DEAD = 1 << 0  # SOCK_DEAD (include/net/sock.h): it was closed
# struct proto of each type of socket; one for all until 5.15 (94531cfcbe79)
_OPERATIONS = ("unix_proto", "unix_stream_proto", "unix_dgram_proto")


@dataclass(slots=True)
class _Unix:
    """A unix socket: the address of its ``unix_sock``, its members, its ``struct file``, inode and name."""

    address: int
    row: dict[str, Any]
    forever: int  # MAX_SCHEDULE_TIMEOUT
    file: int | None = None
    inode: int | None = None
    name: str | None = None

    @property
    def listens(self) -> bool:
        """Whether connections come to it."""
        return bool(self.row["state"] == LISTEN)

    @property
    def is_embryo(self) -> bool:
        """Whether it is the other end of a connection that nobody has accepted."""
        row = self.row
        return not row["socket"] and bool(row["bound"]) and not (row["flags"] or 0) & _DEAD

    @property
    def doubt(self) -> str | None:
        """``timeout`` where one of its timeouts may end a wait in its queue."""
        ends = any(self.row[name] != self.forever for name in ("receive", "send"))
        return "timeout" if ends else None

    def told(self) -> str:
        """Its type, inode and name: ``stream 4711 /run/x``."""
        kind = str(TYPES.get(self.row["type"], self.row["type"])).lower()
        number = "without a file" if self.inode is None else str(self.inode)
        return " ".join(word for word in (kind, number, self.name) if word)


def belonging(survey: Survey, addresses: Sequence[int]) -> Iterator[Belonging]:
    """The sockets, and the processes that hold the peer: ``stream 4711 /run/x``."""
    own, others = _own(survey, addresses), _peers(survey, addresses)
    every = {one.address: one for one in (*own.values(), *others.values())}
    ends = [one.row["peer"] for one in own.values() if one.row["peer"]]
    every |= _sockets(survey, [one for one in dict.fromkeys(ends) if one not in every])
    embryos = [one for one in every.values() if one.is_embryo]
    listeners = _listeners(survey, embryos) if embryos else {}
    every |= {one.address: one for one in listeners.values()}
    _complete(survey, list(every.values()))
    held = holders(survey, {one.file for one in every.values() if one.file})
    for queue, known in own.items():
        one = every[known.address]
        listener = listeners.get(one.row["peer"])
        peer = every.get(one.row["peer"])
        yield _waits(queue, one, peer, every[listener.address] if listener else None, held)
    for queue, known in others.items():
        one = every[known.address]
        who = _held(one, held)
        # the waiter's own socket, which has the timeout, isn't known by its peer's queue
        yield Belonging(
            queue, one.told(), holders=who, place=one.address, note=_full(one, who), doubt="timeout"
        )


def _own(survey: Survey, queues: Sequence[int]) -> dict[int, _Unix]:
    """Those of the queues that are of sockets themselves."""
    kernel = survey.kernel
    offset = kernel.offset(_SOCKET, "wq.wait")
    rows, lacking = read_guesses(survey, Fields(kernel, _SOCKET, _OF_SOCKET, ("sk",)), _less(queues, offset))
    ends = {queue: row["sk"] for queue, row in zip(queues, rows, strict=True) if row["sk"]}
    known = _sockets(survey, list(ends.values()), guessed=True)
    found = {
        queue: known[end]
        for queue, end in ends.items()
        if end in known and known[end].row["socket"] == queue - offset
    }
    unknown = [notice for place, notice in lacking.items() if place + offset not in found]
    if unknown:
        survey.miss(unknown)
    return found


def _peers(survey: Survey, queues: Sequence[int]) -> dict[int, _Unix]:
    """Those of the queues in which senders wait for a socket."""
    offset = survey.kernel.offset(_UNIX, "peer_wq.wait")
    known = _sockets(survey, _less(queues, offset), guessed=True)
    return {address + offset: one for address, one in known.items()}


def _less(queues: Sequence[int], offset: int) -> list[int]:
    return [queue - offset for queue in queues]


def _sockets(survey: Survey, places: Sequence[int], *, guessed: bool = False) -> dict[int, _Unix]:
    """The unix sockets at these addresses. What is ``guessed`` may be anything else, and is left out then;
    what is missing of a socket is noted.
    """
    kernel = survey.kernel
    fields = Fields(kernel, _UNIX, _OF_UNIX, _NEEDED)
    lacking: Mapping[int, Notice] = {}
    if guessed:
        rows, lacking = read_guesses(survey, fields, places)
    else:
        rows = survey.rows(fields, places, "unix sockets")
    kernel.symbols.prefetch(_OPERATIONS)
    operations = {kernel.symbols.address(name) for name in _OPERATIONS if kernel.symbols.has(name)}
    forever = (1 << 8 * kernel.pointer_size - 1) - 1
    found = {
        place: _Unix(place, row, forever)
        for place, row in zip(places, rows, strict=True)
        if row["family"] == _AF_UNIX and row["operations"] in operations
    }
    if holes := [lacking[place] for place in found if place in lacking]:
        survey.miss(holes)
    return found


def _listeners(survey: Survey, embryos: Sequence[_Unix]) -> dict[int, _Unix]:
    """The listener of each connection that nobody has accepted, by the address of its ``unix_sock``.

    Both have the same ``unix_address``.
    """
    kernel = survey.kernel
    found = kernel.kept("unix sockets of all namespaces", lambda: every_socket(survey))
    bound = {one.row["bound"] for one in embryos}
    every = _sockets(survey, found)
    by_name = {one.row["bound"]: one for one in every.values() if one.listens and one.row["bound"] in bound}
    return {one.address: by_name[one.row["bound"]] for one in embryos if one.row["bound"] in by_name}


def _complete(survey: Survey, every: Sequence[_Unix]) -> None:
    """Files, inodes and names."""
    kernel = survey.kernel
    places = sorted({one.row["socket"] for one in every if one.row["socket"]})
    sockets = dict(survey.addressed(Fields(kernel, _SOCKET, _OF_SOCKET), places, "unix sockets"))
    within = kernel.offset(_ALLOCATED, "socket")
    column = kernel.read_many(_ALLOCATED, [place - within for place in places], ["vfs_inode.i_ino"])
    inodes = dict(zip(places, survey.gaps(column, "inodes of sockets")["vfs_inode.i_ino"], strict=True))
    names = bound_names(survey, [one.row["bound"] for one in every])
    for one, name in zip(every, names, strict=True):
        one.file = sockets.get(one.row["socket"], {}).get("file")
        one.inode = inodes.get(one.row["socket"])
        one.name = name


def _waits(
    queue: int,
    one: _Unix,
    peer: _Unix | None,
    listener: _Unix | None,
    held: Mapping[int, tuple[Holder, ...]],
) -> Belonging:
    """A queue of the waiter's own socket."""

    def made(note: str, of: _Unix | None = None) -> Belonging:
        who = _held(of, held) if of else ()
        return Belonging(
            queue,
            one.told(),
            holders=who,
            place=one.address,
            note=note + _elsewhere(who, _held(one, held)),
            doubt=one.doubt,
        )

    if one.listens:
        return made("listens; whoever connects ends the wait")
    if peer is None:
        # 0: none; None: the dump lacks where it is
        alone = one.row["peer"] == 0
        return made("has no peer: whoever sends ends the wait" if alone else "peer is unknown")
    if listener is not None:
        return made(f"not accepted yet: {_full(listener, _held(listener, held))}", listener)
    return made(_peer(peer, _held(peer, held)), peer)


def _peer(peer: _Unix, who: Collection[Holder]) -> str:
    if who:
        return f"peer {peer.told()}"
    if not peer.row["socket"]:
        return f"peer {peer.told()}, which no process has yet or any more"
    where = "in flight in a message (SCM_RIGHTS)" if peer.row["flying"] else "held by no process"
    return f"peer {peer.told()}, {where}"


def _elsewhere(who: Collection[Holder], own: Collection[Holder]) -> str:
    """Those of the peer's holders that are in other pid namespaces than the socket's own holders."""
    spaces = {one.namespace for one in own}
    others = [one for one in who if one.namespace is not None and one.namespace not in spaces]
    said = [f"{one.pid} is {one.inner} of another pid namespace" for one in others]
    return "".join(f"; {words}" for words in said) if spaces else ""


def _full(one: _Unix, who: Collection[Holder]) -> str:
    what = "backlog" if one.listens else "queue"
    nobody = "" if who else ", held by no process"
    return f"{what} of {one.told()}: {one.row['queued']} of {one.row['most']}{nobody}"


def _held(one: _Unix, held: Mapping[int, tuple[Holder, ...]]) -> tuple[Holder, ...]:
    return held.get(one.file or 0, ())

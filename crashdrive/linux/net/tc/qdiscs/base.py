"""Common parts of all kinds of qdiscs, and how their modules are found."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.linux.net.devices.devices import Device
from crashdrive.linux.net.devices.link_stats import number
from crashdrive.linux.net.tc import qdiscs as schedulers
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Notice, Record

Members = Mapping[str, Sequence[str]]
_LONGEST_LIST = 1 << 20


class Details(Record, frozen=True):
    """The own data of a kind of qdisc, or of a class of it; each kind has a subclass."""

    def words(self) -> list[str]:
        """The words after the qdisc's name, as in ``tc -d``."""
        return []

    def lines(self) -> list[str]:
        """The lines below its counters, as in ``tc -s``."""
        return []


class Private(NamedTuple):
    """A qdisc with its private data: its device, its plain members, and the members of the kind at
    ``address``.
    """

    device: Device
    qdisc: Mapping[str, Any]
    address: int
    row: Mapping[str, Any]

    @property
    def handle(self) -> int:
        """The qdisc's handle, as a number."""
        return int(self.qdisc["handle"])


class Share(NamedTuple):
    """A class. ``leaf``: the address of its qdisc, ``parts``: those of several. ``counters``: the class's
    own, ``from_leaf``: names of those that are the leaf's, or sums over the parts. ``block`` has the filters
    of the class; ``estimator`` measures its rate.
    """

    handle: int
    parent: int
    leaf: int | None = None
    parts: Sequence[int | None] = ()
    counters: Mapping[str, int | None] = {}  # this mapping is never changed
    from_leaf: Sequence[str] = ()
    details: Details | None = None
    block: int | None = None
    estimator: int | None = None


class Block(NamedTuple):
    """A block of filters of a qdisc: the member that points to it, and tc's name of the place."""

    member: str
    place: str | None = None


class Kind(NamedTuple):
    """A kind: ``structure`` is its private data behind ``struct Qdisc``, None where it has none.

    ``make`` turns a qdisc's members (``members``, all required but those in ``optional``) into its Details.
    ``overwrites``: counters of the qdisc that the kernel sets only when tc asks, with the members that are up
    to date. ``parts``: the qdiscs whose counters it adds up when tc asks.
    """

    names: tuple[str, ...]
    structure: str | None = None
    members: Members = {}  # noqa: RUF012 # see Share
    optional: frozenset[str] = frozenset()
    make: Callable[[Survey, Private], Details | None] | None = None
    classes: Callable[[Survey, Private], Iterable[Share]] | None = None
    blocks: tuple[Block, ...] = ()
    overwrites: Mapping[str, str] = {}  # see Share
    parts: Callable[[Survey, Device], Sequence[int | None]] | None = None

    def fields(self, survey: Survey) -> Fields:
        """The kind's members; UnknownTypeError or UnknownMemberError where this kernel lacks them."""
        wanted = {**self.members, **{block.member: (block.member,) for block in self.blocks}}
        required = [name for name in self.members if name not in self.optional]
        return Fields(survey.kernel, self.structure or "", wanted, required)


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by their names."""
    found = (
        importlib.import_module(f"{schedulers.__name__}.{info.name}")
        for info in pkgutil.iter_modules(schedulers.__path__)
    )
    every = [module.KIND for module in found if hasattr(module, "KIND")]
    return {name: kind for kind in every for name in kind.names}


def private_offset(survey: Survey) -> int:
    """The offset of a qdisc's private data: qdisc_priv()."""
    kernel, kind = survey.kernel, "struct Qdisc"
    if kernel.has_member(kind, "privdata"):
        return kernel.offset(kind, "privdata")
    return -(-kernel.sizeof(kind) // 64) * 64  # QDISC_ALIGN of older kernels


def whole(survey: Survey, row: Mapping[str, Any], *names: str) -> dict[str, int | None]:
    """Counters as numbers, whatever form the kernel has them in."""
    return {name: None if row[name] is None else number(survey, row[name]) for name in names}


def list_length(survey: Survey, head: int, first: int | None, what: str) -> int | None:
    """The length of a list; None where a part of it is missing. ``first``: the head's pointer."""
    if first is None:
        return None
    if first == head:
        return 0
    walked = survey.kernel.walk_list(head, "struct list_head", "next")
    survey.walked(walked, what)
    return len(walked) if walked.complete else None


def linked(survey: Survey, kind: str, member: str, places: Sequence[int], what: str) -> list[int]:
    """The indices of the structures whose ``list_head`` is on a list."""
    kernel = survey.kernel
    link = kernel.offset(kind, member)
    following = survey.gaps(kernel.read_many(kind, places, [f"{member}.next"]), what).columns[0]
    pairs = enumerate(zip(places, following, strict=True))
    return [i for i, (place, after) in pairs if after is not None and after != place + link]


def words32(survey: Survey, places: Sequence[int], what: str) -> list[int | None]:
    """The 32-bit numbers at these addresses; None, noted, for one that the dump lacks."""
    window = survey.kernel.window()
    window.fetch((place, 4) for place in places)
    raw = [window.bytes(place, 4) for place in places]
    if lost := [place for place, four in zip(places, raw, strict=True) if four is None]:
        said = f"{what}: {len(lost)} values unread, first at {lost[0]:#x}"
        survey.miss([Notice(kind="hole", message=said)])
    return [None if four is None else number(survey, four) for four in raw]


def credible(survey: Survey, count: int | None, most: int, what: str) -> int:
    """The count; 0, with a notice, where it is above ``most`` or missing."""
    if count is None:
        return 0
    if 0 <= count <= most:
        return count
    survey.miss([Notice(kind="node", message=f"{what}: {count} of them are impossible; not read")])
    return 0


def pointers(survey: Survey, table: int | None, count: int, what: str) -> list[int | None]:
    """The pointers of an array at ``table``."""
    count = credible(survey, count, _LONGEST_LIST, what)
    if not table or not count:
        return []
    kernel = survey.kernel
    kind, size = "struct hlist_head", kernel.pointer_size
    read = kernel.read_many(kind, [table + i * size for i in range(count)], ["first"])
    return list(survey.gaps(read, what).columns[0])


def array(value: Any) -> tuple[int, ...]:
    """The small numbers of an array, which is bytes or a sequence."""
    return tuple(value)

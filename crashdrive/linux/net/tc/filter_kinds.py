"""Single filters by kind: their handles, and the classes that they choose.

Sources: net/sched/cls_u32.c, cls_matchall.c, cls_flower.c, cls_fw.c, cls_basic.c, cls_bpf.c. Most of these
are kernel modules, as their qdiscs are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from crashdrive.errors import FaultError, UnknownMemberError, UnknownTypeError
from crashdrive.linux.net.tc import words as tcwords
from crashdrive.linux.net.tc.qdiscs.base import pointers
from crashdrive.linux.net.tc.words import word_list
from crashdrive.linux.survey import Fields, Survey
from crashdrive.records import Record

_WHAT = "filters"
_MOST_BUCKETS = 256  # of a table of u32, and of that of fw
_LONGEST_NAME = 256
Proto = Mapping[str, Any]


class Element(Record, frozen=True):
    """A filter: its ``handle`` as tc has it, the class that it chooses (None: none, or its action does), the
    ``name`` of its program. ``divisor``: the row is no filter, but a table of u32 with so many buckets.
    """

    handle: str
    classid: str | None = None
    name: str | None = None
    divisor: int | None = None

    def words(self, kind: str) -> list[str]:
        """The words that tc prints first for a filter of a kind."""
        word = "classid" if kind in {"flower", "fw"} else "flowid"
        table = self.divisor is not None
        return word_list(
            f"{'fh' if kind == 'u32' else 'handle'} {self.handle}",
            f"ht divisor {self.divisor}" if table else None,
            self.name,
            f"{word} {self.classid}" if self.classid else None,
        )


def _one(handle: int, classid: int | None, name: str | None = None) -> Element:
    return Element(handle=f"{handle:#x}", classid=tcwords.handle(classid) if classid else None, name=name)


def _elements(
    survey: Survey, kind: str, addresses: Sequence[int], handle: str = "handle"
) -> Iterator[Element]:
    """The filters at these addresses."""
    names = {"handle": (handle,), "class": ("res.classid",)}
    columns = survey.read(Fields(survey.kernel, kind, names, names), addresses, _WHAT)
    for number, classid in zip(columns["handle"], columns["class"], strict=True):
        if number is not None:
            yield _one(number, classid)


def _matchall(survey: Survey, proto: Proto) -> Iterator[Element]:
    yield from _elements(survey, "struct cls_mall_head", [proto["root"]])


def _flower(survey: Survey, proto: Proto) -> Iterator[Element]:
    # by their handles since 4.14 (c15ab236d69d)
    kernel = survey.kernel
    place = proto["root"] + kernel.offset("struct cls_fl_head", "handle_idr")
    entries = kernel.walk_idr(place)
    survey.walked(entries, _WHAT)
    yield from _elements(survey, "struct cls_fl_filter", [pointer for _, pointer in entries])


def _fw(survey: Survey, proto: Proto) -> Iterator[Element]:
    kernel = survey.kernel
    table = proto["root"] + kernel.offset("struct fw_head", "ht")
    firsts = pointers(survey, table, _MOST_BUCKETS, _WHAT)
    yield from _elements(survey, "struct fw_filter", _chained(survey, "struct fw_filter", firsts), "id")


def _chained(survey: Survey, kind: str, firsts: Iterable[int | None]) -> list[int]:
    """All filters of the chains that begin with these, in order."""
    found: list[int] = []
    for first in firsts:
        if first:
            walked = survey.kernel.walk_chain(first, kind, "next")
            survey.walked(walked, _WHAT)
            found += walked.addresses
    return found


def _listed(head: str, list_: str, kind: str) -> Callable[[Survey, Proto], Iterator[Element]]:
    """Filters on a list."""

    def read(survey: Survey, proto: Proto) -> Iterator[Element]:
        start = survey.kernel.offset(head, list_)
        walked = survey.kernel.walk_list(proto["root"] + start, kind, "link")
        survey.walked(walked, _WHAT)
        found = list(_elements(survey, kind, walked.addresses))
        names = _names(survey, kind, walked.addresses)
        for element, name in zip(found, names, strict=False):
            yield Element(handle=element.handle, classid=element.classid, name=name)

    return read


def _names(survey: Survey, kind: str, addresses: Sequence[int]) -> Iterator[str | None]:
    """The names of programs; None for other kinds."""
    columns = survey.read(Fields(survey.kernel, kind, {"name": ("bpf_name",)}), addresses, _WHAT)
    for place in columns["name"]:
        try:
            raw = survey.kernel.read_string(place, _LONGEST_NAME) if place else None
        except FaultError:
            raw = None
        yield None if raw is None else raw.decode("utf-8", "backslashreplace")


_TABLE, _KEY = "struct tc_u_hnode", "struct tc_u_knode"


def _u32(survey: Survey, proto: Proto) -> Iterator[Element]:
    """Tables, each followed by its filters. The tables of a block are on one list; those of other priorities
    are left out.
    """
    kernel = survey.kernel
    hold = {"first": ("hlist",)}
    first = survey.read(Fields(kernel, "struct tc_u_common", hold, hold), [proto["data"]], _WHAT)["first"][0]
    tables = _chained(survey, _TABLE, [first])
    names = {"handle": ("handle",), "prio": ("prio",), "divisor": ("divisor",)}
    columns = survey.read(Fields(kernel, _TABLE, names, names), tables, _WHAT)
    for table, row in zip(tables, zip(*columns.values(), strict=True), strict=True):
        handle, prio, divisor = row
        if None not in row and prio == proto["priority"]:
            yield Element(handle=_u32_handle(handle), divisor=divisor + 1)
            yield from _keys(survey, table + kernel.offset(_TABLE, "ht"), divisor)


def _keys(survey: Survey, buckets: int, divisor: int) -> Iterator[Element]:
    firsts = pointers(survey, buckets, min(divisor, _MOST_BUCKETS - 1) + 1, _WHAT)
    names = {"handle": ("handle",), "class": ("res.classid",)}
    columns = survey.read(Fields(survey.kernel, _KEY, names, names), _chained(survey, _KEY, firsts), _WHAT)
    for handle, classid in zip(*columns.values(), strict=True):
        if handle is not None:
            yield Element(handle=_u32_handle(handle), classid=tcwords.handle(classid) if classid else None)


def _u32_handle(number: int) -> str:
    """A handle of u32: table, bucket, filter; zeros are left out."""
    bucket, key = number >> 12 & 0xFF, number & 0xFFF
    tail = f"{f'{bucket:x}' if bucket else ''}:{key:x}" if bucket or key else ""
    return f"{number >> 20:x}:{tail}"


def _reader(
    read: Callable[[Survey, Proto], Iterable[Element]],
) -> Callable[[Survey, Proto], tuple[Element, ...] | None]:
    """A function that reads filters, and gives None where this kernel lacks their structures."""

    def found(survey: Survey, proto: Proto) -> tuple[Element, ...] | None:
        try:
            return tuple(read(survey, proto)) if proto["root"] else ()
        except (UnknownMemberError, UnknownTypeError):
            return None

    return found


READERS = {
    name: _reader(read)
    for name, read in (
        ("matchall", _matchall),
        ("flower", _flower),
        ("fw", _fw),
        ("basic", _listed("struct basic_head", "flist", "struct basic_filter")),
        ("bpf", _listed("struct cls_bpf_head", "plist", "struct cls_bpf_prog")),
        ("u32", _u32),
    )
}

"""Tags of blk-mq's hardware queues and of their schedulers, which lead to requests (block/blk-mq-tag.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.survey import Fields, row_dicts
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.kernel.memory.window import Window
    from crashdrive.linux.survey import Survey

_QUEUE = {"operations": ("mq_ops",), "contexts": ("queue_ctx",)}
# since 5.0 (f31967f0e455) a CPU's context knows its hardware queue for each type of requests
_CONTEXT = {"hardware": ("hctxs",)}
_HARDWARE = {
    "queue": ("queue",),
    "number": ("queue_num",),
    "tags": ("tags",),
    "sched_tags": ("sched_tags",),
}
# the two bitmaps were pointers from 5.10 (222a5ae03cdd) to 5.15 (ae0f1a732f4a)
_MAPS = ("bitmap_tags", "breserved_tags")
_TAGS: dict[str, Sequence[str]] = {
    "reserved": ("nr_reserved_tags",),
    "requests": ("rqs",),
    "own": ("static_rqs",),
    **{
        f"{name}_{part}": (f"{name}.sb.{part}", f"{name}->sb.{part}")
        for name in _MAPS
        for part in ("depth", "shift", "map")
    },
}
_ARRAYS = ("requests", "own")
_WORD = {"word": ("word",), "cleared": ("cleared",)}
# BLK_MQ_MAX_DEPTH is 10240
_MOST = 1 << 16


class Hardware(NamedTuple):
    """A ``struct blk_mq_hw_ctx``."""

    address: int
    queue: int
    number: int | None
    tags: int
    sched_tags: int


class Slot(NamedTuple):
    """A taken tag, and the request behind it.

    ``scheduler``: the tag is one of the scheduler's. ``own``: the request is the tag's static one, not the
    one that the driver finds by the tag.
    """

    tag: int
    request: int
    scheduler: bool
    own: bool


def hardware_queues(survey: Survey, queues: Sequence[int]) -> tuple[list[Hardware], list[int]]:
    """The hardware queues of request_queues, and the request_queues that have none (bio-based)."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    found = survey.read(Fields(kernel, "struct request_queue", _QUEUE, _QUEUE), queues, "queues of disks")
    plain = [queue for queue, mq in zip(queues, found["operations"], strict=True) if mq == 0]
    contexts = [one for one, mq in zip(found["contexts"], found["operations"], strict=True) if mq and one]
    places = [kernel.per_cpu_address(context, cpu) for context in contexts for cpu in cpus]
    columns = survey.read(Fields(kernel, "struct blk_mq_ctx", _CONTEXT, _CONTEXT), places, "queues of CPUs")
    addresses = list(dict.fromkeys(one for cell in columns["hardware"] for one in cell or () if one))
    fields = Fields(kernel, "struct blk_mq_hw_ctx", _HARDWARE, ("queue", "tags", "sched_tags"))
    rows = survey.addressed(fields, addresses, "hardware queues")
    return [_hardware(address, row) for address, row in rows if row["queue"]], plain


def _hardware(address: int, row: dict[str, Any]) -> Hardware:
    return Hardware(address, row["queue"], row["number"], row["tags"] or 0, row["sched_tags"] or 0)


def slots(survey: Survey, hardware: Sequence[Hardware]) -> list[Slot]:
    """All taken tags; those of a set that several queues share stand once."""
    drivers = [one.tags for one in hardware]
    schedulers = [one.sched_tags for one in hardware]
    places = [(tags, False) for tags in dict.fromkeys(drivers) if tags]
    places += [(tags, True) for tags in dict.fromkeys(schedulers) if tags]
    fields = Fields(survey.kernel, "struct blk_mq_tags", _TAGS, _TAGS)
    rows = survey.rows(fields, [tags for tags, _ in places], "tags")
    taken = _taken(survey, rows)
    window, size = survey.kernel.window(), survey.kernel.pointer_size
    window.fetch(
        (row[array] + tag * size, size)
        for row, tags in zip(rows, taken, strict=True)
        for tag in tags
        for array in _ARRAYS
        if row[array]
    )
    return [
        slot
        for (_, scheduler), row, tags in zip(places, rows, taken, strict=True)
        for slot in _slots(survey, window, row, tags, scheduler=scheduler)
    ]


def _slots(
    survey: Survey, window: Window, row: dict[str, Any], tags: Sequence[int], *, scheduler: bool
) -> Iterator[Slot]:
    size = survey.kernel.pointer_size
    for tag in tags:
        for array in _ARRAYS:
            if not row[array]:
                continue
            request = window.word(row[array] + tag * size)
            if request is None:
                survey.miss([Notice(kind="hole", message=f"a request's address at tag {tag} is missing")])
            elif request:
                yield Slot(tag, request, scheduler, array == "own")


class _Word(NamedTuple):
    """A word of a bitmap: its tags' row number, its first tag, its address."""

    row: int
    first: int
    place: int


def _taken(survey: Survey, rows: Sequence[dict[str, Any]]) -> list[list[int]]:
    """The taken tags, by ``struct blk_mq_tags``."""
    kernel, words = survey.kernel, list(_words(survey, rows))
    fields = Fields(kernel, "struct sbitmap_word", _WORD, ("word",))
    cells = row_dicts(survey.read(fields, [word.place for word in words], "bitmaps of tags"))
    taken: list[list[int]] = [[] for _ in rows]
    for word, cell in zip(words, cells, strict=True):
        # a freed tag is first only marked as such in another word (ea86ea2cdced)
        bits = (cell["word"] or 0) & ~(cell["cleared"] or 0)
        taken[word.row] += [word.first + bit for bit in range(8 * kernel.pointer_size) if bits >> bit & 1]
    return taken


def _words(survey: Survey, rows: Sequence[dict[str, Any]]) -> Iterator[_Word]:
    """The bitmaps' words; reserved tags have the lowest numbers."""
    step, width = survey.kernel.sizeof("struct sbitmap_word"), 8 * survey.kernel.pointer_size
    for number, row in enumerate(rows):
        for name, first in zip(_MAPS, (row["reserved"] or 0, 0), strict=True):
            depth, shift, start = (row[f"{name}_{part}"] for part in ("depth", "shift", "map"))
            if not depth or not start or shift is None:
                continue
            if depth > _MOST or 1 << min(shift, 64) > width:
                survey.miss([Notice(kind="node", message=f"{depth} tags are impossible; not read")])
                continue
            for at in range(-(-depth >> shift)):
                yield _Word(number, first + (at << shift), start + at * step)

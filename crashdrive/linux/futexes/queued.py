"""What waits in the kernel's hash table of futexes: ``struct futex_q`` (kernel/futex/core.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.errors import UnknownMemberError
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

QUEUED = "struct futex_q"
_BUCKET, _TABLE = "struct futex_hash_bucket", "__futex_data"
_FIELDS = {
    "task": ("task",),
    "offset": ("key.both.offset",),
    "page": ("key.both.word",),
    "of": ("key.both.ptr",),
    "pi": ("pi_state",),
    "owner_task": ("pi_state->owner",),
    "owner": ("pi_state->owner->pid",),
    "owner_comm": ("pi_state->owner->comm",),
}
_NEEDED = ("task", "offset", "page", "of")
# FUT_OFF_INODE, FUT_OFF_MMSHARED (include/linux/futex.h); without them it is of one process alone
_FILE, _SHARED = 1, 2
# futex_hashsize is 256 for each possible CPU
_MOST_BUCKETS = 1 << 22


def queued(survey: Survey) -> list[tuple[int, dict[str, Any]]]:
    """All waiters, each with its ``struct futex_q``'s address: ``task``, the key (``of`` what, ``page``,
    ``offset``), and of futexes with priority inheritance ``pi``, ``owner_task``, ``owner``, ``owner_comm``.
    """
    kernel = survey.kernel
    start, count = _table(survey)
    if not count:
        return []
    offset, step = kernel.offset(_BUCKET, "chain.node_list"), kernel.sizeof(_BUCKET)
    heads = [start + step * at + offset for at in range(count)]
    walked = kernel.walk_lists(heads, QUEUED, "list.node_list")
    survey.walked(walked, "futexes")
    return survey.addressed(Fields(kernel, QUEUED, _FIELDS, _NEEDED), walked.addresses, "waiters for futexes")


def _table(survey: Survey) -> tuple[int, int]:
    """The first bucket's address, and how many there are: a pointer and a number side by side.

    Since 6.16 (bd54df5ea7ca) a process can have a table of its own, which isn't read.
    """
    kernel = survey.kernel
    if kernel.has_member("struct mm_struct", "futex_phash"):
        raise UnknownMemberError("each process has a table of futexes of its own")
    if not kernel.symbols.has(_TABLE):
        survey.absent("table of futexes")
        return 0, 0
    place = kernel.symbols.address(_TABLE)
    start, count = (kernel.read_pointer(place + kernel.pointer_size * at) for at in range(2))
    if not start or not 0 < count <= _MOST_BUCKETS or count & (count - 1):
        survey.miss([Notice(kind="damaged", message=f"{count} buckets of futexes are impossible; not read")])
        return 0, 0
    return start, count


def futex_kind(offset: int | None) -> str | None:
    """``private`` (of threads of a process), ``file`` or ``shared``, by the key's offset."""
    if offset is None:
        return None
    return "file" if offset & _FILE else "shared" if offset & _SHARED else "private"


def user_address(page: int | None, offset: int | None, page_size: int) -> int | None:
    """Where a futex is in its process's memory, or in its file.

    A file's futex has a page number where others have the page's address.
    """
    if page is None or offset is None:
        return None
    return (page * page_size if offset & _FILE else page) + (offset & ~(_FILE | _SHARED))

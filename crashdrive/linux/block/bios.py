"""Origins of bios: the file whose page is read or written, and the task that sleeps until the bio is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.integers import Long
from crashdrive.linux.fs.dentries import DentryPaths
from crashdrive.linux.sched.cpu_stacks import thread_size
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import symbol_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crashdrive.linux.survey import Survey

_BIO = {
    "end_io": ("bi_end_io",),
    "private": ("bi_private",),
    "vectors": ("bi_io_vec",),
    "count": ("bi_vcnt",),
    "size": ("bi_iter.bi_size",),
    "flags": ("bi_flags",),
}
# BIO_CLONED (include/linux/blk_types.h): it shares another one's vectors
_CLONED = 1 << 1
_PAGE = {"head": ("compound_head",), "mapping": ("mapping",)}
_INODE = {
    "number": ("i_ino",),
    "filesystem": ("i_sb->s_id",),
    "alias": ("i_dentry.first",),
}
_TASK = {"pid": ("pid",), "comm": ("comm",), "stack": ("stack",)}


class Origin(NamedTuple):
    """The origin of a bio or a request: file and task, as far as they are known."""

    pid: int | None = None
    comm: str | None = None
    filesystem: str | None = None
    inode: Long | None = None
    path: str | None = None
    end_io: str | None = None


class Ends(NamedTuple):
    """A request's bio, and the function that is called at its end, with its data."""

    bio: int | None
    end_io: int | None
    data: int | None


def origins(survey: Survey, of: Sequence[Ends]) -> list[Origin]:
    """The origin of each request."""
    bios = list(dict.fromkeys(one.bio for one in of if one.bio))
    known = dict(zip(bios, survey.rows(Fields(survey.kernel, "struct bio", _BIO), bios, "bios"), strict=True))
    files = _files(survey, known)
    pointers = {one.data for one in of} | {row["private"] for row in known.values()}
    tasks = _sleepers(survey, {pointer for pointer in pointers if pointer})
    functions = [row["end_io"] for row in known.values()] + [one.end_io for one in of]
    names = symbol_names(survey.kernel, functions)
    return [_origin(one, known.get(one.bio or 0), files, tasks, names) for one in of]


def _origin(
    one: Ends,
    bio: Mapping[str, Any] | None,
    files: Mapping[int, Origin],
    tasks: Mapping[int, tuple[int, str]],
    names: Mapping[int | None, str | None],
) -> Origin:
    file = files.get(one.bio or 0, Origin())
    function = bio["end_io"] if bio is not None else one.end_io
    pid, comm = tasks.get((bio["private"] if bio is not None else one.data) or 0, (None, None))
    return file._replace(pid=pid, comm=comm, end_io=names[function])


def _files(survey: Survey, bios: Mapping[int, Mapping[str, Any]]) -> dict[int, Origin]:
    """The file of each bio's first page; none for anonymous memory and for bios without pages."""
    kernel = survey.kernel
    vectors = {
        bio: row["vectors"]
        for bio, row in bios.items()
        if row["vectors"] and row["size"] and (row["count"] or (row["flags"] or 0) & _CLONED)
    }
    found = survey.gaps(
        kernel.read_many("struct bio_vec", list(vectors.values()), ["bv_page"]), "pages of bios"
    )
    pages = {bio: page for bio, page in zip(vectors, found["bv_page"], strict=True) if page}
    hosts = _hosts(survey, list(pages.values()))
    inodes = list(dict.fromkeys(host for host in hosts if host))
    rows = survey.rows(Fields(kernel, "struct inode", _INODE, ("number",)), inodes, "inodes")
    shift = kernel.offset("struct dentry", "d_u.d_alias")
    paths = DentryPaths(survey)
    paths.bring(row["alias"] - shift for row in rows if row["alias"])
    told = {
        inode: Origin(
            filesystem=row["filesystem"],
            inode=row["number"],
            path=paths.path(row["alias"] - shift) if row["alias"] else None,
        )
        for inode, row in zip(inodes, rows, strict=True)
    }
    return {bio: told[host] for bio, host in zip(pages, hosts, strict=True) if host}


def _hosts(survey: Survey, pages: Sequence[int]) -> list[int | None]:
    """The inode behind each page; None of anonymous memory, and of pages of no file."""
    kernel = survey.kernel
    fields = Fields(kernel, "struct page", _PAGE, ("mapping",))
    heads = survey.read(fields, pages, "pages of bios")["head"]
    # the lowest bit says that it is the tail of a compound page
    firsts = [head - 1 if (head or 0) & 1 else page for page, head in zip(pages, heads, strict=True)]
    mappings = survey.read(fields, firsts, "pages of bios")["mapping"]
    files = [mapping for mapping in mappings if mapping and not mapping & 3]
    columns = survey.gaps(kernel.read_many("struct address_space", files, ["host"]), "files of pages")
    hosts = dict(zip(files, columns["host"], strict=True))
    return [hosts.get(mapping or 0) for mapping in mappings]


def _sleepers(survey: Survey, pointers: set[int]) -> dict[int, tuple[int, str]]:
    """The task by a pointer to it, or into its stack, where a waiter has its completion."""
    if not pointers:
        return {}
    kernel = survey.kernel
    tasks = for_each_task(kernel)
    survey.walked(tasks, "tasks")
    size = thread_size(kernel)
    found: dict[int, tuple[int, str]] = {}
    fields = Fields(kernel, "struct task_struct", _TASK, _TASK)
    for task, row in survey.addressed(fields, tasks.addresses, "tasks"):
        if row["pid"] is None or row["comm"] is None:
            continue
        for pointer in pointers:
            if pointer == task or 0 <= pointer - (row["stack"] or 0) < size:
                found[pointer] = (row["pid"], row["comm"])
    return found

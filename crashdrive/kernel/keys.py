"""What facts of a kernel and of a dump are kept under, so that none is ever taken for another's.

Types and symbols are those of a vmlinux's contents, not of its build id: a damaged copy has the same. The
contents are digested once for each file, and that is remembered with the file's inode and times. What is kept
of a dump is kept under its inode, its times and a sample of its contents. Where either file changed under the
session nothing is kept.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.dump.contents import content_sample, current_mark, sections_digest
from crashdrive.dump.elf import BadElfError
from crashdrive.dump.live import LIVE

if TYPE_CHECKING:
    from crashdrive.cache.store import Store
    from crashdrive.session.dump_session import DumpSession

_KIND, _VERSION = "contents", 1
# a file may be written to again within one tick of its file system's clock, and then looks the same
_SETTLED_NS = 2_000_000_000


class Keys(NamedTuple):
    """What types and symbols are kept under; None where they can't be."""

    types: str | None = None
    symbols: str | None = None


def keys_of(session: DumpSession, store: Store | None) -> Keys:
    """The keys for a session's dump; none for a vmlinux without a build id, and where no file is known.

    Of a live kernel no symbols are kept, as modules come and go.

    A crash that was started with ``--no_modules`` or ``--minimal`` knows fewer symbols; one that has yet to
    be started as a whole is as good as that.
    """
    identity, marks = session.identity, session.marks
    build_id, path = identity.get("build_id"), identity.get("vmlinux")
    if store is None or not build_id or not path or not marks:
        return Keys()
    contents = contents_of(path, marks.get("vmlinux", ""), store)
    if contents is None:
        return Keys()
    types = f"{build_id}+{contents}"
    if identity.get("format") == LIVE:
        return Keys(types)
    dump = _dump(identity.get("vmcore", ""), marks.get("vmcore", ""))
    if dump is None:
        return Keys(types)
    options = () if session.minimal else session.health.options
    return Keys(types, "+".join([types, identity.get("kaslr_offset", "0x0"), dump, *options]))


def _dump(path: str, mark: str) -> str | None:
    """What tells a dump from all others, also from one in the same place; None where it changed."""
    try:
        sample = content_sample(path)
    except OSError:
        return None
    return f"{mark}:{sample}" if current_mark(path) == mark else None


def contents_of(path: str, mark: str, store: Store) -> str | None:
    """The digest of a vmlinux's types and symbols; None where the file isn't the one of that mark any more.

    It is computed at most once in a process, and as a rule once for each file.
    """
    return _digesting(path, mark, store, os.getpid()).result()


def prepare_keys(path: str, mark: str, store: Store) -> None:
    """Begin to digest a vmlinux that isn't known, while crash starts."""
    _digesting(path, mark, store, os.getpid())


@cache
def _digesting(path: str, mark: str, store: Store, _process: int) -> Future[str | None]:
    """The digest as it will be; a forked child has none of its parent's threads, and so begins anew."""
    future: Future[str | None] = Future()

    def work() -> None:
        try:
            future.set_result(_digest(path, mark, store))
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            future.set_exception(error)

    threading.Thread(target=work, name="crashdrive-digest", daemon=True).start()
    return future


def _digest(path: str, mark: str, store: Store) -> str | None:
    began = time.time_ns()
    try:
        sample = content_sample(path)
        kept = store.get(_KIND, mark, sample, str, version=_VERSION)
        digest = kept or sections_digest(path)
    except (OSError, BadElfError):
        return None
    if digest is None or current_mark(path) != mark:
        return None
    changed = max(map(int, mark.split(":")[-2:]))
    if kept is None and began - changed > _SETTLED_NS:
        store.put(_KIND, mark, sample, digest, version=_VERSION)
    return digest

"""``known.toml``: what a team knows of crashes: title, link, note, owner, fixed in which kernel.

::

    [[known]]
    signature = "6c01ac9ca8f3c753"    # a bucket, a group's id, a title, or a list of these; * is any text
    title = "NFS: use after free in the callback"
    link = "https://bugs.example.org/4711"
    note = "Happens where the server is restarted."
    owner = "storage"
    fixed_in = "6.1.0-57"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from crashdrive.errors import UsageError

NEW, KNOWN, BACK = "new", "known", "back"


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a crash."""

    signature: str | tuple[str, ...]
    title: str | None = None
    link: str | None = None
    note: str | None = None
    owner: str | None = None
    fixed_in: str | None = None

    @property
    def signatures(self) -> tuple[str, ...]:
        """All signatures."""
        return (self.signature,) if isinstance(self.signature, str) else self.signature


def read_known(path: Path) -> list[Known]:
    """The entries of a file; UsageError says what is wrong with it."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{str(path)!a}: {getattr(error, 'strerror', None) or error}") from error
    if extra := sorted(set(found) - {"known"}):
        raise UsageError(f"{str(path)!a}: unknown table {extra[0]!a}; entries are [[known]]")
    try:
        entries = msgspec.convert(found.get("known", []), list[Known])
    except msgspec.ValidationError as error:
        raise UsageError(f"{str(path)!a}: {error}") from error
    for entry in entries:
        if entry.link and not re.match(r"https?://", entry.link):
            raise UsageError(f"{str(path)!a}: link {entry.link!a} is neither http:// nor https://")
    return entries


def entry_for(entries: Iterable[Known], names: Sequence[str | None]) -> Known | None:
    """The first entry of which a signature fits one of the names."""
    given = [name for name in names if name]
    for entry in entries:
        if any(
            name == signature or fnmatchcase(name, signature)
            for signature in entry.signatures
            for name in given
        ):
            return entry
    return None


def state_of(entry: Known | None, releases: Iterable[str | None]) -> str:
    """``new``: nobody knows it; ``back``: a kernel that has the fix died of it; else ``known``."""
    if entry is None:
        return NEW
    if entry.fixed_in is None:
        return KNOWN
    fixed = version(entry.fixed_in)
    return BACK if any(release and version(release) >= fixed for release in releases) else KNOWN


def version(release: str) -> tuple[int, ...]:
    """The numbers of a kernel's release, to compare."""
    return tuple(map(int, re.findall(r"\d+", release)))


def fields(entry: Known | None) -> dict[str, Any]:
    """What a group's row has of an entry."""
    names = ("link", "note", "owner", "fixed_in")
    return {name: getattr(entry, name) if entry else None for name in names}

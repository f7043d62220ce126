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
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from crashdrive.dump.contents import current_mark
from crashdrive.errors import UsageError

_PLACES = 3  # numbers of a release in front of a candidate's
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
        if entry.fixed_in is not None and not _numbers(entry.fixed_in):
            raise UsageError(f"{str(path)!a}: fixed_in {entry.fixed_in!a} is no kernel's release")
    return entries


class KnownFile:
    """What is known of crashes: the file that was named, else ``known.toml`` in the folder if it is there.

    UsageError says what is wrong with it.
    """

    def __init__(self, named: str | None, folder: Path) -> None:
        self._named = named is not None
        self._path = Path(named) if named is not None else folder / "known.toml"
        self._mark = current_mark(self._path)
        self.entries = self._read()

    def _read(self) -> list[Known]:
        return read_known(self._path) if self._named or self._path.exists() else []

    def renewed(self) -> bool:
        """Read it again if it has changed: whether it has. UsageError leaves the entries as they were."""
        mark = current_mark(self._path)
        if mark == self._mark:
            return False
        self._mark = mark
        self.entries = self._read()
        return True


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
    return BACK if any(release and reaches(release, entry.fixed_in) for release in releases) else KNOWN


def reaches(release: str, other: str) -> bool:
    """Whether a kernel's release is that other one or a later one, by their numbers."""
    pairs = zip_longest(_numbers(release), _numbers(other), fillvalue=0)
    return next((mine > theirs for mine, theirs in pairs if mine != theirs), True)


def _numbers(release: str) -> list[int]:
    """The numbers of a release; a candidate is before it: ``6.2-rc3``, as kernels and Fedora name it
    ``6.2.0-rc3``, ``6.2.0-0.rc3``.
    """
    before, *behind = re.split(r"-(?:0\.)?rc(?=\d)", release, maxsplit=1)
    numbers = [[int(number) for number in re.findall(r"\d+", part)] for part in (before, *behind)]
    if not behind:
        return numbers[0]
    return [*numbers[0], *[0] * (_PLACES - len(numbers[0])), -1, *numbers[1]]


def fields(entry: Known | None) -> dict[str, Any]:
    """What a group's row has of an entry."""
    names = ("link", "note", "owner", "fixed_in")
    return {name: getattr(entry, name) if entry else None for name in names}

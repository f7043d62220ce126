"""Files that stand for namespaces: ``net:[4026531840]`` (fs/nsfs.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crashdrive.linux.survey import Survey

_KIND, _FIELDS, _WHAT = "struct ns_common", {"name": ("ops->name",), "inum": ("inum",)}, "files of namespaces"


def namespace_names(survey: Survey, addresses: Iterable[int | None]) -> dict[int | None, str | None]:
    """The names by the ``struct ns_common``, which is the private data of the file's inode."""
    wanted = list(dict.fromkeys(address for address in addresses if address))
    rows = survey.rows(Fields(survey.kernel, _KIND, _FIELDS, _FIELDS), wanted, _WHAT) if wanted else []
    names = texts(survey, (row["name"] for row in rows), _WHAT)
    found: dict[int | None, str | None] = {None: None, 0: None}
    for address, row in zip(wanted, rows, strict=True):
        name = names[row["name"]]
        found[address] = None if name is None or row["inum"] is None else f"{name}:[{row['inum']}]"
    return found

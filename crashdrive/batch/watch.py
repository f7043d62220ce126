"""New dumps as they appear: those that nobody writes to any more."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.batch.find import Found
from crashdrive.dump.contents import current_mark

# what kdump's scripts call a dump while they write it
_WRITING = re.compile(r"(?:-incomplete|\.part|\.tmp|\.partial)$")


class Settled:
    """Tells which dumps have stayed as they are since the last look; the first look only remembers."""

    def __init__(self) -> None:
        self._marks: dict[str, tuple[str | None, ...]] = {}

    def of(self, dumps: Sequence[Found]) -> list[Found]:
        """Those that are whole: unchanged since the last call, and not called a part."""
        marks = {one.path: tuple(map(current_mark, one.parts or (one.path,))) for one in dumps}
        settled = [
            one
            for one in dumps
            if not _WRITING.search(one.path)
            and None not in marks[one.path]
            and self._marks.get(one.path) == marks[one.path]
            and marks[one.path][0] == one.mark
        ]
        self._marks = marks
        return settled

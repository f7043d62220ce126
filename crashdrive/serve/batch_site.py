"""The pages of a batch, made from its ledger at the time of asking."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

from crashdrive.batch.ledger import ReadOnly
from crashdrive.batch.pages import page_of
from crashdrive.serve.exchange import Asked, NoSuchPageError, Reply, page
from crashdrive.serve.site import replied
from crashdrive.text import printable

NAV: Final = (("index.html", "Groups"), ("dumps.html", "Dumps"))


class BatchSite:
    """What `crashdrive batch` found, in its folder; UsageError where that has no ledger."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ReadOnly(folder).close()

    def answer(self, asked: Asked) -> Reply:
        """The page that is asked for, or why there is none."""
        return replied(asked, self._page, self._frame())

    def _frame(self) -> dict[str, Any]:
        return {"nav": NAV, "can_find": False, "whose": "", "dump": printable(str(self._folder))}

    def _page(self, asked: Asked) -> Reply:
        name = "/".join(asked.path)
        if not name:
            return Reply(b"", status=303, to=asked.link("index.html"))
        with closing(ReadOnly(self._folder)) as ledger:
            found = page_of(ledger, name)
        if found is None:
            raise NoSuchPageError(f"there is no page {name!a}")
        return page(found.template, asked, **found.values)

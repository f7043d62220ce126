"""Where an address leads: to the page of that name, a script, a style, or the state of a page in the making.

Each module of `crashdrive.serve.pages` is a page: ``page(asked, desk)`` gives what it shows.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from crashdrive.errors import CrashdriveError, KernelError, SessionClosedError, UsageError
from crashdrive.render.html import asset
from crashdrive.serve.desk import BusyError, Desk
from crashdrive.serve.exchange import Asked, NoSuchPageError, Reply, data, page
from crashdrive.text import printable

_LOG = logging.getLogger("crashdrive.serve")
_ASSETS: Final = {
    "page.css": "text/css; charset=utf-8",
    "picture.css": "text/css; charset=utf-8",
    "serve.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "serve_grid.js": "text/javascript; charset=utf-8",
    "serve_flame.js": "text/javascript; charset=utf-8",
    "serve_busy.js": "text/javascript; charset=utf-8",
}
_FIRST: Final = "overview"
_PAGES = Path(__file__).with_name("pages")
NAV: Final = (
    ("", "Overview"), ("log", "Log"), ("tasks", "Tasks"), ("stacks", "Stacks"), ("locks", "Locks"),
    ("memory", "Memory"), ("timeline", "Timeline"),
    ("reports", "Reports"),
)  # fmt: skip


class PageModule(Protocol):
    """A module of `crashdrive.serve.pages`, as it is used here."""

    def page(self, asked: Asked, desk: Desk) -> Reply:
        """What it shows."""
        ...


def page_names() -> tuple[str, ...]:
    """The names of all pages; nothing is imported for this."""
    return tuple(info.name for info in pkgutil.iter_modules([str(_PAGES)]) if not info.name.startswith("_"))


class Site:
    """The pages on one dump."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pages = frozenset(page_names())

    def answer(self, asked: Asked) -> Reply:
        """The page that is asked for, or why there is none."""
        return replied(asked, self._page, self.frame())

    def begin(self) -> None:
        """Have the first page made before anybody asks for it."""
        with contextlib.suppress(BusyError, CrashdriveError):
            self._desk.ask(
                "report triage []", "report triage", lambda crash: crash.run_report("triage"), patience=0
            )

    def frame(self) -> dict[str, Any]:
        """What stands around each page."""
        identity = self._desk.crash.identity
        told = [identity.get(name) for name in ("host", "release")]
        vmcore = identity.get("vmcore")
        return {
            "nav": NAV,
            "can_find": True,
            "whose": " \N{MIDDLE DOT} ".join(printable(one) for one in told if one),
            "dump": printable(Path(vmcore).name if vmcore else "a recorded session"),
        }

    def _page(self, asked: Asked) -> Reply:
        name = asked.path[0] if asked.path else _FIRST
        if name == "state":
            work = self._desk.look(asked.text("key"))
            return data({"done": True} if work is None else work.told())
        if name not in self._pages:
            raise NoSuchPageError(f"there is no page {'/'.join(asked.path)!a}")
        module: PageModule = importlib.import_module(f"crashdrive.serve.pages.{name}")
        return module.page(asked._replace(frame=self.frame()), self._desk)


def replied(asked: Asked, make: Callable[[Asked], Reply], frame: dict[str, Any]) -> Reply:
    """A page, or what is said instead of it: that it is being made, or what is wrong."""
    asked = asked._replace(frame=frame)
    try:
        if len(asked.path) == 2 and asked.path[0] == "assets" and asked.path[1] in _ASSETS:
            return Reply(asset(asked.path[1]), _ASSETS[asked.path[1]])
        return make(asked)
    except BusyError as busy:
        if _wants_data(asked):
            return data({"busy": busy.work.told()}, status=202)
        told = {**busy.work.told(), "key": busy.work.key}
        return page("serve_busy.html", asked, status=202, title=f"{busy.work.title} ...", work=told)
    except CrashdriveError as error:
        return _failed(asked, str(error), _status(error))
    except Exception as error:  # noqa: BLE001 - the page says so, and all others are served
        _LOG.warning(
            "serve: %s: %s", type(error).__name__, error, exc_info=bool(os.environ.get("CRASHDRIVE_DEBUG"))
        )
        return _failed(asked, f"a defect of crashdrive: {type(error).__name__}: {error}", 500)


def _failed(asked: Asked, message: str, status: int) -> Reply:
    if _wants_data(asked):
        return data({"error": printable(message)}, status=status)
    return page("serve_error.html", asked, status=status, title="No answer", message=message)


def _wants_data(asked: Asked) -> bool:
    return not {"cells", "state"}.isdisjoint(asked.path[:1] + asked.path[-1:])


def _status(error: CrashdriveError) -> int:
    if isinstance(error, NoSuchPageError):
        return 404
    if isinstance(error, SessionClosedError):
        return 503
    return 400 if isinstance(error, (UsageError, KernelError)) else 500

"""What a browser asked, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode

from crashdrive.errors import UsageError
from crashdrive.render.data import encode
from crashdrive.render.html import page_text

MOST_TEXT = 400
"""Characters of one value in an address, at most."""
HTML, JSON = "text/html; charset=utf-8", "application/json"


class NoSuchPageError(UsageError):
    """An address below which there is nothing."""


class Reply(NamedTuple):
    """An answer: status, type, contents; ``to``: where to go instead; ``cookie``: to be kept."""

    body: bytes
    kind: str = HTML
    status: int = 200
    to: str | None = None
    cookie: str | None = None


class Asked(NamedTuple):
    """A request that was admitted: ``path`` below the root, without empty parts.

    ``frame``: what stands around the page that answers it.
    """

    root: str
    path: tuple[str, ...]
    query: Mapping[str, list[str]]
    frame: Mapping[str, Any] = MappingProxyType({})

    def text(self, name: str) -> str:
        """A value of the query without blanks around it; empty where there is none."""
        value = (self.query.get(name) or [""])[-1].strip()
        if len(value) > MOST_TEXT:
            raise UsageError(f"{name}: {len(value)} characters; {MOST_TEXT} are taken")
        return value

    def address(self, name: str) -> int:
        """An address in hexadecimal, with or without 0x; UsageError for anything else."""
        value = self.text(name)
        try:
            found = int(value, 16)
        except ValueError:
            found = -1
        if not 0 <= found < 1 << 64:
            raise UsageError(f"{name} {value!a} is no address (such as ffff888003a54000)")
        return found

    def number(self, name: str, default: int | None = None) -> int:
        """A number of at most nine digits; UsageError for anything else."""
        value = self.text(name)
        if not value and default is not None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise UsageError(f"{name} {value!a} is no number")
        return int(value)

    def link(self, page: str, **values: object) -> str:
        """The address of another page; values that are None are left out."""
        given = {name: value for name, value in values.items() if value is not None}
        return f"{self.root}{page}" + (f"?{urlencode(given)}" if given else "")


def page(template: str, asked: Asked, *, status: int = 200, **values: Any) -> Reply:
    """A page of a template that extends ``serve_layout.html``."""
    here = asked.path[0] if asked.path else ""
    text = page_text(
        template,
        layout="serve_layout.html",
        root=asked.root,
        link=asked.link,
        here=here,
        **asked.frame,
        **values,
    )
    return Reply(text.encode("utf-8", "backslashreplace"), status=status)


def data(value: object, *, status: int = 200) -> Reply:
    """JSON."""
    return Reply(encode(value), JSON, status)

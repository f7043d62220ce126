"""Who is let in: by a token once, by a cookie from then on; under no other name than this host's own.

The cookie is sent for one path that nobody can guess, so that other servers of this host, whose cookies
browsers don't tell apart by their ports, never see it.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time

COOKIE = "crashdrive"
HEADERS = {
    # nothing is asked of any other host, no script or style stands in a page, no other page frames these
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_OURS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SAME = frozenset({"same-origin", "none"})
_ONCE_SECONDS = 120.0


class Guard:
    """The secrets of one server, and what is held against them."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self.root = f"/{secrets.token_urlsafe(12)}/"
        self._cookie = secrets.token_urlsafe(24)
        self._once: dict[str, float] = {}
        self._lock = threading.Lock()

    def once(self) -> str:
        """A token that opens once, and soon: other users of this host may see a browser's command line."""
        made = secrets.token_urlsafe(24)
        with self._lock:
            self._once[made] = time.monotonic()
        return made

    def opens(self, token: str) -> bool:
        """Whether it is the token, or one that opens once and hasn't yet."""
        given = token.encode("utf-8", "surrogatepass")
        with self._lock:
            began = self._once.pop(token, None)
        soon = began is not None and time.monotonic() - began < _ONCE_SECONDS
        return hmac.compare_digest(given, self.token.encode()) or soon

    def set_cookie(self) -> str:
        """The header that gives the cookie to a browser."""
        return f"{COOKIE}={self._cookie}; Path={self.root}; HttpOnly; SameSite=Strict"

    def admits(self, cookies: str | None) -> bool:
        """Whether a request's cookies hold ours, whatever other servers of this host put beside it."""
        ours = f"{COOKIE}={self._cookie}".encode()
        return any(hmac.compare_digest(one.strip().encode(), ours) for one in (cookies or "").split(";"))

    @staticmethod
    def is_ours(host: str | None, port: int) -> bool:
        """Whether a Host header names this host: what a foreign name that points here would not."""
        name, _, number = (host or "").lower().rpartition(":")
        return name in _OURS and number == str(port)

    @staticmethod
    def is_from_here(site: str | None, origin: str | None, port: int) -> bool:
        """Whether a page of ours asks, or nobody's page; browsers say so (Sec-Fetch-Site, Origin)."""
        if site is not None and site not in _SAME:
            return False
        return origin is None or Guard.is_ours(origin.removeprefix("http://"), port)

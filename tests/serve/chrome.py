"""Debian's Chromium without a window, led over its debugging pipe: served pages as a person uses them."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.batch.browser import browser

_PATIENCE = 60.0
# the browser reads commands from descriptor 3 and answers on 4
_MOVED = """
import fcntl, os, sys
reader, writer = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(reader, 3)
os.dup2(writer, 4)
os.closerange(5, max(reader, writer) + 1)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chrome:
    """One tab: `go`, `run` a script in the page, `shot`; ``console`` and ``asked`` fill up meanwhile."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._held = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.console: list[str] = []
        self.asked: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    _session: str | None = None

    def go(self, url: str) -> None:
        """Open an address, and wait until the page is there."""
        self.call("Page.navigate", {"url": url})
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise's value."""
        given = {"expression": script, "awaitPromise": True, "returnByValue": True}
        found = self.call("Runtime.evaluate", given)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true; a page that is just coming has none."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            found = self.call("Runtime.evaluate", {"expression": script, "returnByValue": True})
            if found.get("result", {}).get("value"):
                return
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}")

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """The window's size, and which colours are wanted."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", metrics)
        colours = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", {"features": colours})

    def shot(self, path: Path) -> None:
        """A picture of what is in sight."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"]))

    def call(self, method: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """A command of the DevTools protocol to the tab."""
        return self._call(method, given or {}, self._session)

    def _call(self, method: str, given: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if session:
            message["sessionId"] = session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + _PATIENCE
        while self._number not in self._answers:
            self._hear(end - time.monotonic())
        answer = self._answers.pop(self._number)
        assert "error" not in answer or method == "Runtime.evaluate", (method, answer["error"])
        found: dict[str, Any] = answer.get("result", {})
        return found

    def _hear(self, seconds: float) -> None:
        ready, _, _ = select.select([self._reader], [], [], max(seconds, 0))
        assert ready, "the browser doesn't answer"
        data = os.read(self._reader, 1 << 20)
        assert data, "the browser has ended"
        *whole, self._held = (self._held + data).split(b"\0")
        for one in whole:
            self._take(json.loads(one))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        given = message.get("params", {})
        match message["method"]:
            case "Network.requestWillBeSent":
                self.asked.append(given["request"]["url"])
            case "Runtime.consoleAPICalled":
                self.console.append(f"{given['type']}: {given['args']}")
            case "Runtime.exceptionThrown":
                self.console.append(str(given["exceptionDetails"]))
            case "Log.entryAdded":
                self.console.append(given["entry"]["text"])


@contextmanager
def chrome(place: Path) -> Iterator[Chrome]:
    """A browser with a profile of its own; ended with the body."""
    to_browser, writer = os.pipe()
    reader, from_browser = os.pipe()
    command = [
        sys.executable, "-c", _MOVED, str(to_browser), str(from_browser), browser(), "--headless",
        "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--no-first-run", f"--user-data-dir={place / 'profile'}", "--remote-debugging-pipe",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Chrome(reader, writer)
    finally:
        process.terminate()
        process.wait(30)
        os.close(reader)
        os.close(writer)

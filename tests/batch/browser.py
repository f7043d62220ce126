"""Debian's Chromium without a window: what a page does, what it asks for, what its console says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest

# what the browser asks its makers, whatever the page
_OWN = re.compile(r"https?://[\w.-]+\.(?:google|googleapis|gvt1|gstatic)\.com[:/]")


class Seen(NamedTuple):
    """What a script in the page found, lines of the console, and addresses that were asked for."""

    found: Any
    console: list[str]
    asked: list[str]


def browser() -> str:
    """The program; skips where it is missing, fails where it is required."""
    path = shutil.which("chromium")
    if path is None and os.environ.get("CRASHDRIVE_REQUIRE_LAB") == "1":
        pytest.fail("chromium is missing: scripts/test installs it")
    if path is None:
        pytest.skip("chromium is missing")
    return path


def look(page: Path, script: str, place: Path) -> Seen:
    """Open a page with a script at its end, that returns what it found."""
    program, net = browser(), place / "net.json"
    inside = (
        '<pre id="found"></pre><script>document.getElementById("found").textContent = '
        f"JSON.stringify((() => {{{script}}})())</script>"
    )
    copy = page.with_name(f"looked-at-{page.name}")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{inside}</body>"), encoding="utf-8")
    done = subprocess.run(
        [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--no-first-run", f"--user-data-dir={place / 'profile'}", f"--log-net-log={net}", "--dump-dom",
            copy.as_uri(),
        ],
        capture_output=True, check=True, timeout=240, text=True,
    )  # fmt: skip
    copy.unlink()
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match is not None
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    asked = re.findall(r'"url":\s*"((?:https?|ws|ftp)://[^"]*)"', net.read_text(errors="replace"))
    return Seen(json.loads(unescape(match[1])), console, [url for url in asked if not _OWN.match(url)])

"""What the tests of the session share."""

from __future__ import annotations

import time

from crashdrive.session.health import Health

HEALTH = Health(
    binary="crash", version="8.0.2", gdb_version=None, options=(), attempts=(), warnings=(), missing=()
)


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - /proc
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def gone(*pids: int, seconds: float = 10) -> bool:
    """Whether all of them end within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(map(alive, pids)):
            return True
        time.sleep(0.02)
    return False

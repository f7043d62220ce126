"""Options that several network reports have."""

from __future__ import annotations

from crashdrive.reports.base import Option

NETNS = Option(
    name="netns",
    flags=("--netns",),
    help="A network namespace: name, inode number, address, pid:N, or init.",
    kind="text",
)

"""The guest's ground truth: from frames on a disk to files below truth/."""

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labkit.errors import LabError


@dataclass(frozen=True)
class Frame:
    """One thing that the guest said of itself; times are seconds of uptime."""

    name: str
    status: int
    before: float
    after: float
    body: bytes


def frames(data: bytes | mmap.mmap) -> Iterator[Frame]:
    """Take a truth disk apart; LabError if it is damaged or ends early."""
    at = 0
    while True:
        end = data.find(b"\n", at, at + 1024)
        line = bytes(data[at:end]).decode(errors="replace") if end >= 0 else ""
        if line == "END":
            return
        words = line.split(" ", 5)
        if len(words) != 6 or words[0] != "FRAME":
            raise LabError(f"the guest's ground truth is damaged at byte {at}")
        size, at = int(words[1]), end + 1
        body = bytes(data[at : at + size])
        yield Frame(words[5], int(words[2]), float(words[3]), float(words[4]), body)
        at += size


def safe_path(name: str) -> PurePosixPath:
    """The frame's name as a relative path that stays below truth/."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise LabError(f"the guest's ground truth holds a bad name: {name!r}")
    return path


def split(disk: Path, into: Path) -> dict[str, dict[str, float]]:
    """Write all frames as files and truth/index.json; returns the index."""
    index: dict[str, dict[str, float]] = {}
    with disk.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for frame in frames(data):
            target = into / safe_path(frame.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(frame.body)
            index[frame.name] = {
                "status": frame.status,
                "before": frame.before,
                "after": frame.after,
            }
    (into / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    return index

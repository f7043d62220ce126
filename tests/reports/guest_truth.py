"""What a guest said of itself, namespace by namespace, for the live tests of reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.live.conftest import missing

T = TypeVar("T")
# what reports call the initial network namespace
INITIAL = "init"
FLEETING = frozenset({"SYN_RECV", "TIME_WAIT", "FIN_WAIT1", "FIN_WAIT2", "LAST_ACK", "CLOSING", "timewait"})


class Namespace(NamedTuple):
    """A namespace as reports label it, its folder of files, and the uptimes at which things happened."""

    label: str
    folder: Path
    prefix: str
    when: dict[str, Any]
    panic: float

    def text(self, name: str) -> str:
        """A file below /proc/net; empty where the guest has none."""
        path = self.folder / "proc/net" / name
        return path.read_bytes().decode("utf-8", "backslashreplace") if path.exists() else ""

    def age(self, name: str) -> tuple[float, float]:
        """How many seconds before the panic a file below /proc/net was read, at least and at most."""
        return self.age_of(f"proc/net/{name}")

    def age_of(self, path: str) -> tuple[float, float]:
        """The same of any file, or of a command (``cmd/ss``)."""
        read = self.when[f"{self.prefix}{path}"]
        return self.panic - read["after"], self.panic - read["before"]


def namespaces(lab: Any) -> list[Namespace]:
    """The initial namespace and the named ones."""
    root = lab.folder / "truth"
    panic = json.loads((lab.folder / "dump.json").read_text())["panic_uptime"]
    index = json.loads((root / "index.json").read_text())
    named = sorted((root / "netns").iterdir())
    return [
        Namespace(INITIAL, root, "", index, panic),
        *(Namespace(one.name, one, f"netns/{one.name}/", index, panic) for one in named),
    ]


def recorded(folder: Path, name: str) -> Path:
    """A file of a guest's truth; a guest of before it was recorded is a dump that is missing."""
    path = folder / name
    if not path.exists():
        missing(f"{path.relative_to(path.parents[2])} (scripts/lab standard --again)")
    return path


def still_there(lab: Any, wanted: set[str]) -> set[str]:
    """What a dump has to have of it: all in a recording; less in one that was just made.

    The kernel ends these by itself: half-open connections after 63 s, TIME_WAIT and FIN_WAIT2 after 60 s,
    closing ones without a process after some 100 s. A slow guest takes that long for its truth.
    """
    return wanted if lab.recording is not None else wanted - FLEETING


def bound(lab: Any, strict: T, slow: T) -> T:
    """A bound on what may have changed since: ``strict`` in a recording, which stays what it is.

    ``slow`` for a dump that was just made: its guest may have shared its CPUs with the whole test run.
    """
    return strict if lab.recording is not None else slow


def settings(lab: Any) -> dict[str, str]:
    """What sysctl said, in the initial namespace."""
    lines = (lab.folder / "truth/cmd/sysctl").read_bytes().decode("utf-8", "backslashreplace").split("\n")
    return {name: value for name, _, value in (line.partition(" = ") for line in lines)}

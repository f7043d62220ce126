"""The truth about a death: what the lab knows of it, with the guest's own pids, addresses and words."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from labkit import deaths
from labkit.deaths import Waiting
from labkit.errors import LabError

# "CPU: 1 UID: 0 PID: 71 Comm: victim Tainted: ...", "CPU: 1 PID: 71 Comm: victim Kdump: loaded ..."
_WHO = re.compile(r"CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: (.*?) (?:Kdump|Not tainted|Tainted)")
# What the kernel says of a death of each kind, whatever its version.
_SAYS = {
    "null": r"NULL pointer dereference",
    "paging": r"unable to handle page fault",
    "gpf": r"general protection fault",
    "bug": r"kernel BUG at",
    "divide": r"divide error",
    "invalid-opcode": r"invalid opcode",
    "bad-ip": r"RIP: 0010:0x|instruction fetch|NX-protected",
    "stack": r"stack guard page|stack-protector",
    "list": r"list_(?:add|del) corruption",
    "refcount": r"refcount_t: ",
    "usercopy": r"usercopy: Kernel memory exposure",
    "fortify": r"detected buffer overflow",
    "warning": r"WARNING: CPU",
    "softlockup": r"soft lockup",
    "rcu": r"rcu: .*(?:stall|detected)",
    "hung": r"blocked for more than",
    "oom": r"Out of memory|out of memory",
    "atomic": r"scheduling while atomic",
    "nmi": r"NMI",
    "double-fault": r"double fault",
    "kfence": r"BUG: KFENCE",
    "mce": r"Machine check|machine check",
    "sysrq": r"sysrq: Trigger a crash",
    "panic": r"Kernel panic - not syncing",
}


def write(name: str, folder: Path, console: str, log: str) -> None:
    """Write death.json into a dump's folder of truth; LabError if the guest didn't die of that.

    A capture kernel may start before the console has shown what was said in an NMI or a double fault: then
    the words are those of the dump's log.
    """
    lines = last_words(console)
    if not _said(name, lines):
        lines = since_start(console, log) or lines
    confirm(name, lines)
    (folder / "death.json").write_text(json.dumps(truth(name, folder, lines), indent=1) + "\n")


def truth(name: str, folder: Path, lines: list[str]) -> dict[str, Any]:
    """What is true of a death; folder is the guest's ground truth, lines are the kernel's last words."""
    death = deaths.DEATHS[name]
    people = _People(folder)
    return {
        "death": name,
        "kind": death.kind,
        "culprit": death.culprit,
        "alternatives": death.alternatives,
        "module": deaths.module(name) if _own_culprit(name) else None,
        "context": death.context,
        "function": death.function,
        "address": death.address,
        "followed": death.followed,
        "cycle": [people.waiting(who) for who in death.cycle],
        "owners": [people.holding(who) for who in death.owners],
        "queue": [people.waiting(who) for who in death.queue],
        "findings": death.findings,
        "panicked": panicked(lines, followed=death.followed is not None),
        "remark": death.remark,
        "words": lines,
    }


def confirm(name: str, lines: list[str]) -> None:
    """LabError unless the kernel's own words are those of a death of this kind, and name its function."""
    if not _said(name, lines):
        raise LabError(f"the guest didn't die of {name}: {_summary(lines)}")
    death = deaths.DEATHS[name]
    told = "|".join(map(re.escape, filter(None, (death.culprit, *death.alternatives))))
    # a compiler may have set a part of it apart: .cold, .isra.0
    place = re.compile(rf"\b(?:{told})(?:\.\w+)*\+0x")
    named = any(place.search(line) for line in lines)
    if _own_culprit(name) and death.culprit and not named:
        raise LabError(f"the guest died of {name} elsewhere than in {death.culprit}")


def _said(name: str, lines: list[str]) -> bool:
    says = re.compile(_SAYS[deaths.DEATHS[name].kind])
    return any(says.search(line) for line in lines)


def _summary(lines: list[str]) -> str:
    return next((line[:100] for line in lines if "Kernel panic" in line), "no panic in its words")


def _own_culprit(name: str) -> bool:
    death = deaths.DEATHS[name]
    return death.own_module and (death.culprit is None or death.culprit.startswith("lab_"))


class _People:
    """The guest's processes and locks by name."""

    def __init__(self, folder: Path) -> None:
        self._pids = {_comm(path): int(path.parent.name) for path in folder.glob("proc/[0-9]*/comm")}
        self._locks = locks(folder / "proc" / "lab")

    def waiting(self, who: Waiting) -> dict[str, Any]:
        """A task with the lock that it waits for."""
        return {**self._task(who), "waits_for": who.lock, **self._lock(who)}

    def holding(self, who: Waiting) -> dict[str, Any]:
        """A task with the lock that it holds."""
        return {**self._task(who), "holds": who.lock, **self._lock(who)}

    def _task(self, who: Waiting) -> dict[str, int | str | None]:
        """Pid and comm; /proc adds to a kernel worker's comm the queue by which it is found."""
        comm = next((comm for comm in self._pids if fnmatchcase(comm, who.comm)), who.comm)
        return {"pid": self._pids.get(comm), "comm": re.sub(r"^(kworker/[^-+]*)[-+].*", r"\1", comm)}

    def _lock(self, who: Waiting) -> dict[str, str | None]:
        kind, address = self._locks.get(who.lock, (None, None))
        return {"lock_type": kind, "lock_address": address}


def _comm(path: Path) -> str:
    return path.read_bytes().decode(errors="replace").removesuffix("\n")  # a process can take any name


def locks(path: Path) -> dict[str, tuple[str, str]]:
    """Type and address of each lock that the death's module told of, by name."""
    lines = path.read_text().splitlines() if path.exists() else []
    words = [line.split() for line in lines]
    return {word[2]: (word[0], "0x" + word[1]) for word in words if len(word) == 3}


# A lean guest says "scene" before it sets up what leads to its death, the other one only "finish".
_START = re.compile(r"^LAB ([\d.]+) (?:scene|finish)\s*$", re.MULTILINE)


def last_words(console: str) -> list[str]:
    """The kernel's lines on the console from what led to the death to the capture kernel's first one."""
    text = console.replace("\r", "")
    start = _START.search(text)
    words = text[start.end() :] if start else text
    return [
        line for line in words.split("LAB CAPTURE")[0].split("\n") if line and not line.startswith("LAB ")
    ]


def since_start(console: str, log: str) -> list[str]:
    """The same lines of the kernel's log."""
    start = _START.search(console.replace("\r", ""))
    times = re.compile(r"\[ *(\d+\.\d+)\]")
    lines = [(times.match(line), line) for line in log.splitlines()]
    return [line for time, line in lines if start and time and float(time[1]) >= float(start[1])]


def panicked(lines: list[str], *, followed: bool = False) -> dict[str, Any] | None:
    """The CPU and the task that panicked: of the panic's trace, or of the first one if it has none.

    If the panic followed from an oops it has no trace, and the first one is another task's.
    """
    at = next((number for number, line in enumerate(lines) if "Kernel panic" in line), len(lines))
    where = lines[at:] if followed else lines[at:] + lines
    found = next((match for line in where if (match := _WHO.search(line))), None)
    return {"cpu": int(found[1]), "pid": int(found[2]), "comm": found[3]} if found else None

"""A batch over the lab's dumps: what the lab knows of them, broken ones, kills at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

from crashdrive.batch.child import family
from crashdrive.batch.jobs import unpacked

CHECKOUT = Path(__file__).resolve().parents[1]
_VERDICT = "path, status, reason, kind, function, module, group_id"


class Known(NamedTuple):
    """A dump, and what the lab knows of its death."""

    vmcore: Path
    death: dict[str, Any]

    @property
    def bug(self) -> str:
        """What makes two deaths the same: kind and culprit; which of two locks was first is chance."""
        return f"{self.death['kind']} {self.death['culprit']} {self.death['module']}"


def known_dumps(lab: Path, names: Sequence[str] = ()) -> list[Known]:
    """The lab's dumps that a capture kernel saved of a death, by their names."""
    found = []
    for file in sorted(lab.glob("dumps/*/truth/death.json")):
        folder = file.parents[1]
        form = json.loads((folder / "dump.json").read_text())["format"]
        if form == "kdump" and (not names or folder.name in names):
            found.append(Known(folder / "vmcore", json.loads(file.read_text())))
    return found


def adjusted_rand_index(pairs: Iterable[tuple[str, str]]) -> float:
    """How alike two ways to part things are: 1 for equal ones, 0 for chance (Hubert and Arabie, 1985)."""
    both = list(pairs)
    left, right, cells = Counter(a for a, _ in both), Counter(b for _, b in both), Counter(both)
    same = sum(comb(count, 2) for count in cells.values())
    mine, theirs = (sum(comb(count, 2) for count in one.values()) for one in (left, right))
    chance = mine * theirs / comb(len(both), 2)
    most = (mine + theirs) / 2
    return 1.0 if most == chance else (same - chance) / (most - chance)


def broken_ones(folder: Path, whole: Path) -> dict[str, str]:
    """Broken dumps made of a whole one; gives for each path what is wrong with it."""
    data = whole.read_bytes()
    made = {}
    for share in (25, 50, 75):
        made[f"vmcore.cut{share}"] = data[: len(data) * share // 100]
    chance = random.Random(13)  # noqa: S311 - the same ones each time
    for name, (low, high) in {"headers": (0, 8192), "pages": (len(data) // 2, len(data))}.items():
        flipped = bytearray(data)
        for _ in range(400):
            flipped[chance.randrange(low, high)] ^= 1 << chance.randrange(8)
        made[f"vmcore.flipped-{name}"] = bytes(flipped)
    made |= {"vmcore.empty": b"", "vmcore.text": b"kernel\n" * 100}
    for name, content in made.items():
        (folder / name).write_bytes(content)
    (folder / "vmcore.loop").symlink_to("vmcore.loop")
    (folder / "round").symlink_to(folder)
    return {str(folder / name): name for name in (*made, "vmcore.loop")}


def wrong_kernel(folder: Path, whole: Path, other_vmlinux: Path) -> tuple[Path, Path]:
    """A dump for which a list names another kernel, and the list."""
    dump, names = folder / "vmcore.wrong", folder / "wrong.csv"
    dump.write_bytes(whole.read_bytes() + b"\0")  # another content, so that it isn't taken for the whole one
    names.write_text(f"vmcore,vmlinux,host\n{dump},{other_vmlinux},\n")
    return dump, names


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The dumps of a batch, as its ledger has them."""
    with closing(sqlite3.connect(out / "triage.sqlite")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(f"SELECT {_VERDICT} FROM dumps ORDER BY path")]  # noqa: S608 - ours


def disagreements(known: Sequence[Known], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Where a batch says something else of a dump than the lab knows."""
    by_path = {row["path"]: row for row in rows}
    for one in known:
        row = by_path.get(str(one.vmcore))
        if row is None:
            yield f"{one.vmcore}: lost"
            continue
        death = one.death
        wanted = {"kind": {death["kind"]}}
        if death["culprit"] is not None:  # else nobody in particular is to blame
            wanted |= {"function": {death["culprit"], *death["alternatives"]}, "module": {death["module"]}}
        if row["status"] == "failed":
            yield f"{one.vmcore}: failed: {row['reason']}"
        for name, right in wanted.items():
            if row[name] not in right:
                yield f"{one.vmcore}: {name} {row[name]}, not {' or '.join(sorted(map(str, right)))}"


def index_of(known: Sequence[Known], rows: Sequence[dict[str, Any]]) -> float:
    """The adjusted Rand index of a batch's groups against the lab's bugs."""
    groups = {row["path"]: row["group_id"] for row in rows}
    return adjusted_rand_index((one.bug, str(groups.get(str(one.vmcore)))) for one in known)


def command(dumps: Sequence[str], out: Path, *options: str) -> list[str]:
    """A batch as a command."""
    return [sys.executable, "-P", "-m", "crashdrive", "batch", *dumps, "-o", str(out), *options]


class Killer:
    """Kills a batch, one of its workers, or a crash, each time at a random moment."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - any moments will do
        self.killed: Counter[str] = Counter()

    def run(self, words: Sequence[str], longest: float, temporary: Path) -> int | None:
        """Start a batch and kill one of its processes; its exit status where it ended by itself.

        ``temporary``: its folder for files, which all of its processes have in their names or environment.
        """
        environment = {**os.environ, "TMPDIR": str(temporary)}
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        ) as batch:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    return batch.wait(self._chance.uniform(0, longest))
                kind, pid = self._chance.choice(list(victims(batch.pid)))
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed[kind] += 1
                if kind == "batch":
                    batch.wait()
                    return None


def victims(batch: int) -> Iterator[tuple[str, int]]:
    """The processes of a batch, with what each is."""
    yield "batch", batch
    for pid in family(batch) - {batch}:
        with suppress(OSError):
            yield _kind(Path(f"/proc/{pid}")), pid


def _kind(process: Path) -> str:
    if (process / "comm").read_text() == "crashdrive-job\n":
        return "worker"
    words = (process / "cmdline").read_bytes().split(b"\0")
    return "workers' parent" if b"crashdrive.batch.forkserver" in words else "crash"


def left_over(temporary: Path, seconds: float = 20) -> list[str]:
    """Processes that a killed batch left behind, after some time to end, by its folder for files."""
    deadline = time.monotonic() + seconds
    while True:
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = place.read_bytes()
                told = words + (place.parent / "environ").read_bytes()
                if os.fsencode(temporary) in told and place.parent.name != str(os.getpid()):
                    found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def losses(out: Path, known: Sequence[Known]) -> Iterator[str]:
    """What is lost or twice in a batch that was killed and went on."""
    with closing(sqlite3.connect(out / "triage.sqlite")) as database:
        if (told := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            yield f"triage.sqlite: {told}"
        twice = "SELECT dump, kind, message, count(*) FROM findings GROUP BY 1, 2, 3 HAVING count(*) > 1"
        yield from (f"finding twice: {row}" for row in database.execute(twice))
        rows = database.execute("SELECT dump, path FROM dumps").fetchall()
    if sorted(path for _, path in rows) != sorted(str(one.vmcore) for one in known):
        yield f"{len(rows)} dumps in the ledger, {len(known)} there are"
    for dump, path in rows:
        if unpacked((out / "results" / f"{dump}.json.z").read_bytes()).vmcore != path:
            yield f"{path}: another dump's result"
        if not (out / "dump" / f"{dump}.html").is_file():
            yield f"{path}: no page"
    lines = [json.loads(line)["path"] for line in (out / "triage.jsonl").read_text().splitlines()]
    if sorted(lines) != sorted(path for _, path in rows):
        yield "triage.jsonl has other dumps than the ledger"

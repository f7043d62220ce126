"""Holds `crashdrive batch` over the lab's dumps against what the lab knows, and kills it at random moments.

    scripts/batchcheck [NAME...]              all signed right? equal ones together? broken ones told?
    scripts/batchcheck --kills 50 [NAME...]   kill -9 of batch, workers, crash: nothing lost, nothing twice

Names are those of dumps below .lab/dumps (or CRASHDRIVE_LAB) that a capture kernel saved; all of them without
one: `scripts/lab standard --set batch` makes over a hundred. Exit status 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import batchkit

_ENOUGH = 0.98


def main() -> int:
    """Runs, compares, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--kills", type=int, metavar="N")
    parser.add_argument("--longest", type=float, default=8.0, help="seconds between two kills, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--crash", action="append", default=[])
    parser.add_argument("-o", "--output", type=Path, help="keep the batch's folder here")
    chosen = parser.parse_args()
    lab = Path(os.environ.get("CRASHDRIVE_LAB") or batchkit.CHECKOUT / ".lab")
    known = batchkit.known_dumps(lab, chosen.names)
    if len(known) < 2:
        parser.error(f"{lab} has no two such dumps; scripts/lab standard --set batch makes them")
    if not chosen.kills and not _small(known):
        parser.error("dumps are broken that are of kernel 6.1, and none of these is")
    crash = [word for one in chosen.crash or [lab / "crash/9.0.2/crash"] for word in ("--crash", str(one))]
    options = [*crash, "-j", str(chosen.jobs), "--brief"]
    with tempfile.TemporaryDirectory(prefix="batchcheck-") as place:
        out = chosen.output or Path(place) / "out"
        if chosen.kills:
            return _kills(known, out, options, Path(place) / "files", chosen)
        return _truth(known, out, options, Path(place), lab)


def _small(known: Sequence[batchkit.Known]) -> list[Path]:
    return [one.vmcore for one in known if "/6.1-" in str(one.vmcore)]


def _truth(known: Sequence[batchkit.Known], out: Path, options: Sequence[str], place: Path, lab: Path) -> int:
    broken = place / "broken"
    broken.mkdir()
    whole = min(_small(known), key=lambda path: path.stat().st_size)
    wrong = batchkit.broken_ones(broken, whole)
    dump, names = batchkit.wrong_kernel(place, whole, lab / "kernels/6.12/vmlinux")
    wrong[str(dump)] = "wrong kernel"
    words = [*(str(one.vmcore) for one in known), str(broken), f"@{names}"]
    debug = ["--debug-dir", str(lab / "kernels")]
    status = subprocess.run(batchkit.command(words, out, *options, *debug), check=False).returncode
    rows = batchkit.rows_of(out)
    told = list(batchkit.disagreements(known, rows))
    told += [f"exit status {status}, not 5"] * (status != 5)
    for row in rows:
        if row["path"] in wrong:
            print(f"{wrong[row['path']]}: {row['status']}: {row['reason']}")
            silent = row["status"] == "complete" and not wrong[row["path"]].startswith("vmcore.flipped")
            told += [f"{wrong[row['path']]}: nothing is said of it"] * silent
    lost = wrong.keys() - {row["path"] for row in rows}
    told += [f"{path}: lost" for path in sorted(lost)]
    index = batchkit.index_of(known, rows)
    bugs, groups = {one.bug for one in known}, {row["group_id"] for row in rows if row["path"] not in wrong}
    for line in told:
        print(line)
    print(f"{len(known)} dumps of {len(bugs)} bugs in {len(groups)} groups: adjusted Rand index {index:.4f}")
    return int(bool(told) or index < _ENOUGH)


def _kills(
    known: Sequence[batchkit.Known],
    out: Path,
    options: Sequence[str],
    temporary: Path,
    chosen: argparse.Namespace,
) -> int:
    killer = batchkit.Killer(chosen.seed)
    temporary.mkdir()
    dumps = [str(one.vmcore) for one in known]
    while killer.killed.total() < chosen.kills:
        words = batchkit.command(dumps, out, *options, "--retry-failed")
        ended = killer.run(words, chosen.longest, temporary)
        if ended is not None and killer.killed.total() < chosen.kills:  # done before all kills: once more
            killer.run([*words, "--again"], chosen.longest, temporary)
    print(f"killed: {dict(killer.killed)}", flush=True)
    status = subprocess.run(batchkit.command(dumps, out, *options, "--retry-failed"), check=False).returncode
    told = [*batchkit.losses(out, known), *batchkit.disagreements(known, batchkit.rows_of(out))]
    told += [f"still running: {line}" for line in batchkit.left_over(temporary)]
    told += [f"exit status {status}"] * (status not in {0, 5})
    for line in told:
        print(line)
    print(f"{len(known)} dumps, {killer.killed.total()} kills: {len(told)} faults")
    return int(bool(told))

"""Holds `crashdrive.linux.oops` against a corpus of logs whose crashes are known.

    scripts/oopscorpus DIR          files in the form of syzkaller's pkg/report/testdata/linux/report:
                                    TITLE:, ALT:, CORRUPTED: lines, an empty line, the log
    scripts/oopscorpus --groups DIR how crashes of the first kind of folder are grouped: those that have a
                                    title in common belong together (by pairs: precision, recall; of all,
                                    of two halves by a hash of the name, each grouped alone, and of all
                                    by the titles as they are)
    scripts/oopscorpus --table TSV  lines of FILE, KIND, FUNCTION (- for none), relative to the table

Each disagreement is printed, figures at the end. The corpus is somebody else's: nothing of it is kept here.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from crashdrive.batch.group import Crash, grouped
from crashdrive.linux import oops

_KINDS = (
    (r"KASAN", "kasan"),
    (r"KMSAN|KCSAN|int3|Internal error|kernel panic: bad mode|Alignment trap", "unknown"),
    (r"KFENCE", "kfence"),
    (r"UBSAN", "ubsan"),
    (r"BUG: unable to handle kernel NULL|Unhandled fault", "null paging bad-ip"),
    (r"BUG: unable to handle", "paging null bad-ip"),
    (r"general protection fault|stack segment", "gpf bad-ip"),
    (r"BUG: corrupted list", "list"),
    (r"WARNING: refcount", "refcount"),
    (r"(BUG|WARNING): bad usercopy", "usercopy"),
    (r"kernel panic: (corrupted stack|stack is)|BUG: stack guard|kernel stack overflow", "stack"),
    (r"PANIC: double", "double-fault"),
    (r"divide", "divide"),
    (r"invalid opcode", "invalid-opcode"),
    (r"kernel BUG|BUG: (Bad|Dentry|Object|spinlock (bad|rec|alr)|rwlock)", "bug fortify"),
    (r"BUG: soft lockup|BUG: spinlock lockup", "softlockup"),
    (r"INFO: rcu", "rcu"),
    (r"INFO: task", "hung"),
    (r"BUG: (sched|sleep|using|workqueue leaked)", "atomic"),
    (r"BUG: workqueue lockup", "watchdog"),
    (r"memory leak", "leak"),
    (
        r"possible|inconsist|WARNING: (susp|bad unlock|locking|held|nested|still|lock held|possible)",
        "lockdep",
    ),
    (r"INFO: (susp|trying)|BUG: (bad unlock|held|still|lock held|MAX|workqueue leaked)", "lockdep"),
    (r"WARNING", "warning"),
    (r"kernel panic: sysrq", "sysrq"),
    (r"kernel panic: panic_on_warn", "warning"),
    (r"kernel panic: hung_task", "hung"),
    (r"kernel panic", "panic"),
)


class Wanted(NamedTuple):
    """What a text's own expectation says: kinds that would do, functions that would do, corrupted or not."""

    name: str
    text: str
    title: str
    kinds: frozenset[str]
    functions: frozenset[str]
    corrupted: bool
    titles: tuple[str, ...] = ()


def main() -> int:
    """Compares, prints, counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dir", type=Path)
    parser.add_argument("--table", action="store_true", help="DIR is a table")
    parser.add_argument("--groups", action="store_true", help="how crashes are grouped")
    parser.add_argument("-q", "--quiet", action="store_true", help="figures only")
    chosen = parser.parse_args()
    if not (chosen.dir.is_file() if chosen.table else chosen.dir.is_dir()):
        parser.error(f"{chosen.dir}: no {'table' if chosen.table else 'folder'} there")
    if chosen.groups:
        return _groups(chosen.dir, quiet=chosen.quiet)
    counts: Counter[str] = Counter()
    for wanted in _table(chosen.dir) if chosen.table else _syzkaller(chosen.dir):
        wrong = _compare(wanted, counts)
        if wrong and not chosen.quiet:
            print(f"{wanted.name}: {wanted.title}: {'; '.join(wrong)}")
    for name, count in sorted(counts.items()):
        print(f"{count:6} {name}")
    return 0


def _groups(folder: Path, *, quiet: bool) -> int:
    """Pairs of crashes that are and that should be in one group; corrupted ones are apart, and left out."""
    titles: dict[str, frozenset[str]] = {}
    crashes = []
    for wanted in _syzkaller(folder):
        got = oops.verdict(wanted.text)
        if not wanted.title or wanted.corrupted or got.corrupted or got.kind is None:
            continue
        titles[wanted.name] = frozenset(map(_plain_title, wanted.titles))
        known = {name: getattr(got, name) for name in Crash.__struct_fields__ if hasattr(got, name)}
        crashes.append(Crash(dump=wanted.name, **known))
    same = {name: frozenset(map(_same_title, each)) for name, each in titles.items()}
    _pairs("all", same, _grouped(crashes), quiet=quiet)
    for number in range(2):
        half = [crash for crash in crashes if _half(crash.dump) == number]
        _pairs(f"half {number + 1}, alone", {one.dump: same[one.dump] for one in half}, _grouped(half))
    _pairs("all, titles as they are", titles, _grouped(crashes), quiet=quiet)
    return 0


def _grouped(crashes: Sequence[Crash]) -> dict[str, str]:
    return {one.dump: found.id for found in grouped(crashes) for one in found.members}


def _half(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[0] % 2


def _pairs(
    what: str, titles: Mapping[str, frozenset[str]], group: Mapping[str, str], *, quiet: bool = True
) -> None:
    counts: Counter[str] = Counter()
    for one, other in itertools.combinations(titles, 2):
        wanted_pair, got_pair = bool(titles[one] & titles[other]), group[one] == group[other]
        name = {(True, True): "right", (False, True): "wrong", (True, False): "missed"}.get(
            (wanted_pair, got_pair)
        )
        if name:
            counts[name] += 1
        if name in {"wrong", "missed"} and not quiet:
            print(f"{name}: {one} {sorted(titles[one])} / {other} {sorted(titles[other])}")
    precision = counts["right"] / max(counts["right"] + counts["wrong"], 1)
    recall = counts["right"] / max(counts["right"] + counts["missed"], 1)
    print(
        f"{what}: {len(titles)} texts, pairs {dict(counts)}, precision {precision:.3f}, recall {recall:.3f}"
    )


def _plain_title(title: str) -> str:
    """A title without what one system call is called by in kernels of all ages."""
    return re.sub(r"\b(?:__(?:x64|ia32|se)_sys_|compat_SyS_|SyS_|ksys_|sys_)", "", title)


def _same_title(title: str) -> str:
    """A title with the word that lockdep's messages begin with now: 4.9 has BUG, 4.15 has WARNING.

    "possible deadlock" stands for messages with either word in these titles.
    """
    return re.sub(
        r"^BUG: (?=bad unlock|bad contention|held lock freed|lock held|.* still has lock)", "WARNING: ", title
    )


def _compare(wanted: Wanted, counts: Counter[str]) -> list[str]:
    got = oops.verdict(wanted.text)
    counts["texts"] += 1
    wrong = []
    if wanted.kinds:
        counts["kinds expected"] += 1
        if got.kind in wanted.kinds:
            counts["kinds alike"] += 1
        else:
            wrong.append(f"kind {got.kind} for {' or '.join(sorted(wanted.kinds))}")
    if wanted.functions and not wanted.corrupted:
        counts["functions expected"] += 1
        others = {word for one in got.alternatives for word in [one.rpartition(" in ")[2]]}
        if got.function in wanted.functions:
            counts["functions alike"] += 1
        elif wanted.functions & others:
            counts["functions alike by alternatives"] += 1
            wrong.append(f"function {got.function} (alternative fits) for {sorted(wanted.functions)}")
        elif got.function is None:
            counts["functions left open"] += 1
            wrong.append(f"function none for {sorted(wanted.functions)}")
        else:
            counts["functions wrong"] += 1
            wrong.append(f"function {got.function} for {sorted(wanted.functions)}")
    if wanted.corrupted:
        counts["corrupted expected"] += 1
        counts["corrupted alike"] += got.corrupted
        if got.function and wanted.title.endswith("corrupted"):
            counts["corrupted, with a culprit all the same"] += 1
            wrong.append(f"culprit {got.function} in a corrupted one (corrupted {got.corrupted})")
    elif got.corrupted:
        counts["corrupted, but not expected"] += 1
        wrong.append("corrupted")
    return wrong


def _syzkaller(folder: Path) -> Iterator[Wanted]:
    for file in sorted(folder.iterdir(), key=lambda path: (len(path.name), path.name)):
        text = file.read_bytes().replace(b"\r", b"").decode("utf-8", "backslashreplace")
        head, _, log = text.partition("\n\n")
        log = log.partition("\n\nREPORT:\n")[0]
        titles = [
            line.partition(": ")[2] for line in head.splitlines() if line.startswith(("TITLE:", "ALT:"))
        ]
        title = titles[0] if titles else ""
        kinds = next((kinds for pattern, kinds in _KINDS if re.match(pattern, title)), "")
        named = (one.rpartition(" in ")[2] for one in titles if " in " in one)
        functions = frozenset(part for one in named for part in one.split("/")) - {"corrupted"}
        corrupted = "CORRUPTED: Y" in head
        yield Wanted(file.name, log, title, frozenset(kinds.split()), functions, corrupted, tuple(titles))


def _table(table: Path) -> Iterator[Wanted]:
    for line in table.read_text().splitlines():
        name, kind, function = line.split("\t")[:3]
        text = (table.parent / name).read_bytes().decode("utf-8", "backslashreplace")
        functions = frozenset(function.split("|")) - {"-", ""}
        yield Wanted(
            name, text, f"{kind} in {function}", frozenset(kind.split("|")), functions, corrupted=False
        )

"""A batch over the lab's dumps, two kernels: each signed as the lab knows, equal deaths in one group."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from pathlib import Path

import pytest
from batchkit import adjusted_rand_index
from labkit.deaths import DEATHS

from crashdrive.cli import main
from tests.live.conftest import crash_binary, dumps, missing

pytestmark = pytest.mark.live

# one of each kernel and death, as far as they are there: a batch of all takes too long for each run
_MOST = int(os.environ.get("CRASHDRIVE_BATCH_DUMPS", "6"))


def chosen() -> list[Path]:
    """Dumps of as many deaths as there are, of both kernels; the same ones each time."""
    found: dict[tuple[str, str], Path] = {}
    for folder in dumps():
        spec = json.loads((folder / "dump.json").read_text())
        if (folder / "vmcore").exists() and not (folder / "vmcore").is_symlink():
            found.setdefault((spec["death"], spec["release"][:4]), folder / "vmcore")
    if len(found) < 2:
        missing("dumps of two kernels")
    return [path for _, path in sorted(found.items())][:_MOST]


def death_of(path: str) -> str:
    return str(json.loads((Path(path).parent / "dump.json").read_text())["death"])


def test_the_index_itself() -> None:
    assert adjusted_rand_index([("a", "1"), ("a", "1"), ("b", "2")]) == 1
    assert adjusted_rand_index([("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]) < 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_are_signed_right_and_equal_ones_are_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "broken"
    broken.mkdir()
    paths = chosen()
    for share in (25, 75):  # cut ones cost no more than themselves
        whole = min(paths, key=lambda path: path.stat().st_size).read_bytes()
        (broken / f"vmcore.{share}").write_bytes(whole[: len(whole) * share // 100])
    binaries = itertools.chain.from_iterable(
        ("--crash", str(crash_binary(one))) for one in ("9.0.2", "8.0.6")
    )
    words = [*map(str, paths), str(broken), "--debug-dir", str(paths[0].parent)]
    status = main(["batch", *words, "-o", str(tmp_path / "out"), "--brief", "--deadline", "900", *binaries])
    told = capfd.readouterr().err
    assert status in {0, 5}, told
    with sqlite3.connect(tmp_path / "out" / "triage.sqlite") as database:
        rows = database.execute("SELECT path, status, kind, function, group_id, reason FROM dumps").fetchall()
    database.close()
    whole_ones = [row for row in rows if not row[0].startswith(str(broken))]
    assert len(whole_ones) == len(paths)
    for path, state, kind, function, _, reason in whole_ones:
        death = DEATHS[death_of(path)]
        assert state != "failed", reason
        assert kind == death.kind, path
        assert death.culprit is None or function in {death.culprit, *death.alternatives}, path
    index = adjusted_rand_index((signature_of(path), group) for path, *_, group, _ in whole_ones)
    assert index >= 0.98
    cut = [row for row in rows if row[0].startswith(str(broken))]
    assert len(cut) == 2
    assert all(state in {"failed", "incomplete"} and reason for _, state, *_, reason in cut)


def signature_of(path: str) -> str:
    """What makes two deaths the same: kind and culprit, as the lab knows them."""
    death = DEATHS[death_of(path)]
    return f"{death.kind} {death.culprit}"

"""A batch in parts: which dumps are whose, and the parts put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crashdrive.batch.find import Found
from crashdrive.batch.ledger import DUMP_COLUMNS, NAME, Ledger
from crashdrive.batch.run import result_path
from crashdrive.errors import UsageError

_RANK = {"complete": 0, "incomplete": 1, "failed": 2}


def shard_of(text: str) -> tuple[int, int]:
    """``I/N``, I from 1 to N; UsageError for anything else."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text!a}: it is I/N, with I from 1 to N")
    return int(match[1]), int(match[2])


def of_shard(dumps: Sequence[Found], shard: tuple[int, int]) -> list[Found]:
    """The dumps of a part: by their contents, so that each machine comes to the same answer by itself."""
    number, count = shard
    return [one for one in dumps if int(one.id, 16) % count == number - 1]


def merge(ledger: Ledger, folders: Sequence[Path]) -> int:
    """Take over all dumps of other batches; gives how many. Of one that several have the best one stays.

    UsageError for a folder that has no ledger.
    """
    for folder in folders:
        if not (folder / NAME).is_file():
            raise UsageError(f"{str(folder)!a}: no ledger there; crashdrive batch DUMPS -o OUT makes one")
    taken = 0
    for folder in folders:
        other = Ledger(folder)
        try:
            taken += sum(_take(ledger, other, dict(row)) for row in other.rows("SELECT * FROM dumps"))
            known = ledger.known_files()
            ledger.keep_files(other.known_files().values(), known)
        finally:
            other.close()
    return taken


def _take(ledger: Ledger, other: Ledger, row: dict[str, Any]) -> bool:
    mine = ledger.rows("SELECT status, triaged FROM dumps WHERE dump = ?", (row["dump"],))
    if mine and _better(mine[0]) <= _better(row):
        return False
    place = result_path(ledger.folder, row["dump"])
    part = place.with_name(f".{place.name}.part")
    try:
        part.write_bytes(result_path(other.folder, row["dump"]).read_bytes())
        part.replace(place)
    except FileNotFoundError:  # its page says that it is lost; an older one is not this row's
        place.unlink(missing_ok=True)
    (ledger.folder / "dump" / f"{row['dump']}.html").unlink(missing_ok=True)
    findings = [dict(one) for one in other.rows("SELECT * FROM findings WHERE dump = ?", (row["dump"],))]
    kept = {name: row[name] for name in DUMP_COLUMNS if name not in {"group_id", "attempts"}}
    ledger.put_dump(kept, findings)
    return True


def _better(row: Any) -> tuple[int, str]:
    """Smaller for the better one: complete ones first, of equal ones the newer."""
    newest = "".join(chr(0x10FFFF - ord(letter)) for letter in row["triaged"])
    return _RANK.get(row["status"], 9), newest

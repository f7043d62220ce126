"""A batch that somebody kills: a program of its own. It says when
it begins. Arguments: the folder, how many dumps.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from crashdrive.batch.jobs import Job, Result
from crashdrive.batch.ledger import Ledger, locked, open_folder
from crashdrive.batch.run import Batch, Options, plan
from tests.batch.fakes import found, result, verdict

FINDING = {"severity": "warning", "kind": "high-load", "message": "load 9"}


def slow(job: Job, _tell: Callable[[str], None], _stop: threading.Event) -> Result:
    """A triage that takes no time worth mentioning."""
    time.sleep(0.01)
    return result(job, verdict("f"), findings=[FINDING])


folder = open_folder(Path(sys.argv[1]))
with locked(folder):
    ledger = Ledger(folder)
    dumps = [found(number) for number in range(int(sys.argv[2]))]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    Batch(ledger, Options(jobs=2), work=slow).run(plan(dumps, ledger).todo)
    ledger.close()

"""Who has files below /dev open, ``crashdrive run VMCORE devices.py``."""

from __future__ import annotations

from crashdrive import Crash
from crashdrive.linux.fs.open_files import held_below, held_files
from crashdrive.linux.survey import Survey


def report(crash: Crash) -> None:
    """Print them."""
    survey = Survey(crash.kernel)
    files = [one for one in held_files(survey) if one.held_by.isdecimal()]
    held = held_below(files, "/dev")
    for one in sorted(held, key=lambda one: (one.pid, one.held_by)):
        print(one.pid, one.comm, one.held_by, one.path)
    print(f"{len(held)} files below /dev are held")
    for notice in survey.notices:
        print(notice.message)

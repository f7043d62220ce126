"""Recorded sessions that answer a triage, as files that a worker takes."""

from __future__ import annotations

from pathlib import Path

import sessionkit

from crashdrive.session.compact import joined

TRIAGED = {folder.name: folder for folder in sessionkit.report_folders("triage")}
# a dump that hung in a deadlock
DEADLOCK = next(name for name in sorted(TRIAGED) if "sysrq" not in name)


def session_file(name: str, place: Path) -> str:
    """The recording of a dump, written below a folder."""
    folder, session = TRIAGED[name], place / f"{name}.session"
    base = sessionkit._base(folder)
    assert base is not None
    joined(base, folder / sessionkit.SESSION, session)
    return str(session)

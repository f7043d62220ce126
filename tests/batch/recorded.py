"""Recorded sessions that answer a triage, as files that a worker takes."""

from __future__ import annotations

import functools

import replaykit
import sessionkit

from crashdrive.session.compact import joined

TRIAGED = {folder.name: folder for folder in sessionkit.report_folders("triage")}
# a dump that hung in a deadlock
DEADLOCK = next(name for name in sorted(TRIAGED) if "sysrq" not in name)


@functools.cache
def session_file(name: str) -> str:
    """The recording of a dump, whole; written once in a process, it stays as it is."""
    folder = TRIAGED[name]
    base = sessionkit._base(folder)
    assert base is not None
    session = replaykit.place() / f"{name}.session"
    joined(base, folder / sessionkit.SESSION, session)
    return str(session)

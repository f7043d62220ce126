"""Mounts of every mount namespace that has processes, ``crashdrive run VMCORE mounts.py``."""

from __future__ import annotations

from crashdrive import Crash
from crashdrive.linux.fs.mount_table import mount_rows
from crashdrive.linux.survey import Survey


def report(crash: Crash) -> None:
    """Print them."""
    survey = Survey(crash.kernel)
    for row in sorted(mount_rows(survey), key=lambda row: (row.mount_namespace, row.mount_id)):
        print(row.mount_namespace, row.mount_id, row.source, row.mount_point, row.type)
    for notice in survey.notices:
        print(notice.message)

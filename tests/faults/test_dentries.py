"""A page of dentries that is damaged: nothing of it says that files are deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from faultkit.hunt import Hunt
from faultkit.subjects import of_case
from sessionkit import Case, replayed, report_folders

from crashdrive.kernel.pages import PAGE_SHIFT
from crashdrive.linux.fs.open_files import held_files
from crashdrive.linux.survey import Fields, Survey

# as in the recording
CASE = Case("files", {"who": ("/mnt", "/tmp"), "deleted": True})
FIELDS = {"dentry": ("f_path.dentry",)}
PAGES = 4


@pytest.mark.parametrize("folder", report_folders("files"), ids=lambda folder: folder.name)
def test_no_file_of_a_damaged_dentry_is_said_to_be_deleted(folder: Path) -> None:
    with replayed(folder) as crash:
        hunt = Hunt(crash, of_case(CASE))
        survey = Survey(crash.kernel)
        files = [one.file_struct for one in held_files(survey) if one.file_struct and not one.deleted]
        rows = survey.rows(Fields(crash.kernel, "struct file", FIELDS), files, "open files")
        pages = {row["dentry"] >> PAGE_SHIFT for row in rows if row["dentry"]}
        places = [place for place in hunt.readable() if place.page in pages][:PAGES]
        assert places
        for place in places:
            zeros = bytes(len(hunt.data(place)))
            assert hunt.outcome({place: zeros}, "zeros")[0] in {"same", "marked"}

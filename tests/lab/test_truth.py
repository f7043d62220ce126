"""Ground truth: frames on a disk become files."""

import json
from pathlib import Path

import pytest
from labkit import truth
from labkit.errors import LabError

DISK = (
    b"FRAME 6 0 1.500 1.600 cmd/ip-addr\nlo: up"
    b"FRAME 12 0 2.000 2.000 netns/red/proc/net/tcp\nEND\nFRAME 1 "
    b"FRAME 0 127 2.000 2.000 cmd/no such\n"
    b"END\n"
) + bytes(100)


def test_frames_keep_bodies_that_look_like_frames() -> None:
    found = list(truth.frames(DISK))
    assert [frame.body for frame in found] == [b"lo: up", b"END\nFRAME 1 ", b""]


def test_frames_keep_names_with_spaces_status_and_times() -> None:
    assert list(truth.frames(DISK))[2] == truth.Frame("cmd/no such", 127, 2.0, 2.0, b"")


@pytest.mark.parametrize("cut", [0, 10, 60, 130])
def test_frames_refuse_a_disk_that_ends_early(cut: int) -> None:
    with pytest.raises(LabError, match="damaged at byte"):
        list(truth.frames(DISK[:cut] + bytes(2000)))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "proc/../../x", ""])
def test_names_stay_below_truth(name: str) -> None:
    with pytest.raises(LabError, match="bad name"):
        truth.safe_path(name)


def test_split_writes_files_and_an_index(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(DISK)
    index = truth.split(disk, tmp_path / "truth")
    assert (tmp_path / "truth/netns/red/proc/net/tcp").read_bytes() == b"END\nFRAME 1 "
    assert index["cmd/ip-addr"] == {"status": 0, "before": 1.5, "after": 1.6}
    assert json.loads((tmp_path / "truth/index.json").read_text()) == index

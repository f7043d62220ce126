"""The smaller pure parts: archives, ELF headers, versions, packages, folders that appear whole."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from labkit import apt, cpio, crashes, dumps, elfcore, kernels, places, qemu, userland
from labkit.errors import LabError


def test_archive_is_cpio_with_folders_first_and_no_name_twice() -> None:
    archive = cpio.Archive()
    archive.data("bin/sh", b"#!", 0o755)
    archive.data("bin/sh", b"other")
    archive.link("init", "bin/sh")
    data = archive.bytes()
    assert len(data) % 4 == 0
    assert data.count(b"070701") == 4
    assert data.index(b"bin\0") < data.index(b"bin/sh\0")
    assert b"other" not in data
    assert "bin/sh" in archive
    assert "bin/ls" not in archive


def core_as_qemu_writes_it() -> bytes:
    header = bytearray(b"\x7fELF\x02\x01\x01" + bytes(57))
    struct.pack_into("<QQ", header, 32, 192, 64)
    struct.pack_into("<HHHHHH", header, 52, 8, 56, 2, 64, 2, 1)
    return bytes(header) + bytes(128) + b"A" * 56 + b"B" * 56


def test_plain_header_moves_the_program_headers_up() -> None:
    core = core_as_qemu_writes_it()
    plain = elfcore.plain_header(core)
    assert len(plain) == len(core)
    assert plain[64 : 64 + 112] == b"A" * 56 + b"B" * 56
    assert struct.unpack_from("<QQ", plain, 32) == (64, 0)
    assert elfcore.header_size(core) == 192 + 112


def test_plain_gives_the_core_back_as_it_was(tmp_path: Path) -> None:
    core = tmp_path / "vmcore"
    core.write_bytes(core_as_qemu_writes_it() + b"memory")
    with elfcore.plain(core):
        assert core.read_bytes() != core_as_qemu_writes_it() + b"memory"
    assert core.read_bytes() == core_as_qemu_writes_it() + b"memory"


def test_newest_release_compares_numbers_and_wants_debug_data() -> None:
    names = [
        "linux-image-6.1.0-9-cloud-amd64",
        "linux-image-6.1.0-9-cloud-amd64-dbg",
        "linux-image-6.1.0-10-cloud-amd64",
        "linux-image-6.1.0-10-cloud-amd64-dbg",
        "linux-image-6.1.0-11-cloud-amd64",
        "linux-image-6.12.5+deb12-cloud-amd64",
        "linux-image-6.12.5+deb12-cloud-amd64-dbg",
        "linux-image-6.1.0-12-rt-amd64",
    ]
    assert kernels.newest_release("6.1", names) == "6.1.0-10-cloud-amd64"
    assert kernels.newest_release("6.12", names) == "6.12.5+deb12-cloud-amd64"
    with pytest.raises(LabError, match="apt-get update"):
        kernels.newest_release("6.6", names)
    assert kernels.newest_release("6", names) == "6.12.5+deb12-cloud-amd64"


class Offers(apt.Suite):
    """A suite that offers these packages and nothing else."""

    def cache(self, *words: str) -> str:
        assert words[0] == "pkgnames"
        images = [f"linux-image-{number}-cloud-amd64" for number in ("7.3.2+deb14", "7.10.1+deb14")]
        return "\n".join(name for image in images for name in (image, f"{image}-dbg"))


def test_a_suite_that_moved_on_gives_the_newest_of_the_same_major_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kernels.wanted_release(Offers(), "7.3") == "7.3.2+deb14-cloud-amd64"
    assert capsys.readouterr().err == ""
    assert kernels.wanted_release(Offers(), "7.2") == "7.10.1+deb14-cloud-amd64"
    assert "Debian sid has kernel 7.10.1+deb14-cloud-amd64 instead of 7.2" in capsys.readouterr().err
    with pytest.raises(LabError, match=r"no 7\.1 cloud kernel"):
        kernels.wanted_release(Offers(), "7.1")  # not of such a suite


@pytest.mark.parametrize("text", ["8.0.6-1+b1", "crash 8.0.6", "\ncrash 8.0.6\nCopyright (C) 2002-2024"])
def test_upstream_version(text: str) -> None:
    assert crashes.upstream_version(text) == "8.0.6"


def test_packages_needed_takes_libraries_and_leaves_what_only_scripts_want() -> None:
    listing = ["dash", "libc6", "libperl5.36", "perl-base", "libmnl0"]
    assert userland.packages_needed(listing, ["dash"]) == ["dash", "libc6", "libmnl0"]


def test_panic_uptime_is_that_of_the_panic_after_the_truth() -> None:
    console = "[    3.000000] BUG: old\n[   20.650842] Kernel panic - not syncing: x\n[   21.0] more\n"
    assert dumps.panic_uptime(console, 20.5) == 20.650842
    assert dumps.panic_uptime("", 20.5) == 20.5


def test_last_line_prefers_the_one_that_says_why() -> None:
    log = b"LAB FAILED: bind: no\nreboot: Power down\n\n"
    assert qemu.last_line(log) == "LAB FAILED: bind: no"
    assert qemu.last_line(b"booting\n\n") == "booting"
    assert qemu.last_line(b"") == "nothing on the console"


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "dumps" / "mine"
    with places.appearing(target) as work:
        (work / "file").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["file"]
    assert list(target.parent.iterdir()) == [target]


def build_half(target: Path) -> None:
    with places.appearing(target) as work:
        (work / "half").touch()
        raise LabError("broken")


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(LabError):
        build_half(target)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_no_apt_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(LabError, match="a Debian host needs: qemu-system-x86"):
        apt.install(["qemu-system-x86"])


def test_not_root_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="install these packages first: makedumpfile"):
        apt.install(["makedumpfile"])


def test_help_starts_without_a_lab() -> None:
    program = Path(__file__).parents[2] / "scripts" / "lab"
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert "scripts/lab standard" in done.stdout


@pytest.mark.parametrize(
    ("log", "early"),
    [
        (b"LAB 1.5 modules\r\nLAB 33.6 finish\r\nOops: 0002\r\n---[ end Kernel panic - not syncing", False),
        (b"LAB 33.6 finish\r\nLAB CAPTURE 1.0 start\r\n", False),
        (b"Oops: int3: 0000 [#1] PREEMPT SMP\r\n---[ end Kernel panic - not syncing: Fatal", True),
        (b"LAB 1.5 modules\r\n---[ end Kernel panic - not syncing", True),
        (b"LAB 1.5 modules\r\n", False),
    ],
)
def test_a_death_before_its_time_is_known(log: bytes, *, early: bool) -> None:
    assert dumps.stumbled(log) is early
    assert dumps.fall(b"x\r\nOops: int3: 0000 [#1]\r\n") == "Oops: int3: 0000 [#1]"


@pytest.fixture
def fresh_refresh() -> Iterator[None]:
    apt.refresh.cache_clear()
    yield
    apt.refresh.cache_clear()


@pytest.mark.usefixtures("fresh_refresh")
def test_package_lists_are_renewed_once_before_a_kernel_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Sequence[str | Path]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/apt-get")
    monkeypatch.setattr(apt, "run", ran.append)
    apt.refresh()
    apt.refresh()
    assert ran == [["apt-get", "update"]]


@pytest.mark.usefixtures("fresh_refresh")
def test_package_lists_that_cannot_be_renewed_are_used_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(_command: Sequence[str | Path]) -> str:
        raise LabError("apt-get failed (100): no mirror")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/apt-get")
    monkeypatch.setattr(apt, "run", offline)
    apt.refresh()
    assert "no mirror" in capsys.readouterr().err


class Slow(qemu.Guest):
    """A guest whose console grows at some moments of a clock that goes on by 50 s a look."""

    def __init__(self, says: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.says = 0, says
        monkeypatch.setattr("labkit.qemu.time.sleep", self._pass)
        monkeypatch.setattr("labkit.qemu.time.monotonic", lambda: float(self.now))

    def _pass(self, _seconds: float) -> None:
        self.now += 50

    def log(self) -> bytes:
        return b"line\n" * sum(moment <= self.now for moment in self.says)

    def ended(self) -> bool:
        return False


def test_a_slow_guest_is_waited_for_as_long_as_it_says_something(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Slow([0, 550, 1100, 1650], monkeypatch)
    guest.wait(lambda: guest.now >= 2200, 600, "its death")
    assert guest.now == 2200


@pytest.mark.parametrize(("says", "ends"), [([0, 550], 1200), (range(0, 9000, 100), 3650)])
def test_a_silent_or_an_endless_guest_is_given_up(
    says: Sequence[int], ends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = Slow(says, monkeypatch)
    with pytest.raises(LabError, match="didn't get to its death: line"):
        guest.wait(lambda: False, 600, "its death")
    assert guest.now == ends

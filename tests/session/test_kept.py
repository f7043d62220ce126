"""A session starts crash at the first question that the store can't answer, and is never wrong for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive.cache.store import open_store
from crashdrive.crash import Crash, open_dump
from crashdrive.errors import DumpError, TargetError
from crashdrive.kernel.memory.transfer import Transfer
from crashdrive.session.kept import is_repeatable, source_of
from crashdrive.session.recall import kind_of
from tests.dump.test_find import ID, vmcore, vmlinux
from tests.session.conftest import Fake

Make = Callable[..., Fake]


class Lab:
    """Files, a fake crash, and how often that was started."""

    def __init__(self, folder: Path, fake: Fake) -> None:
        self.folder, self.fake = folder, fake
        self.kernel, self.dump = folder / "kernel", folder / "dump"
        self.kernel.write_bytes(vmlinux(ID))
        self.dump.write_bytes(vmcore(ID) + bytes(5000))

    def open(self, **more: Any) -> Crash:
        return open_dump(self.kernel, more.pop("dump", self.dump), crash=[str(self.fake.path)], **more)

    @property
    def started(self) -> int:
        path = self.fake.folder / "started"
        return path.stat().st_size if path.exists() else 0


@pytest.fixture
def lab(tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.delenv("CRASHDRIVE_NO_CACHE")
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("crashdrive.cache.files.SETTLED_NS", -1)
    return Lab(tmp_path, fake)


def said(lab: Lab, *commands: str, **more: Any) -> list[str]:
    with lab.open(**more) as crash:
        return [crash.run(command).text for command in commands]


def test_what_was_asked_before_starts_no_crash(lab: Lab, scratch: Path) -> None:
    first = said(lab, "ps", "eval 7")
    assert said(lab, "eval 7", "ps") == first[::-1]
    assert lab.started == 1
    assert not any(scratch.iterdir())


def test_the_first_new_question_starts_it(lab: Lab) -> None:
    said(lab, "ps")
    with lab.open() as crash:
        one = crash.run("ps")
        assert (one.source, lab.started) == ("store", 1)
        two = crash.run("eval 8")
        assert (two.source, lab.started) == ("crash", 2)
        assert crash.run("ps").text == one.text
        assert source_of(crash.session) == "crash"


def test_several_commands_are_answered_together(lab: Lab) -> None:
    with lab.open() as crash:
        first = [one.text for one in crash.run_many(["ps", "eval 7"])]
    with lab.open() as crash:
        assert [one.text for one in crash.run_many(["ps", "eval 7"])] == first
        assert lab.started == 1
        assert [one.text for one in crash.run_many(["ps", "eval 7", "eval 9"])][:2] == first
        assert lab.started == 2


def test_a_context_is_made_again_in_the_crash_that_starts_late(lab: Lab) -> None:
    assert said(lab, "set 7", "set")[1] == "    PID: 7\n"
    with lab.open() as crash:
        assert crash.run("set 7").source == "store"
        assert crash.run("set").text == "    PID: 7\n"
        assert lab.started == 1
        assert crash.run("eval 8").ok
        assert crash.run("set").text == "    PID: 7\n"
    assert lab.started == 2


def test_answers_of_other_contexts_are_others(lab: Lab) -> None:
    said(lab, "set 7", "set")
    assert said(lab, "set") == ["    PID: 0\n"]
    assert said(lab, "set 8", "set")[1] == "    PID: 8\n"


def test_memory_that_was_read_is_there_again(lab: Lab) -> None:
    def read() -> list[tuple[int, bytes]]:
        with lab.open() as crash:
            found = Transfer(crash.session).fetch([1, 2, 0x900, 0xBAD], 3)
            assert [hole.reason for hole in found.missing] == ["excluded"]
            return sorted(found.blocks)

    first = read()
    assert read() == first
    assert lab.started == 1
    with lab.open() as crash:
        assert min(Transfer(crash.session).fetch([1, 0xBAD], 0).blocks)[1][:4096] == first[0][1][:4096]
        assert lab.started == 1
        assert len(Transfer(crash.session).fetch([77], 0).blocks) == 1
    assert lab.started == 2


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("ps -a", "prints"),
        ("set", "prints"),
        ("set -v", "prints"),
        ("mod", "prints"),
        ("gdb ptype/o struct list_head **", "prints"),
        ("gdb p (typeof(((struct task_struct *)0)->comm[0]))-1", "prints"),
        ("gdb p (char)-1", "prints"),
        ("gdb p sizeof(struct page)", "prints"),
        ("set 1", "context"),
        ("set radix 16", "context"),
        ("hex", "context"),
        ("set > /tmp/x", "acts"),
        ("mod -S", "acts"),
        ("mod -s ext4 /tmp/ext4.ko", "acts"),
        ("mod -d ext4", "acts"),
        ("extend x.so", "acts"),
        ("alias a ps", "acts"),
        ("wr jiffies 1", "acts"),
        ("gdb p x=1", "acts"),
        ("gdb p (char)x++", "acts"),
        ("gdb p $_shell(1)", "acts"),
        ("gdb set var x=1", "acts"),
        ("gdb p sizeof(x = 1)", "acts"),
        ("dis -s schedule", "acts"),
        ("ps | sh", "acts"),
        ("p panic()", "acts"),
        ("nonsense", "acts"),
    ],
)
def test_what_a_command_does(command: str, kind: str) -> None:
    assert kind_of(command) == kind


@pytest.mark.parametrize("act", ["mod -S", "alias a ps", "echo 1", "extend x.so"])
def test_behind_a_command_that_acts_all_is_asked(lab: Lab, act: str) -> None:
    said(lab, "ps", act, "eval 7")
    with lab.open() as crash:
        assert crash.run("ps").source == "store"
        crash.run(act)
        assert crash.run("ps").source == "crash"
        assert crash.run("eval 7").source == "crash"
    # what came behind it was not kept
    assert lab.started == 2
    said(lab, "eval 7")
    assert lab.started == 3


def test_stacks_are_kept_by_what_was_drawn_before(lab: Lab) -> None:
    """crash 8.0.6 goes by the frame sizes of earlier stacks: only a first one is right for all."""
    said(lab, "bt 1", "bt 2")
    assert said(lab, "bt 1", "bt 2")
    assert lab.started == 1
    said(lab, "bt 2")
    assert lab.started == 2


def copied(lab: Lab) -> Path:
    other = lab.folder / "other name"
    shutil.copy(lab.dump, other)
    return other


def test_a_copy_under_another_name_is_the_same_dump(lab: Lab) -> None:
    first = said(lab, "ps")
    assert said(lab, "ps", dump=copied(lab)) == first
    assert lab.started == 1


def test_a_damaged_copy_is_another_dump(lab: Lab) -> None:
    """Of the same size, damaged where no sample is taken."""
    lab.dump.write_bytes(lab.dump.read_bytes() + bytes(1 << 20))
    said(lab, "ps")
    other = copied(lab)
    with other.open("r+b") as file:
        file.seek(300_000)
        file.write(b"x")
    said(lab, "ps", dump=other)
    assert lab.started == 2


def test_a_copy_of_what_is_gone_is_asked_anew(lab: Lab) -> None:
    said(lab, "ps")
    other = copied(lab)
    lab.dump.unlink()
    said(lab, "ps", dump=other)
    assert lab.started == 2


def test_what_names_the_dump_is_kept_for_that_name(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.session.recall.kind_of", lambda _command: "prints")
    monkeypatch.setattr("crashdrive.session.kept.kind_of", lambda _command: "prints")
    said(lab, "arguments")
    other = copied(lab)
    # its link bears the name of a folder of its own: what is shown is the dump's path
    assert str(other) in said(lab, "arguments", dump=other)[0]
    assert str(lab.dump) in said(lab, "arguments")[0]
    assert lab.started == 2


def replaced(path: Path) -> None:
    """By one of the same size and time."""
    status = path.stat()
    other = path.with_name("fresh")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)


def written_to(path: Path) -> None:
    """In place, with its time put back."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(100))


@pytest.mark.parametrize("change", [replaced, written_to, grown])
@pytest.mark.parametrize("which", ["dump", "kernel"])
def test_a_file_that_changed_is_asked_anew(lab: Lab, change: Callable[[Path], None], which: str) -> None:
    said(lab, "ps")
    change(lab.dump if which == "dump" else lab.kernel)
    said(lab, "ps")
    assert lab.started == 2


def test_a_file_that_changes_before_crash_starts_late_is_told(lab: Lab) -> None:
    said(lab, "ps")
    with lab.open() as crash:
        crash.run("ps")
        replaced(lab.dump)
        with pytest.raises(DumpError, match="changed"):
            crash.run("eval 9")


def test_a_dump_that_grows_while_it_is_read_leaves_nothing_kept(lab: Lab) -> None:
    with lab.open() as crash:
        crash.run("ps")
        grown(lab.dump)
        crash.run("eval 9")
    assert "commands" not in kinds()
    said(lab, "eval 9")
    assert lab.started == 2


def kinds() -> set[str]:
    store = open_store()
    assert store is not None
    return {one.kind for one in store.summary()}


def test_a_crash_that_was_upgraded_is_asked(lab: Lab) -> None:
    said(lab, "ps")
    text = lab.fake.path.read_text()
    lab.fake.path.unlink()
    lab.fake.path.write_text(text)
    lab.fake.path.chmod(0o755)
    said(lab, "ps")
    assert lab.started == 2


def test_other_code_asks_anew(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    said(lab, "ps")
    monkeypatch.setattr("crashdrive.cache.sessions.code_digest", lambda: "another")
    said(lab, "ps")
    said(lab, "ps")
    monkeypatch.undo()


@pytest.mark.parametrize("way", ["argument", "environment", "store"])
def test_it_can_be_turned_off(lab: Lab, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said(lab, "ps")
    if way == "environment":
        monkeypatch.setenv("CRASHDRIVE_NO_CACHE", "1")
    if way == "store":
        monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    said(lab, "ps", **({"cache": False} if way == "argument" else {}))
    assert lab.started == 2


def test_refresh_makes_it_anew_and_keeps_that(lab: Lab) -> None:
    said(lab, "ps")
    said(lab, "ps", refresh=True)
    assert lab.started == 2
    said(lab, "ps")
    assert lab.started == 2


@pytest.mark.parametrize("command", ["die", "spin"])
def test_behind_a_death_or_a_deadline_nothing_is_kept(
    lab: Lab, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crashdrive.session.kept.kind_of", lambda _command: "prints")
    with lab.open(timeout=0.5) as crash:
        with pytest.raises(Exception, match=r"ended|longer|time"):
            crash.run(command)
        crash.run("eval 9")
    before = lab.started
    with lab.open(timeout=0.5) as crash, pytest.raises(Exception, match=r"ended|longer|time"):
        crash.run(command)
    assert lab.started > before


@pytest.mark.parametrize("command", ["die", "spin"])
def test_behind_a_death_or_a_deadline_nothing_is_sure_to_come_out_again(
    lab: Lab, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crashdrive.session.kept.kind_of", lambda _command: "prints")
    with lab.open(timeout=0.5) as crash:
        crash.run("eval 7")
        assert is_repeatable(crash.session)
        with pytest.raises(Exception, match=r"ended|longer|time"):
            crash.run(command)
        assert not is_repeatable(crash.session)


def test_what_is_looked_up_or_kept_no_more_may_come_out_otherwise(lab: Lab) -> None:
    for command, sure in (("ps", True), ("ps", True), ("nosuch", False), ("set 1", False)):
        with lab.open() as crash:
            crash.run(command)
            assert is_repeatable(crash.session) == sure
        assert is_repeatable(crash.session) == sure
    with lab.open(cache=False) as crash:
        assert not is_repeatable(crash.session)


def test_a_start_with_doubts_that_may_pass_is_made_each_time(lab: Lab, make_fake: Make) -> None:
    lab.fake = make_fake("odd-walk")
    assert said(lab, "eval 7") == said(lab, "eval 7")
    assert lab.started == 2


def test_warnings_of_the_start_are_told_again(lab: Lab, make_fake: Make) -> None:
    lab.fake = make_fake("short-table")
    with lab.open() as crash:
        first, health = crash.run("ps"), crash.health
        assert health.affecting("ps")
    with lab.open() as crash:
        assert crash.health == health
        assert crash.run("ps").text == first.text
    assert lab.started == 1


def test_a_dump_that_changes_a_moment_ago_is_not_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.cache.files.SETTLED_NS", 3600 * 10**9)
    said(lab, "ps")
    said(lab, "ps")
    assert lab.started == 2


def test_a_clock_that_was_set_back_keeps_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.cache.files.SETTLED_NS", 2 * 10**9)
    monkeypatch.setattr("crashdrive.cache.files.time.time_ns", lambda: 10**9)
    said(lab, "ps")
    said(lab, "ps")
    assert lab.started == 2


def test_a_live_kernel_is_never_kept(lab: Lab) -> None:
    from crashdrive.cache.files import is_lasting

    assert is_lasting(str(lab.dump))
    for path in ("/proc/self/maps", "/dev/null", str(lab.folder), str(lab.folder / "none")):
        assert not is_lasting(path)


def test_a_closed_session_answers_nothing(lab: Lab) -> None:
    said(lab, "ps")
    crash = lab.open()
    crash.close()
    with pytest.raises(Exception, match="closed"):
        crash.run("ps")


def test_what_no_crash_came_up_on_is_said_at_once(lab: Lab, make_fake: Make) -> None:
    lab.fake = make_fake("exits")
    for _ in range(2):
        with pytest.raises(TargetError):
            lab.open()

"""The ladder: binaries, options, deadlines, and what is told of them."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.cache.rungs import Went
from crashdrive.errors import CrashNotFoundError, DeadlineError, SessionError, StartError
from crashdrive.session.binaries import Binary, find_binaries, inspect, limits
from crashdrive.session.health import Attempt
from crashdrive.session.launch import (
    _FINAL,
    LADDER,
    Ladder,
    Start,
    _hopeless,
    _last_line,
    _words,
    climb,
    health_of,
    went,
)
from crashdrive.session.transport import OutOfTimeError, PtyTransport
from tests.session.conftest import Fake

Make = Callable[..., Fake]
START = Start(files=("/vmlinux", "/vmcore"), rung_seconds=20)


def closed(launched: tuple[PtyTransport, object]) -> object:
    launched[0].close()
    return launched[1]


def test_the_first_rung_is_whole(fake: Fake) -> None:
    transport, launched = climb([fake.binary], START)
    transport.close()
    assert (launched.options, launched.greeting, len(launched.attempts)) == ((), "", 1)
    health = health_of(launched)
    assert (health.warnings, health.missing) == ((), ())


def test_warnings_before_the_prompt_are_kept(make_fake: Make) -> None:
    transport, launched = climb([make_fake("warns").binary], START)
    transport.close()
    (warning,) = health_of(launched).warnings
    assert (warning.kind, warning.message[:20]) == ("start-warning", "WARNING: active task")


@pytest.mark.parametrize("option", ["--no_modules", "--no_kmem_cache", "--zero_excluded", "--minimal"])
def test_degraded_starts_are_told(make_fake: Make, option: str) -> None:
    transport, launched = climb([make_fake(f"needs{option}").binary], START)
    transport.close()
    assert launched.options == next(rung for rung in LADDER if option in rung)
    health = health_of(launched)
    assert [w.kind for w in health.warnings] == [
        "zeros" if option == "--zero_excluded" else "degraded" for option in launched.options
    ]
    assert len(health.missing) == len(launched.options)
    assert health.affecting("mod") or option == "--minimal"
    assert [a.outcome for a in launched.attempts[:-1]] == ["failed"] * (len(launched.attempts) - 1)


def test_another_binary_fits(make_fake: Make) -> None:
    lines: list[str] = []
    old, new = make_fake("no-match"), make_fake()
    transport, launched = climb([old.binary, new.binary], START, lines.append)
    transport.close()
    assert launched.binary == new.binary
    assert launched.options == ()
    assert any("do not match!" in line for line in lines)
    assert len((old.folder / "started").read_text()) == 1


def test_what_no_option_makes_right_is_tried_once(make_fake: Make) -> None:
    fake = make_fake("no-match")
    with pytest.raises(StartError, match=r"1 start tried.*do not match!") as caught:
        climb([fake.binary], START)
    assert len(caught.value.attempts) == 1


def test_all_rungs_fail(make_fake: Make, scratch: Path) -> None:
    with pytest.raises(StartError, match=r"5 starts tried.*crash: something is wrong"):
        climb([make_fake("exits").binary], START)
    with pytest.raises(StartError, match="exit status 1"):
        climb([make_fake("silent-exit").binary], START)
    assert not any(scratch.iterdir())


def test_hanging_starts_are_bounded(make_fake: Make, scratch: Path) -> None:
    """On a busy machine the fake begins late to speak."""
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="this will take a while"):
        climb([make_fake("hangs").binary], Start(files=(), rung_seconds=1.5))
    assert time.monotonic() - began < 60
    assert not any(scratch.iterdir())


def test_a_hanging_binary_does_not_hide_another(make_fake: Make) -> None:
    transport, launched = climb(
        [make_fake("hangs").binary, make_fake().binary], Start(files=(), rung_seconds=2)
    )
    transport.close()
    assert [a.outcome for a in launched.attempts] == ["deadline", "prompt"]


def test_a_program_that_cannot_be_executed(make_fake: Make) -> None:
    fake = make_fake()
    fake.path.write_text("#!/nonexistent/interpreter\n")
    with pytest.raises(StartError, match="No such file"):
        climb([fake.binary], START)


FATAL_WORDS = [
    "crash: /tmp/vmlinux and /tmp/vmcore do not match!",
    "crash: /tmp/x: not a supported file format",
    "crash: /tmp/vmlinux: no debugging data available",
    "crash: /tmp/x: No such file or directory",
    "crash: /tmp/x: Permission denied",
    "crash: cannot open object file: /tmp/vmlinux",
]
PASSING_WORDS = [
    "crash: invalid structure member offset: module_num_gpl_syms",
    'crash: seek error: kernel virtual address: ffff8880  type: "x"',
    'crash: page excluded: kernel virtual address: ffff8880  type: "x"',
    'crash: cannot resolve "x"',
    "crash: vmcore: initialization failed",
]


def test_what_crash_itself_said_is_told() -> None:
    said = (
        "crash: invalid structure member offset: module_num_gpl_syms\n"
        "       FILE: kernel.c  LINE: 4010  FUNCTION: module_init()\n\n"
        "[/usr/bin/crash] error trace: 55d96282ff68 => 55d962982624\n"
        "/usr/bin/nm: /usr/bin/crash: no symbols\n"
        "  55d962982624: OFFSET_verify+164\n\n"
    )
    assert _last_line(said) == "crash: invalid structure member offset: module_num_gpl_syms"


def test_a_start_that_failed_on_this_dump_is_the_last_to_be_tried() -> None:
    first, second = (Binary(path=path, version=None, gdb_version=None) for path in ("/a", "/b"))
    known = {("/a", ()): Went(up=False), ("/b", ("--no_modules",)): Went(up=True)}
    ladder = Ladder([first, second], START, past=lambda path, options: known.get((path, tuple(options))))
    order = [(binary.path, options) for options, binary in ladder._rungs]
    assert order[:2] == [("/b", ("--no_modules",)), ("/b", ())]
    assert order[-1] == ("/a", ())
    assert sorted(order) == sorted((b.path, options) for options in LADDER for b in (first, second))


@pytest.mark.parametrize(
    ("outcome", "said", "expected"),
    [
        ("prompt", "", Went(up=True)),
        ("failed", "crash: seek error", Went(up=False)),
        ("failed", "crash ended: exit status 1", Went(up=False)),
        ("failed", "crash ended: killed by SIGSEGV", Went(up=False)),
        ("failed", "crash ended: killed by SIGKILL", None),
        ("failed", "crash ended: its keeper was killed", None),
        ("failed", "x came up, and ended at once: crash ended: killed by SIGTERM", None),
        ("failed", "WARNING: odd\ncrash: cannot malloc any more memory\n", None),
        ("deadline", "", None),
    ],
)
def test_what_is_learnt_of_a_start(outcome: str, said: str, expected: Went | None) -> None:
    attempt = Attempt(binary="/a", version=None, options=(), seconds=1.0, outcome=outcome, said=said)
    assert went(attempt) == expected


@pytest.mark.parametrize(("signal", "expected"), [("KILL", None), ("TERM", None), ("SEGV", Went(up=False))])
def test_one_that_is_killed_while_it_starts_is_nothing_learnt(
    tmp_path: Path, signal: str, expected: Went | None
) -> None:
    """Whatever it had said by then."""
    crash = tmp_path / "crash"
    crash.write_text(f"#!/bin/sh\necho WARNING: odd; sleep 0.2; kill -{signal} $$\n")
    crash.chmod(0o755)
    ladder = Ladder([Binary(path=str(crash), version=None, gdb_version=None)], START)
    assert ladder.climb() is None
    assert {attempt.said.strip() for attempt in ladder.attempts} == {"WARNING: odd"}
    assert {went(attempt) for attempt in ladder.attempts} == {expected}


def test_one_that_a_look_at_it_found_too_slow_is_nothing_learnt() -> None:
    ladder = Ladder([], START)
    for cause, expected in ((OutOfTimeError(b""), None), (None, Went(up=False))):
        ladder.attempts.append(
            Attempt(binary="/a", version=None, options=(), seconds=1.0, outcome="prompt", said="")
        )
        ladder.fell("/a came up, and ended at once: deadline", cause)
        assert went(ladder.attempts[-1]) == expected


@pytest.mark.parametrize("words", FATAL_WORDS)
def test_final_words(words: str) -> None:
    assert _FINAL.search(f"\n{words}\n\nUsage:\n")


@pytest.mark.parametrize("words", PASSING_WORDS)
def test_words_that_leave_hope(words: str) -> None:
    assert not _FINAL.search(f"\n{words}\n\n")


def test_binaries(make_fake: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make_fake(), make_fake("warns")
    monkeypatch.delenv("CRASHDRIVE_CRASH", raising=False)
    monkeypatch.setenv("PATH", f"relative:.::{one.folder}:/nonexistent:{other.folder}:{one.folder}")
    monkeypatch.chdir(other.folder)
    assert [b.path for b in find_binaries()] == [str(one.path), str(other.path)]
    assert find_binaries()[0].version == "8.0.2"
    assert find_binaries()[0].gdb_version == "10.2"
    monkeypatch.setenv("CRASHDRIVE_CRASH", str(other.path))
    assert [b.path for b in find_binaries()] == [str(other.path)]
    assert [b.path for b in find_binaries([str(one.path)])] == [str(one.path)]
    with pytest.raises(CrashNotFoundError, match="no crash binary at"):
        find_binaries([str(tmp_path / "none")])
    (tmp_path / "plain").touch()
    with pytest.raises(CrashNotFoundError, match="may not be executed"):
        find_binaries([str(tmp_path / "plain")])
    monkeypatch.delenv("CRASHDRIVE_CRASH")
    monkeypatch.setenv("PATH", f".:{tmp_path}")
    with pytest.raises(CrashNotFoundError, match="install the package"):
        find_binaries()


VERSIONS = [
    ("crash 9.0.2", "GNU gdb (GDB) 16.2", "9.0.2", "16.2"),
    ("crash-8.0.6 8.0.6", "GNU gdb (GDB) 10.2", "8.0.6", "10.2"),
    ("c 7.2.9-21.fc34", "GNU gdb (GDB) 7.6", "7.2.9-21.fc34", "7.6"),
    ("crash 8.0.6++", "GNU gdb (Linaro) 10.2.1", "8.0.6++", "10.2.1"),
    ("ls (GNU coreutils) 9.1", "Copyright", None, None),
    ("bash 5.2", "Copyright", None, None),
]


@pytest.mark.parametrize(("first", "later", "version", "gdb"), VERSIONS)
def test_versions_of_binaries_by_any_name(
    tmp_path: Path, first: str, later: str, version: str | None, gdb: str | None
) -> None:
    binary = tmp_path / "crash-8.0.6"
    binary.write_text(f"#!/bin/sh\ncat <<E\n\n{first}\nCopyright (C) 2002-2025  Red Hat, Inc.\n{later}\nE\n")
    binary.chmod(0o755)
    assert inspect(binary) == Binary(path=str(binary), version=version, gdb_version=gdb)


@pytest.mark.parametrize(
    ("version", "gdb", "said"),
    [
        ("7.2.9", "7.6", ["older than the releases", "only the active tasks", "no ptype/o"]),
        ("8.0.2", "10.2", ["only the active tasks"]),
        ("8.0.4", "10.2", []),
        ("9.0.10", "16.2", []),
        (None, None, []),
    ],
)
def test_what_is_known_of_old_versions(version: str | None, gdb: str | None, said: list[str]) -> None:
    found = limits(Binary(path="crash", version=version, gdb_version=gdb))
    assert len(found) == len(said)
    assert all(words in limit for words, limit in zip(said, found, strict=True))


def test_no_room_for_temporary_files(fake: Fake, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = fake.session()
    with monkeypatch.context() as patch:

        def full(*_arguments: object, **_options: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Path, "write_text", full)
        with pytest.raises(SessionError, match=r"No space left on device.*CRASHDRIVE_TMPDIR"):
            session.run_many(["echo 1"])
        with pytest.raises(SessionError, match="No space left"):
            fake.transport()
    assert session.run_many(["echo 1"])[0].text == "1\n"
    session.close()
    assert not any(scratch.iterdir())
    monkeypatch.setenv("CRASHDRIVE_TMPDIR", str(scratch / "none"))
    with pytest.raises(SessionError, match="No such file"):
        fake.transport()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_tmpfs(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=16k", "none", str(full)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        monkeypatch.setenv("CRASHDRIVE_TMPDIR", str(full))
        with fake.session() as session:
            with contextlib.suppress(OSError):
                (full / "filler").write_bytes(b"x" * 20_000)
            with pytest.raises(SessionError, match="No space left"):
                session.run_many(["echo 1"] * 100)
            with pytest.raises(SessionError, match="No space left"):
                fake.transport()
            assert session.run("echo 1").text == "1\n"
            (full / "filler").unlink()
            assert session.run_many(["echo 1"])[0].text == "1\n"
        assert not any(full.iterdir())
    finally:
        subprocess.run(["/bin/umount", str(full)], check=False)


def test_a_wrapper_of_something_else(make_fake: Make, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.session.transport._ANSWER_SECONDS", 0.3)
    with pytest.raises(StartError, match=r"1 start tried.*its prompt is `bash>`.*doesn't answer as crash"):
        climb([make_fake("shell").binary], START)
    assert not any(scratch.iterdir())


FELL = """
crash: invalid structure member offset: {member}
       FILE: {file}  LINE: 3834  FUNCTION: {function}()

[/usr/bin/crash] error trace: 7f56e75367fa => 7f56e75c6ad4
crash: invalid ELF file: /dev/shm/x/crash
/usr/bin/nm: /usr/bin/crash: file format not recognized
"""


@pytest.mark.parametrize(
    ("function", "hopeless"),
    [
        ("module_init", [(), ("--no_kmem_cache",)]),
        ("kmem_cache_init", [(), ("--no_modules",)]),
        ("task_init", []),
    ],
)
def test_starts_without_the_option_that_leaves_out_what_crash_fell_over_are_passed_over(
    fake: Fake, function: str, hopeless: list[tuple[str, ...]]
) -> None:
    said = FELL.format(member="some_member", file="kernel.c", function=function)
    attempt = Attempt(
        binary=fake.binary.path, version="9.0.2", options=(), seconds=1.0, outcome="failed", said=said
    )
    options = [
        (),
        ("--no_modules",),
        ("--no_kmem_cache",),
        ("--no_kmem_cache", "--no_modules"),
        ("--minimal",),
    ]
    assert [one for one in options if _hopeless(attempt, one, fake.binary)] == hopeless
    assert _last_line(said) == "crash: invalid structure member offset: some_member"


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("sh: 1: /usr/bin/strings: not found\n", r"by /usr/bin/strings, which is missing \(binutils\)"),
        ("", "the vmlinux and /proc/version do not match"),
    ],
)
def test_what_crash_says_of_a_live_kernel_that_is_another(first: str, told: str) -> None:
    """Of 9.0.2: its last line is half of an advice, and without strings no kernel is the right one."""
    said = (
        f"{first}WARNING: /vmlinux\n         and /proc/version do not match!\n\n"
        "WARNING: /proc/version indicates kernel version: 6.12.117+deb12-cloud-amd64\n\n"
        "crash: please use the vmlinux file for that kernel version, or try using\n"
        "       the System.map for that kernel version as an additional argument.\n\n"
    )
    attempt = Attempt(binary="crash", version="9.0.2", options=(), seconds=1, outcome="failed", said=said)
    assert re.search(told, _words(attempt))

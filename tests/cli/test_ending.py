"""The top of the command line, and how it ends: help, pipes, full disks, defects."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crashdrive import __version__
from crashdrive.cli import main
from crashdrive.cli._ending import guarded
from crashdrive.cli._root import root

Cli = Callable[..., tuple[int, bytes, str]]
NAMES = root.list_commands(None)  # type: ignore[arg-type]  # the context isn't looked at


def run(*words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "crashdrive", *words]
    return subprocess.run(command, timeout=60, check=False, stdin=subprocess.DEVNULL, **more)


@pytest.mark.parametrize("words", [["--help"], *([name, "-h"] for name in NAMES)])
def test_help_teaches_and_fits_a_terminal(cli: Cli, words: list[str]) -> None:
    status, out, err = cli(*words)
    assert (status, err) == (0, "")
    assert max(map(len, out.decode().splitlines())) <= 80
    assert b"crashdrive " in out.split(b"\n", 2)[2]


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"crashdrive {__version__}\n".encode(), "")


@pytest.mark.parametrize("words", [["nope"], ["--nope"], ["exec", "--nope"]])
def test_usage(cli: Cli, words: list[str]) -> None:
    status, out, err = cli(*words)
    assert (status, out) == (2, b"")
    assert err.startswith("crashdrive: No such ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["missing", "folder", "empty", "text"])
@pytest.mark.parametrize("before", [["exec"], ["exec", "--format", "json"]])
def test_bad_dumps(cli: Cli, tmp_path: Path, name: str, before: list[str]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no dump\n")
    status, out, err = cli(*before, str(tmp_path / name), "sys")
    assert (status, out) == (3, b"")
    assert err.startswith("crashdrive: ")
    assert name in err
    assert err.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = run("parse", "--list", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("parse", "--list", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"crashdrive: No space left on device\n"


def unread(descriptor: int) -> int:
    """Bytes that nobody has taken out of a FIFO yet."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_an_interrupt_ends_with_130(tmp_path: Path) -> None:
    fifo = tmp_path / "stdin"
    os.mkfifo(fifo)
    stdin = os.open(fifo, os.O_RDWR)
    os.write(stdin, b"   PID\n")
    with subprocess.Popen(
        [sys.executable, "-m", "crashdrive", "parse", "ps"], stdin=stdin,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        deadline = time.monotonic() + 60
        while unread(stdin) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=30) == (b"", b"crashdrive: interrupted\n")
    assert child.returncode == 130


def test_an_interrupt_while_modules_are_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_words: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("crashdrive.cli._carried_out", interrupted)
    assert main(["parse", "--list"]) == 130
    assert capsys.readouterr().err == "crashdrive: interrupted\n"


def test_an_interrupt_before_anything_is_loaded() -> None:
    program = """
import runpy, sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "crashdrive.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
runpy.run_module("crashdrive", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"crashdrive: interrupted\n")


def test_a_defect_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise KeyError("x\x1b")

    assert guarded(broken) == 1
    err = capsys.readouterr().err
    assert err.startswith("crashdrive: a defect of crashdrive: KeyError")
    assert "\x1b" not in err


def test_completion_knows_the_subcommands() -> None:
    environment = {
        **os.environ,
        "_CRASHDRIVE_COMPLETE": "bash_complete",
        "COMP_WORDS": "crashdrive do",
        "COMP_CWORD": "1",
    }
    done = run(env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout == b"plain,doctor\n"


def test_doctor(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CRASHDRIVE_CRASH", raising=False)
    status, out, err = cli("doctor")
    assert status == 3
    assert b"missing" in out
    assert err.startswith("crashdrive: missing: crash: ")
    binary = tmp_path / "crash"
    binary.write_text("#!/bin/sh\necho\necho crash 9.9.9\necho 'GNU gdb (GDB) 16.2'\n")
    binary.chmod(0o755)
    status, out, err = cli("doctor")
    assert (status, err) == (0, "")
    assert b"9.9.9 (gdb 16.2)" in out
    old = tmp_path / "crash-7.2.9"
    old.write_text("#!/bin/sh\necho\necho crash-7.2.9 7.2.9\necho 'GNU gdb (GDB) 7.6'\n")
    old.chmod(0o755)
    status, out, err = cli("doctor", "--crash", str(old), "--format", "json")
    tables = json.loads(out)["tables"]
    (check,) = [row for row in tables["checks"] if row["what"] == "crash"]
    assert (status, err, check["status"]) == (0, "", "useful")
    assert check["detail"].startswith("7.2.9: older than the releases that are tested")
    assert tables["crash"][0]["version"] == "7.2.9"
    assert "no ptype/o" in tables["crash"][0]["limits"]
    status, out, _ = cli("doctor", "--crash", str(old), "--crash", str(binary), "--format", "json")
    assert {row["status"] for row in json.loads(out)["tables"]["checks"] if row["what"] == "crash"} == {"ok"}


def test_doctor_prints_what_mends_it(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commands alone run; what a person has to do, and text out of a dump, is behind a `#`."""
    ran = tmp_path / "ran"
    manager = tmp_path / "apt-get"
    manager.write_text(f'#!/bin/sh\necho "$@" >>{ran}\n')
    manager.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CRASHDRIVE_CRASH", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    status, out, err = cli("doctor", "--fix", str(tmp_path / "no\nrm -rf x"))
    lines = out.decode().splitlines()
    assert (status, err, ran.exists()) == (3, "", False)
    assert "apt-get install crash" in lines
    assert {line.split()[0] for line in lines} <= {"#", "apt-get", "mkdir", "mount"}
    program = "".join(f"{line}\n" for line in lines if line.startswith(("#", "apt-get")))
    subprocess.run(["/bin/sh", "-c", program], check=True, env={"PATH": str(tmp_path)})
    assert ran.read_text().splitlines() == ["install crash", "install makedumpfile", "install gdb"]
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert b"\nsudo apt-get install crash\n" in cli("doctor", "--fix")[1]
    assert cli("doctor", "--fix", "--format", "json")[0] == 2


def test_packages_of_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from crashdrive.dump.machines import machine_of
    from crashdrive.host import kernel_package

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    for manager in ("apt-get", "dnf"):
        (tmp_path / manager).write_text("")
        (tmp_path / manager).chmod(0o755)
    arm = machine_of(183)
    assert kernel_package("6.1.0-50-cloud-amd64")[0] == (
        "apt-get install linux-image-6.1.0-50-cloud-amd64-dbg",
    )
    assert kernel_package("6.1.0-50-arm64", arm)[0] == (
        "dpkg --add-architecture arm64",
        "apt-get update",
        "apt-get install linux-image-6.1.0-50-arm64-dbg:arm64",
    )
    assert kernel_package("5.14.0-427.el9.x86_64")[0] == (
        "dnf debuginfo-install kernel-5.14.0-427.el9.x86_64",
    )
    told = {
        release: kernel_package(release, arm)
        for release in ("5.14.0-427.el9.aarch64", "6.8.0-31-generic", "6.1;reboot", "", "6.1 $(x)")
    }
    assert [commands for commands, _ in told.values()] == [()] * 5
    assert "kernel-debuginfo-5.14.0-427.el9.aarch64.rpm" in told["5.14.0-427.el9.aarch64"][1]
    assert "linux-image-6.8.0-31-generic-dbgsym" in told["6.8.0-31-generic"][1]
    assert "reboot" not in told["6.1;reboot"][1]


def test_main_takes_its_arguments_from_sys_argv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["crashdrive", "--version"])
    assert main() == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_traceback(closed: str) -> None:
    line = f'"{sys.executable}" -m crashdrive rules hung-task {closed}'
    done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, check=False)
    if ">&-" in closed.replace("2>&-", ""):
        told = (
            b""
            if "2>&-" in closed
            else b"crashdrive: standard output is closed: there is nowhere to write to\n"
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", told)
    else:
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"hung-task" in done.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("exec --host u@box --replay x vmcore sys", "--replay needs no --host (see crashdrive exec --help)"),
        ("exec --ssh-option -v vmcore sys",
         "--ssh-option and --identity go with --host (see crashdrive exec --help)"),
        ("exec --identity key vmcore sys",
         "--ssh-option and --identity go with --host (see crashdrive exec --help)"),
        ("doctor --fix --format json",
         "--fix prints commands of a shell; --format json has them in the column commands"),
        ("notebook vmcore more again",
         "Got unexpected extra argument 'more' (see crashdrive notebook --help)"),
        ("signature", "Missing argument VMCORE, LOGFILE or - (see crashdrive signature --help)"),
        ("signature dmesg.txt more", "unexpected argument 'more' (see crashdrive signature --help)"),
        ("triage vmcore more again", "'more': one VMLINUX and one VMCORE at most"),
        ("report --all -o out vmcore more", "'more': one VMLINUX and one VMCORE at most"),
    ],
)  # fmt: skip
def test_words_that_do_not_go_together(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that says why, and nothing is done."""
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"crashdrive: {said}\n")
    assert list(tmp_path.iterdir()) == []

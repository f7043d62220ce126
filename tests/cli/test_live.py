"""The command line as users have it: real crash, real dumps, held against what the guest's /proc said."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from labkit import crashes, dumps

pytestmark = pytest.mark.live
CHECKOUT = Path(__file__).parents[2]
PAIRS = [("6.1", "8.0.2"), ("6.1", "9.0.2"), ("6.12", "8.0.6"), ("6.12", "9.0.2")]


def crashdrive(*words: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """``--crash`` or, without it, 8.0.6: the host's PATH need not hold any."""
    command = [sys.executable, "-m", "crashdrive", *map(str, words)]
    chosen = {"CRASHDRIVE_CRASH": str(binary("8.0.6"))}
    settings = {"cwd": CHECKOUT, "env": os.environ | chosen, **more}
    return subprocess.run(
        command, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=200, check=False,
        **settings,
    )  # fmt: skip


def missing(what: str) -> None:
    if os.environ.get("CRASHDRIVE_REQUIRE_LAB"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing: scripts/lab makes it")


def dump(name: str) -> Path:
    if dumps.facts(name) is None:
        missing(f"dump {name}")
    return dumps.folder(name)


def binary(version: str) -> Path:
    path = crashes.there(version)
    if path is None:
        missing(f"crash {version}")
    assert path is not None
    return path


def true_pids(folder: Path) -> set[int]:
    """Threads' ids where the truth has them, else processes'."""
    proc = folder / "truth" / "proc"
    return {int(path.name) for path in proc.iterdir() if path.name.isdigit()}


@pytest.mark.parametrize(("kernel", "version"), PAIRS)
def test_the_demos_report(kernel: str, version: str) -> None:
    folder = dump(f"{kernel}-kdump-sysrq")
    done = crashdrive(
        "run", "--crash", binary(version), "--format", "json", folder / "vmcore", folder / "vmlinux",
        "examples/report.py", "100",
    )  # fmt: skip
    report = json.loads(done.stdout)
    # crash itself doubts a stack where an interrupt has hit some places in user mode, and says so
    doubted = any("possibly bogus exception frame" in notice["message"] for notice in report["warnings"])
    assert done.returncode == (5 if doubted else 0), done.stderr
    assert report["complete"] is not doubted
    assert report["dump"]["build_id"] == json.loads((folder / "dump.json").read_text())["build_id"]
    tables = report["tables"]
    functions = [frame["function"] for frame in tables["backtrace"]]
    assert "machine_kexec" in functions
    assert "sysrq_handle_crash" in functions
    assert "sysrq" in tables["panic"][0]["message"]
    assert len(tables["cpus"]) == tables["system"][0]["cpus"]
    found = {task["tgid"] for task in tables["tasks"]}
    born_or_gone = found ^ true_pids(folder)
    # the guest's own last steps come and go: its /proc was read by processes that had ended when it died
    assert len(born_or_gone) <= 8, born_or_gone
    assert any("sysrq" in entry["text"] for entry in tables["log"])
    if version == "8.0.2":
        assert any("crash knows" in notice["message"] for notice in report["warnings"])
        assert "crash knows" in done.stderr


def test_json_of_commands_is_marked_where_crash_knows_too_little() -> None:
    folder = dump("6.1-kdump-sysrq")
    old = crashdrive(
        "exec", "--crash", binary("8.0.2"), "--format", "json", folder / "vmcore", "sys", "ps", "mod"
    )
    lines = [json.loads(line) for line in old.stdout.splitlines()]
    assert old.returncode == 5
    assert [line["command"] for line in lines] == ["sys", "ps", "mod"]
    assert [line["complete"] for line in lines] == [False, False, True]
    new = crashdrive("exec", "--crash", binary("9.0.2"), "--format", "json", folder / "vmcore", "bt")
    whole = json.loads(new.stdout)
    # crash itself doubts a stack where an interrupt has hit some places in user mode
    doubted = any("possibly bogus exception frame" in notice["message"] for notice in whole["warnings"])
    assert (new.returncode, whole["complete"]) == ((5, False) if doubted else (0, True)), new.stderr


def test_a_recorded_session_says_the_same(tmp_path: Path) -> None:
    folder = dump("6.1-kdump-sysrq")
    session = tmp_path / "case.session"
    commands = ["sys", "bt", "ps 999999", "mod"]
    live = crashdrive("exec", "--record", session, folder / "vmcore", *commands)
    replayed = crashdrive("exec", "--replay", session, *commands)
    assert live.returncode == replayed.returncode == 1
    assert live.stdout == replayed.stdout
    assert live.stderr == replayed.stderr
    assert crashdrive("exec", "--replay", session, "log").returncode == 3


COMMANDS = """\
# what people feed to crash -i
// and more of it

alias nr p nr_cpu_ids
nr
\tsys\t-c
bt nosuch
set 1
set
p nr_cpu_ids | cat -n
p nr_cpu_ids > out.txt
!cat out.txt
< nested
nosuchcommand
px nr_cpu_ids
quit
bt
"""


def test_a_file_for_crash_i_prints_what_crash_prints(tmp_path: Path) -> None:
    folder = dump("6.1-kdump-sysrq")
    files = (folder / "vmlinux", folder / "vmcore")
    (tmp_path / "commands").write_text(COMMANDS)
    crash = subprocess.run(
        [binary("8.0.6"), "--no_crashrc", "-s", "-i", "commands", *files],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    (tmp_path / "out.txt").unlink()
    command = [sys.executable, "-m", "crashdrive", "exec", "--no-header", "--crash", str(binary("8.0.6"))]
    ours = subprocess.run(
        [*command, *files, "< commands"],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    refused = "crash: embedded input files not allowed!\n"
    assert refused in crash.stdout + crash.stderr
    assert sorted((crash.stdout + crash.stderr).replace(refused, "").splitlines()) == sorted(
        ours.stdout.splitlines()
    )
    assert [line.split(": ")[1] for line in ours.stderr.splitlines()] == [
        "bt nosuch",
        "< nested",
        "nosuchcommand",
    ]
    assert (ours.returncode, (tmp_path / "out.txt").read_text()) == (1, "nr_cpu_ids = $3 = 2\n")


def test_an_interrupt_leaves_no_crash_behind() -> None:
    folder = dump("6.1-kdump-sysrq")
    options = ["-v", "--crash", str(binary("8.0.6"))]
    command = [sys.executable, "-m", "crashdrive", "exec", *options, str(folder / "vmcore"), "repeat -1 sys"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert b"KERNEL" in child.stdout.readline()
        children = descendants(child.pid)
        assert children
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert err.endswith(b"crashdrive: interrupted\n")
    time.sleep(0.5)
    assert not [pid for pid in children if is_alive(pid)]


def descendants(pid: int) -> list[int]:
    """Process ids below this one."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        parent = re.search(r"^PPid:\t(\d+)$", text, re.MULTILINE)
        if parent and int(parent[1]) == pid:
            child = int(status.parent.name)
            found += [child, *descendants(child)]
    return found


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in (Path("/proc") / str(pid) / "status").read_text()
    except OSError:
        return False


def test_a_pipe_to_head() -> None:
    folder = dump("6.1-kdump-sysrq")
    crash = ["--crash", str(binary("8.0.6"))]
    command = [sys.executable, "-m", "crashdrive", "exec", *crash, str(folder / "vmcore"), "sym -l"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr is not None
        err = child.stderr.read().decode()
        assert child.wait(60) == 141
    assert all(line.startswith("crashdrive: warning: ") for line in err.splitlines())


def test_refused_before_crash_starts(tmp_path: Path) -> None:
    folder, other = dump("6.1-kdump-sysrq"), dump("6.12-kdump-sysrq")
    wrong = crashdrive("exec", other / "vmlinux", folder / "vmcore", "sys")
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert "another build" in wrong.stderr
    lonely = tmp_path / "vmcore"
    lonely.symlink_to(folder / "vmcore")
    nowhere = crashdrive("exec", lonely, "sys")
    assert nowhere.returncode == 3
    assert "looked for" in nowhere.stderr
    assert crashdrive("exec", "--debug-dir", folder, lonely, "sys").returncode in (0, 5)

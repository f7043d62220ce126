"""The program that compares: its document, tables and pictures, on made figures; its words, on none."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import write
from benchmarks.cases import cases, mixed
from benchmarks.measure import HERE, Counted, Figure, Run, run
from benchmarks.results import Asked, OnDump, Results, markdown, ratio, show
from benchmarks.ways import WAYS, Setting, Ways
from crashdrive.commandline import COMMANDS, command_line


def made(*seconds: float) -> Figure:
    return Figure(runs=tuple(Run(seconds=2 * one, processor=one, status=0) for one in seconds))


def results() -> Results:
    asked = Asked(
        case="netstat",
        title="netstat <-an>",
        figures={
            "naive": Figure(runs=made(90.0).runs, sampled="20 of 39500 commands"),
            "drgn": made(4.0, 2.0, 3.0),
            "known": Figure(runs=made(1.5).runs, counted=Counted(commands=7, fifo_bytes=3 << 20)),
        },
        failed={"warm": "it fell"},
        than="less",
    )
    few = OnDump(dump="few", crash="crash", sizes={"tasks": 60, "sockets": 50}, cases=[asked])
    many = OnDump(dump="many", crash="crash", sizes={"tasks": 60, "sockets": 39_500}, cases=[asked])
    return Results(machine={"processor": "one"}, runs=3, dumps=[few, many])


def test_medians_and_ratios() -> None:
    asked = results().dumps[0].cases[0]
    assert (asked.figures["drgn"].processor, asked.figures["drgn"].seconds) == (3.0, 6.0)
    assert ratio(asked, "known") == 0.5
    assert ratio(asked, "kept") is None


def test_what_is_written(tmp_path: Path) -> None:
    write(results(), tmp_path)
    assert msgspec.json.decode((tmp_path / "benchmarks.json").read_bytes(), type=Results) == results()
    pictures = sorted(path.name for path in tmp_path.glob("*.svg"))
    assert pictures == ["bars-few.svg", "bars-many.svg", "growth-netstat.svg"]
    for name in pictures:
        texts = [one.text or "" for one in ET.parse(tmp_path / name).iter() if one.text]  # noqa: S314 - our own
        assert any("netstat" in text for text in texts)


def test_tables_say_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show(results())
    shown = capsys.readouterr().out
    for text in (shown, markdown(results(), ["a.svg"])):
        assert "3.00 / 1.50 (0.50x)" in text
        assert "180.00 / 90.00 *" in text
        assert "20 of 39500 commands, the rest is computed" in text
        assert "failed" in text
        assert "it fell" in text
        assert "3.0 MiB" in text
        assert "processor: one" in text
    assert "\x1b" not in shown


def test_the_cases_are_complete(tmp_path: Path) -> None:
    every = {case.name: case for case in cases()}
    ways = Ways(Setting(vmlinux="vmlinux", vmcore="vmcore", crash="crash", folder=tmp_path))
    assert {way for way in WAYS if ways.has(way, every["netstat"])} == set(WAYS) - {"crash"}
    assert len(mixed(200)) == 200
    assert all(command_line(line).name in COMMANDS for line in mixed(40))
    for case in every.values():
        files = [word for word in (*case.behind, case.drgn) if word.endswith(".py")]
        assert all(Path(file).is_file() for file in files)


def test_a_process_is_measured_with_its_children() -> None:
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(3_000_000))'])"
    alone, both = run([sys.executable, "-c", "pass"]), run([sys.executable, "-c", work])
    assert both.processor > alone.processor
    assert run([sys.executable, "-c", "import sys; sys.exit(sys.stdin.read())"], given=b"no").said == "no\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--help"], 0, ""),
        (["--dump", "/nowhere"], 3, "holds no vmlinux and vmcore"),
        (["--case", "nosuch"], 2, "invalid choice"),
        (["--runs", "0"], 2, "at least 1"),
    ],
)
def test_the_command_line(words: list[str], status: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], capture_output=True, text=True, check=False, cwd=HERE,
        env={"COLUMNS": "80"},
    )  # fmt: skip
    assert done.returncode == status
    assert said in done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


MISSING = {
    "kept": ["MISSING"],
    "netstat": ["MISSING"],
    "kernel_walk": ["MISSING"],
    "kernel_memory": ["--dump", "MISSING"],
    "pykdump_api": ["MISSING"],
    "stacks": ["MISSING"],
    "shell": ["MISSING"],
    "session": ["--vmlinux", "MISSING", "--vmcore", "MISSING"],
    "batch": ["MISSING"],
}


@pytest.mark.parametrize("name", MISSING)
def test_a_dump_that_is_missing_is_one_line_and_an_exit_status(name: str, tmp_path: Path) -> None:
    words = [str(tmp_path / "none") if word == "MISSING" else word for word in MISSING[name]]
    done = subprocess.run(
        [sys.executable, HERE / "scripts/benchmark", name, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {2, 3}
    assert not done.stdout
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path) in done.stderr


def test_a_crash_that_is_missing_ends_a_comparison(tmp_path: Path) -> None:
    for name in ("vmlinux", "vmcore"):
        (tmp_path / name).write_bytes(b"no dump")
    for program in ("netstat", "kernel_walk"):
        done = subprocess.run(
            [sys.executable, HERE / "scripts/benchmark", program, tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3
        assert "Traceback" not in done.stderr
        # whichever process is the first to end, ours or drgn's
        assert re.search("^benchmarks: (the process that measures|drgn: )", done.stderr, re.MULTILINE)

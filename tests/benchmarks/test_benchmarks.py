"""The program that compares: its document, tables and pictures, on made figures; its words, on none."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from benchmarks import __main__ as main_program
from benchmarks import budget
from benchmarks.__main__ import write
from benchmarks.cases import cases, mixed
from benchmarks.goals import SCRIPTS, goals, unreached
from benchmarks.measure import HERE, Counted, Figure, Run, run
from benchmarks.results import Asked, OnDump, Results, goals_of, markdown, ratio, show
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


def test_goals_stand_beside_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = results()
    cases = [
        Asked(case="netstat", title="", figures={"kept": made(0.2), "drgn": made(4.0), "known": made(3.0)}),
        Asked(case="start", title="", figures={"crash": made(10.0)}),
        *(
            Asked(case=name, title="", figures={"first": made(12.0), "drgn": made(2.0), "known": made(2.5)})
            for name in SCRIPTS
        ),
    ]
    dumps = [OnDump(dump="one", crash="crash", sizes={"sockets": 40_000}, cases=cases)]
    found = goals_of(dumps, {"access": 5e-6, "lookup": 0.001, "plain 8.0.6": 4.0, "indexed 8.0.6": 1.0})
    told = {goal.what + goal.unit: goal for goal in found}
    assert told["kept netstat, JSONs"].held is False
    assert told["kept netstat, JSONx drgn"].held is True
    assert told["kept netstat, tables"].held is None
    assert told["cold netstat, kernel knownx drgn"].found == 0.75
    assert told["slabs, first everx crash -s"].held is True
    assert told["the five scripts together, first everx drgn"].held is False
    assert told["slabs, kernel knowns more than drgn"].found == 0.5
    assert told["full start with an index, crash 8.0.6x plain"].found == 0.25
    assert told["object.memberus"].held is True
    assert [goal.what for goal in unreached(found)] == [
        "kept netstat, JSON", "the five scripts together, first ever",
    ]  # fmt: skip
    whole = msgspec.structs.replace(one, goals=found, missing={"starts": "no time was left"})
    show(whole)
    for text in (capsys.readouterr().out, markdown(whole, [])):
        assert "not measured" in text
        assert "<= 0.15 s" in text
        assert "starts: no time was left" in text
    write(whole, tmp_path)
    assert msgspec.json.decode((tmp_path / "benchmarks.json").read_bytes(), type=Results) == whole


def test_every_row_of_the_goals_is_there() -> None:
    """Those of netstat, a small report, five scripts, three crashes; edited, members, warm, look-up."""
    assert len(goals({}, {}, {})) == 4 + 1 + 1 + 5 + 1 + 5 + 3 + 1 + 2 + 1 + 1
    assert all(goal.held is None for goal in goals({}, {}, {}))


def test_a_budget_gives_each_part_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(budget, "monotonic", lambda: now)
    whole = budget.Budget(100.0)
    whole.divide(2)
    done = []
    for number in whole.rounds(5):
        done.append(number)
        now += 20.0
    assert done == [0, 1, 2], "its half of the time is over during the third"
    assert list(whole.rounds(5)) == [0, 1, 2, 3, 4]
    assert whole.patience(1000.0) == 60.0
    now = 200.0
    assert whole.over
    assert list(whole.rounds(5)) == [0]


def test_what_hangs_is_ended_with_what_it_started() -> None:
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    found = run([sys.executable, "-c", work], patience=0.2)
    assert found.status == -9
    assert found.said.startswith("ended after 0 s")


def test_a_run_that_counts_has_no_more_time_than_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_words: object, *, timeout: float, **_options: object) -> None:
        raise subprocess.TimeoutExpired("counting", timeout)

    monkeypatch.setattr(subprocess, "run", ended)
    setting = Setting(vmlinux="vmlinux", vmcore="vmcore", crash="crash", folder=tmp_path)
    with pytest.raises(subprocess.TimeoutExpired) as told:
        Ways(setting, lambda: 5.0).counts(next(iter(cases())))
    assert told.value.timeout == 5.0


def test_a_way_that_has_no_time_is_told() -> None:
    prepared: list[object] = []

    class Runner:
        def has(self, way: str, _case: object) -> bool:
            return way in {"crash", "drgn"}

        def prepare(self, _case: object, ways: object) -> None:
            prepared.append(ways)
            raise subprocess.TimeoutExpired("crashdrive", 60.0)

        def once(self, way: str, _case: object) -> Run:
            if way == "drgn":
                raise subprocess.TimeoutExpired("drgn", 60.0)
            return Run(seconds=1.0, processor=1.0, status=0)

        def sampled(self, _case: object) -> str:
            return ""

    case = next(iter(cases()))
    ample = budget.Budget(1000.0)
    asked = main_program._asked(Runner(), "dump", case, list(WAYS), 2, ample)  # type: ignore[arg-type]
    assert len(asked.figures["crash"].runs) == 2
    assert "timed out" in asked.failed["drgn"]
    assert prepared == [["crash", "drgn"]]
    over = budget.Budget(0.0)
    asked = main_program._asked(Runner(), "dump", case, list(WAYS), 2, over)  # type: ignore[arg-type]
    assert asked.failed == dict.fromkeys(("crash", "drgn"), "no time was left")
    assert len(prepared) == 1, "nothing is begun any more"


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
        (["--minutes", "0"], 2, "more than 0"),
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

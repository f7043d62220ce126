"""``ps``: layouts of many versions, names that lie, and damaged tables."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.parsers.ps import (
    Ancestry,
    Arguments,
    Children,
    LastRun,
    Limit,
    Limits,
    Process,
    StateCount,
    TaskTimes,
    ThreadGroup,
)
from tests.parsers.printed import cut, header, with_a_line_twice, without_a_line
from tests.parsers.recorded import each, output
from tests.strategies import COMMANDS, CPUS, KERNEL_ADDRESSES, KIBIBYTES, PIDS

HEADER = "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n"
STATES = st.sampled_from(["RU", "IN", "UN", "ID", "ZO", "UNEX", None])


def processes() -> st.SearchStrategy[Process]:
    return st.builds(
        Process,
        pid=PIDS,
        ppid=st.none() | PIDS,
        cpu=st.none() | CPUS,
        task=KERNEL_ADDRESSES,
        state=STATES,
        mem_percent=st.integers(0, 999).map(lambda tenths: tenths / 10),
        vsz=KIBIBYTES.filter(bool),
        rss=KIBIBYTES,
        comm=COMMANDS,
        kernel=st.just(False),
        active=st.booleans(),
    )


def row(process: Process) -> str:
    """``show_ps_data()``."""
    ppid = -1 if process.ppid is None else process.ppid
    cpu = "?" if process.cpu is None else process.cpu
    vsz, rss = (process.vsz or 0) // 1024, (process.rss or 0) // 1024
    mark = "> " if process.active else "  "
    return (
        f"{mark}{process.pid:7} {ppid:7} {cpu:>3}  {process.task:x}  {process.state or '??':>3}"
        f"  {process.mem_percent:4.1f} {vsz:8} {rss:8}  {process.comm}\n"
    )


@given(st.lists(processes(), min_size=1, max_size=8))
def test_printed_and_parsed(rows: list[Process]) -> None:
    assert list(parse("ps", HEADER + "".join(map(row, rows)))) == rows


@given(st.lists(processes(), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_damage_never_makes_other_rows(rows: list[Process], chance: random.Random) -> None:
    """An error, rows of the original alone, or a marked answer."""
    text = HEADER + "".join(map(row, rows))
    for damage in (without_a_line, with_a_line_twice):
        try:
            answer = parse("ps", damage(text, chance))
        except ParseError:
            continue
        assert not answer.complete or all(record in rows for record in answer)


@given(st.lists(processes(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_cut_table_keeps_whole_rows(rows: list[Process], chance: random.Random) -> None:
    """Only the last row may have lost something, and nothing but a part of its name."""
    text = HEADER + "".join(map(row, rows))
    try:
        answer = parse("ps", cut(text, chance))
    except ParseError:
        return
    assert list(answer)[:-1] == rows[: len(answer) - 1]


def test_eight_digits_and_narrow_columns() -> None:
    text = (
        "   PID    PPID  CPU   TASK    ST  %MEM   VSZ   RSS  COMM\n"
        ">     0      0   3  c024c000  RU   0.0     0     0  [swapper]\n"
        "    556    552   3  fa776000  IN   0.1  2572  1352  httpd\n"
    )
    swapper, httpd = parse("ps", text)
    assert (swapper.comm, swapper.kernel, swapper.active, swapper.cpu) == ("swapper", True, True, 3)
    assert (httpd.task, httpd.vsz, httpd.rss, httpd.kernel) == (0xFA776000, 2572 * 1024, 1352 * 1024, False)


def test_kernel_stack_pointers() -> None:
    text = (
        "      PID    PPID  CPU      KSTACKP      ST  %MEM      VSZ      RSS  COMM\n"
        ">       1       0   0         --         RU   0.2     1540     1196  finish\n"
        "        2       0   1  ffffcdfe8001be20  IN   0.0        0        0  [kthreadd]\n"
    )
    finish, kthreadd = parse("ps -s", text)
    assert (finish.task, finish.kstackp) == (None, None)
    assert kthreadd.kstackp == 0xFFFFCDFE8001BE20


def test_policies_and_no_header() -> None:
    text = (
        "      PID    PPID  CPU       TASK        POLICY       PRIO  COMM\n"
        "       16       2   0  ffff890441260000  FIFO           -1  [migration/0]\n"
    )
    (migration,) = parse("ps -Y", text)
    assert (migration.policy, migration.priority, migration.state) == ("FIFO", -1, None)
    assert (migration.comm, migration.kernel) == ("[migration/0]", None)
    rest = HEADER + "-       9       2   1  ffff890441240000  ID   0.0        0        0  [kworker/u4:0]\n"
    (worker,) = parse("ps -H", rest.removeprefix(HEADER))
    assert (worker.active, worker.cpu_offline) == (True, True)


def test_a_user_task_in_brackets_is_no_kernel_thread() -> None:
    rows = (
        "      700       1   0  ffff890441240000  IN   0.1     1000      500  [kswapd0]\n"
        "      701       1   0  ffff890441240040  ZO   0.0        0        0  [kswapd1]\n"
    )
    liar, zombie = parse("ps", HEADER + rows)
    assert (liar.comm, liar.kernel) == ("[kswapd0]", False)
    assert (zombie.comm, zombie.kernel) == ("[kswapd1]", None)


def test_a_newline_in_a_name_makes_no_row() -> None:
    rows = (
        "      700       1   0  ffff890441240000  IN   0.1     1000      500  a\n>1 0 0 c RU\n"
        "      701       1   0  ffff890441240040  IN   0.1     1000      500  b\n"
    )
    answer = parse("ps", HEADER + rows)
    assert [process.comm for process in answer] == ["a\n>1 0 0 c RU", "b"]
    assert answer.complete
    assert [notice.kind for notice in answer.warnings] == ["name"]
    # this might as well be a row that was cut, at its end or its beginning
    assert not parse("ps", HEADER + rows.replace(">1 0 0 c RU", ">    1      0")).complete
    assert not parse("ps", HEADER + rows.replace(">1 0 0 c RU", "  500  b")).complete
    assert not parse("ps", HEADER + rows + "c").complete


def test_a_name_is_no_longer_than_the_kernel_keeps_it() -> None:
    """TASK_COMM_LEN is 16, with the NUL; the bracket of a kernel thread's name ends it."""
    row = "      700       1   0  ffff890441240000  IN   0.1     1000      500  sockets\n"
    name = parse("ps", HEADER + row + "of all\n" + row.replace("700", "701"))[0].comm
    assert name == "sockets\nof all"
    for rest in ("of all x  ", " 500  udp", "\u00e9" * 4):
        with pytest.raises(ParseError):
            parse("ps", HEADER + row + rest + "\n" + row.replace("700", "701"))
    thread = row.replace("1000      500  sockets", "   0        0  [cpuhp/0]")
    with pytest.raises(ParseError):
        parse("ps", HEADER + thread + "hp/1]\n" + row.replace("700", "701"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("Usage:\n  ps\n", 1),
        (HEADER, 1),
        (HEADER.replace("VSZ", "VSY"), 1),
        (HEADER.replace("PPID", "PID "), 1),
        (HEADER.replace("  COMM", ""), 1),
        (HEADER + "        1       0   0  ffff8904411fc180  RU   0.2     1540  finish\n", 2),
        (HEADER + "        1       0   0  ffff8904411fc180  RU   0.2     1540     1196\tinit\tfoo\n" * 2, 2),
        (HEADER + "\0" * 100, 2),
        (f"ps: invalid task or pid value: 7\n\n{HEADER}", 1),
    ],
)
def test_refused(text: str, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse("ps", text)
    assert caught.value.line == line


def test_lenient_keeps_the_sure_rows() -> None:
    good = "        1       0   0  ffff8904411fc180  RU   0.2     1540     1196  init\n"
    bad = "        2       0   0  ffff8904411fc1x0  RU   0.2     1540     1196  some long program name\n"
    answer = parse("ps", HEADER + good + bad + good, lenient=True)
    assert len(answer) == 2
    assert not answer.complete
    assert answer.warnings[0].text == bad.rstrip("\n")


def test_ten_megabytes_in_a_line() -> None:
    for filler in ("x", " ", "9 ", "[", "\\x41"):
        with pytest.raises(ParseError):
            parse(
                "ps", HEADER + "  1  0  0  ffff8904411fc180  RU  0.2  " + filler * (10_000_000 // len(filler))
            )


def test_an_error_for_one_of_several() -> None:
    init = "        1       0   0  ffff8904411fc180  RU   0.2     1540     1196  init\n"
    text = f"ps: invalid task or pid value: 7\n\n{HEADER}{init}"
    answer = parse("ps 1 7", text)
    assert len(answer) == 1
    assert not answer.complete
    assert answer.warnings[0].kind == "error"


A, B, C = (
    TaskHeader(pid=0, task=0xFFFFFFFFAE21AA40, cpu=0, comm="swapper/0"),
    TaskHeader(pid=1, task=0xFFFF8904411FC180, cpu=0, comm="init"),
    TaskHeader(pid=182, task=0xFFFF89046D6420C0, cpu=1, comm='a "b"'),
)


def line(task: TaskHeader, indent: int = 0) -> str:
    return " " * indent + header(task.pid or 0, task.task, task.cpu or 0, task.comm or "")


def test_parents() -> None:
    text = f"{line(A)}\n{line(A)}{line(B, 1)}{line(C, 2)}\n"
    first, second = parse("ps -p", text)
    assert first == Ancestry(pid=0, task=A.task, cpu=0, comm="swapper/0", ancestors=())
    assert (second.pid, second.ancestors, second.unknown) == (182, (A, B), 0)
    # crash 8.0.2 on Debian's 6.1: two ancestors that it doesn't know, whose indentation stands all the same
    answer = parse("ps -p 182", f"{line(C, 3)}\n")
    assert (answer[0].unknown, answer.complete) == (2, False)
    with pytest.raises(ParseError):
        parse("ps -p", f"{line(A)}{line(B, 1)}{line(C, 3)}\n")


@pytest.mark.parametrize(
    "command", ["ps -a", "ps -c", "ps -g", "ps -p 1", "foreach 1 ps -c", "task -R pid 1"]
)
def test_a_header_alone_is_marked(command: str) -> None:
    """Crash says so where a task has no children, threads or arguments."""
    answer = parse(command, line(B))
    assert len(answer) == 1
    assert [notice.kind for notice in answer.warnings] == ["partial"]
    assert not answer.complete


def test_children_and_threads() -> None:
    text = f"{line(A)}{line(B, 2)}{line(C, 2)}\n{line(C)}  (no children)\n"
    parent, childless = parse("ps -c", text)
    assert parent == Children(pid=0, task=A.task, cpu=0, comm="swapper/0", children=(B, C))
    assert childless.children == ()
    with pytest.raises(ParseError, match=r"children, and \(no children\)"):
        parse("ps -c", f"{line(B)}{line(C, 2)}  (no children)\n")
    (group,) = parse("ps -g 1", f"{line(B)}{line(C, 2)}\n")
    assert group == ThreadGroup(pid=1, task=B.task, cpu=0, comm="init", threads=(C,))
    assert not parse("ps -c", f"{line(B, 2)}{line(C, 2)}\n").complete


def test_times() -> None:
    text = (
        f"{line(B)}    RUN TIME: 1 days, 01:35:32\n  START TIME: 5209\n   USER TIME: 95\n SYSTEM TIME: 57\n\n"
        f"{line(C)}    RUN TIME: 00:00:03\n  START TIME: 346444994\n       UTIME: 36\n       STIME: 79\n\n"
    )
    old, new = parse("ps -t", text)
    assert (old.run_time, old.start_time, old.user_time, old.system_time) == (92132, 5209, 95, 57)
    assert new == TaskTimes(
        pid=182, task=C.task, cpu=1, comm='a "b"', run_time=3, start_time=346444994, utime=36, stime=79
    )
    with pytest.raises(ParseError):
        parse("ps -t", text.replace("   USER TIME: 95\n", ""))


def test_last_run() -> None:
    text = f"CPU: 0\n[3893029764] [ID]  {line(A)}[   3029764] [??]  {line(B)}\nCPU: 1 [OFFLINE]\n"
    first, second = answer = parse("ps -l -C all", text)
    assert first == LastRun(pid=0, task=A.task, cpu=0, comm="swapper/0", state="ID", last_run=3893029764)
    assert (second.last_run, second.state) == (3029764, None)
    assert answer.warnings[0].kind == "offline"
    (ago,) = parse("ps -m", f"[ 2 01:00:03.893] [IN]  {line(A)}")
    assert ago.ago == 2 * 86400 + 3603.893


def test_arguments() -> None:
    text = (
        f"{line(A)}ps: no user stack\n\n"
        f"{line(B)}ARG: /sbin/init --x \nENV: HOME=/\n     TERM=linux\n\n"
        f"{line(C)}ps: cannot access user stack address: 7ffec14a8f8d\n\n"
    )
    kernel, init, hole = answer = parse("ps -a", text)
    assert kernel.problem == "no user stack"
    assert init == Arguments(
        pid=1,
        task=B.task,
        cpu=0,
        comm="init",
        arguments="/sbin/init --x",
        environment=("HOME=/", "TERM=linux"),
    )
    assert hole.environment is None
    assert not answer.complete
    bash = parse("ps -a 1", f"{line(B)}ARG: sh\nENV: F=() {{\n echo\n}}\n     A=1\n\n")
    assert bash[0].environment == ("F=() {\n echo\n}", "A=1")
    assert not bash.complete


def test_limits_and_states() -> None:
    text = (
        f"{line(B)}      RLIMIT     CURRENT       MAXIMUM  \n"
        "         CPU   (unlimited)   (unlimited)\n      NOFILE      1024          4096    \n\n"
    )
    (found,) = parse("ps -r 1", text)
    assert found == Limits(
        pid=1,
        task=B.task,
        cpu=0,
        comm="init",
        limits=(
            Limit(name="CPU", current=None, maximum=None),
            Limit(name="NOFILE", current=1024, maximum=4096),
        ),
    )
    assert list(parse("ps -S", "  RU: 3\n  ??: 1\n")) == [
        StateCount(state="RU", count=3),
        StateCount(state=None, count=1),
    ]
    with pytest.raises(ParseError):
        parse("ps -S", "  RU: 3\n  RU: 1\n")


@each("ps", "ps")
def test_every_row_of_a_recorded_table(case: Path) -> None:
    command, text = output(case)
    answer = parse(command, text)
    pids = re.findall(r"^[> ] +(\d+) +-?\d+ ", text, re.MULTILINE)
    assert [process.pid for process in answer] == [int(pid) for pid in pids]


@each("ps", "ps_-p")
def test_parents_are_the_tables_own(case: Path) -> None:
    """``ps -p`` against ``ps``: the last ancestor is the PPID."""
    command, text = output(case)
    by_task = {process.task: process for process in parse(*output(case.with_stem("ps")))}
    for chain in parse(command, text):
        if chain.ancestors and not chain.unknown:
            assert by_task[chain.task].ppid == chain.ancestors[-1].pid


@pytest.mark.parametrize(
    ("state", "letter"),
    [
        ("RU", "R"), ("IN", "S"), ("UN", "D"), ("ST", "T"), ("TR", "t"), ("DE", "X"), ("ZO", "Z"),
        ("PA", "P"), ("ID", "I"), ("WA", None), ("??", None),
    ],
)  # fmt: skip
def test_the_kernels_letter_of_a_state(state: str, letter: str | None) -> None:
    header = "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n"
    row = f"        1       0   1  ffff888003a54000  {state}   0.1     2388      800  init\n"
    task = parse("ps", header + row).one()
    assert (task.state, task.state_letter) == (None if state == "??" else state, letter)

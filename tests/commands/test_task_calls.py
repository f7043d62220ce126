"""Typed calls of tasks and machine: what each sends, what it refuses to send, what becomes of failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from crashdrive.commands import (
    bpf,
    bt,
    command_function,
    dev,
    foreach,
    irq,
    log,
    mach,
    ps,
    runq,
    sig,
    sys,
    task,
    timer,
    waitq,
)
from crashdrive.commands.base import answer_of
from crashdrive.errors import ArgumentError, CommandFailedError
from crashdrive.session.result import CommandResult, Failure

ADDRESS = 0xFFFF888003A54000


class Asked(Exception):  # noqa: N818 - it ends the call, it is no error
    """The command line that was sent."""


class Runner:
    """Tells what it was asked to run, or gives what crash would."""

    def __init__(self, text: str | None = None, failure: Failure | None = None) -> None:
        self._text = text
        self._failure = failure

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        del timeout
        if self._text is None:
            raise Asked(command)
        return CommandResult(command=command, raw=self._text.encode(), elapsed=0.0, failure=self._failure)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.run(command, timeout=timeout) for command in commands]


CALLS: list[tuple[Callable[[Any], Any], str]] = [
    (ps.ps, "ps"),
    (lambda crash: ps.ps(crash, 1, ADDRESS, "kworker/0:1", "123"), f"ps 1 {ADDRESS:x} kworker/0:1 \\123"),
    (lambda crash: ps.ps(crash, kernel=True, kstackp=True), "ps -k -s"),
    (lambda crash: ps.ps(crash, user=True, group_leaders=True, active=True), "ps -u -G -A"),
    (lambda crash: ps.ps_parents(crash, 1), "ps -p 1"),
    (ps.ps_last_run, "ps -l"),
    (lambda crash: bt.bt(crash, pid=1), "bt 1"),
    (lambda crash: bt.bt(crash, 1, task=ADDRESS, lines=True, data=True), f"bt -l -f 1 {ADDRESS:x}"),
    (lambda crash: bt.bt(crash, active=True, offsets=True), "bt -a -s"),
    (lambda crash: bt.bt(crash, panic=True), "bt -p"),
    (lambda crash: bt.bt(crash, cpu=3), "bt -c 3"),
    (lambda crash: bt.bt(crash, 7, threads=True), "bt -g 7"),
    (lambda crash: bt.bt_text(crash, 7), "bt -t 7"),
    (lambda crash: bt.bt_text(crash, whole_stack=True), "bt -T"),
    (lambda crash: bt.bt_exceptions(crash, 7), "bt -e 7"),
    (bt.bt_stacks, "bt -E"),
    (bt.bt_overflows, "bt -v"),
    (log.log, "log"),
    (lambda crash: log.log(crash, levels=True, dates=True, callers=True, properties=True), "log -m -T -c -d"),
    (log.log_audit, "log -a"),
    (log.log_unflushed, "log -s"),
    (sys.sys, "sys"),
    (sys.sys_taint, "sys -t"),
    (sys.sys_calls, "sys -c"),
    (lambda crash: sys.sys_calls(crash, 9), "sys -c 9"),
    (lambda crash: sys.sys_calls(crash, "select"), "sys -c select"),
    (sys.sys_dmi, "sys -i"),
    (sys.sys_config, "sys config"),
    (lambda crash: foreach.foreach(crash, "bt"), "foreach bt"),
    (
        lambda crash: foreach.foreach(crash, "bt", 1, "UN", "user", "bash", options="lf"),
        "foreach 1 UN user \\bash bt -lf",
    ),
    (lambda crash: task.task(crash, 1), "task 1"),
    (lambda crash: task.task_members(crash, "comm,se.on_rq", 1), "task -R comm,se.on_rq 1"),
    (runq.runq, "runq"),
    (lambda crash: runq.runq(crash, cpu=1), "runq -c 1"),
    (runq.runq_groups, "runq -g"),
    (runq.runq_clocks, "runq -t"),
    (runq.runq_lags, "runq -T"),
    (runq.runq_running, "runq -m"),
    (lambda crash: sig.sig(crash, 1, threads=True), "sig -g 1"),
    (sig.sig_names, "sig -l"),
    (lambda crash: sig.sig_set(crash, 0x201), "sig -s 201"),
    (lambda crash: timer.timer(crash, cpu=0), "timer -C 0"),
    (timer.timer_hr, "timer -r"),
    (lambda crash: waitq.waitq(crash, "log_wait"), "waitq log_wait"),
    (lambda crash: waitq.waitq(crash, ADDRESS), f"waitq {ADDRESS:x}"),
    (
        lambda crash: waitq.waitq(crash, "task_struct.wait_chldexit", member_of=ADDRESS),
        f"waitq task_struct.wait_chldexit {ADDRESS:x}",
    ),
    (mach.mach, "mach"),
    (mach.mach_memory, "mach -m"),
    (mach.mach_cpus, "mach -c"),
    (lambda crash: irq.irq(crash, 4, 5), "irq 4 5"),
    (lambda crash: irq.irq(crash, used=True), "irq -u"),
    (irq.irq_counts, "irq -s"),
    (irq.irq_affinities, "irq -a"),
    (irq.irq_softirqs, "irq -b"),
    (irq.irq_idt, "irq -d"),
    (dev.dev, "dev"),
    (dev.dev_disks, "dev -d"),
    (lambda crash: dev.dev_disks(crash, busy=True), "dev -D"),
    (dev.dev_resources, "dev -i"),
    (dev.dev_pci, "dev -p"),
    (dev.dev_dumps, "dev -V"),
    (bpf.bpf, "bpf"),
    (lambda crash: bpf.bpf(crash, details=True), "bpf -PM"),
    (lambda crash: bpf.bpf_program(crash, 20, instructions=True), "bpf -p 20 -T"),
    (lambda crash: bpf.bpf_map(crash, 34), "bpf -m 34"),
]


@pytest.mark.parametrize(("call", "line"), CALLS, ids=[line for _, line in CALLS])
def test_what_is_sent(call: Callable[[Any], Any], line: str) -> None:
    with pytest.raises(Asked) as caught:
        call(Runner())
    assert str(caught.value) == line


@pytest.mark.parametrize(
    "call",
    [
        lambda crash: ps.ps(crash, "x | touch pwned"),
        lambda crash: ps.ps(crash, "-k"),
        lambda crash: ps.ps(crash, "a\nb"),
        lambda crash: ps.ps(crash, -1),
        lambda crash: command_function("ps")(crash, show="parents; sys"),
        lambda crash: bt.bt(crash, -5),
        lambda crash: bt.bt(crash, cpu=-1),
        lambda crash: sys.sys_calls(crash, "x > y"),
        lambda crash: foreach.foreach(crash, "bt | sh"),  # type: ignore[arg-type] # it is refused
        lambda crash: foreach.foreach(crash, "bt", options="l > x"),
        lambda crash: foreach.foreach(crash, "bt", "a b"),
        lambda crash: task.task_members(crash, "comm | sh", 1),
        lambda crash: runq.runq(crash, cpu=-1),
        lambda crash: sig.sig_set(crash, 1 << 64),
        lambda crash: waitq.waitq(crash, "x!y"),
        lambda crash: irq.irq(crash, -1),
        lambda crash: bpf.bpf_map(crash, -1),
    ],
)
def test_what_is_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises(ArgumentError):
        call(Runner())


HEADER = 'PID: 7        TASK: ffff8904411fc180  CPU: 0    COMMAND: "sh"\n'
SAID = "bt: read of stack at fffffe0000014000 failed"
MESSAGE = Failure(kind="message", message=SAID)


def test_a_failure_for_one_of_several_is_marked() -> None:
    text = (
        f"{HEADER}{SAID}\n\n{HEADER.replace('7 ', '8 ')} #0 [ffffcdfe80013c10] schedule at ffffffffac86c62f\n"
    )
    answer = bt.bt(Runner(text, MESSAGE), active=True)
    assert [trace.complete for trace in answer] == [False, True]
    assert not answer.complete


def test_a_failure_that_is_no_answer() -> None:
    with pytest.raises(CommandFailedError):
        bt.bt(Runner("bt: invalid task or pid value: 7\n", MESSAGE), 7)
    died = Failure(kind="died", message="crash went away")
    with pytest.raises(CommandFailedError):
        bt.bt(Runner(f"{HEADER} #0 [ffffcdfe80013c10] schedule at ffffffffac86c62f\n", died), 7)


def test_an_answer_without_records_is_none() -> None:
    with pytest.raises(CommandFailedError):
        answer_of(
            CommandResult(command="bt -v", raw=SAID.encode(), elapsed=0.0, failure=MESSAGE), lenient=True
        )


def test_what_crash_kept_silent_about_is_marked() -> None:
    text = "ffffffff82a1b940:  0000000000000000 0000000000000001   ................\n"
    failure = Failure(kind="memory", message="rd printed 2 of 4 values")
    answer = answer_of(
        CommandResult(command="rd ffffffff82a1b940", raw=text.encode(), elapsed=0.0, failure=failure)
    )
    assert (len(answer), answer.complete) == (1, False)
    assert answer.warnings[-1].message == failure.message


def test_kernel_threads_have_no_arguments() -> None:
    failure = Failure(kind="message", message="ps: no user stack")
    answer = ps.ps_arguments(Runner(f"{HEADER}ps: no user stack\n\n", failure))
    assert (answer.one().problem, answer.complete) == ("no user stack", True)

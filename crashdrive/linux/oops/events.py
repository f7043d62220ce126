"""Reports as events: kind, culprit, doubts."""

from __future__ import annotations

import re

from crashdrive.linux.oops.body import Body, read_body, taint_in
from crashdrive.linux.oops.culprit import named
from crashdrive.linux.oops.kinds.fault import fault_address
from crashdrive.linux.oops.machinery import is_reporting, plain
from crashdrive.linux.oops.records import Event, Frame, Head
from crashdrive.linux.oops.rule import Case, Found
from crashdrive.linux.oops.scan import Block
from crashdrive.linux.oops.signature import alternatives, message_title, title_of

_MIXED_IN = re.compile(r"FAULT_INJECTION: forcing a failure")
_MOST_FRAMES = 64


def event_of(block: Block) -> Event:
    """The event of a report."""
    body = read_body(block.lines)
    rule, match, index = max(block.matches, key=lambda one: (one[0].strength, -one[2]))
    case = Case(rule, match, index, body, block.matches)
    if index and not any(one.index >= index for one in body.pointers) and not rule.weak:
        case = case._replace(at=block.matches[0][2])
    found = rule.find(case)
    doubts = _doubts(block, found)
    head = _head(case, found)
    frame = None if block.cut or block.inside or _spoilt(block) else found.frame
    kind = found.kind or rule.kind
    title = message_title(found.title or rule.title, match)
    first = block.lines[0]
    file, line = case.group("file"), case.group("line")
    return Event(
        kind=kind,
        title=title_of(title, frame),
        message=block.lines[index].text.strip()[:300],
        line=first.number,
        end_line=block.lines[-1].number,
        time=first.time,
        culprit=frame,
        pointer=found.pointer,
        frames=tuple(_stack(frame, found)),
        traces=body.traces(),
        context=_context(body, found),
        cpu=head.cpu,
        pid=head.pid,
        comm=head.comm,
        taint=head.taint,
        hardware=body.hardware,
        workqueue=body.workqueue,
        modules=tuple(body.modules),
        register_values=body.registers,
        code_line=body.code,
        file=file,
        source_line=int(line) if line else None,
        fault_address=fault_address(case) if rule.family == "access" else None,
        alternatives=alternatives(title, rule.family, frame, found),
        doubts=doubts,
        rank=max(one.rank for one, _, _ in block.matches),
        consequence=bool(rule.follows),
    )


def _doubts(block: Block, found: Found) -> tuple[str, ...]:
    doubts = list(found.doubts)
    if block.cut:
        doubts.append("another report begins before this one has said where it was")
    if block.inside:
        doubts.append("it begins before another report has said where that was")
    if _spoilt(block):
        doubts.append("another message with a trace stands inside of the report")
    return tuple(doubts)


def _spoilt(block: Block) -> bool:
    return any(_MIXED_IN.match(line.text) for line in block.lines[1:60])


def _head(case: Case, found: Found) -> Head:
    head = case.body.head(case.at)
    if found.head is not None:
        head = Head(
            line=found.head.line,
            cpu=found.head.cpu if found.head.cpu is not None else head.cpu,
            pid=found.head.pid if found.head.pid is not None else head.pid,
            comm=found.head.comm or head.comm,
            taint=found.head.taint if found.head.taint is not None else head.taint,
        )
    cpu, pid, comm = case.group("cpu"), case.group("pid"), case.group("comm")
    taint = head.taint
    if taint is None:
        taint = next((t for line in case.lines[:60] if (t := taint_in(line.text)) is not None), None)
    return Head(
        line=head.line,
        cpu=int(cpu) if cpu else head.cpu,
        pid=int(pid) if pid else head.pid,
        comm=comm or head.comm,
        taint=taint,
    )


def _stack(frame: Frame | None, found: Found) -> list[Frame]:
    """The culprit's stack from the culprit on: sure frames with names only."""
    frames = [one for one in named(found.frames) if not is_reporting(plain(one.function or ""))]
    if frame is not None:
        at = next((at for at, one in enumerate(frames) if one.function == frame.function), None)
        frames = frames[at:] if at is not None else [frame, *frames]
    return frames[:_MOST_FRAMES]


_SEGMENTS = {"IRQ": "irq", "SOFTIRQ": "softirq"}
_EXCEPTIONS = frozenset({"#DF", "#DB", "#VC", "ENTRY"})  # stacks that a trap switched to, in whatever context
# kernel/{softirq,workqueue,smp}.c, kernel/rcu, kernel/time/timer.c; hrtimers run in the interrupt
_ENTRIES = {
    "timer": "call_timer_fn expire_timers _*run_timers _*run_timer_base run_timer_softirq",
    "rcu": r"rcu_do_batch rcu_core(?:_si)? _*rcu_process_callbacks rcu_cpu_kthread rcu_nocb_cb_kthread",
    "softirq": r"""
        _*do_softirq\w* handle_softirqs call_softirq net_[rt]x_action run_ksoftirqd tasklet_\w*action\w*
        """,
    "workqueue": "process_one_work process_scheduled_works worker_thread rescuer_thread",
    "irq": r"""
        _*handle_irq_event(?:_percpu)? handle_IRQ_event do_IRQ _*common_interrupt generic_handle_irq
        _*hrtimer_run_queues _*run_hrtimer hrtimer_interrupt _*sysvec_\w+
        (?:generic|_*flush)_smp_call_function\w*(?:interrupt|queue)
        """,
}
_ENTRY = re.compile("|".join(rf"(?P<{name}>(?:{'|'.join(of.split())})\Z)" for name, of in _ENTRIES.items()))


def _context(body: Body, found: Found) -> str | None:
    """The context of the culprit's frame, by the first entry point below it on the stack."""
    if found.context or (found.frame is None and not found.frames):
        return found.context
    # with registers the trace begins where they are from: what was above, such as the watchdog's interrupt,
    # has no sure frame; no <TASK> stands between the two until 5.11
    sure = [one for one in found.frames if one.sure and one != found.pointer]
    frames = [one for one in (found.pointer, *(sure or found.frames)) if one is not None]
    segment = next((one.segment for one in frames if one.segment not in {None, *_EXCEPTIONS}), None)
    if segment in {"NMI", "#MCE"}:
        return "nmi"
    trusted = any(one.sure and one.segment is not None for one in found.frames) or segment is None
    for one in found.frames:
        if one.segment not in {None, segment, *_EXCEPTIONS}:
            break
        hit = _ENTRY.match(plain(one.function or "")) if one.sure or not trusted else None
        if hit and hit.lastgroup:
            return hit.lastgroup
    return (
        "workqueue"
        if body.workqueue and segment in {None, "TASK"}
        else _SEGMENTS.get(segment or "", "process")
    )

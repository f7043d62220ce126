"""The culprit: the frame of a report that is to blame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import dropwhile

from crashdrive.linux.oops import machinery
from crashdrive.linux.oops.body import Pointer, Stack
from crashdrive.linux.oops.machinery import Skip, matcher, plain
from crashdrive.linux.oops.records import Frame
from crashdrive.linux.oops.rule import Case, Found

_MAIN = ("call trace", "backtrace", "stack backtrace", "trace", "stack trace", "")
# traces under other words: what KFENCE and KCSAN accuse; behind the words of the stack (arm until 5.18)
_OTHER_MAIN = re.compile(
    r"(?:Use-after-free|Out-of-bounds|Invalid) (?:read|write|free|access)\b.*:\Z"
    r"|Invalid (?:read|write|free) at|Corrupted memory at 0x"
    r"|(?:read|write|read-write|assert no (?:accesses|writes))(?: \(\w+\))? to 0x"
    r"|Stack: \(0x[0-9a-f]+ to 0x"
)
_TITLED = ("call trace",)
_NMI = "NMI"
_LOW = 0x1000  # the first page: a NULL with an offset

# functions whose faults are their caller's: the arguments were bad
FAULT = MEMORY = matcher(
    machinery.CHECKERS,
    machinery.LIBRARY,
    machinery.LOCKS,
    machinery.SANITIZERS,
    machinery.ALLOCATORS,
    machinery.HELPERS,
)
# the same where a check names its place: all but slab's functions, which everybody calls
CHECKED = matcher(
    machinery.CHECKERS, machinery.LIBRARY, machinery.LOCKS, machinery.SANITIZERS, machinery.SLAB
)
STUCK = matcher(machinery.STALL, machinery.LOCKS, machinery.LIBRARY, machinery.SANITIZERS)
ASLEEP = matcher(machinery.WAITING, machinery.LOCKS, machinery.LIBRARY)
ATOMIC = matcher(
    machinery.WAITING, machinery.LOCKS, machinery.LIBRARY, machinery.ALLOCATORS, machinery.CHECKERS
)
ALLOCATION = matcher(machinery.ALLOCATORS, machinery.LIBRARY, machinery.LOCKS)
REPORT = matcher()

NO_POINTER = "the instruction pointer is missing"
NO_TRACE = "the call trace is missing"
MIXED = "reports of several CPUs are mixed up"


def main_stacks(case: Case) -> list[Stack]:
    """Traces of the report proper, not of allocations or other tasks."""
    return [
        stack
        for stack in case.body.stacks
        if stack.index >= case.at and stack.frames and _is_main(stack.heading)
    ]


def _is_main(heading: str) -> bool:
    return heading.lower() in _MAIN or bool(_OTHER_MAIN.match(heading))


def named(frames: Iterable[Frame]) -> list[Frame]:
    """Frames that may be the culprit: sure ones, with a name, on the stack."""
    return [frame for frame in frames if frame.function and frame.sure and not frame.inline]


def pointers(case: Case) -> list[Pointer]:
    """Instruction pointers in the kernel, from the report's first line on."""
    return [one for one in case.body.pointers if one.index >= case.at and not one.user]


def first_pointer(case: Case) -> Pointer | None:
    """The first instruction pointer that has a name, else the first one."""
    all_ = pointers(case)
    return next((one for one in all_ if one.frame.function), all_[0] if all_ else None)


def mixed(case: Case) -> bool:
    """Whether lines of more than one CPU's report stand in a report of one context."""
    cpus = {head.cpu for index, head in case.body.heads if index >= case.at and head.cpu is not None}
    pids = {head.pid for index, head in case.body.heads if index >= case.at and head.pid is not None}
    stacks = main_stacks(case)
    inside = {index for stack in stacks for index in stack.pointers}
    outer = [one for one in pointers(case) if one.frame.function]
    names = {one.frame.function for one in outer}
    embedded = {stack.frames[at].function for stack in stacks for at in stack.pointers}
    alone = names - embedded
    if any(not stack.frames and stack.heading.lower() in _TITLED for stack in case.body.stacks):
        return True
    return len(cpus) > 1 or len(pids) > 1 or (len(alone) > 1 and not inside)


def below(pointer: Frame | None, stack: Stack | None) -> list[Frame]:
    """The frames of a stack below the interrupted instruction, without report and interrupt entry."""
    if stack is None:
        return []
    frames = stack.frames
    if pointer is None:
        return frames
    for at in stack.pointers:
        if frames[at].function == pointer.function:
            return frames[at + 1 :]
    for at, frame in enumerate(frames):
        # arm's unwinder tells the innermost function without an offset
        if frame.sure and frame.function == pointer.function and frame.offset in {pointer.offset, None}:
            return frames[at + 1 :]
    return frames


def fault(case: Case, skip: Skip = FAULT) -> Found:
    """The function that faulted; its caller, where it only worked on its arguments."""
    if mixed(case):
        return Found(doubts=(MIXED,))
    pointer = first_pointer(case)
    stacks = main_stacks(case)
    stack = stacks[0] if stacks else None
    if pointer is None:
        return Found(doubts=(NO_POINTER,), frames=stack.frames if stack else ())
    doubts = () if stack is not None else (NO_TRACE,)
    frames = below(pointer.frame, stack)
    if not pointer.frame.function:
        if frames and _is_at(frames[0], pointer.frame):
            return _picked(frames, skip, doubts, frames[0])
        return Found(pointer=pointer.frame, frames=frames, doubts=doubts)
    return _picked([pointer.frame, *frames], skip, doubts, pointer.frame)


def _is_at(frame: Frame, pointer: Frame) -> bool:
    """Whether a trace begins at an instruction pointer of which only the address was printed."""
    return bool(frame.function) and frame.address is not None and frame.address == pointer.address


def _picked(candidates: Sequence[Frame], skip: Skip, doubts: tuple[str, ...], pointer: Frame | None) -> Found:
    chosen = first(candidates, skip)
    if chosen is None and not doubts and not any(frame.function for frame in candidates):
        doubts = (NO_TRACE,)
    return Found(frame=chosen, frames=candidates, pointer=pointer, doubts=doubts)


def first(frames: Iterable[Frame], skip: Skip) -> Frame | None:
    """The first frame that isn't skipped."""
    return next((frame for frame in named(frames) if not skip(frame.function or "")), None)


def caller(case: Case, pointer: Frame | None, skip: Skip = FAULT) -> Found:
    """The caller of a bad instruction pointer, by the return address on the stack or the link register."""
    if mixed(case):
        return Found(pointer=pointer, doubts=(MIXED,))
    stacks = main_stacks(case)
    frames = below(None, stacks[0] if stacks else None)
    links = [link for link in case.body.links if link.function]
    candidates = [*links[:1], *frames] if links else frames
    doubts = () if stacks else (NO_TRACE,)
    frame = first(candidates, skip) if named(candidates) else _return_address(case, candidates, skip)
    return Found(frame=frame, frames=candidates, pointer=pointer, doubts=doubts)


def _return_address(case: Case, frames: Sequence[Frame], skip: Skip) -> Frame | None:
    """The caller, where the unwinder had no code to start from and marks all frames with ``?``.

    x86's show_trace_log_lvl() then lists each text address from the stack pointer up. The call pushed its
    return address there, so the first one is the caller; the others are in doubt.
    """
    if "RSP" not in case.body.registers and "ESP" not in case.body.registers:
        return None
    head = next(iter(frames), None)
    if head is None or not head.function or skip(head.function) or machinery.is_dispatcher(head.function):
        return None
    return head


def is_bad_pointer(case: Case, address: int | None) -> bool:
    """Whether an instruction pointer is no address of code."""
    pointer = first_pointer(case)
    if pointer is None or pointer.frame.function:
        return False
    at = pointer.frame.address
    return at is not None and (at < _LOW or at == address)


def traced(skip: Skip, *, start: str | None = None) -> Callable[[Case], Found]:
    """A finder: the first frame of the call trace that isn't skipped, below the function ``start``."""

    def find(case: Case) -> Found:
        stacks = main_stacks(case)
        if mixed(case):
            return Found(doubts=(MIXED,))
        if not stacks:
            return Found(doubts=(NO_TRACE,))
        frames = stacks[0].frames
        if start is not None:
            frames = after(frames, start)
        doubts = () if named(frames) else (NO_TRACE,)
        return Found(frame=first(frames, skip), frames=frames, doubts=doubts)

    return find


def after(frames: Sequence[Frame], *names: str) -> list[Frame]:
    """The frames below the last of some functions; all frames without any of these."""
    places = [at for at, frame in enumerate(frames) if plain(frame.function or "") in names]
    return list(frames[places[-1] + 1 :] if places else frames)


def named_in_title(skip: Skip) -> Callable[[Case], Found]:
    """A finder: the function that the report's first line names; its caller where it is skipped."""

    def find(case: Case) -> Found:
        name = case.group("function")
        stacks = main_stacks(case)
        frames = list(_stack_of(name, stacks).frames) if stacks else []
        doubts = () if stacks else (NO_TRACE,)
        if mixed(case):
            doubts = (MIXED,)
        if not name:
            return Found(frame=None if doubts else first(frames, skip), frames=frames, doubts=doubts)
        titled = _of_title(case, name)
        if not skip(name):
            return Found(frame=titled, frames=_from(titled, frames), pointer=titled, doubts=doubts)
        if MIXED in doubts:
            return Found(doubts=doubts)
        rest = after(frames, plain(name))
        return Found(frame=first(rest, skip), frames=rest, pointer=titled, doubts=doubts)

    return find


def _stack_of(name: str | None, stacks: Sequence[Stack]) -> Stack:
    """The first stack with a function, else the first one: a race has two."""
    return next((one for one in stacks if any(frame.function == name for frame in one.frames)), stacks[0])


def _of_title(case: Case, name: str) -> Frame:
    offset, size = case.group("offset"), case.group("size")
    return Frame(
        function=name,
        offset=int(offset, 16) if offset else None,
        size=int(size, 16) if size else None,
        module=case.group("module"),
    )


def _from(frame: Frame, frames: list[Frame]) -> list[Frame]:
    for at, one in enumerate(frames):
        if one.function == frame.function and one.sure:
            return frames[at:]
    return [frame, *frames]


def interrupted(frames: Sequence[Frame]) -> list[Frame]:
    """The frames of a stack below the interrupt in which the report was made."""
    if frames and frames[0].segment == _NMI:
        # an NMI meets interrupts, too, whose entries are further down
        rest = list(dropwhile(lambda frame: frame.segment == _NMI, frames))
        if named(rest):
            return rest
    last = -1
    for at, frame in enumerate(frames):
        name = plain(frame.function or "")
        if name and (machinery.EXCEPTION.match(name) or machinery.STALL.match(name)):
            last = at
        elif name and last >= 0 and not machinery.REPORTING.match(name) and at > last + 6:
            break
    return list(frames[last + 1 :])


def stuck(case: Case) -> Found:
    """The function in which a CPU is stuck: below interrupt, watchdog and lock."""
    pointer = first_pointer(case)
    stacks = main_stacks(case)
    stack = stacks[0] if stacks else None
    if pointer is None and stack is not None and not stack.heading:
        # the rest of another CPU's trace, into which this report was printed
        return Found(doubts=(NO_TRACE,))
    return stuck_at(pointer, stack)


def stuck_at(pointer: Pointer | None, stack: Stack | None) -> Found:
    """The function in which a CPU is stuck, by its instruction pointer and stack."""
    if mixed_cpus(pointer, stack):
        return Found(doubts=(MIXED,))
    doubts = () if stack is not None else (NO_TRACE,)
    if pointer is None or not pointer.frame.function:
        frames = interrupted(stack.frames) if stack else []
        if not frames:
            doubts = (NO_TRACE,)
        return Found(
            frame=first(frames, STUCK), frames=frames, doubts=doubts, head=stack.head if stack else None
        )
    frames = [pointer.frame, *below(pointer.frame, stack)]
    chosen = first(frames, STUCK)
    return Found(
        frame=chosen, frames=frames, pointer=pointer.frame, doubts=doubts, head=stack.head if stack else None
    )


def mixed_cpus(pointer: Pointer | None, stack: Stack | None) -> bool:
    """Whether the instruction pointer and the stack are of different CPUs."""
    return (
        pointer is not None
        and stack is not None
        and pointer.cpu is not None
        and stack.cpu is not None
        and pointer.cpu != stack.cpu
    )


def nobody(case: Case) -> Found:  # noqa: ARG001 - a finder's signature
    """No culprit, as such a report has none."""
    return Found()


def missing(case: Case) -> Found:  # noqa: ARG001 - a finder's signature
    """No culprit: the report that this line follows isn't in the log."""
    return Found(doubts=("the report that it follows is missing",))

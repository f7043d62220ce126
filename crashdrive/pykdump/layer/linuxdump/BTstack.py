"""``LinuxDump.BTstack``: stacks as crash's ``bt`` tells them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.execution import exec_crash_command, exec_crash_command_bg
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.memo import CU_LIVE, CU_PYMOD, CU_TIMEOUT, memoize_cond
from crashdrive.pykdump.layer.pylogs import pylog
from crashdrive.pykdump.run import current

_PID = re.compile(r'^PID:\s+(\d+)\s+TASK:\s+([0-9a-f]+)\s+CPU:\s+(\d+)\s+COMMAND:\s+"(.*)"\s*$')
_FRAME = re.compile(
    r"^\s*#\d+\s+\[(?P<frame>[0-9a-f]+|START)\]?:?\s+(?P<func>\S+)"
    r"(?:\s+\(via (?P<via>\S+)\))?\s+at\s+(?P<addr>[0-9a-f]+)(?:\s+\[(?P<module>\S+)\])?"
)
_WORD = re.compile(
    r"^\s*\[(?P<frame>[0-9a-f]+)\]\s+(?P<func>\S+)\s+at\s+(?P<addr>[0-9a-f]+)(?:\s+\[(?P<module>\S+)\])?"
)
_EXCEPTION = re.compile(r"\[exception RIP: (\S+?)\+(0x[0-9a-f]+|\d+)\]")


class BTFrame:
    """A frame: ``func``, ``addr``, ``offset`` in the function, ``frame`` (its place), ``via``, ``module``."""

    level: int = 0
    func: str = ""
    addr: int = -1
    frame: int | None = None
    offset: int = -1
    via: str = ""
    module: str | None = None

    def __init__(self) -> None:
        self.data: list[str] = []

    def simplerepr(self) -> str:
        """Its number and function."""
        return f"  #{self.level:<2d}  {self.func}"

    def _shown(self) -> str:
        via = f" , (via {self.via})" if self.via else ""
        if self.offset == -1:
            return f"  #{self.level:<2d}  {self.func} {self.addr:#x}{via}"
        return f"  #{self.level:<2d}  {self.func}{self.offset:+#x}{via}"

    def __str__(self) -> str:
        data = f", {len(' '.join(self.data))} bytes of data" if self.data else ""
        return self._shown() + data

    def __repr__(self) -> str:
        return "\n".join([self._shown(), *self.data])


class BTStack:
    """A thread's stack: ``pid``, ``cpu``, ``cmd``, ``addr`` (of its task), ``frames``."""

    def __init__(self, pid: int = 0, addr: int = 0, cpu: int = 0, cmd: str = "") -> None:
        self.pid, self.addr, self.cpu, self.cmd = pid, addr, cpu, cmd
        self.frames: list[BTFrame] = []

    def _shown(self, frames: list[str]) -> str:
        return "\n".join([f"\nPID={self.pid}  CPU={self.cpu} CMD={self.cmd}", *frames])

    def __str__(self) -> str:
        return self._shown([str(frame) for frame in self.frames])

    def __repr__(self) -> str:
        return self._shown([repr(frame) for frame in self.frames])

    def __lt__(self, other: BTStack) -> bool:
        return self.pid < other.pid

    def simplerepr(self) -> str:
        """Its functions."""
        return "\n".join(frame.simplerepr() for frame in self.frames)

    def hasfunc(self, func: Any, reverse: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyKdump's call
        """(number of the frame, what matched) of the first function that an expression fits, or False."""
        expression = func if hasattr(func, "search") else re.compile(func)
        frames = self.frames[::-1] if reverse else self.frames
        for number, frame in enumerate(frames):
            found = expression.search(frame.func) or expression.search(frame.via)
            if found:
                return number, found.group(0)
        return False

    def getSimpleSignature(self) -> str:
        """Its functions, joined: alike for stacks that came the same way."""
        return "/".join(frame.func for frame in self.frames)

    def getFullSignature(self) -> str:
        """Functions and offsets: alike for stacks that wait at the same place."""
        return "\n".join(repr(frame) for frame in self.frames)


@memoize_cond(CU_LIVE | CU_PYMOD | CU_TIMEOUT)
def exec_bt(crashcmd: str | None = None, text: str | None = None, bg: bool = False) -> list[BTStack]:  # noqa: FBT001, FBT002 - PyKdump's call
    """The stacks in what a command (``bt -a``, ``foreach bt``), or a text, says."""
    if crashcmd is not None:
        behind = bg or "foreach" in crashcmd or " -a" in crashcmd
        text = exec_crash_command_bg(crashcmd) if behind else _run(crashcmd)
    found = [_stack(part.splitlines(), located=crashcmd is not None) for part in (text or "").split("\n\n")]
    return [stack for stack in found if stack is not None]


def _run(command: str) -> str:
    try:
        return exec_crash_command(command)
    except CrashError as error:
        pylog.warning(f"Crash error executing '{command}'")
        return str(error)


def _stack(lines: list[str], *, located: bool) -> BTStack | None:
    lines = [line for line in lines if line.strip()]
    head = _PID.match(lines[0]) if lines else None
    if head is None:
        return None
    stack = BTStack(int(head[1]), int(head[2], 16), int(head[3]), head[4])
    level = 0
    for line in lines[1:]:
        frame = _frame(line, located=located)
        if frame is None:
            if stack.frames:
                stack.frames[-1].data.append(line)
            continue
        if frame.level != -1:
            frame.level, level = level, level + 1
        stack.frames.append(frame)
    return stack


def _frame(line: str, *, located: bool) -> BTFrame | None:
    frame = BTFrame()
    if (rip := _EXCEPTION.search(line)) is not None:
        frame.level, frame.func, frame.offset = -1, rip[1], int(rip[2], 0)
        return frame
    found = _FRAME.match(line) or _WORD.match(line)
    if found is None:
        return None
    parts = found.groupdict()
    frame.func, frame.addr, frame.module = parts["func"], int(parts["addr"], 16), parts["module"]
    frame.frame = int(parts["frame"], 16) if parts["frame"] != "START" else None
    frame.via = parts.get("via") or ""
    if located:
        frame.offset = frame.addr - current().facts.address(frame.func)
    return frame


def bt_mergestacks(
    btlist: list[BTStack],
    precise: bool = False,  # noqa: FBT001, FBT002 - PyKdump's call
    count: int = 1,
    reverse: bool = False,  # noqa: FBT001, FBT002 - as above
    tt: Any = None,  # noqa: ARG001 - as above
    verbose: int = 0,
) -> None:
    """Print stacks that are alike once, with how many there are of each, from ``count`` on."""
    groups: dict[str, list[BTStack]] = defaultdict(list)
    for stack in btlist:
        groups[stack.getFullSignature() if precise else stack.getSimpleSignature()].append(stack)
    for stacks in sorted(groups.values(), key=len, reverse=reverse):
        if len(stacks) < count:
            continue
        print(f"\n------- {len(stacks)} stacks like that: ----------")
        print("\n".join(repr(frame) if precise else frame.simplerepr() for frame in stacks[0].frames))
        if verbose:
            print("   PIDs:", ", ".join(str(stack.pid) for stack in sorted(stacks)))


def bt_summarize(btlist: list[BTStack]) -> None:
    """Print how many stacks there are of each kind."""
    bt_mergestacks(btlist, reverse=True)


Found = dict[str, set[int]]


def get_threads_subroutines_slow() -> tuple[Found, Found, list[int]]:
    """Pids, and addresses of tasks, by the functions on their stacks; the addresses of all tasks."""
    pids: Found = defaultdict(set)
    tasks: Found = defaultdict(set)
    stacks = exec_bt("foreach bt")
    for stack in stacks:
        for frame in stack.frames:
            pids[frame.func].add(stack.pid)
            tasks[frame.func].add(stack.addr)
    return pids, tasks, [stack.addr for stack in stacks]


def funcsMatch(dsets: dict[str, set[int]], refunc: str) -> set[int]:
    """The pids of functions whose names begin as an expression says, of which ``bt`` says the same."""
    known = re.compile(refunc)
    pids = {pid for name, some in dsets.items() if known.match(name) for pid in some}
    verifyFastSet(pids, known)
    return pids


def verifyFastSet(dset: set[int], func: Any) -> None:
    """Take those pids out of a set whose ``bt`` doesn't have a function."""
    for pid in sorted(dset):
        if not any(stack.hasfunc(func) for stack in exec_bt(f"bt {pid}")):
            dset.discard(pid)


__getattr__ = lazy_names(__name__, {})

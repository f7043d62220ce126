"""The reports in a log: first line, lines, and end of each.

A large log is searched for words that only first lines of reports have; lines are split from the first such
place on. Each line is looked at once, so the time is linear in the size of the log.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

from crashdrive.linux.oops.culprit import nobody
from crashdrive.linux.oops.frames import trace_frames
from crashdrive.linux.oops.kinds import Known, known
from crashdrive.linux.oops.lines import Line, read_lines
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.rule import NOTED, Rule

_JOINED = 40  # lines between two first lines of one report
_BEFORE_TRACE = 100  # lines of a report whose trace is still to come
_LONGEST = 6000  # lines of a report: traces of all CPUs of a large machine
_APART = 80  # lines in between that are part of no report
_KEPT = 100
_IDLE = 100  # lines that are read on after a report before the log is searched again
_SILENCE = 30.0  # seconds
_PART = re.compile(
    r"\+(?:0x)?[0-9a-f]+/|Call Trace|[A-Z]{2,3} ?: |Modules linked|Code: |: [0-9a-f]{8}|CPU[: #]|[Pp]id: "
    r"|\[<[0-9a-f]|PID: "
    r"|NIP|task:|Backtrace|\+\d+[}/]|backtrace|rcu|\[#\d|Krnl|<[/A-Z]"
)
_BODY = re.compile(
    r"\s*(?:[Cc]all [Tt]race|Backtrace|stack backtrace|(?:RIP|EIP|NIP|IP|epc|EPC|pc) ?[:\[ ] ?|PC is at|"
    r"Krnl PSW"
    r")"
)
_END = re.compile(r"---\[ end (?:trace|Kernel panic)")
_HEADING = re.compile(r".{0,40}\b(?:[Cc]all [Tt]race|[Bb]acktrace|Stack trace)\b")
_ANNOUNCED = re.compile(
    r"\s*task:.{1,20}?\s*state:|.{0,12}?\bCPU: ?\d+ (?:UID: \d+ )?PID: |.{0,40}\bstack dump:"
)
_TRACE_ENDS = re.compile(r"\s*(?:</TASK>|Code: |.{0,60}?Modules linked in: )")
# arch/*/entry*, arch/*/kernel/head*, init/main.c: the outermost functions of a complete trace
_OUTERMOST = re.compile(
    r"(?:ret_from_(?:fork|kernel_thread|exception|syscall)\w*|entry_(?:SYSCALL|SYSENTER|INT80)\w*|child_rip"
    r"|kernel_thread(?:_helper|_starter)?|(?:sys_?call|system_call|sysenter|sysc|tracesys|ia32_sys)\w*"
    r"|el0t?_\w+|ret_fast_syscall|handle_sys\w*|start_(?:secondary|kernel)\w*|(?:secondary|common)_startup_\w+"
    r"|(?:i386|x86_64)_start_kernel|rest_init|__switched|stext)\Z"
)
_BOOT = re.compile(r"Linux version \d|Booting Linux on physical CPU")
_ALL_CPUS = re.compile(r"Sending NMI|NMI backtrace for cpu|Task dump for CPU|dumping backtraces|all CPUs")


@dataclass(slots=True)
class Block:
    """The lines of one report, and those that rules match."""

    caller: str | None
    boot: int
    lines: list[Line] = field(default_factory=list)
    matches: list[tuple[Rule, re.Match[str], int]] = field(default_factory=list)
    has_body: bool = False
    all_cpus: bool = False
    cut: bool = False
    """Whether another report began before this one had a body."""
    inside: bool = False
    """Whether this report began within another one of the same context, whose lines may be in this one."""
    last_part: int = 0

    def add(self, line: Line) -> None:
        """Takes a line."""
        self.lines.append(line)
        if _PART.search(line.text):
            self.last_part = len(self.lines)
            if not self.has_body and len(self.lines) > 1 and _BODY.match(line.text):
                self.has_body = True
            if not self.all_cpus and _ALL_CPUS.match(line.text):
                self.all_cpus = True

    def add_first(self, line: Line, rule: Rule, match: re.Match[str]) -> None:
        """Takes a line that a rule matches; a repeated line isn't added to the matches."""
        if self.lines and self.lines[-1].text == line.text:
            self.last_part = len(self.lines)
            return
        if all(other is not rule or said.group() != match.group() for other, said, _ in self.matches):
            self.matches.append((rule, match, len(self.lines)))
        self.add(line)

    def is_open(self) -> bool:
        """Whether a trace may continue after its last line, or is still to come."""
        firsts = {index for _, _, index in self.matches}
        ended = False
        for index in reversed(range(len(self.lines))):
            if index in firsts:
                continue
            text = self.lines[index].text
            heading = _HEADING.match(text)
            frames = trace_frames(text[heading.end() :].lstrip(" :;") if heading else text)
            if ended and (heading or frames):
                return False
            if frames and not ended:
                return not _OUTERMOST.match(plain(frames[-1].function or ""))
            if not ended and (heading or _ANNOUNCED.match(text)):
                return True
            ended = ended or bool(_TRACE_ENDS.match(text))
        return self.matches[0][0].find is not nobody

    def is_over(self, line: Line) -> bool:
        """Whether a line comes too late to belong to this report."""
        last = self.lines[-1]
        silent = line.time is not None and last.time is not None and line.time - last.time > _SILENCE
        return silent or len(self.lines) - self.last_part > _APART or len(self.lines) > _LONGEST

    def takes(self, rule: Rule, match: re.Match[str], number: int) -> bool:
        """Whether a line that a rule matches continues this report."""
        if rule.weak:
            return rule.rank == NOTED or any(other.rank > NOTED for other, _, _ in self.matches)
        if rule.closes and re.search(rule.closes, self.matches[0][1].group()):
            return len(self.lines) < _BEFORE_TRACE and not _traced(self.lines)
        if self.has_body or number - self.lines[0].number > _JOINED:
            return False
        if rule.follows:
            return any(other.kind in rule.follows for other, _, _ in self.matches)
        return all(self._join(other, said.group(), rule, match.group()) for other, said, _ in self.matches)

    def _join(self, other: Rule, said: str, rule: Rule, says: str) -> bool:
        """Whether two first lines may be of one report."""
        if other.kind == rule.kind:
            return said == says or (other.needle != rule.needle and not rule.is_stall)
        if self.caller is not None and not (other.is_stall or rule.is_stall):
            return True
        pairs = ((rule.joins, said), (other.joins, says))
        return any(joins and re.search(joins, text) for joins, text in pairs)


def _traced(lines: Iterable[Line]) -> bool:
    return any(_HEADING.match(line.text) for line in lines)


def blocks(text: str) -> Iterator[Block]:
    """The reports of a log, in the order in which they end."""
    return _Scanner(text).run()


def fewer(found: Iterable[Block]) -> Iterator[Block]:
    """The first and the last hundred reports of each form."""
    seen: Counter[Rule] = Counter()
    last: dict[Rule, deque[Block]] = {}
    for block in found:
        rule = block.matches[0][0]
        seen[rule] += 1
        if seen[rule] <= _KEPT:
            yield block
        else:
            last.setdefault(rule, deque(maxlen=_KEPT)).append(block)
    for blocks_ in last.values():
        yield from blocks_


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.known: Known = known()
        self.open: dict[str | None, Block] = {}
        self.boot = 0
        self.latest: Block | None = None
        self.next_at = dict.fromkeys(self.known.needles, -1)

    def run(self) -> Iterator[Block]:
        start, number = self._next_place(0, 1)
        while start is not None:
            ended = yield from self._from(start, number)
            if ended is None:
                break
            start, number = self._next_place(*ended)
        yield from self._close_all()

    def _from(self, start: int, number: int) -> Generator[Block, None, tuple[int, int] | None]:
        """Reads lines until no report is open; returns the place where it stopped, None at the end."""
        idle = 0
        for offset, line in read_lines(self.text, start, number):
            yield from self._line(line)
            idle = 0 if self.open else idle + 1
            if idle > _IDLE:
                return offset, line.number + 1
        return None

    def _next_place(self, start: int, number: int) -> tuple[int | None, int]:
        """The beginning of the next line that holds a word of a rule, and its number."""
        best = len(self.text)
        for needle, at in self.next_at.items():
            place = at if at >= start else self.text.find(needle, start)
            self.next_at[needle] = place = place if place >= 0 else len(self.text)
            best = min(best, place)
        if best >= len(self.text):
            return None, number
        line = self.text.rfind("\n", start, best) + 1 or start
        boots = self.text.count("Linux version ", start, line)
        self.boot += bool(boots)
        return line, number + self.text.count("\n", start, line)

    def _line(self, line: Line) -> Iterator[Block]:
        text = line.text
        if not text:
            return
        if _BOOT.match(text):
            self.boot += 1
            yield from self._close_all()
            return
        hit = self.known.match(text)
        block = self.open.get(line.caller)
        if block is not None and block.is_over(line):
            yield self._close(block)
            block = None
        if hit is not None:
            yield from self._anchor(line, block, *hit)
        elif block is not None:
            block.add(line)
            if _END.match(text):
                yield self._close(block)
        elif line.caller is not None:
            self._to_others(line)

    def _anchor(self, line: Line, block: Block | None, rule: Rule, match: re.Match[str]) -> Iterator[Block]:
        if block is not None and block.takes(rule, match, line.number):
            block.add_first(line, rule, match)
            return
        new = Block(line.caller, self.boot)
        if block is not None:
            block.cut = not block.has_body
            new.inside = block.is_open()
            yield self._close(block)
        new.add_first(line, rule, match)
        self.open[line.caller] = new

    def _to_others(self, line: Line) -> None:
        """Gives a line of another CPU to a report that asked all CPUs for their traces."""
        for block in self.open.values():
            if block.all_cpus:
                block.add(line)
                return

    def _close(self, block: Block) -> Block:
        del self.open[block.caller]
        return block

    def _close_all(self) -> Iterator[Block]:
        for block in list(self.open.values()):
            yield self._close(block)

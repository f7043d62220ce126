"""From one call to its caller: the frames of a stack, x86-64.

Source: arch/x86/kernel/unwind_orc.c, unwind_frame.c. Where the kernel gives up, what can still be found is
given as doubtful, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.unwind import orc
from crashdrive.kernel.unwind.orc import CALLED, FRAME_POINTER, Rule, Tables

# from here on: the image, modules, and code that is generated beside them (BPF, trampolines)
_CODE = 0xFFFF_FFFF_8000_0000
_USER = 3  # of the code segment's selector: the privilege level
_NAMES = {orc.R10: "r10", orc.R13: "r13", orc.AX: "ax", orc.DX: "dx", orc.DI: "di"}
# what a walk needs of a struct pt_regs
REGISTERS = ("ip", "sp", "bp", "cs", *_NAMES.values())
# bytes of call instructions through a register or through memory
_INDIRECT_CALLS = (2, 3, 4, 6, 7)


class Stack(NamedTuple):
    """A stack: its first byte, the first one behind it, and what it is for (``task``, ``irq``, ``NMI``)."""

    low: int
    high: int
    kind: str


class Start(NamedTuple):
    """Where a walk begins.

    ``exact``: ``ip`` is the next instruction, not one behind a call; ``registers`` are others by name, where
    they are known.
    """

    ip: int
    sp: int
    bp: int | None
    exact: bool
    registers: Mapping[str, int] = {}


class Frame(NamedTuple):
    """A function that was called and hasn't returned.

    ``sp``: the stack pointer while in it. ``exact``: it was interrupted at ``address``, which lies behind a
    call otherwise. ``registers``: where those saved by that interruption lie (a ``struct pt_regs``; 0: there
    are none). ``doubt``: why this frame may be none; None where there is no reason to think so.
    """

    address: int
    sp: int
    exact: bool
    stack: str
    registers: int = 0
    doubt: str | None = None


class Trace(NamedTuple):
    """The frames of a stack, the youngest first.

    ``ending``: ``user`` (the last frame is in user space), ``end`` (the last one is a thread's first), or
    ``lost``. ``reason``: why there may be others, or more; None where there is no such doubt.
    """

    frames: tuple[Frame, ...]
    ending: str
    reason: str | None = None


class Unwinder:
    """Unwinds the stacks of one kernel.

    ``tables`` None: it keeps frame pointers. ``places``: the offsets of `REGISTERS` in ``struct pt_regs``.
    ``code``: the bytes of a piece of code, None where they are missing; ``is_code``: whether an address lies
    in the code of the image or of a module.
    """

    def __init__(
        self,
        window: Window,
        tables: Tables | None,
        places: Mapping[str, int],
        code: Callable[[int, int], bytes | None],
        is_code: Callable[[int], bool],
    ) -> None:
        self.window = window
        self.tables = tables
        self.places = places
        self.is_code = is_code
        self._code = code
        self._calls: dict[int, bool] = {}

    def trace(self, start: Start, stacks: Sequence[Stack]) -> Trace:
        """The frames from ``start`` on over these stacks, the first of them its own; raises nothing."""
        if start.registers.get("cs", 0) & _USER == _USER:
            return Trace((Frame(start.ip, start.sp, True, "user"),), "user")
        return _Walk(self, start, stacks).run()

    def is_behind_call(self, address: int) -> bool:
        """Whether an address lies in code, right behind a call."""
        found = self._calls.get(address)
        if found is None:
            before = self._code(address - 7, 7) if self.is_code(address) else None
            found = self._calls[address] = _is_call(before)
        return found


def _is_call(before: bytes | None) -> bool:
    """Whether seven bytes end in a call: relative (e8), or ff /2 in any of its forms."""
    if before is None:
        return False
    indirect = (before[-size] == 0xFF and before[1 - size] >> 3 & 7 == 2 for size in _INDIRECT_CALLS)
    return before[-5] == 0xE8 or any(indirect)


class LostError(Exception):
    """The caller can't be told."""


def stack_word(window: Window, address: int, stack: Stack) -> int:
    """A word of a stack, read with all above it where it wasn't yet; LostError where it is missing."""
    if not window.knows(address):
        window.fetch([(address, stack.high - address)])
    word = window.word(address)
    if word is None:
        hole = window.hole(address, 8)
        raise LostError(f"the stack at {address:#x} is {hole.reason if hole else 'missing'}")
    return word


class _EndError(Exception):
    """There is no caller."""


class _Walk:
    """One walk: where it is, and what it found.

    ``full``: where all registers of the present frame lie; ``initial``: those that are known otherwise.
    """

    def __init__(self, unwinder: Unwinder, start: Start, stacks: Sequence[Stack]) -> None:
        self.unwinder, self.window, self.places = unwinder, unwinder.window, unwinder.places
        self.ip, self.sp, self.bp, self.exact, self.initial = start
        self.full = self.regs = 0
        self.stacks, self.left = stacks, list[Stack]()
        self.stack = self._stack_of(start.sp) or Stack(0, 0, "")
        self.frames: list[Frame] = []
        self.lasting: str | None = None  # a doubt about all that follows
        # doubts by level: of a frame that stays in doubt, and of one that a proper end proves
        self.guesses: dict[int, str] = {}
        self.unproven: dict[int, str] = {}

    def run(self) -> Trace:
        step = self._step if self.unwinder.tables else self._step_by_frame_pointer
        if not self.stack.high:
            self._add()
            return self._ended("lost", f"the stack pointer, {self.sp:#x}, is on none of its stacks")
        while True:
            self._add()
            try:
                if step():
                    self.frames.append(Frame(self.ip, self.sp, True, "user", self.regs, self.lasting))
                    return self._ended("user")
            except _EndError:
                return self._ended("end")
            except LostError as error:
                if not self._scan(str(error)):
                    return self._ended("lost", str(error))

    def _add(self) -> None:
        doubt = self.lasting or self.guesses.get(len(self.frames))
        self.frames.append(Frame(self.ip, self.sp, self.exact, self.stack.kind, self.regs, doubt))

    def _ended(self, ending: str, reason: str | None = None) -> Trace:
        """A proper end proves the frames behind a guess; without one all of them are in doubt."""
        frames, guesses = self.frames, self.guesses | self.unproven
        if ending == "lost" and guesses:
            first, doubt = min(guesses.items())
            frames[first:] = [f if f.doubt else f._replace(doubt=doubt) for f in frames[first:]]
        return Trace(tuple(frames), ending, reason or self.lasting)

    # memory

    def _stack_of(self, address: int) -> Stack | None:
        return next((stack for stack in self.stacks if stack.low <= address <= stack.high), None)

    def _word(self, address: int) -> int:
        """A word of one of the stacks."""
        stack = self.stack
        if not stack.low <= address <= stack.high - 8:
            stack = self._stack_of(address) or Stack(0, 0, "")
        if address & 7 or not stack.low <= address <= stack.high - 8:
            raise LostError(f"{address:#x} is on none of its stacks")
        word = self.window.word(address)
        if word is None:
            word = stack_word(self.window, address, stack)
        return word

    def _register(self, name: str) -> int:
        if name in self.initial:
            return self.initial[name]
        if not self.full:
            raise LostError(f"nothing tells {name} at {self.ip:#x}")
        return self._word(self.full + self.places[name])

    # by the unwind tables

    def _step(self) -> bool:
        """On to the caller; True where that is user space."""
        tables = self.unwinder.tables
        rule = tables.find(self.ip if self.exact else self.ip - 1) if tables else None
        if rule is None:
            rule = self._assumed()
        elif rule.kind == orc.END:
            raise _EndError
        elif rule.kind == orc.NO_RULE:
            raise LostError(f"the unwind tables know no caller of {self.ip:#x}")
        base = self._base(rule)
        if rule.kind == orc.CALL:
            return self._return(rule, base)
        return self._interrupted(rule, base)

    def _assumed(self) -> Rule:
        """What holds where there is no table: a call of an address that is no code, or code such as BPF's.

        The kernel takes the former for address 0 alone (null_orc_entry), the latter for all else.
        """
        if self.exact and self.unwinder.is_behind_call(self._word(self.sp)):
            self.unproven[len(self.frames)] = f"{self.ip:#x} is taken to have been called"
            return CALLED
        why = f"no unwind table for {self.ip:#x}, its frame pointer was followed"
        if self.bp is None or not self.sp <= self.bp <= self.stack.high - 16:
            raise LostError(f"no unwind table for {self.ip:#x}, and its frame pointer leads nowhere")
        self.guesses[len(self.frames)] = why
        return FRAME_POINTER

    def _base(self, rule: Rule) -> int:
        """The stack pointer before the call, or where registers were saved."""
        register = rule.sp_reg
        if register == orc.SP:
            return self.sp + rule.sp_offset
        if register == orc.SP_INDIRECT:
            return self._word(self.sp) + rule.sp_offset
        if register in _NAMES:
            return self._register(_NAMES[register])
        if self.bp is None or register not in {orc.BP, orc.BP_INDIRECT}:
            raise LostError(f"nothing tells the stack pointer of the caller of {self.ip:#x}")
        base = self.bp + rule.sp_offset
        return base if register == orc.BP else self._word(base)

    def _return(self, rule: Rule, base: int) -> bool:
        ip = self._word(base - 8)
        bp = self._caller_bp(rule, base)
        self._check_code(ip, base - 8)
        self._move(ip, base)
        self.bp, self.exact, self.full, self.regs, self.initial = bp, rule.signal, 0, 0, {}
        return False

    def _interrupted(self, rule: Rule, base: int) -> bool:
        """On to what was interrupted, by its registers: all of them, or ip, cs, flags, sp and ss alone."""
        at = base if rule.kind == orc.REGS else base - self.places["ip"]
        full = at if rule.kind == orc.REGS else self.full
        return self._take(at, full, None if full else self.bp, exact=rule.signal)

    def _take(self, at: int, full: int, bp: int | None, *, exact: bool) -> bool:
        places = self.places
        ip, sp, cs = (self._word(at + places[name]) for name in ("ip", "sp", "cs"))
        if full:
            bp = self._word(full + places["bp"])
        if cs & _USER == _USER:
            self.ip, self.sp, self.regs = ip, sp, at if full == at else 0
            return True
        self._check_code(ip, at + places["ip"])
        self._move(ip, sp)
        self.bp, self.exact, self.full, self.initial = bp, exact, full, {}
        self.regs = at if full == at else 0
        return False

    def _caller_bp(self, rule: Rule, base: int) -> int | None:
        if rule.bp_reg == orc.PREV_SP:
            return self._word(base + rule.bp_offset)
        if rule.bp_reg == orc.BP and self.bp is not None:
            return self._word(self.bp + rule.bp_offset)
        return self.bp

    def _check_code(self, ip: int, place: int) -> None:
        if ip < _CODE:
            raise LostError(f"{ip:#x}, at {place:#x}, is no address of code")

    def _move(self, ip: int, sp: int) -> None:
        """On to a stack pointer: always further up a stack, and to no stack a second time."""
        stack = self.stack
        if stack.low <= sp <= stack.high:
            if sp <= self.sp:
                raise LostError(f"the caller of {self.ip:#x} would be further down, at {sp:#x}")
        else:
            other = self._stack_of(sp)
            if other is None or other in self.left:
                raise LostError(f"the stack pointer of the caller of {self.ip:#x} would be {sp:#x}")
            self.left.append(stack)
            self.stack = other
        self.ip, self.sp = ip, sp

    # by frame pointers

    def _step_by_frame_pointer(self) -> bool:
        """The same for a kernel that keeps frame pointers.

        Registers saved on entry have their address in the frame pointer, plus 1 (since 4.9, 946c191161ce).
        """
        bp = self.bp
        if not bp:
            raise _EndError if bp == 0 else LostError("nothing tells the frame pointer")
        if bp & 1:
            return self._by_registers(bp - 1)
        ip, caller_bp = self._word(bp + 8), self._word(bp)
        if not ip:
            raise _EndError
        self._check_code(ip, bp + 8)
        self._move(ip, bp + 16)
        self.bp, self.exact, self.regs = caller_bp, False, 0
        return False

    def _by_registers(self, at: int) -> bool:
        if not self._word(at + self.places["ip"]):  # a kernel thread's
            raise _EndError
        return self._take(at, at, None, exact=True)

    # where nothing tells

    def _scan(self, why: str) -> bool:
        """On to the next word on the stack that points behind a call; all from there on is in doubt."""
        window, unwinder = self.window, self.unwinder
        for place in range(-(-max(self.sp, self.stack.low) // 8) * 8, self.stack.high - 7, 8):
            if not window.knows(place):
                window.fetch([(place, self.stack.high - place)])
            word = window.word(place)
            if word is not None and word >= _CODE and unwinder.is_behind_call(word):
                self.lasting = f"found by looking through the stack: {why}"
                # what functions in between saved of it is unknown; most save nothing
                bp = self.bp if self.bp and place < self.bp < self.stack.high else None
                self.ip, self.sp, self.bp, self.exact = word, place + 8, bp, False
                self.full, self.regs, self.initial = 0, 0, {}
                return True
        return False

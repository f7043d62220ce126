"""``bt``: traces of many architectures and ages, printed ones parsed again, damaged ones marked."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.bt import Backtrace
from crashdrive.parsers.grammar.register_values import ExceptionFrame
from crashdrive.parsers.grammar.stack import Frame, StackWord
from tests.parsers.printed import header, with_a_line_twice, without_a_line
from tests.parsers.recorded import each, output
from tests.strategies import COMMANDS, CPUS, KERNEL_ADDRESSES, PIDS, SYMBOLS, WORDS

INIT = header(1, 0xFFFF8904411FC180, 0, "init")
TOP = " #0 [ffffcdfe80013c10] panic at ffffffffac86c62f\n"
OLD = header(286, 0xC0B3A000, 0, "in.rlogind")
USER = (
    "    RIP: 000000000043b1e0  RSP: 00007ffec14a6f18  RFLAGS: 00000202\n"
    "    RAX: ffffffffffffffda  RBX: 0000000000000005  RCX: 000000000043b1e0\n"
    "    RDX: 0000000000000001  RSI: 0000000000480ef9  RDI: 0000000000000005\n"
    "    RBP: 000000000047c10a   R8: 0000000000000000   R9: 0000000000000001\n"
    "    R10: 0000000000000000  R11: 0000000000000202  R12: 0000000000480ef9\n"
    "    R13: 0000000000492dbd  R14: 000000000047c0c1  R15: 0000000000000003\n"
    "    ORIG_RAX: 0000000000000001  CS: 0033  SS: 002b\n"
)


NAMES_X86_64 = [name.lower() for name in re.findall(r"(\w+): ", USER)]


def frame_line(frame: Frame) -> str:
    """``x86_64_print_stack_entry()``."""
    offset = "" if frame.offset is None else f"+{frame.offset}"
    via = f" (via {frame.via})" if frame.via else ""
    module = f" [{frame.module}]" if frame.module else ""
    line = f"{'' if (frame.level or 0) > 9 else ' '}#{frame.level} [{frame.sp:8x}] {frame.function}{offset}"
    source = f"    {frame.file}: {frame.line}\n" if frame.file else ""
    return f"{line} at {frame.address:x}{via}{module}\n{source}{registers(frame.exception)}"


def registers(exception: ExceptionFrame | None) -> str:
    """``x86_64_exception_frame()``."""
    if exception is None:
        return ""
    place = "" if exception.offset is None else f"+{exception.offset}"
    head = f"    [exception RIP: {exception.function}{place}]\n" if exception.function else ""
    r = exception.registers
    return (
        f"{head}    RIP: {r['rip']:016x}  RSP: {r['rsp']:016x}  RFLAGS: {r['rflags']:08x}\n"
        f"    RAX: {r['rax']:016x}  RBX: {r['rbx']:016x}  RCX: {r['rcx']:016x}\n"
        f"    RDX: {r['rdx']:016x}  RSI: {r['rsi']:016x}  RDI: {r['rdi']:016x}\n"
        f"    RBP: {r['rbp']:016x}   R8: {r['r8']:016x}   R9: {r['r9']:016x}\n"
        f"    R10: {r['r10']:016x}  R11: {r['r11']:016x}  R12: {r['r12']:016x}\n"
        f"    R13: {r['r13']:016x}  R14: {r['r14']:016x}  R15: {r['r15']:016x}\n"
        f"    ORIG_RAX: {r['orig_rax']:016x}  CS: {r['cs']:04x}  SS: {r['ss']:04x}\n"
    )


def trace_text(trace: Backtrace) -> str:
    lines = [header(trace.pid or 0, trace.task, trace.cpu or 0, trace.comm or "")]
    for frame in trace.frames:
        lines += [f"--- <{frame.marker}> ---\n" if frame.marker else "", frame_line(frame)]
    return "".join(lines)


EXCEPTIONS = st.builds(
    ExceptionFrame,
    registers=st.fixed_dictionaries(dict.fromkeys(NAMES_X86_64, WORDS)),
    function=st.none() | SYMBOLS,
).flatmap(
    lambda e: (
        st.just(e)
        if e.function is None
        else st.builds(
            ExceptionFrame,
            registers=st.just(e.registers),
            function=st.just(e.function),
            offset=st.none() | st.integers(1, 999),
        )
    )
)
PIECES = st.fixed_dictionaries(
    {
        "sp": KERNEL_ADDRESSES,
        "function": SYMBOLS,
        "address": KERNEL_ADDRESSES,
        "offset": st.none() | st.integers(1, 1 << 20),
        "module": st.none() | SYMBOLS,
        "marker": st.none() | st.sampled_from(["IRQ stack", "NMI exception stack"]),
        "exception": st.none() | EXCEPTIONS,
    },
    optional={"file": st.just("/usr/src/linux/kernel/sched: core.c"), "via": st.just("system_call")},
)


@st.composite
def traces(draw: st.DrawFn) -> Backtrace:
    pieces: list[dict[str, Any]] = draw(st.lists(PIECES, min_size=1, max_size=8))
    for level, piece in enumerate(pieces):
        piece |= {"level": level, "line": 7 if piece.get("file") else None}
        piece["marker"] = piece["marker"] if level else None
    frames = [Frame(**piece) for piece in pieces]
    return Backtrace(
        pid=draw(PIDS), task=draw(KERNEL_ADDRESSES), cpu=draw(CPUS), comm=draw(COMMANDS), frames=tuple(frames)
    )


@settings(max_examples=40)
@given(st.lists(traces(), min_size=1, max_size=3, unique_by=lambda trace: trace.task))
def test_printed_and_parsed(found: list[Backtrace]) -> None:
    answer = parse("bt -asl", "\n".join(map(trace_text, found)))
    assert list(answer) == found
    assert answer.complete


@settings(max_examples=60)
@given(
    st.lists(traces(), min_size=2, max_size=3, unique_by=lambda trace: trace.task),
    st.randoms(use_true_random=False),
)
def test_damage_is_an_error_or_marked(found: list[Backtrace], chance: random.Random) -> None:
    """A line that is gone or stands twice: an error, a mark, or a piece less below or between frames."""
    text = "\n".join(map(trace_text, found))
    for damage in (without_a_line, with_a_line_twice):
        try:
            answer = parse("bt -asl", damage(text, chance))
        except ParseError:
            continue
        assert not answer.complete or all(_is_part(trace, found) for trace in answer)


def _is_part(trace: Backtrace, found: list[Backtrace]) -> bool:
    """The trace, or one that lost its end or what stood between its frames."""
    whole = next(other for other in found if other.task == trace.task)
    names = [(frame.level, frame.sp, frame.function, frame.address) for frame in trace.frames]
    return names == [(f.level, f.sp, f.function, f.address) for f in whole.frames][: len(names)]


def test_a_system_call_of_today() -> None:
    text = (
        f"{INIT} #0 [ffffcdfe80013c10] machine_kexec at ffffffffac86c62f\n"
        " #1 [ffffcdfe80013da8] sysrq_handle_crash at ffffffffacea8a06 [crashme]\n"
        f" #2 [ffffcdfe80013f50] entry_SYSCALL_64_after_hwframe at ffffffffad400126\n{USER}"
    )
    (trace,) = parse("bt", text)
    assert [frame.function for frame in trace.frames][::2] == [
        "machine_kexec",
        "entry_SYSCALL_64_after_hwframe",
    ]
    assert trace.frames[1].module == "crashme"
    user = trace.frames[2].exception
    assert user.registers["rip"] == 0x43B1E0
    assert user.registers["orig_rax"] == 1
    assert len(user.registers) == 21


def test_registers_that_are_missing() -> None:
    lines = USER.splitlines(keepends=True)
    answer = parse(
        "bt", f"{INIT} #0 [ffffcdfe80013f50] entry at ffffffffad400126\n{''.join(lines[:3] + lines[4:])}"
    )
    assert not answer.complete
    assert not answer[0].complete
    assert not answer[0].frames[0].exception.complete
    with pytest.raises(ParseError):
        parse("bt", f"{INIT} #0 [ffffcdfe80013f50] entry at ffffffffad400126\n{lines[0]}{lines[1]}{lines[1]}")


def test_arguments_and_modules_of_old_kernels() -> None:
    text = (
        f"{OLD} #0 [c5601f38] schedule at c01135f6\n    (void)\n"
        " #1 [c5601fb8] svc_recv at c805363a\n    (c0096f40, 7fffffff, ext2_file_inode_operations)\n"
        " #2 [c5601fec] (nfsd module) at c806e303\n    (50)\n"
        " #3 [c0b3bf08] stext_lock (via drain_cpu_caches) at c025fa55\n"
    )
    frames = parse("bt", text)[0].frames
    assert frames[0].arguments == ()
    assert frames[1].arguments == ("c0096f40", "7fffffff", "ext2_file_inode_operations")
    assert frames[2].function == "(nfsd module)"
    assert (frames[3].function, frames[3].via) == ("stext_lock", "drain_cpu_caches")


def test_x86() -> None:
    text = (
        f"{OLD} #0 [c0b3bfbc] ret_from_intr at c0109634\n"
        "    EAX: 00000000  EBX: c0e68280  ECX: 00000000  EDX: 00000004  EBP: c0b3bfbc \n"
        "    DS:  0018      ESI: 00000004  ES:  0018      EDI: c0e68284  GS:  0000\n"
        "    CS:  0010      EIP: c012f803  ERR: ffffff09  EFLAGS: 00000246 \n"
        " #1 [c0b3bfc0] system_call at c0109598\n"
        "    EAX: 0000008e  EBX: 00000004  ECX: bfffc9a0  EDX: 00000000 \n"
        "    DS:  002b      ESI: bfffc8a0  ES:  002b      EDI: 00000000 \n"
        "    SS:  002b      ESP: bfffc82c  EBP: bfffd224 \n"
        "    CS:  0023      EIP: 400d032e  ERR: 0000008e  EFLAGS: 00000246 \n"
    )
    answer = parse("bt", text)
    kernel, user = (frame.exception for frame in answer[0].frames)
    assert answer.complete
    assert (kernel.registers["eip"], kernel.registers["gs"]) == (0xC012F803, 0)
    assert user.registers["esp"] == 0xBFFFC82C


def test_arm64() -> None:
    rows = [f"X{i}: {i:016x}" for i in range(29, -1, -1)]
    body = "".join(f"    {'  '.join(rows[i : i + 3])}\n" for i in range(0, 30, 3)).replace("X9:", " X9:")
    text = (
        f"{INIT} #0 [ffff80000805be10] crash_save_cpu at ffff8000081577f4\n--- <IRQ stack> ---\n"
        " #1 [ffff80000a9d3d50] el1h_64_irq at ffff800008011a80 \n"
        "     PC: ffff800008cfd0c0  [arch_cpu_idle+16]\n     LR: ffff800008cfd0bc  [arch_cpu_idle+12]\n"
        f"     SP: ffff80000a9d3e60  PSTATE: 60400009\n{body}"
        " #2 [ffff80000a9d3e60] default_idle_call at ffff800008d0a3f4\n"
        "     PC: 0000ffff8b5e2b44   LR: 0000ffff8b5e2b40   SP: 0000ffffd7a0d7c0\n"
        f"{body}    ORIG_X0: 0000000000000001  SYSCALLNO: 40  PSTATE: 60001000\n"
    )
    answer = parse("bt", text)
    (trace,) = answer
    assert answer.complete
    assert trace.frames[1].marker == "IRQ stack"
    kernel, user = trace.frames[1].exception, trace.frames[2].exception
    assert kernel.details == {"pc": "arch_cpu_idle+16", "lr": "arch_cpu_idle+12"}
    assert kernel.registers["x29"] == 29
    assert user.registers["syscallno"] == 0x40


def test_arm() -> None:
    text = (
        f"{OLD} #0 [<c0012345>] (schedule+0x10) from [<c0054321>]\n"
        " #1 [<bf000123>] (crash_init [crashme]) from [<c0054321>]\n"
        "    pc : [<00008a5c>]    lr : [<000089f0>]    psr: 60000010\n"
        "    sp : bec4  ip : 00000000  fp : 00000001\n"
        "    r10: 40025000  r9 : 00000000  r8 : 00000000\n"
        "    r7 : 00000004  r6 : 00000003  r5 : 00000002  r4 : 00000001\n"
        "    r3 : 00000003  r2 : 00000002  r1 : 00000001  r0 : 00000000\n"
        "    Flags: nZCv  IRQs on  FIQs on  Mode USER_32  ISA ARM\n"
        "    [PC: c0012345  LR: c0054321  SP: c7a0bf40  SIZE: 24]\n    c7a0bf40: 00000001 c0012345 \n"
    )
    answer = parse("bt -f", text)
    first, second = answer[0].frames
    assert answer.complete
    assert (first.sp, first.address, first.offset, first.return_address) == (
        None,
        0xC0012345,
        0x10,
        0xC0054321,
    )
    assert second.module == "crashme"
    assert second.exception.registers["psr"] == 0x60000010
    assert second.exception.details["mode"] == "USER_32"
    assert second.bounds == {"pc": 0xC0012345, "lr": 0xC0054321, "sp": 0xC7A0BF40, "size": 24}
    assert second.data == (
        StackWord(address=0xC7A0BF40, value=1),
        StackWord(address=0xC7A0BF44, value=0xC0012345),
    )


def test_s390x() -> None:
    words = " ".join(f"{i:016x}" for i in range(4))
    gprs = f" GPRS: {words} \n" + f"       {words} \n" * 3
    text = (
        f"{INIT} LOWCORE INFO:\n  -psw      : 0x0002000180000000 0x0000000000a1b2c3\n"
        "  -function : vtime_stop_cpu at a1b2c3\n"
        "  -prefix   : 0x7fe42000\n  -cpu timer: 0x7fffffffff123456\n  -clock cmp: 0x00c6e4d21f9d1a00\n"
        "  -general registers:\n"
        + "     0x0000000000000001 0000000000000000\n" * 8
        + "  -access registers:\n"
        + "     0x000003ff 0xf7fe0000 0000000000 0000000000\n" * 4
        + "  -control registers:\n"
        + "     0x00a0000014066a12 0x0000000000000001\n" * 8
        + "  -floating point registers:\n"
        + "     0x4f20000000000000 0x0000000000000001\n" * 8
        + "\n #0 [7f9d7d28] crash_kexec at 1c4aee\n KERNEL-MODE INTERRUPT FRAME; pt_regs at 7f9d7e00:\n"
        f" PSW:  0704c00180000000 0000000000a1b2c3 (schedule+12)\n{gprs}"
        " #0 [7f9d7ee0] start_secondary at 11a5b2\n USER-MODE INTERRUPT FRAME; pt_regs at 7f9d7f00:\n"
        f" PSW:  0705000180000000 000003fffd45f6a2 (user space)\n{gprs}"
    )
    answer = parse("bt", text)
    (trace,) = answer
    assert answer.complete
    assert trace.exception.kind == "lowcore"
    assert trace.exception.registers["psw"] == 0xA1B2C3
    assert len(trace.exception.registers) == 5 + 16 * 4
    assert [frame.level for frame in trace.frames] == [0, 0]
    kernel, user = (frame.exception for frame in trace.frames)
    assert (kernel.mode, kernel.location, kernel.details) == ("kernel", 0x7F9D7E00, {"psw": "schedule+12"})
    assert (user.registers["r15"], user.details) == (3, {"psw": "user space"})


def test_ppc64() -> None:
    rows = [f" R{i}:{' ' if i < 10 else ''} {i:016x}   " for i in range(32)]
    gprs = "".join("".join(rows[i : i + 3]) + "\n" for i in range(0, 32, 3))
    text = (
        f"{INIT} #0 [c000000fe5a77a40] crash_kexec at c0000000001a5d8c\n"
        f" System Reset [100] exception frame:\n{gprs}"
        " NIP: c00000000009eb04   MSR: 9000000000009033    OR3: 0000000000000000\n"
        " CTR: c000000000630f90    LR:  c000000000632e30    XER: 0000000000000000\n"
        " CCR: 0000000028242222    MQ:  0000000000000001    DAR: 0000000000000000\n"
        " DSISR: 0000000042000000     Syscall Result: 0000000000000000\n"
        " [NIP  : plpar_hcall_norets+132]\n [LR   : shared_cede_loop+100]\n"
        " #1 [c000000fe5a77d30] schedule at c00000000009eb04  (unreliable)\n"
    )
    answer = parse("bt", text)
    first, second = answer[0].frames
    assert answer.complete
    assert (first.exception.kind, first.exception.trap) == ("System Reset", 0x100)
    assert first.exception.registers["r31"] == 31
    assert first.exception.registers["syscall_result"] == 0
    assert first.exception.details == {"nip": "plpar_hcall_norets+132", "lr": "shared_cede_loop+100"}
    assert second.unreliable


def test_text_symbols() -> None:
    text = (
        f"{INIT}              START: thread_return (schedule) at ffffffff80062f90\n"
        "  [ffffcdfe80013c10] machine_kexec+0x1bf at ffffffffac86c62f\n"
        "  [ffffcdfe80013cf0] dput at ffffffffac96475a [ext4]\n"
    )
    (trace,) = parse("bt -tsx", text)
    assert trace.start.function == "thread_return"
    assert [(f.level, f.sp, f.offset, f.module) for f in trace.frames] == [
        (None, 0xFFFFCDFE80013C10, 0x1BF, None),
        (None, 0xFFFFCDFE80013CF0, None, "ext4"),
    ]


def test_the_start_of_a_search_stands_at_its_top() -> None:
    start = "             START: schedule at ffffffff80062f90\n"
    with pytest.raises(ParseError, match="a second START"):
        parse("bt -t", f"{INIT}  [ffffcdfe80013c10] panic at ffffffffac86c62f\n{start}")


def test_where_an_error_is_and_what_was_expected() -> None:
    with pytest.raises(ParseError, match="expected a frame, registers, words of the stack") as caught:
        parse("bt", f"{INIT}{TOP} #1 [ffffcdfe80013c10] panic ffffffffac86c62f\n")
    assert (caught.value.line, caught.value.column) == (3, 1)
    with pytest.raises(ParseError, match="frame #0 is followed by #0") as caught:
        parse("bt", f"{INIT}{TOP}{TOP}")
    assert caught.value.line == 3


def test_lenient_sets_aside_what_does_not_fit() -> None:
    answer = parse(
        "bt", f"{INIT}{TOP}{USER}nonsense\n{USER}{OLD} #0 [c5601f38] schedule at c01135f6\n", lenient=True
    )
    first, second = answer
    assert (len(first.frames), first.complete, second.complete) == (1, False, True)
    assert [(notice.line, notice.kind) for notice in answer.warnings] == [(10, "unparsed"), (11, "unparsed")]


def test_stack_data_with_symbols_and_slabs() -> None:
    text = (
        f"{INIT} #4 [ffff810072b47f10] vfs_write at ffffffff800789d8\n"
        "    ffff810072b47f18: [ffff81007e020380:files_cache] [filp]          \n"
        "    ffff810072b47f28: 0000000000000002 sys_write+69     \n"
    )
    answer = parse("bt -FF", text)
    assert answer[0].frames[0].data == (
        StackWord(address=0xFFFF810072B47F18, value=0xFFFF81007E020380, slab="files_cache"),
        StackWord(address=0xFFFF810072B47F20, slab="filp"),
        StackWord(address=0xFFFF810072B47F28, value=2),
        StackWord(address=0xFFFF810072B47F30, symbol="sys_write", offset=69),
    )
    assert [notice.message for notice in answer.warnings] == ["the first frame is #4"]
    gone = text.replace("    ffff810072b47f18", "    ffff810072b47f08")
    assert not parse("bt -FF", gone).complete


def test_exception_frames_by_search() -> None:
    frame = (
        "\n  KERNEL-MODE EXCEPTION FRAME AT: ffffcdfe80013c70\n"
        f"    [exception RIP: no symbolic reference]\n{USER}"
    )
    text = f"{INIT}{frame}"
    (trace,) = parse("bt -e", text)
    (found,) = trace.found
    assert (found.mode, found.location, found.function) == ("kernel", 0xFFFFCDFE80013C70, None)
    assert found.details == {"exception": "no symbolic reference"}
    stacks = (
        "CPU 0 IRQ STACK:\n(none found)\n\nCPU 1 NMI EXCEPTION STACK: [OFFLINE]\n\n"
        f"CPU 1 MCE EXCEPTION STACK:\n{frame}\n"
    )
    irq, nmi, mce = parse("bt -E", stacks)
    assert (irq.stack, irq.cpu, irq.found, nmi.offline) == ("IRQ", 0, (), True)
    assert len(mce.found) == 1
    assert not parse("bt -E", stacks.replace("(none found)\n", "")).complete


def test_what_crash_says_in_place_of_frames() -> None:
    text = (
        f'{INIT}(active)\n\n{OLD}bt: invalid size request: 0  type: "stack contents"\n'
        "bt: read of stack at fffffe0000014000 failed\n"
    )
    active, failed = answer = parse("bt -a", text)
    assert active.status == ("(active)",)
    assert active.complete
    assert not failed.complete
    assert not answer.complete
    errors = (
        f"{INIT} #0 [ffffcdfe80013c10] panic at ffffffffac86c62f\n"
        "bt: cannot transition from IRQ stack to current process stack:\n"
        "        IRQ stack pointer: ffff88003fc03d40\n"
        "    process stack pointer: ffff88003fc03f50\n       current stack base: ffffffff81600000\n"
    )
    assert len(parse("bt", errors)[0].frames) == 1


def test_stack_overflows() -> None:
    assert list(parse("bt -v", "No stack overflows detected\n")) == []
    text = f"{INIT}  possible stack overflow: 40ffffffff != STACK_END_MAGIC\n\n"
    (found,) = parse("bt -v", text)
    assert found.problems == ("40ffffffff != STACK_END_MAGIC",)
    answer = parse(
        "bt -v", 'bt: invalid kernel virtual address: 0  type: "check"\nNo stack overflows detected\n'
    )
    assert (len(answer), answer.complete) == (0, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bt: invalid task or pid value: 7\n",
        f"{INIT}{TOP}{TOP}",
        f"{INIT}{TOP}\n{TOP}",
        f"{INIT} #0 [ffffcdfe80013c10] panic ffffffffac86c62f\n",
        f"{INIT} #0 [ffffcdfe80013c10] panic at ffffffffac86c62f\n{USER}{USER}",
        f"{INIT} #0 [ffffcdfe80013c10] panic at ffffffffac86c62f\nRIQ: 0000000000000000\n",
        f"{INIT}\0\0\n",
        "      PID    PPID  CPU       TASK        ST  %MEM      VSZ      RSS  COMM\n",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("bt", text)


def test_a_name_with_a_quote_and_a_newline() -> None:
    text = header(7, 0xFFFF8904411FC180, 0, 'a\n"b" #0 [c').replace("\n", "\n")
    (trace,) = parse("bt", f"{text} #0 [ffffcdfe80013c10] panic at ffffffffac86c62f\n")
    assert trace.comm == 'a\n"b" #0 [c'
    with pytest.raises(ParseError):
        parse("bt", header(7, 0xFFFF8904411FC180, 0, 'a"\n #0 [c] b at c'))


def test_ten_megabytes_in_a_line() -> None:
    for filler in ("x", " ", "0 ", "RIP: 0 ", "(", "[a] ", "00000000 "):
        with pytest.raises(ParseError):
            parse("bt", f"{INIT} #0 [ffffcdfe80013c10] " + filler * (10_000_000 // len(filler)))


@each("bt")
def test_frames_counted_another_way(case: Path) -> None:
    command, text = output(case)
    answer = parse(command, text)
    if answer.shape == "traces":
        assert len(answer) == len(re.findall(r"^PID: ", text, re.MULTILINE))
        frames = re.findall(r"^ {0,2}(?:#\d+ )?\[[0-9a-f]+\] \S+ at ", text, re.MULTILINE)
        assert sum(len(trace.frames) for trace in answer) == len(frames)
        below = [frame for trace in answer for frame in trace.frames if frame.exception]
        found = sum(len(trace.found) for trace in answer)
        assert len(below) + found == text.count("ORIG_RAX: ")


@each("foreach", "foreach_bt")
def test_foreach_bt_knows_the_tasks_of_ps(case: Path) -> None:
    command, text = output(case)
    table = case.parent.with_name("ps") / "ps.cmd"
    if table.with_suffix(".json").exists():
        # ps puts names of kernel threads in brackets, and no quotes: blanks around them can't be told.
        expected = [(task.pid, task.task) for task in parse(*output(table))]
        names = [{task.comm, task.comm[1:-1]} for task in parse(*output(table))]
        traces = parse(command, text).records
        assert [(trace.pid, trace.task) for trace in traces] == expected
        assert all(trace.comm.strip(" ") in comm for trace, comm in zip(traces, names, strict=True))

# ruff: noqa: E501, FBT001, ARG001, Q003 - lines are as long as consoles print them; whether an exception led there is a column
"""Texts of crashes in the forms of all architectures and eras, each with its truth; written here, none copied.

A text is made of a machine's way to say what happened (`Machine.says`), of its way to show where (`Machine.body`)
and of what stands before each line where the log was captured. Names of functions are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

CULPRIT, CALLER, OUTER, MODULE = "olive_fetch", "olive_poll", "olive_ioctl", "olive"


class Case(NamedTuple):
    """A text, and what is true of it."""

    name: str
    text: str
    kind: str
    function: str
    module: str | None


class Machine(NamedTuple):
    """An architecture in an era: how it says each kind, and what it prints below.

    ``body`` is given what stands above the culprit on the stack (a checker, a lock), innermost first, and
    whether an exception led there.
    """

    name: str
    says: dict[str, str]
    body: Callable[[tuple[str, ...], bool], str]


def _offset(name: str) -> str:
    return f"{name}+0x{4 * len(name):x}/0x{16 * len(name):x}"


def _module(name: str) -> str:
    return f" [{MODULE}]" if name.startswith("olive") else ""


def _stack(above: tuple[str, ...], own: tuple[str, ...] = (CULPRIT, CALLER, OUTER)) -> tuple[str, ...]:
    return (*above, *own)


def _address(name: str, width: int = 16, base: int = 0xFFFFFFFF81000000) -> str:
    if name.startswith("olive"):
        base += 0x20000000 if width == 16 else 0x1000000
    return f"{(base + sum(map(ord, name)) * 0x10) % (1 << 4 * width):0{width}x}"


# x86-64


def _x86_now(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = "CPU: 1 PID: 812 Comm: worker Tainted: G           OE      6.6.30 #1\nHardware name: QEMU Standard PC\n"
    ip = f"RIP: 0010:{_offset(stack[0])}{_module(stack[0])}\nCode: 90 90 <0f> 0b c3\n"
    ip += "RSP: 0018:ffffb1e3c0b3fc60 EFLAGS: 00010246\nRAX: 0000000000000000 RBX: ffff8d3b41234000 RCX: 0000000000000001\n"
    entry = ["__die_body.cold", "exc_page_fault", "asm_exc_page_fault"] if trapped else []
    lines = [f" ? {_offset(name)}" for name in entry]
    lines += [f" ? {_offset(stack[0])}{_module(stack[0])}"] if trapped else []
    lines += [f" {_offset(name)}{_module(name)}" for name in (stack[1:] if trapped else stack)]
    lines += [f" {_offset(name)}" for name in ("do_syscall_64", "entry_SYSCALL_64_after_hwframe")]
    trace = "Call Trace:\n <TASK>\n" + "\n".join(lines) + "\n </TASK>\n"
    return (
        head
        + (ip if trapped else "")
        + trace
        + "Modules linked in: olive(OE) virtio_net\n---[ end trace 0000000000000000 ]---\n"
    )


def _x86_4(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    at = f"[<{_address(stack[0])}>]"
    ip = f"RIP: 0010:{at}  {at} {_offset(stack[0])}{_module(stack[0])}\nRSP: 0018:ffff8800369cfd58  EFLAGS: 00010246\n"
    ip += "RAX: 0000000000000000 RBX: ffff880036b8a000 RCX: 0000000000000001\n"
    head = (
        "Modules linked in: olive(O) ext4\nCPU: 1 PID: 812 Comm: worker Tainted: G           O    4.4.0 #1\n"
    )
    frames = stack[1:] if trapped else stack
    lines = [f" [<{_address(name)}>] {_offset(name)}{_module(name)}" for name in frames]
    lines += [f" [<{_address(name)}>] {_offset(name)}" for name in ("SyS_ioctl", "entry_SYSCALL_64_fastpath")]
    trace = "Call Trace:\n" + "\n".join(lines) + "\n"
    return (
        head
        + (ip if trapped else "")
        + trace
        + ("Code: 90 90 <0f> 0b c3\n" if trapped else "")
        + "---[ end trace 1b2c3d4e5f607182 ]---\n"
    )


def _x86_2618(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)

    def frame(name: str) -> str:
        module = f":{MODULE}:" if name.startswith("olive") else ""
        return f"<{_address(name)}>{{{module}{name}+{4 * len(name)}}}"

    ip = f"RIP: 0010:[<{_address(stack[0])}>] {frame(stack[0])}\nRSP: 0018:ffff81003e1b9e48  EFLAGS: 00010246\n"
    head = "CPU 1 \nModules linked in: olive ext3\nPid: 812, comm: worker Not tainted 2.6.16 #1\n"
    frames = stack[1:] if trapped else stack
    trace = "Call Trace: " + " ".join(map(frame, frames)) + "\n       <ffffffff8010a7be>{system_call+126}\n"
    return head + (ip if trapped else "") + trace


# i386


def _i386_26(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    ip = f"EIP:    0060:[<{_address(stack[0], 8)}>]    Not tainted VLI\nEFLAGS: 00010246   (2.6.15 #1)\n"
    ip += f"EIP is at {_offset(stack[0])}{_module(stack[0])}\neax: 00000000   ebx: c1234000   ecx: 00000001   edx: 00000000\n"
    ip += "Process worker (pid: 812, threadinfo=c1234000 task=c7654321)\n"
    frames = stack[1:] if trapped else stack
    trace = "Call Trace:\n" + "".join(
        f" [<{_address(name, 8)}>] {_offset(name)}{_module(name)}\n" for name in frames
    )
    return (
        ("CPU:    1\n" + ip if trapped else "")
        + trace
        + f" [<{_address('x', 8)}>] sysenter_past_esp+0x54/0x75\n"
    )


def _i386_24(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)

    def frame(name: str) -> str:
        module = f"{MODULE}:" if name.startswith("olive") else ""
        return f"[{module}{name}+{4 * len(name)}/{16 * len(name)}]"

    ip = f"CPU:    0\nEIP:    0010:{frame(stack[0])}    Not tainted\nEFLAGS: 00010246\neax: 00000000   ebx: c1234000\n"
    ip += "Process worker (pid: 812, stackpage=c1235000)\n"
    trace = "Call Trace: " + " ".join(f"   {frame(name)}" for name in stack[1:]) + " [system_call+51/56]\n"
    return ip + trace + "\nCode: 8b 40 18 c3\n"


# arm64, arm


def _arm64_now(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = (
        "Modules linked in: olive(OE)\nCPU: 1 PID: 812 Comm: worker Tainted: G           OE      6.6.30 #1\n"
    )
    ip = f"pstate: 60400005 (nZCv daif +PAN -UAO)\npc : {_offset(stack[0])}{_module(stack[0])}\nlr : {_offset(stack[1])}{_module(stack[1])}\n"
    ip += "sp : ffff80000a1bbc90\nx29: ffff80000a1bbc90 x28: ffff0000c1f40000 x27: 0000000000000000\n"
    lines = "".join(f" {_offset(name)}{_module(name)}\n" for name in stack)
    end = " invoke_syscall+0x48/0x114\n el0_svc+0x34/0xd8\n el0t_64_sync+0x190/0x194\n"
    return (
        head
        + (ip if trapped else "")
        + "Call trace:\n"
        + lines
        + end
        + ("Code: aa0003f3 (f9400c14) \n" if trapped else "")
        + "---[ end trace 0000000000000000 ]---\n"
    )


def _arm64_4(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = "Modules linked in: olive(O)\nCPU: 1 PID: 812 Comm: worker Tainted: G           O    4.9.0 #1\n"
    ip = f"PC is at {_offset(stack[0])}{_module(stack[0])}\nLR is at {_offset(stack[1])}{_module(stack[1])}\n"
    ip += f"pc : [<{_address(stack[0])}>] lr : [<{_address(stack[1])}>] pstate: 60000145\nsp : ffffffc0369cfd58\n"
    lines = "".join(f"[<{_address(name)}>] {_offset(name)}{_module(name)}\n" for name in stack)
    return (
        head
        + (ip if trapped else "")
        + "Call trace:\n"
        + lines
        + "[<ffffff8008083000>] el0_svc_naked+0x24/0x28\n---[ end trace 1b2c3d4e5f607182 ]---\n"
    )


def _arm(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = "Modules linked in: olive(O)\nCPU: 0 PID: 812 Comm: worker Tainted: G           O    4.19.0 #1\nHardware name: Generic DT based system\n"
    ip = f"PC is at {_offset(stack[0])}{_module(stack[0])}\nLR is at {_offset(stack[1])}{_module(stack[1])}\n"
    ip += f"pc : [<{_address(stack[0], 8)}>]    lr : [<{_address(stack[1], 8)}>]    psr: 60000013\n"
    ip += "r10: 00000000  r9 : c1234000  r8 : c0101204\nr3 : 00000000  r2 : 00000001  r1 : 00000002  r0 : 00000000\n"
    ip += "Process worker (pid: 812, stack limit = 0xc1234210)\n"
    pairs = zip(stack, (*stack[1:], "sys_ioctl"), strict=True)
    lines = "".join(
        f"[<{_address(one, 8)}>] ({one}{_module(one)}) from [<{_address(other, 8)}>] ({_offset(other)}{_module(other)})\n"
        for one, other in pairs
    )
    return head + (ip if trapped else "") + lines + "---[ end trace 1b2c3d4e5f607182 ]---\n"


# the others


def _ppc64(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    base = 0xC000000000000000
    head = (
        "Modules linked in: olive(OE)\nCPU: 1 PID: 812 Comm: worker Tainted: G           OE      6.1.0 #1\n"
    )
    ip = f"NIP:  {_address(stack[0], 16, base)} LR: {_address(stack[1], 16, base)} CTR: c0000000007c2ab0\n"
    ip += "REGS: c00000000b9d37b0 TRAP: 0300   Tainted: G           OE       (6.1.0)\n"
    ip += "GPR00: c008000000e90068 c00000000b9d3a50 c008000000eb8000 0000000000000000\n"
    ip += f"NIP [{_address(stack[0], 16, base)}] {_offset(stack[0])}{_module(stack[0])}\n"
    ip += f"LR [{_address(stack[1], 16, base)}] {_offset(stack[1])}{_module(stack[1])}\n"
    frames = stack[1:] if trapped else stack
    lines = "".join(
        f"[c00000000b9d3a50] [{_address(name, 16, base)}] {_offset(name)}{_module(name)}\n" for name in frames
    )
    return (
        head
        + (ip if trapped else "")
        + "Call Trace:\n"
        + lines
        + "[c00000000b9d3e10] [c00000000000c270] system_call_common+0x160/0x2e4\n---[ end trace 0000000000000000 ]---\n"
    )


def _s390(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    base = 0x3FF80000000
    head = "Modules linked in: olive(OE)\nCPU: 1 PID: 812 Comm: worker Tainted: G           OE      6.1.0 #1\nHardware name: IBM 8561\n"
    ip = f"Krnl PSW : 0704c00180000000 {_address(stack[0], 16, base)} ({_offset(stack[0])}{_module(stack[0])})\n"
    ip += "           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3\n"
    lines = "".join(f" [<{_address(name, 16, base)}>] {_offset(name)}{_module(name)} \n" for name in stack)
    return (
        head
        + (ip if trapped else "")
        + "Call Trace:\n"
        + lines
        + " [<00000000a1b2c3d4>] system_call+0x70/0x98 \nLast Breaking-Event-Address:\n [<000003ff80000000>] 0x3ff80000000\n---[ end trace 0000000000000000 ]---\n"
    )


def _riscv(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = (
        "Modules linked in: olive(OE)\nCPU: 1 PID: 812 Comm: worker Tainted: G           OE      6.6.0 #1\n"
    )
    ip = f"epc : {_offset(stack[0])}{_module(stack[0])}\n ra : {_offset(stack[1])}{_module(stack[1])}\n"
    ip += f"epc : {_address(stack[0])} ra : {_address(stack[1])} sp : ff20000000a1bc90\n gp : ffffffff8168e9f0 tp : ff60000001b4a000 t0 : 0000000000000000\n"
    lines = "".join(f"[<{_address(name)}>] {_offset(name)}{_module(name)}\n" for name in stack)
    return (
        head
        + (ip if trapped else "")
        + ("" if trapped else "Call Trace:\n")
        + lines
        + "[<ffffffff80a0b0c0>] ret_from_exception+0x0/0x64\n---[ end trace 0000000000000000 ]---\n"
    )


def _mips(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = "CPU: 0 PID: 812 Comm: worker Tainted: G           O      5.4.0 #1\n"
    ip = f"epc   : {_address(stack[0], 8)} {_offset(stack[0])}{_module(stack[0])}\nra    : {_address(stack[1], 8)} {_offset(stack[1])}{_module(stack[1])}\nStatus: 1100fc03\tKERNEL EXL IE \n"
    ip += "Modules linked in: olive(O)\nProcess worker (pid: 812, threadinfo=87654000, task=87650000, tls=77aa0dd0)\n"
    lines = "".join(f"[<{_address(name, 8)}>] {_offset(name)}{_module(name)}\n" for name in stack)
    return (
        head
        + (ip if trapped else "")
        + "Call Trace:\n"
        + lines
        + "[<80012345>] syscall_common+0x34/0x58\n"
        + ("Code: 8c820000 <ac430018> 03e00008 \n" if trapped else "")
        + "---[ end trace 1b2c3d4e5f607182 ]---\n"
    )


def _sparc(above: tuple[str, ...], trapped: bool) -> str:
    stack = _stack(above)
    head = "CPU: 1 PID: 812 Comm: worker Tainted: G           O      5.10.0 #1\n"
    ip = f"TSTATE: 0000004411001603 TPC: 0000000010212345 TNPC: 0000000010212349 Y: 00000000    Tainted: G\nTPC: <{_offset(stack[0])}{_module(stack[0])}>\n"
    ip += f"g0: 0000000000000000 g1: 0000000000000000 g2: 0000000000000001\nI7: <{_offset(stack[1])}{_module(stack[1])}>\n"
    lines = "".join(
        f" [{_address(name)}] {_offset(name)}{_module(name)}\n" for name in (stack[1:] if trapped else stack)
    )
    return (
        head
        + (ip if trapped else "")
        + "Call Trace:\n"
        + lines
        + " [0000000000406234] linux_sparc_syscall+0x34/0x44\n"
    )


NOW = {
    "null": "BUG: kernel NULL pointer dereference, address: 0000000000000018\n#PF: supervisor read access in kernel mode\n#PF: error_code(0x0000) - not-present page\nPGD 0 P4D 0 \nOops: 0000 [#1] PREEMPT SMP NOPTI\n",
    "paging": "BUG: unable to handle page fault for address: ffffa1b2c3d4e5f6\n#PF: supervisor write access in kernel mode\n#PF: error_code(0x0002) - not-present page\nOops: 0002 [#1] PREEMPT SMP NOPTI\n",
    "gpf": "general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] PREEMPT SMP NOPTI\n",
    "divide": "divide error: 0000 [#1] PREEMPT SMP NOPTI\n",
    "invalid-opcode": "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\ninvalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n",
    "warning": f"------------[ cut here ]------------\nWARNING: CPU: 1 PID: 812 at drivers/olive/core.c:120 {_offset(CULPRIT)} [olive]\nModules linked in: olive(OE)\n",
    "list": "list_del corruption. prev->next should be ffff8d3b41234000, but was dead000000000122. (prev=ffff8d3b41235000)\n------------[ cut here ]------------\nkernel BUG at lib/list_debug.c:59!\ninvalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n",
    "refcount": "------------[ cut here ]------------\nrefcount_t: underflow; use-after-free.\nWARNING: CPU: 1 PID: 812 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110\n",
    "usercopy": "usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-64' (offset 0, size 128)!\n------------[ cut here ]------------\nkernel BUG at mm/usercopy.c:102!\ninvalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n",
    "fortify": "detected buffer overflow in memcpy\n------------[ cut here ]------------\nkernel BUG at lib/string_helpers.c:1048!\ninvalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n",
    "kasan": f"==================================================================\nBUG: KASAN: slab-use-after-free in {_offset(CULPRIT)} [olive]\nRead of size 8 at addr ffff8d3b41234018 by task worker/812\n\n",
    "kfence": f"==================================================================\nBUG: KFENCE: use-after-free read in {_offset(CULPRIT)} [olive]\n\nUse-after-free read at 0x00000000a1b2c3d4 (in kfence-#12):\n",
    "ubsan": "================================================================================\nUBSAN: array-index-out-of-bounds in drivers/olive/core.c:120:12\nindex 9 is out of range for type 'int [8]'\n",
    "softlockup": "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [worker:812]\nModules linked in: olive(OE)\n",
    "hung": "INFO: task worker:812 blocked for more than 120 seconds.\n      Tainted: G           OE      6.6.30 #1\n\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\ntask:worker          state:D stack:0     pid:812   ppid:1      flags:0x00004002\n",
    "atomic": "BUG: scheduling while atomic: worker/812/0x00000002\nModules linked in: olive(OE)\n",
    "panic": "Kernel panic - not syncing: olive: out of ideas\n",
    "double-fault": "PANIC: double fault, error_code: 0x0\ndouble fault: 0000 [#1] PREEMPT SMP NOPTI\n",
    "stack": "BUG: TASK stack guard page was hit at ffffb1e3c0b3bff8 (stack is ffffb1e3c0b3c000..ffffb1e3c0b40000)\nstack guard page: 0000 [#1] PREEMPT SMP NOPTI\n",
    "sleep": "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580\nin_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 812, name: worker\n",
}  # fmt: skip
X86_4 = {
    "null": "BUG: unable to handle kernel NULL pointer dereference at 0000000000000018\nPGD 36b7e067 PUD 36b8a067 PMD 0 \nOops: 0000 [#1] SMP \n",
    "paging": "BUG: unable to handle kernel paging request at ffff880136b8a018\nPGD 1ff7067 PUD 0 \nOops: 0002 [#1] SMP \n",
    "gpf": "general protection fault: 0000 [#1] SMP \n",
    "divide": "divide error: 0000 [#1] SMP \n",
    "invalid-opcode": "invalid opcode: 0000 [#1] SMP \n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\ninvalid opcode: 0000 [#1] SMP \n",
    "warning": f"------------[ cut here ]------------\nWARNING: CPU: 1 PID: 812 at drivers/olive/core.c:120 {_offset(CULPRIT)} [olive]()\n",
    "list": "------------[ cut here ]------------\nWARNING: CPU: 1 PID: 812 at lib/list_debug.c:59 __list_del_entry+0xa1/0xd0()\nlist_del corruption. prev->next should be ffff880036b8a018, but was dead000000000200\n",
    "softlockup": "NMI watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [worker:812]\n",
    "hung": "INFO: task worker:812 blocked for more than 120 seconds.\n      Tainted: G           O    4.4.0 #1\n\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\nworker          D ffff880036b8bd58     0   812      1 0x00000000\n",
    "atomic": "BUG: scheduling while atomic: worker/812/0x00000002\n",
    "panic": "Kernel panic - not syncing: olive: out of ideas\n",
}  # fmt: skip
X86_2618 = {
    "null": "Unable to handle kernel NULL pointer dereference at 0000000000000018 RIP: \n<ffffffffa1001230>{:olive:olive_fetch+44}\nPGD 3e1b8067 PUD 3e1b9067 PMD 0 \nOops: 0000 [1] SMP \n",
    "paging": "Unable to handle kernel paging request at ffff81013e1b9018 RIP: \n<ffffffffa1001230>{:olive:olive_fetch+44}\nPGD 8063 PUD 0 \nOops: 0002 [1] SMP \n",
    "gpf": "general protection fault: 0000 [1] SMP \n",
    "bug": "----------- [cut here ] --------- [please bite here ] ---------\nKernel BUG at drivers/olive/core.c:120\ninvalid opcode: 0000 [1] SMP \n",
    "divide": "divide error: 0000 [1] SMP \n",
}  # fmt: skip
I386_26 = {
    "null": "Unable to handle kernel NULL pointer dereference at virtual address 00000018\n printing eip:\nc8001230\n*pde = 00000000\nOops: 0000 [#1]\n",
    "paging": "Unable to handle kernel paging request at virtual address c9123456\n printing eip:\nc8001230\n*pde = 00000000\nOops: 0002 [#1]\n",
    "gpf": "general protection fault: 0000 [#1]\n",
    "divide": "divide error: 0000 [#1]\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\ninvalid operand: 0000 [#1]\n",
    "atomic": "scheduling while atomic: worker/0x00000001/812\n",
}  # fmt: skip
I386_24 = {
    "null": "Unable to handle kernel NULL pointer dereference at virtual address 00000018\n printing eip:\nc8001230\n*pde = 00000000\nOops: 0000\n",
    "paging": "Unable to handle kernel paging request at virtual address c9123456\n printing eip:\nc8001230\n*pde = 00000000\nOops: 0002\n",
    "gpf": "general protection fault: 0000\n",
    "divide": "divide error: 0000\n",
    "bug": "kernel BUG at core.c:120!\ninvalid operand: 0000\n",
}  # fmt: skip
ARM64_NOW = {
    "null": "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018\nMem abort info:\n  ESR = 0x0000000096000004\nInternal error: Oops: 0000000096000004 [#1] PREEMPT SMP\n",
    "paging": "Unable to handle kernel paging request at virtual address ffff8000deadc018\nMem abort info:\n  ESR = 0x0000000096000044\nInternal error: Oops: 0000000096000044 [#1] PREEMPT SMP\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\nInternal error: Oops - BUG: 00000000f2000800 [#1] PREEMPT SMP\n",
    "invalid-opcode": "Internal error: Oops - undefined instruction: 0000000002000000 [#1] PREEMPT SMP\n",
    "warning": NOW["warning"],
    "list": "list_del corruption. prev->next should be ffff0000c1f40000, but was dead000000000122. (prev=ffff0000c1f41000)\n------------[ cut here ]------------\nkernel BUG at lib/list_debug.c:59!\nInternal error: Oops - BUG: 00000000f2000800 [#1] PREEMPT SMP\n",
    "refcount": NOW["refcount"],
    "kasan": NOW["kasan"],
    "ubsan": NOW["ubsan"],
    "softlockup": NOW["softlockup"],
    "hung": NOW["hung"],
    "atomic": NOW["atomic"],
    "panic": NOW["panic"],
    "sleep": NOW["sleep"],
}  # fmt: skip
ARM64_4 = {
    "null": "Unable to handle kernel NULL pointer dereference at virtual address 00000018\npgd = ffffffc036b8a000\n[00000018] *pgd=0000000000000000\nInternal error: Oops: 96000005 [#1] PREEMPT SMP\n",
    "paging": "Unable to handle kernel paging request at virtual address ffffff80deadc018\npgd = ffffffc036b8a000\nInternal error: Oops: 96000045 [#1] PREEMPT SMP\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\nInternal error: Oops - BUG: 0 [#1] PREEMPT SMP\n",
    "hung": X86_4["hung"].replace("worker          D ffff880036b8bd58", "worker          D ffffff8008085d58"),
    "panic": NOW["panic"],
}  # fmt: skip
ARM = {
    "null": "Unable to handle kernel NULL pointer dereference at virtual address 00000018\npgd = c1230000\n[00000018] *pgd=00000000\nInternal error: Oops: 17 [#1] PREEMPT SMP ARM\n",
    "paging": "Unable to handle kernel paging request at virtual address e1234018\npgd = c1230000\nInternal error: Oops: 805 [#1] PREEMPT SMP ARM\n",
    "invalid-opcode": "Internal error: Oops - undefined instruction: 0 [#1] PREEMPT SMP ARM\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\nInternal error: Oops - BUG: 0 [#1] PREEMPT SMP ARM\n",
}  # fmt: skip
PPC64 = {
    "null": "BUG: Kernel NULL pointer dereference on read at 0x00000018\nFaulting instruction address: 0xc000000020012340\nOops: Kernel access of bad area, sig: 11 [#1]\nLE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries\n",
    "paging": "BUG: Unable to handle kernel data access on write at 0xc00a000012345678\nFaulting instruction address: 0xc000000020012340\nOops: Kernel access of bad area, sig: 11 [#1]\nLE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\nOops: Exception in kernel mode, sig: 5 [#1]\nLE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries\n",
    "warning": NOW["warning"],
    "hung": NOW["hung"],
    "panic": NOW["panic"],
    "softlockup": "watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [worker:812]\n",
}  # fmt: skip
S390 = {
    "null": "Unable to handle kernel pointer dereference in virtual kernel address space\nFailing address: 0000000000000000 TEID: 0000000000000483\nFault in home space mode while using kernel ASCE.\nOops: 0004 ilc:3 [#1] SMP \n",
    "paging": "Unable to handle kernel pointer dereference in virtual kernel address space\nFailing address: 6b6b6b6b6b6b6000 TEID: 6b6b6b6b6b6b6803\nFault in home space mode while using kernel ASCE.\nOops: 0038 ilc:3 [#1] SMP \n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\nmonitor event: 0040 ilc:2 [#1] SMP \n",
    "divide": "fixpoint divide exception: 0009 ilc:2 [#1] SMP \n",
    "warning": NOW["warning"],
    "hung": NOW["hung"],
    "panic": NOW["panic"],
}  # fmt: skip
RISCV = {
    "null": "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018\nOops [#1]\n",
    "paging": "Unable to handle kernel paging request at virtual address ff20000000deadc0\nOops [#1]\n",
    "bug": "------------[ cut here ]------------\nkernel BUG at drivers/olive/core.c:120!\nKernel BUG [#1]\n",
    "warning": NOW["warning"],
    "hung": NOW["hung"],
    "panic": NOW["panic"],
}  # fmt: skip
MIPS = {
    "null": "CPU 0 Unable to handle kernel paging request at virtual address 00000018, epc == 81001230, ra == 81001340\nOops[#1]:\n",
    "paging": "CPU 0 Unable to handle kernel paging request at virtual address c1234018, epc == 81001230, ra == 81001340\nOops[#1]:\n",
    "bug": "Kernel bug detected[#1]:\n",
    "invalid-opcode": "Reserved instruction in kernel code[#1]:\n",
}  # fmt: skip
SPARC = {
    "null": "Unable to handle kernel NULL pointer dereference\ntsk->{mm,active_mm}->context = 0000000000000123\ntsk->{mm,active_mm}->pgd = fff0000123456000\n              \\|/ ____ \\|/\nworker(812): Oops [#1]\n",
    "paging": "Unable to handle kernel paging request at virtual address fff0000deadc0000\ntsk->{mm,active_mm}->context = 0000000000000123\nworker(812): Oops [#1]\n",
}  # fmt: skip
MACHINES = (
    Machine("x86-64", NOW, _x86_now),
    Machine("x86-64-4.4", X86_4, _x86_4),
    Machine("x86-64-2.6.16", X86_2618, _x86_2618),
    Machine("i386-2.6", I386_26, _i386_26),
    Machine("i386-2.4", I386_24, _i386_24),
    Machine("arm64", ARM64_NOW, _arm64_now),
    Machine("arm64-4.9", ARM64_4, _arm64_4),
    Machine("arm", ARM, _arm),
    Machine("ppc64", PPC64, _ppc64),
    Machine("s390", S390, _s390),
    Machine("riscv", RISCV, _riscv),
    Machine("mips", MIPS, _mips),
    Machine("sparc", SPARC, _sparc),
)
# what stands above the culprit: who reports, who only works on what it is given
ABOVE = {
    "list": ("__list_del_entry_valid",),
    "refcount": ("refcount_warn_saturate",),
    "usercopy": ("usercopy_abort", "__check_object_size"),
    "fortify": ("fortify_panic",),
    "kasan": ("dump_stack_lvl", "print_report", "kasan_report"),
    "ubsan": ("dump_stack_lvl", "ubsan_epilogue", "__ubsan_handle_out_of_bounds"),
    "hung": ("__schedule", "schedule", "schedule_preempt_disabled", "__mutex_lock.constprop.0"),
    "atomic": ("dump_stack_lvl", "__schedule_bug", "__schedule", "schedule", "schedule_timeout", "msleep"),
    "panic": ("dump_stack_lvl", "panic"),
    "sleep": ("dump_stack_lvl", "__might_resched", "mutex_lock"),
}
# what faults on behalf of the culprit
HELPERS = {"null": ("memcpy",), "paging": ("strlen",), "gpf": ("_raw_spin_lock_irqsave",)}
TRAPS = frozenset(
    {
        "null",
        "paging",
        "gpf",
        "divide",
        "invalid-opcode",
        "bug",
        "warning",
        "list",
        "refcount",
        "usercopy",
        "fortify",
        "softlockup",
        "double-fault",
        "stack",
    }
)
KINDS = {"sleep": "atomic"}
CAPTURED: dict[str, Callable[[int, str], str]] = {
    "": lambda _at, line: line,
    "dmesg": lambda at, line: f"[{100 + at / 1000:12.6f}] {line}",
    "syslog": lambda at, line: f"Mar  7 12:34:56 host kernel: [{100 + at / 1000:12.6f}] {line}",
}


def cases() -> Iterator[Case]:
    """All texts; each form of a report as three ways of capturing have it."""
    for machine in MACHINES:
        for kind, says in machine.says.items():
            yield from _captured(machine, kind, says, ABOVE.get(kind, ()), "")
            if kind in HELPERS:
                yield from _captured(machine, kind, says, HELPERS[kind], "-in-helper")


def _captured(machine: Machine, kind: str, says: str, above: tuple[str, ...], more: str) -> Iterator[Case]:
    text = says + machine.body(above, kind in TRAPS)
    for way, put in CAPTURED.items():
        lines = "".join(f"{put(at, line)}\n" for at, line in enumerate(text.splitlines()))
        name = "-".join(word for word in (machine.name, kind, way) if word) + more
        yield Case(name, lines, KINDS.get(kind, kind), CULPRIT, MODULE)

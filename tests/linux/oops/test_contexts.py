"""Where the blamed function ran, in the forms that our guests print."""

from __future__ import annotations

import pytest

from crashdrive.linux import oops

_HEAD = """\
[   13.397387] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   13.398440] Oops: 0000 [#1] PREEMPT SMP NOPTI
[   13.398613] CPU: 0 PID: 0 Comm: swapper/0 Tainted: G           OE      6.1.0-50-cloud-amd64 #1
[   13.399145] RIP: 0010:red_count+0x5/0x20 [red]
[   13.399683] RSP: 0018:ffffd38440003ea0 EFLAGS: 00000202
[   13.400991] Call Trace:
"""
_IDLE = """\
[   13.401043]  </IRQ>
[   13.401043]  <TASK>
[   13.401043]  asm_sysvec_apic_timer_interrupt+0x16/0x20
[   13.401043] RIP: 0010:native_safe_halt+0xb/0x10
[   13.401043]  default_idle_call+0x38/0xf0
[   13.401043]  do_idle+0x206/0x2b0
[   13.401043]  </TASK>
[   13.401043] Modules linked in: red(OE) virtio_blk
"""
_SOFTIRQ = ("handle_softirqs+0xd7/0x280", "__irq_exit_rcu+0xac/0xe0", "sysvec_apic_timer_interrupt+0x6e/0x90")
INTERRUPTS = {
    "timer": (
        "call_timer_fn+0x27/0x130",
        "__run_timers+0x222/0x2c0",
        "run_timer_softirq+0x19/0x30",
        *_SOFTIRQ,
    ),
    "rcu": ("rcu_do_batch+0x19a/0x540", "rcu_core+0x1b5/0x4d0", *_SOFTIRQ),
    "softirq": ("tasklet_action_common+0xc0/0x230", *_SOFTIRQ),
    "irq": ("__hrtimer_run_queues+0x10d/0x250", "hrtimer_interrupt+0xfa/0x230", _SOFTIRQ[-1]),
}
_KTHREADS = {
    "softirq": ("tasklet_action_common+0xc0/0x230", "handle_softirqs+0xd0/0x2c0", "run_ksoftirqd+0x2f/0x40"),
    "workqueue": ("process_one_work+0x1e5/0x3b0", "worker_thread+0x50/0x3a0"),
    "process": ("kthread+0xd2/0x100", "ret_from_fork+0x34/0x50"),
}


def _log(opens: str, frames: tuple[str, ...], rest: str, mark: str = "") -> str:
    lines = [f"[   13.401043]  {mark}{one}\n" for one in ("red_run+0x11/0x20 [red]", *frames)]
    return f"{_HEAD}[   13.401043]  <{opens}>\n{''.join(lines)}{rest}"


@pytest.mark.parametrize("context", INTERRUPTS)
def test_in_an_interrupt(context: str) -> None:
    """The first entry on the way outward, not the interrupt below all of them."""
    got = oops.verdict(_log("IRQ", INTERRUPTS[context], _IDLE))
    assert (got.function, got.context) == ("red_count", context)


def test_an_interrupt_of_another_cpu() -> None:
    """A call of another CPU is an interrupt."""
    frames = ("__flush_smp_call_function_queue+0x11a/0x1a0", "sysvec_call_function_single+0x69/0x90")
    assert oops.verdict(_log("IRQ", frames, _IDLE)).context == "irq"


@pytest.mark.parametrize("context", _KTHREADS)
def test_in_a_kernel_thread(context: str) -> None:
    """Softirqs and works run in threads, too."""
    assert oops.verdict(_log("TASK", _KTHREADS[context], "[   13.401043]  </TASK>\n")).context == context


def _wild(frames: str) -> oops.Verdict:
    text = _log("TASK", (), "").replace("address: 0000000000000018", "address: ffffffffff345670")
    text = text.replace("kernel NULL pointer dereference,", "unable to handle page fault for")
    text = text.replace("red_count+0x5/0x20 [red]", "0xffffffffff345670")
    code = "[   13.399145] Code: Unable to access opcode bytes at 0xffffffffff345646.\n"
    head, _, _ = text.partition("[   13.399683]")
    tail = text[len(head) :].partition("<TASK>\n")[0]
    return oops.verdict(f"{head}{code}{tail}<TASK>\n{frames}[   13.401043]  </TASK>\n")


def test_the_caller_of_a_wild_pointer() -> None:
    """The unwinder had no code to begin at; the return address is what the stack pointer points to."""
    got = _wild("[   13.4]  ? red_jump+0x12/0x20 [red]\n[   13.4]  ? proc_reg_write+0x5a/0xa0\n")
    assert (got.kind, got.function, got.module, got.corrupted) == ("bad-ip", "red_jump", "red", False)


def test_a_callback_that_is_gone() -> None:
    """Who calls others' callbacks isn't to blame; the rest of the stack is a guess."""
    got = _wild("[   13.4]  ? call_timer_fn+0x27/0x130\n[   13.4]  ? red_jump+0x12/0x20 [red]\n")
    assert (got.kind, got.function, got.context) == ("bad-ip", None, "timer")


def test_a_double_fault() -> None:
    """The stack pointer is wild: the trace is empty, and the instruction pointer says who did it."""
    got = oops.verdict(
        "[   19.380294] traps: PANIC: double fault, error_code: 0x0\n"
        "[   19.380588] double fault: 0000 [#1] PREEMPT SMP NOPTI\n"
        "[   19.380588] CPU: 1 PID: 131 Comm: victim Tainted: G           OE      6.1.0-50-cloud-amd64 #1\n"
        "[   19.380588] RIP: 0010:red_push+0x8/0x10 [red]\n"
        "[   19.380588] RSP: 0018:ffffffffff123450 EFLAGS: 00000246\n"
        "[   19.380588] Call Trace:\n"
        "[   19.380588] Modules linked in: red(OE) virtio_blk\n"
    )
    assert (got.kind, got.function, got.context, got.corrupted) == (
        "double-fault", "red_push", "process", False,
    )  # fmt: skip


def test_an_unknown_nmi() -> None:
    """What the NMI met is blamed, not what panicked of it."""
    got = oops.verdict(
        "[   10.475119] Uhhuh. NMI received for unknown reason 21 on CPU 0.\n"
        "[   10.477003] Kernel panic - not syncing: NMI: Not continuing\n"
        "[   10.477333] CPU: 0 UID: 0 PID: 177 Comm: victim Tainted: G           OE      6.12.117 #1\n"
        "[   10.477733] Call Trace:\n"
        "[   10.478248]  <NMI>\n"
        "[   10.478545]  panic+0x344/0x3a0\n"
        "[   10.479122]  nmi_panic+0x2b/0x40\n"
        "[   10.479137]  unknown_nmi_error+0x73/0xc0\n"
        "[   10.479150]  exc_nmi+0x125/0x1a0\n"
        "[   10.479165]  end_repeat_nmi+0xf/0x53\n"
        "[   10.479273] RIP: 0010:red_spin+0x19/0x30 [red]\n"
        "[   10.506292] RSP: 0018:ffffd1880040bdb8 EFLAGS: 00000002\n"
        "[   10.506832]  ? red_spin+0x19/0x30 [red]\n"
        "[   10.506866]  </NMI>\n"
        "[   10.506886]  <TASK>\n"
        "[   10.506892]  red_act+0xa/0x10 [red]\n"
        "[   10.507321]  </TASK>\n"
    )
    assert (got.kind, got.function, got.module, got.context) == ("nmi", "red_spin", "red", "nmi")


def test_a_machine_check() -> None:
    """Nobody is to blame; the exception comes like an NMI."""
    got = oops.verdict(
        "[   22.835382] mce: [Hardware Error]: CPU 0: Machine Check Exception: 4 Bank 4: be00000000010134\n"
        "[   22.851606] mce: [Hardware Error]: Machine check: Processor Context Corrupt\n"
        "[   22.851804] Kernel panic - not syncing: Fatal local machine check\n"
    )
    assert (got.kind, got.function, got.context, got.corrupted) == ("mce", None, "nmi", False)


def test_memory_that_ran_out() -> None:
    """Which allocation met it is chance."""
    got = oops.verdict(
        "[    9.900246] eater invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0\n"
        "[    9.901154] CPU: 0 PID: 132 Comm: eater Not tainted 6.1.0-50-cloud-amd64 #1\n"
        "[    9.901701] Call Trace:\n"
        "[    9.901862]  <TASK>\n"
        "[    9.902006]  dump_stack_lvl+0x44/0x5c\n"
        "[    9.902127]  dump_header+0x4c/0x22b\n"
        "[    9.902199]  out_of_memory.cold+0x42/0x7e\n"
        "[    9.902277]  __alloc_pages_slowpath.constprop.0+0x67f/0xe70\n"
        "[    9.902685]  __handle_mm_fault+0x92f/0xfa0\n"
        "[    9.905011]  </TASK>\n"
        "[    9.912345] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n"
    )
    assert (got.kind, got.function, got.module) == ("oom", "out_of_memory", None)


def test_a_lockup_within_another_ones_trace() -> None:
    """What goes on below the second line is the first CPU's trace, not the second's."""
    got = oops.verdict(
        "[   19.675804] watchdog: BUG: soft lockup - CPU#0 stuck for 8s! [red:133]\n"
        "[   19.676881] CPU: 0 PID: 133 Comm: red Tainted: G           OE      6.1.0-50-cloud-amd64 #1\n"
        "[   19.677361] RIP: 0010:native_queued_spin_lock_slowpath+0x30/0x2a0\n"
        "[   19.679185] Call Trace:\n"
        "[   19.679332]  <TASK>\n"
        "[   19.679457]  _raw_spin_lock+0x25/0x30\n"
        "[   19.679579]  red_blue+0x3c/0x60 [red]\n"
        "[   19.679690]  do_syscall_64+0x5d/0x90\n"
        "[   19.688659] watchdog: BUG: soft lockup - CPU#1 stuck for 8s! [blue:134]\n"
        "[   19.679690]  ? do_sys_openat2+0x9b/0x170\n"
        "[   19.679690]  entry_SYSCALL_64_after_hwframe+0x6e/0xd8\n"
        "[   19.679690] RIP: 0033:0x443640\n"
        "[   19.679690]  </TASK>\n"
        "[   19.679690] Kernel panic - not syncing: softlockup: hung tasks\n"
        "[   19.679690] CPU: 0 PID: 133 Comm: red Tainted: G           OEL     6.1.0-50-cloud-amd64 #1\n"
    )
    assert (got.kind, got.function, got.module, got.cpu) == ("softlockup", "red_blue", "red", 0)
    assert not got.corrupted


# 5.10, which prints no <TASK>: all of the watchdog's interrupt lies above the registers
_SOFT_LOCKUP = """\
[   37.133604] watchdog: BUG: soft lockup - CPU#1 stuck for 7s! [victim:125]
[   37.134392] CPU: 1 PID: 125 Comm: victim Kdump: loaded Tainted: G           OE     5.10.0-32-cloud-amd64 #1 Debian 5.10.223-1
[   37.134957] RIP: 0010:red_spin+0x13/0x30 [red]
[   37.135454] RSP: 0018:ffffa692001ebe80 EFLAGS: 00000202
[   37.142899] Call Trace:
[   37.142899]  <IRQ>
[   37.142899]  ? watchdog_timer_fn+0x1bb/0x210
[   37.142899]  ? __hrtimer_run_queues+0x12a/0x280
[   37.142899]  ? hrtimer_interrupt+0x110/0x2c0
[   37.142899]  ? __sysvec_apic_timer_interrupt+0x5f/0xe0
[   37.142899]  ? asm_call_irq_on_stack+0x12/0x20
[   37.142899]  </IRQ>
[   37.142899]  ? sysvec_apic_timer_interrupt+0x72/0x80
[   37.142899]  ? asm_sysvec_apic_timer_interrupt+0x12/0x20
[   37.142899]  ? red_spin+0x13/0x30 [red]
[   37.142899]  red_act+0xa/0x10 [red]
[   37.142899]  vfs_write+0xc4/0x270
[   37.142899]  ksys_write+0x5f/0xe0
[   37.142899]  do_syscall_64+0x33/0x40
[   37.142899]  entry_SYSCALL_64_after_hwframe+0x67/0xd1
[   37.142899] Kernel panic - not syncing: softlockup: hung tasks
"""  # noqa: E501 - as the kernel prints it


def test_a_lockup_of_a_process_below_the_watchdogs_interrupt() -> None:
    got = oops.verdict(_SOFT_LOCKUP)
    assert (got.kind, got.function, got.context) == ("softlockup", "red_spin", "process")

"""Reports in forms that few machines print: of other architectures, sanitizers, locales of loggers.

The logs have the forms of what people posted, with functions that no kernel has.
"""

from __future__ import annotations

import pytest

from crashdrive.linux import oops

ARM = """\
[135992.726639] Unable to handle kernel NULL pointer dereference at virtual address 0000000c
[135992.726663] pgd = 6f458410
[135992.726682] [0000000c] *pgd=0d3e2831, *pte=00000000, *ppte=00000000
[135992.726715] Internal error: Oops: 17 [#1] ARM
[135992.726728] Modules linked in: fuse rfcomm bnep hci_uart ip_tables x_tables ipv6
[135992.726854] CPU: 0 PID: 7690 Comm: htop Tainted: G         C        5.4.79+ #1373
[135992.726890] PC is at widget_vprintf+0x18/0x64
[135992.726903] LR is at widget_printf+0x3c/0x5c
[135992.726912] pc : [<c01f3218>]    lr : [<c01f32a0>]    psr: 60000013
[135992.726923] sp : cd009d54  ip : cd009d6c  fp : cd009d68
[135992.727000] Process htop (pid: 7690, stack limit = 0x8f2a3c11)
[135992.727010] Stack: (0xcd009d54 to 0xcd00a000)
[135992.727020] 9d40:                                              c5cf5dc0 00000000 d2146848
[135992.727040] [<c01f3218>] (widget_vprintf) from [<c01f32a0>] (widget_printf+0x3c/0x5c)
[135992.727050] [<c01f32a0>] (widget_printf) from [<c02480a4>] (proc_widget_show+0x88/0x1c0)
[135992.727060] [<c02480a4>] (proc_widget_show) from [<c01f2ba0>] (seq_read+0x1b8/0x4a0)
[135992.727070] [<c01f2ba0>] (seq_read) from [<c01c9c5c>] (vfs_read+0x98/0x158)
[135992.727080] [<c01c9c5c>] (vfs_read) from [<c0009000>] (ret_fast_syscall+0x0/0x1c)
[135992.727090] Code: e1a04000 e5906000 e24dd008 e590500c (e5943008)
[135992.727100] ---[ end trace 92750d3eb1480a4a ]---
"""
HARD = """\
[46223316.640000] NMI watchdog: Watchdog detected hard LOCKUP on cpu 0
[46223316.649832] Kernel panic - not syncing: Hard LOCKUP
[46223316.652645] CPU: 0 PID: 282859 Comm: dockerd-current Kdump: loaded Tainted: G OE   3.10.0 #1
[46223316.661106] Call Trace:
[46223316.663898]  <NMI>  [<ffffffffa7313562>] dump_stack+0x19/0x1b
[46223316.666675]  [<ffffffffa730cc7f>] panic+0xe8/0x20d
[46223316.669507]  [<ffffffffa6c920af>] nmi_panic+0x3f/0x40
[46223316.672227]  [<ffffffffa6d44411>] watchdog_overflow_callback+0x121/0x140
[46223316.674965]  [<ffffffffa6d83ae1>] __perf_event_overflow+0x51/0xf0
[46223316.677697]  [<ffffffffa6d8c414>] perf_event_overflow+0x14/0x20
[46223316.680307]  [<ffffffffa6c0a4e0>] intel_pmu_handle_irq+0x220/0x500
[46223316.682979]  [<ffffffffa731c02b>] perf_event_nmi_handler+0x2b/0x50
[46223316.685534]  [<ffffffffa731d8c7>] nmi_handle.isra.0+0x87/0x140
[46223316.688038]  [<ffffffffa731dadd>] do_nmi+0x15d/0x450
[46223316.690452]  [<ffffffffa731cd69>] end_repeat_nmi+0x1e/0x81
[46223316.692890]  [<ffffffffa6c6aa09>] ? native_queued_spin_lock_slowpath+0x113/0x1a0
[46223316.692990]  [<ffffffffa6c6aa09>] ? native_queued_spin_lock_slowpath+0x113/0x1a0
[46223316.693000]  <EOE>  [<ffffffffa7300000>] queued_spin_lock_slowpath+0xb/0xf
[46223316.693100]  [<ffffffffa7300100>] _raw_spin_lock_irq+0x28/0x30
[46223316.693200]  [<ffffffffc0301200>] widget_save_trace+0x88/0x120 [widget]
[46223316.693300]  [<ffffffffc0301400>] widget_load_monitor+0x1a8/0x2f0 [widget]
[46223316.693400]  [<ffffffffa6d00000>] __hrtimer_run_queues+0xd4/0x260
[46223316.693500]  [<ffffffffa6d00100>] hrtimer_interrupt+0xaf/0x1d0
[46223316.693600]  [<ffffffffa6d00200>] local_apic_timer_interrupt+0x35/0x60
[46223316.693700]  <IRQ>  [<ffffffffa6d00300>] smp_apic_timer_interrupt+0x3d/0x50
"""
PPC = """\
[  252.718655] Watchdog CPU:59 Hard LOCKUP
[  252.718697] CPU: 59 PID: 363 Comm: watchdog/59 Tainted: G      D          4.15.0-33-generic #36-Ubuntu
[  252.718700] NIP:  c000000000d02480 LR: c000000000151318 CTR: c000000000444d00
[  252.718702] REGS: c00000003fd37d80 TRAP: 0100   Tainted: G      D           (4.15.0-33-generic)
[  252.718800] NIP [c000000000d02480] _raw_spin_lock+0x90/0x120
[  252.718810] LR [c000000000151318] load_widget_balance+0x3b8/0xc30
[  252.718820] Call Trace:
[  252.718830] [c000003fe35b7050] [c000003fe35b7080] 0xc000003fe35b7080 (unreliable)
[  252.718840] [c000003fe35b7080] [c000000000151318] load_widget_balance+0x3b8/0xc30
[  252.718850] [c000003fe35b71e0] [c000000000152000] pick_next_task_fair+0x1a8/0x6a0
[  252.718860] [c000003fe35b7290] [c000000000cfb8c8] __schedule+0x188/0xa60
"""
LOCALE = """\
sty 03 12:44:18 pc kernel: ==================================================================
sty 03 12:44:18 pc kernel: BUG: KFENCE: use-after-free read in widget_exit_queue+0x132/0x270
sty 03 12:44:18 pc kernel:
sty 03 12:44:18 pc kernel: Use-after-free read at 0x00000000b8368693 (in kfence-#52):
sty 03 12:44:18 pc kernel:  widget_exit_queue+0x132/0x270
sty 03 12:44:18 pc kernel:  widget_exit+0x5e/0x80
sty 03 12:44:18 pc kernel:  exit_io_context+0x88/0xb0
sty 03 12:44:18 pc kernel:  do_exit+0x76f/0xae0
sty 03 12:44:18 pc kernel:  do_group_exit+0x31/0x80
sty 03 12:44:18 pc kernel:  __x64_sys_exit_group+0x18/0x20
sty 03 12:44:18 pc kernel:  do_syscall_64+0x5f/0x90
sty 03 12:44:18 pc kernel:  entry_SYSCALL_64_after_hwframe+0x63/0xcd
sty 03 12:44:18 pc kernel:
sty 03 12:44:18 pc kernel: kfence-#52: 0x0000000060145aab-0x000000008934d0a2, size=568, cache=widget_queue
sty 03 12:44:18 pc kernel:
sty 03 12:44:18 pc kernel: allocated by task 246 on cpu 0 at 7.425016s:
sty 03 12:44:18 pc kernel:  widget_get_queue+0xdf/0x530
sty 03 12:44:18 pc kernel:  widget_insert+0x1c5c/0x2650
sty 03 12:44:18 pc kernel:
sty 03 12:44:18 pc kernel: freed by task 400 on cpu 3 at 17.425016s:
sty 03 12:44:18 pc kernel:  widget_put_queue+0xdf/0x530
sty 03 12:44:18 pc kernel:
sty 03 12:44:18 pc kernel: CPU: 3 PID: 400 Comm: dconf worker Not tainted 6.1.2 #1
sty 03 12:44:18 pc kernel: ==================================================================
"""
KFENCE = """\
[215551.647409] ==================================================================
[215551.656059] BUG: KFENCE: use-after-free write in down_write+0x15/0x40

[215551.666004] Use-after-free write at 0xffff98f6bbedcfd8 (in kfence-#122733):
[215551.674368]  down_write+0x15/0x40
[215551.678638]  wdrdrv_get_pages_free_callback+0x20/0xc0 [wdrdrv]
[215551.685793]  nv_p2p_mem_info_free_callback+0x12/0x30 [nvidia]

[215551.702240] kfence-#122733: 0xffff98f6bbedcf60-0xffff98f6bbedcfff, size=160, cache=kmalloc-192

[215551.714816] allocated by task 1173198 on cpu 6 at 204393.299396s:
[215551.722240]  __wdrdrv_pin_buffer+0x59/0x4e0 [wdrdrv]

[215551.758639] freed by task 1331885 on cpu 2 at 215550.913857s:
[215551.765670]  wdrdrv_release+0x9a/0x180 [wdrdrv]
[215551.771328]  __fput+0x9a/0x240

[215551.793095] CPU: 2 PID: 1331885 Comm: python3 Kdump: loaded Tainted: P           OE      5.10.0 #1
[215551.800000] ==================================================================
"""
KCSAN = """\
[  371.842000] ==================================================================
[  371.842100] BUG: KCSAN: data-race in widget_poll / widget_wake
[  371.842200]
[  371.842300] write to 0xffff888102f1b3a0 of 8 bytes by interrupt on cpu 1:
[  371.842400]  widget_wake+0x9b/0x120
[  371.842500]  __napi_poll+0x60/0x3b0
[  371.842600]  net_rx_action+0x391/0x830
[  371.842700]
[  371.842800] read to 0xffff888102f1b3a0 of 8 bytes by task 2231 on cpu 0:
[  371.842900]  widget_poll+0x4e/0x1f0
[  371.843000]  do_sys_poll+0x5f1/0xd50
[  371.843100]  __x64_sys_ppoll+0x17a/0x1d0
[  371.843200]
[  371.843300] value changed: 0x0000000000000001 -> 0x0000000000000003
[  371.843400]
[  371.843500] Reported by Kernel Concurrency Sanitizer on:
[  371.843600] CPU: 0 UID: 0 PID: 2231 Comm: widgetd Not tainted 6.11.0 #1
[  371.843700] ==================================================================
"""
EDAC = """\
[  100.000000] EDAC MC1: 1 UE memory scrubbing error on DIMM#0
[  100.000100] Kernel panic - not syncing: EDAC MC1: UE page 0x1d2f5, labels "DIMM#0": mc1
"""
SLUB = """\
[   80.000002] BUG kmalloc-192 (Tainted: G           OE     ): Object already free
[   80.000004]
[   80.000005] Allocated in widget_open+0x21/0x60 [widget] age=12 cpu=1 pid=612
[   80.000006]  __kmalloc_cache_noprof+0x1a9/0x2f0
[   80.000007]  widget_open+0x21/0x60 [widget]
[   80.000008]  do_syscall_64+0x82/0x190
[   80.000009] Freed in widget_drop+0x9/0x20 [widget] age=0 cpu=1 pid=612
[   80.000010]  kfree+0x2b1/0x360
[   80.000011]  widget_drop+0x9/0x20 [widget]
[   80.000013] Object 0xffff8881055f8c00 @offset=3072 fp=0xffff8881055f8cc0
[   80.000014]
[   80.000015] Redzone  ffff8881055f8bf0: bb bb bb bb bb bb bb bb bb bb bb bb bb bb bb bb  ................
[   80.000016] CPU: 1 UID: 0 PID: 612 Comm: widgetd Tainted: G    B      OE      6.12.9 #1
[   80.000017] Call Trace:
[   80.000018]  <TASK>
[   80.000019]  dump_stack_lvl+0x5d/0x80
[   80.000020]  object_err+0x2a/0x60
[   80.000021]  free_to_partial_list+0x2e9/0x5a0
[   80.000022]  kfree+0x2b1/0x360
[   80.000023]  widget_drop+0x9/0x20 [widget]
[   80.000024]  widget_close+0x21/0x40 [widget]
[   80.000025]  __fput+0xf0/0x2d0
[   80.000026]  </TASK>
[   80.000027] FIX kmalloc-192: Object at 0xffff8881055f8c00 not freed
"""
ARM64_STACK = """\
[   41.000001] Insufficient stack space to handle exception!
[   41.000002] ESR: 0x0000000096000047 -- DABT (current EL)
[   41.000003] FAR: 0xffff8000811afff0
[   41.000004] Task stack:     [0xffff8000811b0000..0xffff8000811b4000]
[   41.000005] IRQ stack:      [0xffff800080018000..0xffff80008001c000]
[   41.000006] Overflow stack: [0xffff0000fb7f72b0..0xffff0000fb7f82b0]
[   41.000007] CPU: 2 UID: 0 PID: 812 Comm: widgetd Not tainted 6.12.9-arm64 #1
[   41.000008] pstate: a04003c5 (NzCv DAIF +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[   41.000009] pc : widget_descend+0x4/0x60 [widget]
[   41.000010] lr : widget_descend+0x2c/0x60 [widget]
[   41.000011] sp : ffff8000811b0000
[   41.000012] Kernel panic - not syncing: kernel stack overflow
[   41.000013] CPU: 2 UID: 0 PID: 812 Comm: widgetd Not tainted 6.12.9-arm64 #1
[   41.000014] Call trace:
[   41.000015]  dump_backtrace+0x94/0x114
[   41.000016]  show_stack+0x20/0x38
[   41.000017]  panic+0x168/0x36c
[   41.000018]  nmi_panic+0x90/0x94
[   41.000019]  panic_bad_stack+0x114/0x130
[   41.000020]  handle_bad_stack+0x34/0x48
[   41.000021]  __bad_stack+0x7c/0x80
[   41.000022]  widget_descend+0x4/0x60 [widget]
[   41.000023]  widget_descend+0x2c/0x60 [widget]
[   41.000024]  widget_start+0x1c/0x40 [widget]
"""
ARM64_OLD = """\
[  201.000001] Unable to handle kernel paging request at virtual address dead000000000108
[  201.000002] Mem abort info:
[  201.000003]   Exception class = DABT (current EL), IL = 32 bits
[  201.000004] [dead000000000108] address between user and kernel address ranges
[  201.000005] Internal error: Oops: 96000044 [#1] PREEMPT SMP
[  201.000006] Modules linked in: wlan(O)
[  201.000007] CPU: 3 PID: 5123 Comm: kworker/u16:2 Tainted: G S      W  O    4.14.117-perf+ #1
[  201.000008] Hardware name: Widget Phone (DT)
[  201.000009] Workqueue: widget_wq widget_work_fn [wlan]
[  201.000010] task: ffffffe6b1d2c600 task.stack: ffffff801c918000
[  201.000011] pc : [<ffffff8a7c0c7e94>] lr : [<ffffff8a7c0c7e70>] pstate: 60400145
[  201.000012] sp : ffffff801c91bd10
[  201.000014] Process kworker/u16:2 (pid: 5123, stack limit = 0xffffff801c918000)
[  201.000015] Call trace:
[  201.000016] [<ffffff8a7c0c7e94>] widget_list_del+0x54/0xe0 [wlan]
[  201.000017] [<ffffff8a7c0c9510>] widget_work_fn+0x88/0x110 [wlan]
[  201.000018] [<ffffff8a7a0cf0f8>] process_one_work+0x1d8/0x490
[  201.000019] [<ffffff8a7a0cf400>] worker_thread+0x50/0x4d0
[  201.000020] [<ffffff8a7a0d5ad4>] kthread+0x134/0x138
[  201.000021] [<ffffff8a7a084564>] ret_from_fork+0x10/0x18
[  201.000022] Code: f9400660 f9400261 f9000420 f9000001 (f9000422)
[  201.000023] ---[ end trace 5a7ec5e1b3d1a8b5 ]---
"""
CASES = {
    # arm has no words in front of its trace until 5.18
    "arm": (ARM, "null", "widget_vprintf", None, "process", 6),
    # the entry of the interrupt that the NMI met is below the culprit
    "hard": (HARD, "hardlockup", "widget_save_trace", "widget", "irq", 5),
    "ppc": (PPC, "hardlockup", "load_widget_balance", None, "process", 3),
    "locale": (LOCALE, "kfence", "widget_exit_queue", None, "process", 8),
    # the function in the first line works for its caller
    "kfence": (KFENCE, "kfence", "wdrdrv_get_pages_free_callback", "wdrdrv", "process", 2),
    # who allocated and who freed it first stand in front, since 5.14 without "INFO: "
    "slub": (SLUB, "bug", "widget_drop", "widget", "process", 3),
    # registers, the panic, then the trace
    "arm64-stack": (ARM64_STACK, "stack", "widget_descend", "widget", "process", 3),
    # the instruction pointer is an address; the trace begins there
    "arm64-old": (ARM64_OLD, "paging", "widget_list_del", "wlan", "workqueue", 6),
    # the other side of the race has a trace too
    "kcsan": (KCSAN, "unknown", "widget_poll", None, "process", 3),
}


@pytest.mark.parametrize("name", CASES)
def test_culprit_and_trace(name: str) -> None:
    text, *wanted = CASES[name]
    got = oops.verdict(text)
    assert [got.kind, got.function, got.module, got.context, len(got.frames)] == wanted
    assert not got.corrupted


@pytest.mark.parametrize(
    "text",
    [
        EDAC,
        "[  100.000100] Kernel panic - not syncing: EDAC MC0: Uncorrected Error\n",
        "[  1.0] Kernel panic - not syncing: UE memory read error on DIMM#0 (slot:0 page:0x1d2f5)\n",
    ],
)
def test_memory_that_can_t_be_corrected(text: str) -> None:
    got = oops.verdict(text)
    assert (got.kind, got.function, got.title) == ("mce", None, "EDAC: uncorrected memory error")
    assert not got.corrupted


def test_the_cpu_that_is_stuck_not_the_one_that_reports() -> None:
    """4.15 and now."""
    old = "Watchdog CPU:3 detected Hard LOCKUP other CPUS:59\n"
    new = "watchdog: CPU 3 detected hard LOCKUP on other CPUs 59\n"
    rest = PPC.partition("\n")[2]
    for first in (old, new):
        got = oops.verdict(first + rest)
        assert (got.kind, got.function, got.cpu) == ("hardlockup", "load_widget_balance", 59)

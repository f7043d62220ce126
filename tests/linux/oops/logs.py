"""Small logs, written for the tests in the forms that kernels print."""

from __future__ import annotations

X86 = """\
[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000018
[   12.345679] #PF: supervisor read access in kernel mode
[   12.345680] #PF: error_code(0x0000) - not-present page
[   12.345681] PGD 0 P4D 0
[   12.345682] Oops: 0000 [#1] PREEMPT SMP NOPTI
[   12.345683] CPU: 1 PID: 812 Comm: insmod Tainted: G        W  OE     6.1.0-18-amd64 #1
[   12.345684] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2 04/01/2014
[   12.345685] RIP: 0010:blue_open+0x1c/0x60 [blue]
[   12.345686] Code: 0f 1f 44 00 00 <48> 8b 47 18 c3
[   12.345687] RSP: 0018:ffffb1e3c0b3fc60 EFLAGS: 00010246
[   12.345688] RAX: 0000000000000000 RBX: ffff8d3b41234000 RCX: 0000000000000000
[   12.345689] CR2: 0000000000000018 CR3: 0000000103c4a000 CR4: 0000000000750ee0
[   12.345690] Call Trace:
[   12.345691]  <TASK>
[   12.345692]  ? __die_body.cold+0x1a/0x1f
[   12.345693]  ? page_fault_oops+0xd2/0x2b0
[   12.345694]  ? asm_exc_page_fault+0x22/0x30
[   12.345695]  ? blue_open+0x1c/0x60 [blue]
[   12.345696]  blue_probe.isra.0+0x44/0x80 [blue]
[   12.345697]  do_one_initcall+0x56/0x220
[   12.345698]  do_syscall_64+0x58/0xc0
[   12.345699]  entry_SYSCALL_64_after_hwframe+0x64/0xce
[   12.345700]  </TASK>
[   12.345701] Modules linked in: blue(OE) virtio_net net_failover
[   12.345702] ---[ end trace 0000000000000000 ]---
[   12.345703] Kernel panic - not syncing: Fatal exception
"""

WARNING = """\
[    3.000001] ------------[ cut here ]------------
[    3.000002] WARNING: CPU: 0 PID: 77 at drivers/red/red.c:120 red_check+0x33/0x90 [red]
[    3.000003] Modules linked in: red
[    3.000004] CPU: 0 PID: 77 Comm: kworker/0:1 Not tainted 6.1.0 #1
[    3.000005] RIP: 0010:red_check+0x33/0x90 [red]
[    3.000006] Call Trace:
[    3.000007]  red_work+0x12/0x30 [red]
[    3.000008]  process_one_work+0x1e5/0x3b0
[    3.000009]  worker_thread+0x50/0x3a0
[    3.000010]  kthread+0xe9/0x110
[    3.000011] ---[ end trace 0000000000000000 ]---
"""

ARM64 = """\
[   20.000001] Unable to handle kernel paging request at virtual address dead000000000108
[   20.000002] Mem abort info:
[   20.000003]   ESR = 0x0000000096000044
[   20.000004] Internal error: Oops: 0000000096000044 [#1] SMP
[   20.000005] Modules linked in: green
[   20.000006] CPU: 2 PID: 401 Comm: cat Not tainted 6.6.0 #3
[   20.000007] pstate: 60400005 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[   20.000008] pc : green_remove+0x28/0x70 [green]
[   20.000009] lr : green_write+0x5c/0xa0 [green]
[   20.000010] sp : ffff80000a1bbc90
[   20.000011] x29: ffff80000a1bbc90 x28: ffff0000c1f40000 x27: 0000000000000000
[   20.000012] Call trace:
[   20.000013]  green_remove+0x28/0x70 [green]
[   20.000014]  green_write+0x5c/0xa0 [green]
[   20.000015]  vfs_write+0xc8/0x2c0
[   20.000016]  el0t_64_sync+0x18c/0x190
[   20.000017] Code: f9400001 f9000420 (f9000001) d65f03c0
[   20.000018] ---[ end trace 0000000000000000 ]---
"""

PPC = """\
BUG: Kernel NULL pointer dereference on read at 0x00000000
Faulting instruction address: 0xc008000000d50168
Oops: Kernel access of bad area, sig: 11 [#1]
LE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries
CPU: 3 PID: 2210 Comm: bash Not tainted 5.14.0 #1
NIP:  c008000000d50168 LR: c008000000d50140 CTR: c0000000008a1b90
NIP [c008000000d50168] grey_show+0x48/0x90 [grey]
LR [c008000000d50140] grey_show+0x20/0x90 [grey]
Call Trace:
[c00000001a2b7a30] [c00000001a2b7a70] 0xc00000001a2b7a70 (unreliable)
[c00000001a2b7aa0] [c000000000a1c2d8] dev_attr_show+0x38/0x90
[c00000001a2b7b10] [c00000000063f0f4] sysfs_kf_seq_show+0xd4/0x1c0
---[ end trace 0000000000000000 ]---
"""

S390 = """\
Unable to handle kernel pointer dereference in virtual kernel address space
Failing address: 0000000000000000 TEID: 0000000000000483
Oops: 0004 ilc:3 [#1] SMP
CPU: 0 PID: 1023 Comm: modprobe Not tainted 5.10.0 #1
Krnl PSW : 0704c00180000000 000003ff80123456 (teal_init+0x2e/0x1000 [teal])
           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3
Krnl GPRS: 0000000000000001 0000000000000000 0000000000000000 000003ff80126000
Call Trace:
([<000003ff80123440>] teal_init+0x18/0x1000 [teal])
 [<0000000000100bd4>] do_one_initcall+0x3c/0x1f0
 [<00000000001e1b3a>] do_init_module+0x62/0x238
Last Breaking-Event-Address:
 [<0000000000abcdef>] printk+0x5e/0x70
---[ end trace 0000000000000000 ]---
"""

OLD = """\
kernel BUG at page_alloc.c:102!
invalid operand: 0000
CPU:    0
EIP:    0010:[__free_pages_mine+72/560]    Not tainted
EFLAGS: 00010286
eax: 0000001f   ebx: c10a1c30   ecx: c0238f3c   edx: 00003b71
Process kswapd (pid: 5, stackpage=c1465000)
Call Trace:    [shrink_mine+604/912] [kswapd+80/176] [kernel_thread+38/48]
Code: 0f 0b 66 00 c1 5b 20 c0
"""

SOFT = """\
[  120.000001] watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [loop:991]
[  120.000002] Modules linked in: pink
[  120.000003] CPU: 3 PID: 991 Comm: loop Not tainted 6.1.0 #1
[  120.000004] RIP: 0010:native_queued_spin_lock_slowpath+0x6e/0x2d0
[  120.000005] RSP: 0018:ffffa3b6c0d03e38 EFLAGS: 00000202
[  120.000006] Call Trace:
[  120.000007]  <TASK>
[  120.000008]  _raw_spin_lock+0x29/0x30
[  120.000009]  pink_turn+0x21/0x50 [pink]
[  120.000010]  pink_ioctl+0x15/0x30 [pink]
[  120.000011]  __x64_sys_ioctl+0x90/0xd0
[  120.000012]  do_syscall_64+0x58/0xc0
[  120.000013]  </TASK>
[  120.000014] Kernel panic - not syncing: softlockup: hung tasks
[  120.000015] CPU: 3 PID: 991 Comm: loop Tainted: G             L     6.1.0 #1
[  120.000016] Call Trace:
[  120.000017]  <IRQ>
[  120.000018]  dump_stack_lvl+0x44/0x5c
[  120.000019]  panic+0x118/0x2ed
[  120.000020]  watchdog_timer_fn.cold+0xc/0x16
[  120.000021]  </IRQ>
"""

HUNG = """\
[  243.000001] INFO: task tar:1204 blocked for more than 120 seconds.
[  243.000002]       Not tainted 6.1.0 #1
[  243.000003] "echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
[  243.000004] task:tar             state:D stack:0     pid:1204  ppid:1      flags:0x00000002
[  243.000005] Call Trace:
[  243.000006]  <TASK>
[  243.000007]  __schedule+0x34d/0x9e0
[  243.000008]  schedule+0x5a/0xd0
[  243.000009]  schedule_preempt_disabled+0x11/0x20
[  243.000010]  __mutex_lock.constprop.0+0x3a3/0x7c0
[  243.000011]  plum_read+0x2f/0x60 [plum]
[  243.000012]  vfs_read+0xa6/0x340
[  243.000013]  do_syscall_64+0x58/0xc0
[  243.000014]  </TASK>
"""

LIST = """\
[   30.000001] list_del corruption. prev->next should be ffff9d1b0a3f7c00, but was dead000000000100
[   30.000002] ------------[ cut here ]------------
[   30.000003] kernel BUG at lib/list_debug.c:59!
[   30.000004] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI
[   30.000005] CPU: 0 PID: 300 Comm: rmmod Not tainted 6.1.0 #1
[   30.000006] RIP: 0010:__list_del_entry_valid.cold+0x47/0x6f
[   30.000007] Call Trace:
[   30.000008]  <TASK>
[   30.000009]  gold_unlink+0x1d/0x40 [gold]
[   30.000010]  gold_exit+0x10/0x30 [gold]
[   30.000011]  do_syscall_64+0x58/0xc0
[   30.000012]  </TASK>
[   30.000013] ---[ end trace 0000000000000000 ]---
"""

KASAN = """\
[   40.000001] ==================================================================
[   40.000002] BUG: KASAN: slab-use-after-free in cyan_get+0x4a/0x80 [cyan]
[   40.000003] Read of size 8 at addr ffff88810a3b4c20 by task cat/512
[   40.000004]
[   40.000005] CPU: 1 PID: 512 Comm: cat Not tainted 6.6.0 #1
[   40.000006] Call Trace:
[   40.000007]  <TASK>
[   40.000008]  dump_stack_lvl+0x68/0xa0
[   40.000009]  print_report+0xcf/0x670
[   40.000010]  kasan_report+0xd2/0x110
[   40.000011]  cyan_get+0x4a/0x80 [cyan]
[   40.000012]  cyan_read+0x21/0x60 [cyan]
[   40.000013]  vfs_read+0x1a5/0x600
[   40.000014]  </TASK>
[   40.000015]
[   40.000016] Allocated by task 400:
[   40.000017]  kasan_save_stack+0x33/0x60
[   40.000018]  cyan_new+0x2c/0x70 [cyan]
"""

BAD_IP = """\
[   50.000001] BUG: kernel NULL pointer dereference, address: 0000000000000000
[   50.000002] #PF: supervisor instruction fetch in kernel mode
[   50.000003] Oops: 0010 [#1] PREEMPT SMP NOPTI
[   50.000004] CPU: 0 PID: 610 Comm: tool Not tainted 6.1.0 #1
[   50.000005] RIP: 0010:0x0
[   50.000006] Code: Unable to access opcode bytes at 0xffffffffffffffd6.
[   50.000007] Call Trace:
[   50.000008]  <TASK>
[   50.000009]  rose_call+0x18/0x30 [rose]
[   50.000010]  do_syscall_64+0x58/0xc0
[   50.000011]  </TASK>
[   50.000012] ---[ end trace 0000000000000000 ]---
"""

PANIC = """\
[   60.000001] Kernel panic - not syncing: lime: no way on from 42
[   60.000002] CPU: 1 PID: 77 Comm: lime Not tainted 6.1.0 #1
[   60.000003] Call Trace:
[   60.000004]  <TASK>
[   60.000005]  dump_stack_lvl+0x44/0x5c
[   60.000006]  panic+0x118/0x2ed
[   60.000007]  lime_give_up+0x14/0x20 [lime]
[   60.000008]  lime_thread+0x50/0x90 [lime]
[   60.000009]  kthread+0xe9/0x110
[   60.000010]  </TASK>
[   60.000011] ---[ end Kernel panic - not syncing: lime: no way on from 42 ]---
"""

SYSRQ = """\
[   70.000001] sysrq: Trigger a crash
[   70.000002] Kernel panic - not syncing: sysrq triggered crash
[   70.000003] CPU: 0 PID: 200 Comm: sh Not tainted 6.1.0 #1
[   70.000004] Call Trace:
[   70.000005]  <TASK>
[   70.000006]  panic+0x118/0x2ed
[   70.000007]  sysrq_handle_crash+0x16/0x20
[   70.000008]  __handle_sysrq.cold+0x43/0x11e
[   70.000009]  </TASK>
"""

RCU = """\
[   80.000001] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
[   80.000002] rcu: \t1-...!: (1 GPs behind) idle=5a4c/1/0x4000000000000000 softirq=300/301 fqs=1
[   80.000003] \t(detected by 0, t=5252 jiffies, g=905, q=10 ncpus=2)
[   80.000004] Sending NMI from CPU 0 to CPUs 1:
[   80.000005] NMI backtrace for cpu 1
[   80.000006] CPU: 1 PID: 700 Comm: spin Not tainted 6.1.0 #1
[   80.000007] RIP: 0010:navy_spin+0x10/0x20 [navy]
[   80.000008] Call Trace:
[   80.000009]  <TASK>
[   80.000010]  navy_write+0x30/0x50 [navy]
[   80.000011]  vfs_write+0xc8/0x2c0
[   80.000012]  </TASK>
[   80.000013] rcu: rcu_preempt kthread starved for 5200 jiffies! g905 f0x0 RCU_GP_WAIT_FQS(5) ->cpu=1
[   80.000014] rcu: RCU grace-period kthread stack dump:
[   80.000015] task:rcu_preempt     state:I stack:0     pid:15    ppid:2      flags:0x00004000
[   80.000016] Call Trace:
[   80.000017]  <TASK>
[   80.000018]  __schedule+0x34d/0x9e0
[   80.000019]  rcu_gp_fqs_loop+0x10c/0x4d0
[   80.000020]  </TASK>
"""

BOOT = """\
[    0.000000] Linux version 6.1.0 (gcc 12) #1 SMP
[    0.000000] Command line: root=/dev/vda1 softlockup_panic=1 oops=panic hung_task_panic=1
[    0.100000] rcu: Hierarchical RCU implementation.
[    0.200000] NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.
[    1.000000] systemd[1]: Started a job that looks for "BUG: soft lockup - CPU#0 stuck for 22s!"
[    1.100000] audit: type=1400 msg='BUG: unable to handle kernel NULL pointer dereference at 0'
Jan  1 00:00:01 box grep[12]: BUG: unable to handle kernel NULL pointer dereference at 0000000000000018
"""

X86_USER = """\
[   58.032185] sysrq: Trigger a crash
[   58.032190] Kernel panic - not syncing: sysrq triggered crash
[   58.032191] CPU: 1 PID: 1620 Comm: finish Tainted: G           OE      6.1.0 #1
[   58.032192] Call Trace:
[   58.032193]  <TASK>
[   58.032194]  dump_stack_lvl+0x44/0x5c
[   58.032195]  panic+0x118/0x2ed
[   58.032196]  sysrq_handle_crash+0x16/0x20
[   58.032197]  __handle_sysrq.cold+0x44/0x57
[   58.032198]  do_syscall_64+0x5d/0x90
[   58.032199]  entry_SYSCALL_64_after_hwframe+0x6e/0xd8
[   58.032200] RIP: 0033:0x443680
[   58.032201] Code: 48 3d 00 f0 <ff> ff 77 48 c3
[   58.032202] RSP: 002b:00007fff17b4bfc8 EFLAGS: 00000202 ORIG_RAX: 0000000000000001
[   58.032203] RAX: ffffffffffffffda RBX: 0000000000000005 RCX: 0000000000443680
[   58.032204] RDX: 0000000000000001 RSI: 000000000049a1b9 RDI: 0000000000000005
[   58.032205]  </TASK>
[   58.032206] Kernel Offset: 0x39a00000 from 0xffffffff81000000 (relocation range: \
0xffffffff80000000-0xffffffffbfffffff)
"""

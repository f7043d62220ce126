"""Outputs from elsewhere: shapes of older crashes and other architectures, and what copying does to them."""

from __future__ import annotations

import pytest

from crashdrive.commandline import split_command
from crashdrive.errors import ParseError
from crashdrive.parsers import parse

PS = (
    "   PID    PPID  CPU       TASK        ST  %MEM     VSZ    RSS  COMM\n"
    "      0      0   0  ffffffff81c0d020  RU   0.0       0      0  [swapper]\n"
    ">  2201   2177   1  ffff88003b2d0ae0  RU   0.1  108340   1832  bash\n"
)


def test_mod_of_old_crashes_has_no_base() -> None:
    text = (
        "     MODULE       NAME                    SIZE  OBJECT FILE\n"
        "ffffffffa0017a40  dm_mod                 84209  (not loaded)  [CONFIG_KALLSYMS]\n"
        "ffffffffa0033b80  crc_t10dif              1541  /usr/lib/debug/crc-t10dif.ko.debug\n"
    )
    first, second = parse("mod", text).records
    assert (first.module, first.name, first.base, first.size) == (0xFFFFFFFFA0017A40, "dm_mod", None, 84209)
    assert second.object_file == "/usr/lib/debug/crc-t10dif.ko.debug"


def test_ps_with_a_counter_that_has_run_over() -> None:
    row = "   1393      1  24  ffff9584bb542100  RU  541298032135.9  4132 18014398509481908  enforcer\n"
    found = parse("ps", PS + row).records[-1]
    assert (found.mem_percent, found.rss, found.comm) == (
        541298032135.9,
        18014398509481908 * 1024,
        "enforcer",
    )


@pytest.mark.parametrize("line", ["...\n", ".......\n", "[...]\n"])
def test_left_out_rows_are_no_part_of_a_name(line: str) -> None:
    answer = parse("ps", PS + line)
    assert [row.comm for row in answer] == ["swapper", "bash"]
    assert not answer.complete


def test_a_line_below_the_table_is_never_sure_to_be_a_name() -> None:
    for text in (PS + "crash> \n", PS + "Thanks\n\n"):
        assert not parse("ps", text).complete


def test_blank_lines_around_the_text() -> None:
    for command, text in (
        ("sym jiffies", "ffffffff82205000 (D) jiffies\n"),
        ("rd 40017000 1", "40017000:  20000824                              $.. \n"),
        ("p jiffies", "jiffies = $2 = 4295232768\n"),
        ("whatis pid_t", "typedef int pid_t;\nSIZE: 4\n"),
        ("struct list_head.next ffff88003b2d0ae0", "  next = 0xffff88003b2d0ae0\n"),
    ):
        alone = parse(command, text)
        around = parse(command, f"\n  \n{text}\n\n")
        assert (around.records, around.complete) == (alone.records, alone.complete)
    with pytest.raises(ParseError) as failure:
        parse("sym jiffies", "\nffffffff82205000 (D) jiffies\nno symbol\n\n")
    assert failure.value.line in {1, 3}
    notices = parse("sym jiffies", "\nffffffff82205000 (D) jiffies\nno symbol\n\n", lenient=True).warnings
    assert "no symbol" in {notice.text for notice in notices}


def test_blanks_that_a_copy_lost_at_line_ends() -> None:
    rows = (
        "40017040:  000000ed 00000167 6c676e45 20687369   ....g...English\n"
        "40017050:  61636f6c 6620656c 7420726f 55206568   locale for the U\n"
    )
    assert [row.text for row in parse("rd 40017040 8", rows)] == ["....g...English ", "locale for the U"]
    with pytest.raises(ParseError):
        parse("rd 40017040 8", rows.replace("English", "Englis"))
    value = (
        parse("p work", "work = $5 =\n {void (struct work_struct *)} 0xffff8000855691e0 <work>\n").one().value
    )
    assert (value.symbol, value.type) == ("work", "void (struct work_struct *)")


@pytest.mark.parametrize("indent", ["", "   "])
def test_members_that_a_copy_moved(indent: str) -> None:
    lines = ("pid = 1,", "tasks = {", "  next = 0xffff88003b2d0ae0,", "  prev = 0xffff88003b2d0ae0", "},")
    text = "".join(f"{indent}{line}\n" for line in lines)
    value = parse("task_struct.pid,tasks ffff88003b2d0000", text).one().value
    assert value["pid"] == 1
    assert value["tasks"].keys() == {"next", "prev"}


def test_a_member_of_task_struct_and_of_thread_info() -> None:
    head = 'PID: 1      TASK: ff352c010ac55ac0  CPU: 37  COMMAND: "systemd"\n'
    answer = parse("task -R flags 1 -x", head + "  flags = 0x400100, \n  flags = 0x80000, \n")
    assert answer.one().members == {"flags": 0x400100, "thread_info.flags": 0x80000}


def test_equal_members_of_task_struct_and_of_thread_info() -> None:
    """crash prints both lines, whatever stands in them: of a task that setarch -R started, both are 0."""
    head = 'PID: 1      TASK: ff352c010ac55ac0  CPU: 37  COMMAND: "systemd"\n'
    answer = parse("task -R flags,pid 1", f"{head}  flags = 0,\n  flags = 0,\n  pid = 1,\n")
    assert answer.complete
    assert answer.one().members == {"flags": 0, "thread_info.flags": 0, "pid": 1}
    three = "  flags = 1,\n" * 3
    apart = "  flags = 1,\n  pid = 1,\n  flags = 2,\n"
    for lines in (three, apart, "  comm_len = 1,\n  comm_len = 1,\n", "  comm_len = 1,\n  comm_len = 2,\n"):
        with pytest.raises(ParseError, match="stands twice"):
            parse("task -R flags,comm_len 1", head + lines)


def test_irq_stacks_of_arm64_and_riscv() -> None:
    text = "CPU 0 IRQ STACK:(none found)\n\nCPU 1 IRQ STACK: (none found)\n\n"
    assert [(stack.cpu, stack.found) for stack in parse("bt -E", text)] == [(0, ()), (1, ())]


def test_a_task_without_a_stack_on_ppc64() -> None:
    head = 'PID: 17524    TASK: c0000000b2c0e400  CPU: 3    COMMAND: "worker"\n'
    assert parse("bt -c 3", head + "cannot find the stack info.\n").one().status == (
        "cannot find the stack info.",
    )


def test_indented_traces_of_ppc64() -> None:
    pairs = [f"R{number}:  {number:016x}" for number in range(32)]
    pairs += [f"{name}: {0xC000000000175670:016x}" for name in ("NIP", "MSR", "OR3", "CTR", "LR", "XER")]
    pairs += [f"{name}: {0:016x}" for name in ("CCR", "MQ", "DAR", "DSISR")] + [
        "Syscall Result: 0000000000000000"
    ]
    text = 'PID: 465      TASK: c000000006067d80  CPU: 68   COMMAND: "kswapd0"\n'
    text += "".join(f"  {pair}\n" for pair in pairs)
    text += "  [NIP  : memcpy_power7+1648]\n  [LR   : zs_obj_write+548]\n"
    text += "  #0 [c0000000a5a56c50] crash_kexec at c00000000037f268\n"
    trace = parse("bt", text).one()
    assert trace.exception is not None
    assert trace.exception.details == {"nip": "memcpy_power7+1648", "lr": "zs_obj_write+548"}
    assert (trace.complete, len(trace.frames)) == (True, 1)


def test_page_tables_of_s390x() -> None:
    text = (
        "VIRTUAL           PHYSICAL\n"
        "60000000000000    5b50a000\n"
        "\n"
        "PAGE DIRECTORY: 000000005cea0000\n"
        " RFTE: 000000005cea0018 => 000000006612400f (flags = 00f)\n"
        "       flags in binary : P=0; TF=00; I=0; TT=11; TL=11\n"
        "  STE: 0000000077dc4000 => 0000000077c03403 (flags = 03403)\n"
        "       flags in binary : AV=0, ACC=0011; F=0; FC=1; P=0; I=0; CS=0; TT=00\n"
        " PAGE: 000000005b50a000\n"
    )
    found = parse("vtop -u 60000000000000", text).one()
    assert [(step.level, step.flags) for step in found.tables] == [
        ("RFTE", "P=0; TF=00; I=0; TT=11; TL=11"),
        ("STE", "AV=0, ACC=0011; F=0; FC=1; P=0; I=0; CS=0; TT=00"),
    ]
    assert (found.physical, found.page) == (0x5B50A000, 0x5B50A000)


def test_segments_and_pages_that_are_not_present() -> None:
    text = (
        "VIRTUAL           PHYSICAL\n"
        "ffffffffc0004000  25582c000\n"
        "\n"
        "SEGMENT: sseg\n"
        "PAGE DIRECTORY: ffffffff81330000\n"
        "  PGD: ffffffff81333ff8 => 9800000255828000\n"
        "  PTE: 41e00000 => ffffffff8166fea0\n"
        "\n"
        "     PTE         PAGE: 0000000000000000 not present\n"
    )
    found = parse("vtop ffffffffc0004000", text).one()
    assert (found.segment, found.reason) == ("sseg", "not present")
    broken = text.replace(
        "     PTE         PAGE: 0000000000000000 not present",
        "  PTE     vtop: cannot determine swap location",
    )
    assert not parse("vtop ffffffffc0004000", broken).complete


def test_empty_ranges_of_maple_trees() -> None:
    text = (
        "maple_tree(ffff9034c006aec0) flags 309, height 1 root 0xffff9034de70041e\n"
        "\n"
        "0-18446744073709551615: node 0xffff9034de700400 depth 0 type 1 parent (nil)\n"
        "  0-94643156942847: (nil)\n"
        "  94643156942848-94643158024191: 0xffff9035131754c0\n"
    )
    ranges = parse("tree -t maple ffff9034c006aec0 -v", text).records[2:]
    assert [entry.entry for entry in ranges] == [0, 0xFFFF9035131754C0]


def test_a_page_is_no_directory() -> None:
    text = "VIRTUAL     PHYSICAL\n400000      d996000\n\n   PTE: 467e000 => d996025\n  PAGE: d996000\n"
    found = parse("vtop -u 400000", text).one()
    assert (found.directory, found.page, [step.level for step in found.tables]) == (None, 0xD996000, ["PTE"])


SYSTEM = (
    "      KERNEL: vmlinux\n"
    "    DUMPFILE: vmcore  [PARTIAL DUMP]\n"
    "        CPUS: 48\n"
    "        DATE: Mon Jul 15 05:52:53 2019\n"
    "      UPTIME: 232 days, 05:23:55\n"
    "LOAD AVERAGE: 11.84, 7.15, 3.51\n"
    "       TASKS: 877\n"
    "    NODENAME: host\n"
    "     RELEASE: 3.10.0-862.el7.x86_64\n"
    "     VERSION: #1 SMP Wed Sep 26 15:12:11 UTC 2018\n"
    "     MACHINE: x86_64  (2300 Mhz)\n"
    "      MEMORY: 127.7 GB\n"
    '       PANIC: "Oops: 0002 [#1] SMP " (check log for details)\n'
)
TASK = (
    "         PID: 269\n"
    '     COMMAND: "kswapd0"\n'
    "        TASK: ffff9c957bc3cf10  [THREAD_INFO: ffff9c857ba3c000]\n"
    "         CPU: 22\n"
    "       STATE: TASK_RUNNING (PANIC)\n"
)


def test_what_crash_prints_when_it_starts() -> None:
    system, context = parse("sys", SYSTEM + TASK).records
    assert (system,) == parse("sys", SYSTEM).records
    assert (context.pid, context.command, context.cpu, context.note) == (269, "kswapd0", 22, "PANIC")
    for text in (SYSTEM + TASK.replace("CPU", "PUC"), TASK, SYSTEM.replace("CPUS: 48\n", "\n") + TASK):
        with pytest.raises(ParseError):
            parse("sys", text)


def test_the_shells_part_of_a_command_line() -> None:
    line = split_command("ps -m | grep -a UN", "am")
    assert (line.options, line.arguments) == ({"m": ""}, ())
    assert split_command("p (1 | 2)").arguments == ("(1 | 2)",)
    rows = "crash x64 log\nsecond line\n"
    assert parse("log | tail -t", rows).records == parse("log", rows).records


def test_counters_without_a_name() -> None:
    text = "       NR_ANON_PAGES: 38656\n      NR_FILE_MAPPED: 3116\n            NUMA_HIT: 86475467\n"
    found = parse("kmem -V", text).records
    assert [(row.section, row.value) for row in found] == [
        ("VM_STAT", 38656),
        ("VM_STAT", 3116),
        ("VM_STAT", 86475467),
    ]
    with pytest.raises(ParseError):
        parse("kmem -V", "       pgpgin: 12\n")


def test_swap_of_old_crashes() -> None:
    text = (
        "FILENAME           TYPE         SIZE      USED   PCT  PRIORITY\n"
        "/dev/sda8        PARTITION    136512k       0k    0%     -1\n"
        "/swap file       FILE           1024k     512k   50%     -2\n"
    )
    first, second = parse("swap", text).records
    assert (first.filename, first.size, first.priority, first.swap_info_struct) == (
        "/dev/sda8",
        136512 * 1024,
        -1,
        None,
    )
    assert (second.filename, second.type, second.percent) == ("/swap file", "FILE", 50)


def test_run_queues_of_old_crashes() -> None:
    text = (
        "RUNQUEUES[0]: c6002320\n"
        " RT PRIO_ARRAY: c60023c0\n"
        " CFS RB_ROOT: c600237c\n"
        '  PID: 9      TASK: f703f110  CPU: 0   COMMAND: "events/0"\n'
        "\n"
        "RUNQUEUES[1]: c6102320\n"
        " RT PRIO_ARRAY: c61023c0\n"
        " CFS RB_ROOT: c610237c\n"
    )
    answer = parse("runq", text)
    first, second = answer.records
    assert answer.complete
    assert [(queue.name, [task.pid for task in queue.tasks]) for queue in first.queues] == [
        ("RT PRIO_ARRAY", []),
        ("CFS RB_ROOT", [9]),
    ]
    assert (second.cpu, second.runqueue, second.current) == (1, 0xC6102320, None)
    with pytest.raises(ParseError):
        parse("runq", text.replace("RUNQUEUES[0]:", "CPU 0:"))


def test_registers_below_a_marker() -> None:
    registers = (
        "rip rsp rflags rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 cs ss".upper().split()
    )
    text = (
        'PID: 2898241  TASK: ff4cb0ce0da0c680  CPU: 30   COMMAND: "worker"\n'
        " #0 [ff5eba269937cfe0] __irq_exit_rcu at ffffffffa010ef61\n"
        " #1 [ff5eba269937cff0] sysvec_apic_timer_interrupt at ffffffffa0c58ca2\n"
        "--- <IRQ stack> ---\n"
        + "".join(f"    {name}: 0000000000000010\n" for name in registers)
        + "bt: WARNING: possibly bogus exception frame\n"
    )
    answer = parse("bt -c 30", text)
    trace = answer.one()
    assert (answer.complete, trace.complete, trace.marker, len(trace.frames)) == (
        False,
        False,
        "IRQ stack",
        2,
    )
    assert trace.frames[-1].exception is not None


def test_translations_that_break_off() -> None:
    answer = parse("vtop -u 400000", "VIRTUAL     PHYSICAL        \n")
    assert (len(answer), answer.complete) == (0, False)
    good = "VIRTUAL     PHYSICAL        \nc0000000    (not accessible)\n\n"
    answer = parse("vtop c0000000 400000", f"{good}VIRTUAL     PHYSICAL        \n")
    assert ([row.virtual for row in answer], answer.complete) == ([0xC0000000], False)
    with pytest.raises(ParseError):
        parse("vtop c0000000 400000", f"VIRTUAL     PHYSICAL        \n{good}")


def test_swap_of_2_4_in_translations() -> None:
    text = (
        "VIRTUAL   PHYSICAL\n40104000  (not mapped)\n\nPAGE DIRECTORY: c40d8000\n"
        "  PTE: c6bbe410 => 58bc00\n\n PTE      SWAP     OFFSET\n58bc00  /dev/sda8   58bc\n\n"
        "SWAP: /dev/sda8  OFFSET: 58bc\n"
    )
    found = parse("vtop 40104000", text).one()
    assert found.pte is not None
    assert (found.pte.swap_offset, found.offset) == (0x58BC, 0x58BC)
    found = parse("vtop 40104000", text.replace("58bc\n", "22716\n")).one()
    assert found.pte is not None
    assert (found.pte.swap_offset, found.offset) == (22716, 22716)

"""``sys``: the main block with all that may stand in it, and its other outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.sys import ConfigLine, DmiString, System, SystemCall, Taint, size_of
from tests.parsers.recorded import each, output

BLOCK = """\
      KERNEL: /usr/lib/debug/vmlinux [1]  [LIVEPATCH]  [TAINTED]
    DUMPFILE: /var/crash/a b.vmcore  [PARTIAL DUMP]
        CPUS: 24 [OFFLINE: 23]
        DATE: Fri Nov 20 23:16:39 CST 2026
      UPTIME: 10 days, 14:14:39
LOAD AVERAGE: 0.74, 0.23, 12.08
       TASKS: 677
    NODENAME: (none)
     RELEASE: 6.1.0-56-cloud-amd64
     VERSION: #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)
     MACHINE: x86_64  (2596 Mhz)
      MEMORY: 767.5 MB
       PANIC: "Oops: 0002 [#1] "quoted" | touch pwned" (check log for details)
"""


def test_the_main_block() -> None:
    answer = parse("sys", BLOCK)
    assert answer.one() == System(
        kernel="/usr/lib/debug/vmlinux [1]",
        kernel_flags=("LIVEPATCH", "TAINTED"),
        dumpfile="/var/crash/a b.vmcore",
        dumpfiles=("/var/crash/a b.vmcore",),
        dump_flags=("PARTIAL DUMP",),
        cpus=24,
        offline_cpus=23,
        date="Fri Nov 20 23:16:39 2026",
        timezone="CST",
        uptime=915279,
        load_average=(0.74, 0.23, 12.08),
        tasks=677,
        nodename="(none)",
        release="6.1.0-56-cloud-amd64",
        version="#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)",
        machine="x86_64",
        processor_mhz=2596,
        memory=round(767.5 * (1 << 20)),
        panic='Oops: 0002 [#1] "quoted" | touch pwned',
        check_log=True,
    )
    assert [notice.kind for notice in answer.warnings] == ["partial"]


def test_old_crash() -> None:
    text = (
        BLOCK.replace("CST ", "")
        .replace("24 [OFFLINE: 23]", "4")
        .replace("(2596 Mhz)", "(500 MHz)")
        .replace("767.5 MB", "1 GB 512 MB")
    )
    system = parse("sys", text).one()
    assert (system.timezone, system.offline_cpus, system.processor_mhz) == (None, 0, 500)
    assert system.memory == 3 << 29


def test_other_files() -> None:
    text = BLOCK.replace(
        "      KERNEL: /usr/lib/debug/vmlinux [1]  [LIVEPATCH]  [TAINTED]\n",
        "  SYSTEM MAP: System.map  [TAINTED]\nDEBUG KERNEL: vmlinux-debug (2.6.18-8.el5)\n",
    ).replace(
        "DUMPFILE: /var/crash/a b.vmcore  [PARTIAL DUMP]", "DUMPFILES: one [INCOMPLETE]\n              two"
    )
    system = parse("sys", text.replace("    DUMPFILES", "   DUMPFILES")).one()
    assert (system.kernel, system.system_map) == ("vmlinux-debug", "System.map")
    assert (system.debug_kernel, system.debug_kernel_version) == ("vmlinux-debug", "2.6.18-8.el5")
    assert (system.dumpfiles, system.dump_flags) == (("one", "two"), ("INCOMPLETE",))
    assert system.kernel_flags == ("TAINTED",)


def test_a_live_system_has_no_panic_but_a_dump_has() -> None:
    block = BLOCK[: BLOCK.index("       PANIC")]
    assert not parse("sys", block).complete
    live = parse("sys", block.replace("/var/crash/a b.vmcore  [PARTIAL DUMP]", "/proc/kcore"))
    assert live.complete
    assert live.one().panic is None


@pytest.mark.parametrize(
    "label", ["KERNEL", "DUMPFILE", "CPUS", "DATE", "UPTIME", "TASKS", "RELEASE", "MEMORY"]
)
def test_a_line_that_is_gone_or_twice(label: str) -> None:
    lines = BLOCK.splitlines(keepends=True)
    (line,) = (line for line in lines if line.lstrip().startswith(f"{label}: "))
    with pytest.raises(ParseError):
        parse("sys", BLOCK.replace(line, ""))
    with pytest.raises(ParseError):
        parse("sys", BLOCK.replace(line, line + line))


@pytest.mark.parametrize(
    "change",
    [
        ("24 [OFFLINE: 23]", "many"),
        ("Fri Nov 20", "Fri 20"),
        ("14:14:39", "14h"),
        ("0.74, 0.23", "0.74"),
        ("767.5 MB", "767.5 MiB"),
        ("(2596 Mhz)", "2596"),
        ("(check log", "(see log"),
        ("    NODENAME", "  DOMAINNAME"),
        ("\n", "\r\n"),
    ],
)
def test_refused(change: tuple[str, str]) -> None:
    with pytest.raises(ParseError):
        parse("sys", BLOCK.replace(*change))


@pytest.mark.parametrize("text", ["", "sys: invalid option -- 'z'\nUsage:\n", "x" * 10_000_000])
def test_nothing_of_a_system(text: str) -> None:
    with pytest.raises(ParseError):
        parse("sys", text)


def test_sizes() -> None:
    assert size_of("1.5 TB") == 3 << 39
    assert size_of("64 KB") == 65536
    assert size_of("64 KB and more") is None


def test_taints() -> None:
    assert parse("sys -t", "TAINTED_MASK: 201  PW\n").one() == Taint(mask=0x201, letters="PW")
    assert parse("sys -t", "TAINTED_MASK: 0  \n").one() == Taint(mask=0, letters="")
    assert parse("sys -t", "TAINTED: 1\n").one() == Taint(mask=1, letters=None)


def test_system_calls() -> None:
    text = (
        "NUM  SYSTEM CALL                FILE AND LINE NUMBER\n  9  sys_mmap                   ../a b.c: 86\n"
        "  a  sys_ni_syscall             \n  b  invalid sys_call_table entry: ffffffff81000000 (_stext)\n"
    )
    assert list(parse("sys -c", text)) == [
        SystemCall(number=9, name="sys_mmap", file="../a b.c", line=86),
        SystemCall(number=10, name="sys_ni_syscall"),
        SystemCall(number=11, name=None, entry=0xFFFFFFFF81000000),
    ]
    with pytest.raises(ParseError):
        parse("sys -c", text.split("\n", 1)[1])


def test_dmi_and_configuration() -> None:
    assert list(parse("sys -i", "   DMI_BIOS_VENDOR: SeaBIOS: x\n  DMI_PRODUCT_SKU: \n")) == [
        DmiString(name="DMI_BIOS_VENDOR", value="SeaBIOS: x"),
        DmiString(name="DMI_PRODUCT_SKU", value=""),
    ]
    config = '#\n# made\nCONFIG_64BIT=y\n# CONFIG_EXPERT is not set\nCONFIG_CC="gcc #12"\n\n'
    assert list(parse("sys config", config)) == [
        ConfigLine(name="CONFIG_64BIT", value="y"),
        ConfigLine(name="CONFIG_EXPERT", value=None),
        ConfigLine(name="CONFIG_CC", value='"gcc #12"'),
    ]
    assert not parse("sys config", config + config).complete
    with pytest.raises(ParseError):
        parse("sys config", "CONFIG_64BIT y\n")


@each("sys", "sys")
def test_the_system_knows_as_many_tasks_as_ps(case: Path) -> None:
    table = case.parent.with_name("ps") / "ps.cmd"
    if table.with_suffix(".json").exists():
        assert parse(*output(case)).one().tasks == len(parse(*output(table)))


@each("sys", "sys_-c")
def test_every_system_call(case: Path) -> None:
    command, text = output(case)
    numbers = [call.number for call in parse(command, text)]
    assert len(numbers) == text.count("\n") - 1
    assert numbers == sorted(set(numbers))

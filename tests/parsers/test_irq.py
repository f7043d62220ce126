"""``irq``: interrupts before and after 2.6.37, and their other views."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.irq import (
    Affinity,
    BottomHalves,
    IdtEntry,
    Irq,
    IrqAction,
    IrqCounts,
    LabelledValue,
    SoftIrq,
)
from tests.parsers.recorded import each, output

TABLE = """\
 IRQ   IRQ_DESC/_DATA      IRQACTION      NAME
  0   ffff890441159a00  ffff890441155e00  "timer"
  2   ffff890441159c00      (unused)
  9       (unused)          (unused)
 21   ffff88003787f780  ffff8800379a8b40  "a "quoted" name"
                        ffff8800379cbac0  "uhci_hcd:usb5"
"""


def test_lines() -> None:
    timer, unused, missing, usb = parse("irq", TABLE)
    assert timer == Irq(
        irq=0, irq_desc=0xFFFF890441159A00, actions=(IrqAction(irqaction=0xFFFF890441155E00, name="timer"),)
    )
    assert (unused.irq_desc, unused.actions) == (0xFFFF890441159C00, ())
    assert missing == Irq(irq=9, irq_desc=None)
    assert [action.name for action in usb.actions] == ['a "quoted" name', "uhci_hcd:usb5"]


def test_old_kernels() -> None:
    text = """\
    IRQ: 18
 STATUS: 3 (IRQ_INPROGRESS|IRQ_DISABLED)
HANDLER: c02301e0  <ioapic_level_irq_type>
         typename: c01f9e0c  "IO-APIC-level"
          startup: c0110234  <unmask_IO_APIC_irq>
 ACTION: c009c6b0
          handler: c01ce818  <do_aic7xxx_isr>
            flags: 4000000  (SA_SHIRQ)
             next: c009c770
 ACTION: c009c770
          handler: c01ce818
             next: 0
  DEPTH: 1

    IRQ: 19 (unused)

"""
    used, unused = parse("irq", text)
    assert (used.status, used.status_flags, used.depth) == (3, ("IRQ_INPROGRESS", "IRQ_DISABLED"), 1)
    assert used.handler_name == "ioapic_level_irq_type"
    assert used.handler_members["typename"] == LabelledValue(value=0xC01F9E0C, text="IO-APIC-level")
    assert [action["next"].value for action in used.actions] == [0xC009C770, 0]
    assert used.actions[0]["flags"] == LabelledValue(value=0x4000000, text="SA_SHIRQ")
    assert unused.irq == 19
    with pytest.raises(ParseError):
        parse("irq", text.replace("             next: c009c770\n", "             next: c009c770\n" * 2))


def test_tables_of_functions() -> None:
    assert list(parse("irq -d", "  [0] divide_error\n  [1] debug\n")) == [
        IdtEntry(vector=0, function="divide_error"),
        IdtEntry(vector=1, function="debug"),
    ]
    assert not parse("irq -d", "  [0] divide_error\n [14] page_fault\n").complete
    with pytest.raises(ParseError):
        parse("irq -d", "  [0] divide_error\n  [0] divide_error\n")
    soft = "SOFTIRQ_VEC      ACTION     \n    [0]     ffffffff81068f60  <tasklet_hi_action> \n"
    assert list(parse("irq -b", soft)) == [
        SoftIrq(vector=0, action=0xFFFFFFFF81068F60, name="tasklet_hi_action")
    ]
    old = "BH_MASK   BH_ACTIVE\n00000007  00000001\n\nBH_BASE   FUNCTION\n   0      c0117c0c  <timer_bh>\n"
    assert list(parse("irq -b", old)) == [
        BottomHalves(bh_mask=7, bh_active=1),
        SoftIrq(kind="bottom-half", vector=0, action=0xC0117C0C, name="timer_bh"),
    ]


def test_affinities() -> None:
    text = "IRQ NAME                 AFFINITY\n 16 ehci_hcd:usb2,ioc0   0,6-8\n 17 virtio1-req.0        \n"
    assert list(parse("irq -a", text)) == [
        Affinity(irq=16, names=("ehci_hcd:usb2", "ioc0"), cpus=(0, 6, 7, 8)),
        Affinity(irq=17, names=("virtio1-req.0",), cpus=()),
    ]


def test_counts() -> None:
    text = (
        "           CPU0       CPU2 \n  0: 2068161471          0 IR-IO-APIC-edge     timer\n"
        " 88:         24        295\n"
    )
    assert list(parse("irq -s -c 0,2", text)) == [
        IrqCounts(irq=0, counts={0: 2068161471, 2: 0}, chip="IR-IO-APIC-edge", name="timer"),
        IrqCounts(irq=88, counts={0: 24, 2: 295}, chip=None, name=None),
    ]
    with pytest.raises(ParseError):
        parse("irq -s", text.replace("        295", ""))


@pytest.mark.parametrize("command", ["irq", "irq -d", "irq -b", "irq -a", "irq -s"])
@pytest.mark.parametrize("text", ["", "irq: invalid IRQ value: 9\n", "0 " * 1_000_000, "1," * 1_000_000])
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


@each("irq", "irq")
def test_lines_counted_another_way(case: Path) -> None:
    command, text = output(case)
    assert [row.irq for row in parse(command, text)] == [
        int(n) for n in re.findall(r"(?m)^ {0,3}(\d+) ", text)
    ]


@each("irq", "irq_-s")
def test_counted_interrupts_are_those_in_use(case: Path) -> None:
    table = case.with_stem("irq")
    if table.with_suffix(".json").exists():
        used = {row.irq: row.actions for row in parse(*output(table))}
        for row in parse(*output(case)):
            assert row.name == ",".join(action.name for action in used[row.irq])


def test_softirqs_of_linux_2_4() -> None:
    text = (
        "CPU    MASK     ACTIVE\n 0   0000000f  00000001\n 1   0000000f  00000000\n\n"
        "VEC   ACTION \n 0   c0120f30  <tasklet_hi_action>\n\n"
        "BH_BASE   FUNCTION\n   0      c011d7c0  <timer_bh>\n   9      d0828060  \n"
    )
    assert list(parse("irq -b", text)) == [
        BottomHalves(cpu=0, bh_mask=15, bh_active=1),
        BottomHalves(cpu=1, bh_mask=15, bh_active=0),
        SoftIrq(vector=0, action=0xC0120F30, name="tasklet_hi_action"),
        SoftIrq(kind="bottom-half", vector=0, action=0xC011D7C0, name="timer_bh"),
        SoftIrq(kind="bottom-half", vector=9, action=0xD0828060, name=None),
    ]
    with pytest.raises(ParseError):
        parse("irq -b", text.replace("VEC   ACTION \n", ""))


def test_a_softirq_of_a_module() -> None:
    text = "SOFTIRQ_VEC      ACTION     \n    [6]     ffffffffc0a01000  <poll_action>  [poller]\n"
    assert list(parse("irq -b", text)) == [
        SoftIrq(vector=6, action=0xFFFFFFFFC0A01000, name="poll_action", module="poller")
    ]

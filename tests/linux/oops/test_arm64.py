"""Reports of arm64, whose traces name return addresses by the function that they lie in."""

from __future__ import annotations

from crashdrive.linux import oops

# of a guest of 6.1: panic() is the last call of sysrq_handle_crash()
LOG = """\
[  362.728167] sysrq: Trigger a crash
[  362.728600] Kernel panic - not syncing: sysrq triggered crash
[  362.729019] CPU: 0 PID: 1667 Comm: finish Tainted: G           OE      6.1.0-50-cloud-arm64 #1
[  362.730000] Hardware name: linux,dummy-virt (DT)
[  362.735508] Call trace:
[  362.735562]  dump_backtrace+0xe4/0x140
[  362.735674]  show_stack+0x20/0x30
[  362.735720]  dump_stack_lvl+0x64/0x80
[  362.735771]  dump_stack+0x18/0x34
[  362.735814]  panic+0x184/0x364
[  362.735859]  sysrq_reset_seq_param_set+0x0/0xa0
[  362.735942]  __handle_sysrq+0x90/0x19c
[  362.735990]  write_sysrq_trigger+0x7c/0xc0
[  362.736042]  proc_reg_write+0xac/0x100
[  362.736095]  vfs_write+0xdc/0x3a0
[  362.736141]  ksys_write+0x7c/0x11c
"""


def test_a_call_at_the_end_of_a_function_is_not_that_of_the_next_one() -> None:
    verdict = oops.verdict(LOG)
    assert (verdict.kind, verdict.function) == ("sysrq", "sysrq_handle_crash")
    assert "sysrq_reset_seq_param_set" not in verdict.frames


def test_nor_is_the_next_function_blamed() -> None:
    log = LOG.replace("sysrq triggered crash", "a thing went wrong").replace(
        "sysrq: Trigger a crash", "a thing"
    )
    assert oops.verdict(log).function != "sysrq_reset_seq_param_set"

"""The settings that decide whether the kernel panics: kernel.panic_on_oops and its like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

# the setting, and the int variables that it was kept in, the newest first
_VARIABLES = {
    "kernel.panic": ("panic_timeout",),
    "kernel.panic_on_oops": ("panic_on_oops",),
    "kernel.panic_on_warn": ("panic_on_warn",),
    "kernel.panic_on_io_nmi": ("panic_on_io_nmi",),
    "kernel.unknown_nmi_panic": ("unknown_nmi_panic",),
    "kernel.panic_on_unrecovered_nmi": ("panic_on_unrecovered_nmi",),
    "kernel.softlockup_panic": ("softlockup_panic",),
    "kernel.hardlockup_panic": ("hardlockup_panic",),
    "kernel.hung_task_panic": ("sysctl_hung_task_panic",),
    "kernel.panic_on_rcu_stall": ("sysctl_panic_on_rcu_stall",),
    "kernel.nmi_watchdog": ("watchdog_hardlockup_user_enabled", "nmi_watchdog_user_enabled"),
    "kernel.watchdog_thresh": ("watchdog_thresh",),
    "kernel.oops_limit": ("oops_limit",),
    "kernel.warn_limit": ("warn_limit",),
    "kernel.sysrq": ("sysrq_enabled",),
    "vm.panic_on_oom": ("sysctl_panic_on_oom",),
}


class PanicSetting(Record, frozen=True):
    """A setting by sysctl's name, and its number."""

    name: str
    setting: int


def panic_settings(survey: Survey) -> Iterator[PanicSetting]:
    """Those that this kernel has."""
    kernel = survey.kernel
    for name, variables in _VARIABLES.items():
        there = [variable for variable in variables if kernel.symbols.has(variable)]
        if there:
            yield PanicSetting(name=name, setting=int(kernel.symbol_as(there[0], "int")))

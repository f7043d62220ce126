"""Security modules (LSM) that are active, in the order in which they are asked (security/security.c)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from crashdrive.linux.texts import texts
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_LONGEST = 512
# the table of modules and their number, in kernels that keep no text of their names
_IDS, _COUNT, _ID = "lsm_idlist", "lsm_active_cnt", "struct lsm_id"
_MOST = 64
# a function that is inline in kernels without CONFIG_SECURITY; the list came in 4.11 (d69dece5f5b6)
_ANY = "security_capable"
# enum lockdown_reason (include/linux/security.h)
_LEVELS = {
    "LOCKDOWN_NONE": "none",
    "LOCKDOWN_INTEGRITY_MAX": "integrity",
    "LOCKDOWN_CONFIDENTIALITY_MAX": "confidentiality",
}


class SecurityModule(Record, frozen=True):
    """A security module that is active.

    ``security_mode``: of lockdown its level, of SELinux ``enforcing`` or ``permissive``, of Yama its
    ptrace_scope; None of others.
    """

    security_module: str
    security_mode: str | None


def security_modules(survey: Survey) -> Iterator[SecurityModule]:
    """The modules that ``/sys/kernel/security/lsm`` names; none where the kernel was built without any."""
    kernel = survey.kernel
    if not kernel.symbols.has("lsm_names") and not kernel.symbols.has(_ANY):
        survey.absent("security modules")
        return
    for name in _names(survey):
        found = survey.attempt(f"the state of {name}", partial(_mode, survey, name))
        yield SecurityModule(security_module=name, security_mode=next(iter(found), None))


def _names(survey: Survey) -> list[str]:
    kernel = survey.kernel
    if not kernel.symbols.has("lsm_names") and kernel.symbols.has(_IDS):
        count = min(_number(survey, _COUNT) or 0, _MOST)
        first, width = kernel.symbols.address(_IDS), kernel.pointer_size
        places = [first + width * number for number in range(count)]
        ids = [
            place for place in survey.gaps(kernel.read_many("unsigned long", places, [""]), _IDS)[""] if place
        ]
        named = survey.gaps(kernel.read_many(_ID, ids, ["name"]), _IDS)["name"]
        said = texts(survey, [place for place in named if place], "names of security modules")
        return [name for place in named if place and (name := said[place])]
    place = kernel.read_pointer(kernel.symbols.address("lsm_names"))
    text = kernel.read_string(place, _LONGEST).decode("utf-8", "backslashreplace") if place else ""
    return [name for name in text.split(",") if name]


def _mode(survey: Survey, name: str) -> list[str | None]:
    """The state of a module, where we know what it has."""
    known = {"lockdown": _lockdown, "selinux": _selinux, "yama": _yama}
    return [known[name](survey)] if name in known else []


def _number(survey: Survey, variable: str, kind: str = "unsigned int", path: str = "") -> int | None:
    """A variable, or a member of one; None where the dump lacks it."""
    kernel = survey.kernel
    place = kernel.symbols.address(variable)
    found: int | None = survey.gaps(kernel.read_many(kind, [place], [path]), variable)[path][0]
    return found


def _lockdown(survey: Survey) -> str | None:
    level = _number(survey, "kernel_locked_down")
    if level is None:
        return None
    numbers = survey.kernel.enumerators("enum lockdown_reason")
    return next((word for name, word in _LEVELS.items() if numbers.get(name) == level), str(level))


def _selinux(survey: Survey) -> str | None:
    kernel, kind, path = survey.kernel, "struct selinux_state", "enforcing"
    if not kernel.has_type(kind):
        # before 4.17 (aa8e712cee93)
        enforcing = _number(survey, "selinux_enforcing")
    elif kernel.has_member(kind, path):
        enforcing = _number(survey, "selinux_state", kind, path)
    else:
        # without CONFIG_SECURITY_SELINUX_DEVELOP it can't be permissive
        return "enforcing"
    return None if enforcing is None else "enforcing" if enforcing else "permissive"


def _yama(survey: Survey) -> str | None:
    scope = _number(survey, "ptrace_scope")
    return None if scope is None else f"ptrace_scope {scope}"

"""WARN(): the kernel says that something is wrong, and goes on."""

from __future__ import annotations

import re
from functools import partial

from crashdrive.linux.oops.culprit import FAULT, MEMORY, first_pointer, named_in_title, traced
from crashdrive.linux.oops.patterns import FUNCTION, WHERE
from crashdrive.linux.oops.records import Kind
from crashdrive.linux.oops.rule import NOTED, Case, Found, Rule

_ABOUT: tuple[tuple[str, Kind, str], ...] = (
    (r"lib/refcount\.c|linux/refcount\.h", "refcount", "WARNING: refcount bug"),
    (r"lib/list_debug\.c", "list", "BUG: corrupted list"),
    (r"mm/usercopy\.c", "usercopy", "BUG: bad usercopy"),
    (r"lib/debugobjects\.c", "warning", "WARNING: ODEBUG bug"),
    (r"kernel/locking/lockdep\.c|kernel/lockdep\.c", "lockdep", "WARNING: locking bug"),
    (r"lib/string_helpers\.c", "fortify", "fortify: detected buffer overflow"),
)


def find(case: Case) -> Found:
    """The function that warned; its caller, where it only checks its arguments."""
    skip = MEMORY if "mm/" in (case.group("file") or "") else FAULT
    found = named_in_title(skip)(case) if case.group("function") else traced(skip)(case)
    if found.frame is None and not found.doubts and (pointer := first_pointer(case)):
        found.frame = pointer.frame if not skip(pointer.frame.function or "") else None
    for pattern, kind, title in _ABOUT:
        if re.search(pattern, case.group("file") or ""):
            found.kind, found.title = kind, title
    return found


_warning = partial(Rule, "warning", title="WARNING", find=find, rank=NOTED)
RULES = (
    _warning("WARNING:", rf"WARNING: CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) at {WHERE}(?: {FUNCTION})?"),
    _warning(
        "WARNING:",
        rf"WARNING: (?:\[.{{1,120}}?\] )?{WHERE} at (?:0x[0-9a-f]+|{FUNCTION}), CPU#(?P<cpu>\d+): "
        rf"(?P<comm>.{{1,16}})/(?P<pid>\d+)",
    ),
    _warning("WARNING:", rf"WARNING: at {WHERE}(?: {FUNCTION})?"),
    _warning("warning at", rf"BUG: warning at {WHERE}/(?P<function>\w+)\(\)"),
    _warning("Badness", rf"Badness in (?P<function>\w+) at {WHERE}"),
    _warning("Badness", rf"Badness at {WHERE}", strength=49),
)

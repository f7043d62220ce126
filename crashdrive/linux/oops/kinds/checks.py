"""Checks of what a caller gave: lists, reference counts, user copies, string functions."""

from __future__ import annotations

from functools import partial

from crashdrive.linux.oops.culprit import FAULT, fault, first_pointer, traced
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule


def _caller(case: Case) -> Found:
    """The caller of the checker, by instruction pointer or by trace."""
    return fault(case) if first_pointer(case) else traced(FAULT)(case)


LIST = "BUG: corrupted list"
_check = partial(Rule, find=_caller, rank=SERIOUS, strength=65)
RULES = (
    _check(
        "list",
        "corruption",
        r"(?:slab: )?list_(?:add|del)(?:_rcu|_init)? corruption",
        LIST,
        joins=r"lib/list_debug\.c|include/linux/list\.h",
        family="access",
    ),
    _check(
        "list",
        "double add",
        r"list_add double add:",
        LIST,
        joins=r"lib/list_debug\.c|include/linux/list\.h",
        family="access",
    ),
    _check(
        "refcount",
        "refcount_t:",
        r"refcount_t: (?P<what>[\w -]+)",
        "WARNING: refcount bug",
        joins=r"lib/refcount\.c|linux/refcount\.h",
    ),
    Rule(
        "usercopy",
        "usercopy:",
        r"usercopy: (?:[Kk]ernel memory (?:exposure|overwrite) attempt|Bad or missing usercopy)",
        "BUG: bad usercopy",
        _caller,
        strength=65,
        joins=r"mm/\w+\.c",
    ),
    _check(
        "usercopy",
        "Bad or missing usercopy",
        r"Bad or missing usercopy whitelist",
        "BUG: bad usercopy",
        joins=r"mm/\w+\.c",
    ),
    _check(
        "fortify",
        "detected buffer overflow",
        r"(?:detected buffer overflow in \w+|\w+: detected buffer overflow)",
        "fortify: detected buffer overflow",
        joins=r"lib/string\w*\.c|linux/fortify-string\.h",
    ),
    _check(
        "fortify",
        "detected field-spanning",
        r"\w+: detected field-spanning (?:write|read)",
        "fortify: detected field-spanning write",
        joins="WARNING: ",
    ),
    _check(
        "usercopy",
        "Buffer overflow detected",
        r"Buffer overflow detected \(\d+ < \d+\)",
        "BUG: bad usercopy",
        joins=r"mm/\w+\.c",
    ),
)

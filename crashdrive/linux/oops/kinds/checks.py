"""Checks of what a caller gave: lists, reference counts, user copies, string functions."""

from __future__ import annotations

from crashdrive.linux.oops.culprit import FAULT, fault, first_pointer, traced
from crashdrive.linux.oops.rule import SERIOUS, Case, Found, Rule


def _caller(case: Case) -> Found:
    """The caller of the checker, by instruction pointer or by trace."""
    return fault(case) if first_pointer(case) else traced(FAULT)(case)


LIST = "BUG: corrupted list"
RULES = (
    Rule(
        "list",
        "corruption",
        r"(?:slab: )?list_(?:add|del)(?:_rcu|_init)? corruption",
        LIST,
        _caller,
        rank=SERIOUS,
        strength=65,
        joins=r"lib/list_debug\.c|include/linux/list\.h",
        family="access",
    ),
    Rule(
        "list",
        "double add",
        r"list_add double add:",
        LIST,
        _caller,
        rank=SERIOUS,
        strength=65,
        joins=r"lib/list_debug\.c|include/linux/list\.h",
        family="access",
    ),
    Rule(
        "refcount",
        "refcount_t:",
        r"refcount_t: (?P<what>[\w -]+)",
        "WARNING: refcount bug",
        _caller,
        rank=SERIOUS,
        strength=65,
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
    Rule(
        "usercopy",
        "Bad or missing usercopy",
        r"Bad or missing usercopy whitelist",
        "BUG: bad usercopy",
        _caller,
        rank=SERIOUS,
        strength=65,
        joins=r"mm/\w+\.c",
    ),
    Rule(
        "fortify",
        "detected buffer overflow",
        r"(?:detected buffer overflow in \w+|\w+: detected buffer overflow)",
        "fortify: detected buffer overflow",
        _caller,
        rank=SERIOUS,
        strength=65,
        joins=r"lib/string\w*\.c|linux/fortify-string\.h",
    ),
    Rule(
        "fortify",
        "detected field-spanning",
        r"\w+: detected field-spanning (?:write|read)",
        "fortify: detected field-spanning write",
        _caller,
        rank=SERIOUS,
        strength=65,
        joins="WARNING: ",
    ),
    Rule(
        "usercopy",
        "Buffer overflow detected",
        r"Buffer overflow detected \(\d+ < \d+\)",
        "BUG: bad usercopy",
        _caller,
        rank=SERIOUS,
        strength=65,
        joins=r"mm/\w+\.c",
    ),
)

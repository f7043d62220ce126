"""Records printed as crash prints them, and texts with damage: for properties of parsers."""

from __future__ import annotations

import random
import string

from hypothesis import strategies as st

PIDS = st.integers(0, 1 << 22)
CPUS = st.integers(0, 8191)
KERNEL_ADDRESSES = st.integers(0xFFFF_8000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF)
OLD_ADDRESSES = st.integers(0xC000_0000, 0xFFFF_FFFF)
SYMBOLS = st.from_regex(r"[a-z_][a-z0-9_]{0,20}(\.cold)?", fullmatch=True)
# What a process may call itself, as far as it stays in one line and doesn't end in blanks.
NAMES = st.text(
    alphabet=string.ascii_letters + string.digits + "/:.-_()[]#<>'\" ", min_size=1, max_size=15
).map(lambda name: name.strip() or "x")


def header(pid: int, task: int, cpu: int, comm: str) -> str:
    """``print_task_header()``."""
    return f'PID: {pid:<7}  TASK: {task:x}  CPU: {cpu:<3}  COMMAND: "{comm}"\n'


def without_a_line(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return "".join(lines)


def with_a_line_twice(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    return "".join([*lines[:place], lines[place], *lines[place:]])


def cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]

"""Records printed as crash prints them, and texts with damage: for properties of parsers."""

from __future__ import annotations

import random


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

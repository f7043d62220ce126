"""Task states: crash's two letters (``ps``, task_state_string()) and the kernel's one (/proc/PID/stat)."""

from __future__ import annotations

LETTERS = {
    "RU": "R",
    "IN": "S",
    "UN": "D",
    "ST": "T",
    "TR": "t",
    "DE": "X",
    "ZO": "Z",
    "PA": "P",
    "ID": "I",
}
"""The kernel's letter for each of crash's states that has one."""

WORDS = {letter: word for word, letter in LETTERS.items()}
"""Crash's two letters for each of the kernel's letters."""

"""What properties are tested with: the words of crash and of the kernel, as Hypothesis draws them.

A test module composes its records of these; what two modules would draw alike stands here.
"""

from __future__ import annotations

import string

from hypothesis import strategies as st

# numbers

WORDS = st.integers(0, (1 << 64) - 1)
KERNEL_ADDRESSES = st.integers(0xFFFF_8000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF)
OLD_ADDRESSES = st.integers(0xC000_0000, 0xFFFF_FFFF)
LONG_ADDRESSES = st.integers(1 << 60, (1 << 64) - 1)  # sixteen digits, on any 64-bit machine
PIDS = st.integers(0, 1 << 22)
CPUS = st.integers(0, 8191)
KIBIBYTES = st.integers(0, 1 << 40).map(lambda kilobytes: kilobytes * 1024)


def distinct(low: int, high: int, most: int) -> st.SearchStrategy[list[int]]:
    """Up to ``most`` numbers that differ: places, keys, indexes."""
    return st.lists(st.integers(low, high), max_size=most, unique=True)


# names and text

SYMBOLS = st.from_regex(r"[a-z_][a-z0-9_]{0,20}(\.cold)?", fullmatch=True)
MODULE_NAMES = st.from_regex(r"[a-z0-9_]{1,55}", fullmatch=True)
# of members, as gdb prints them
MEMBERS = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"true", "false", "void"}
)
DEVICE_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=15)
# what a process may call itself, as far as it stays in one line and doesn't end in blanks
COMMANDS = st.text(
    alphabet=string.ascii_letters + string.digits + "/:.-_()[]#<>'\" ", min_size=1, max_size=15
).map(lambda name: name.strip() or "x")
# what crash prints of a message of the kernel
LINES = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
IP_ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
# with lone surrogates, which no encoding takes
ANY_TEXT = st.text(
    st.characters() | st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"])
)

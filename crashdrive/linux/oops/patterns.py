"""Parts of patterns that several kinds use."""

from __future__ import annotations

NAME = r"[A-Za-z_.$][\w.$]*"
FUNCTION = (
    rf"(?P<function>{NAME})(?:\+0x(?P<offset>[0-9a-f]+)(?:/0x(?P<size>[0-9a-f]+))?)?"
    r"(?:\(\))?(?:\s\[(?P<module>[\w-]+)[^\]]*\])?"
)
"""A function in a message, with offset, size and module where the message has them."""
WHERE = r"(?P<file>[\w./+-]+\.[\w]{1,4}):(?P<line>\d+)"
"""File and line of the source."""
CPU_ON = r"(?:CPU ?(?P<cpu>\d+):? )?"

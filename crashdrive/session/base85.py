"""Base85 as Python's `base64.b85encode` writes it, decoded a fifth of the text at a time.

The standard library goes over the text group by group, a third of what opening a recorded session takes.
"""

from __future__ import annotations

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_VALUES = bytes.maketrans(_ALPHABET, bytes(range(85)))
# characters of a group, the bytes that they stand for, and the bytes in which a group is summed up
_CHARACTERS, _BYTES, _LANE = 5, 4, 8


def decoded(text: str) -> bytes:
    """The bytes; ValueError for what is no base85, exactly where `base64.b85decode` has one."""
    raw = text.encode("ascii")
    if raw.translate(None, _ALPHABET):
        raise ValueError("bad base85 character")
    padding = -len(raw) % _CHARACTERS
    digits = (raw + _ALPHABET[-1:] * padding).translate(_VALUES)
    size = _LANE * (len(digits) // _CHARACTERS)
    lanes, total = bytearray(size), 0
    for place in range(_CHARACTERS):
        # the digits of this place of all groups, as one number: a group's sum never leaves its lane
        lanes[::_LANE] = digits[place::_CHARACTERS]
        total = total * 85 + int.from_bytes(lanes, "little")
    sums = total.to_bytes(size, "little")
    if sums[_BYTES::_LANE].strip(b"\0"):
        raise ValueError("base85 overflow")
    found = bytearray(size // _LANE * _BYTES)
    for place in range(_BYTES):
        found[place::_BYTES] = sums[_BYTES - 1 - place :: _LANE]
    return bytes(found[: len(found) - padding])

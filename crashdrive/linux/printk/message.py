"""A message of the kernel's log, of either form of buffer."""

from __future__ import annotations

from crashdrive.records import Record

LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
# as in syslog(3); messages from user space through /dev/kmsg have another one than kern
_FACILITIES = (
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
)
_FIRST_LOCAL = 16


class Message(Record, frozen=True):
    r"""A message of the kernel's log; ``text`` may hold several lines, joined by ``\n``.

    ``timestamp``: seconds since boot, by the scheduler's clock. ``caller``: ``T`` and the thread's pid, or
    ``C`` and the CPU in interrupts; None where the kernel keeps none (before 5.10 it is an option).
    ``subsystem`` and ``device``: of a driver's message (``block``, ``b8:0``). ``text`` is None for a lost
    text.
    """

    sequence: int
    timestamp: float
    level: str
    facility: str
    caller: str | None
    subsystem: str | None
    device: str | None
    text: str | None


def level_name(number: int) -> str:
    """The word for a level of three bits."""
    return LEVELS[number & 7]


def facility_name(number: int) -> str:
    """The word for a facility; its number where it has none."""
    if number < len(_FACILITIES):
        return _FACILITIES[number]
    local = number - _FIRST_LOCAL
    return f"local{local}" if 0 <= local <= 7 else str(number)


def caller_name(number: int) -> str:
    """``T123`` or ``C1``: the top bit says that it is a CPU."""
    return f"C{number & 0x7FFF_FFFF}" if number & 0x8000_0000 else f"T{number}"


def decode(raw: bytes) -> str:
    r"""Text as the kernel wrote it; what isn't UTF-8 as ``\xNN``, like in /dev/kmsg."""
    return raw.decode("utf-8", errors="backslashreplace")

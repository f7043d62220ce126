"""Why a kernel died, from its log alone: pure text, no session, no dump.

- `verdict(text)` gives a `Verdict`: kind, culprit, signature. All None where the log holds no crash.
- `events(text)` gives every `Event`: each report (oops, warning, lockup, ...) that the log holds, in order.
- `judge(events)` gives the verdict on events, the event that it is about, and what followed (`Judgement`). A
  reader that knows more than the log, from a dump, changes the events before.

Texts are console captures, dmesg with or without time stamps, syslog, journald, netconsole, logcat, of
kernels from 2.4 on and of all architectures. They are ``str``; `crashdrive.linux.oops.text.decoded` makes it
of bytes. Time grows with the length of the text; nothing raises on any text.
"""

from __future__ import annotations

from crashdrive.linux.oops.events import event_of
from crashdrive.linux.oops.records import Event, Frame, Head, Kind, LinkedModule, Trace, Verdict
from crashdrive.linux.oops.scan import blocks, fewer
from crashdrive.linux.oops.signature import ALGORITHM
from crashdrive.linux.oops.verdict import Judgement, judge, verdict_of

__all__ = [
    "ALGORITHM",
    "Event",
    "Frame",
    "Head",
    "Judgement",
    "Kind",
    "LinkedModule",
    "Trace",
    "Verdict",
    "events",
    "judge",
    "verdict",
    "verdict_of",
]


def events(text: str) -> tuple[Event, ...]:
    """Every report in a log, in the order of their first lines; of the first boot that has any.

    Of thousands of one form (a CPU that is reported each 20 seconds for days), the first and last hundred.
    """
    found = list(fewer(blocks(text)))
    if not found:
        return ()
    boot = min(block.boot for block in found)
    mine = [event_of(block) for block in found if block.boot == boot]
    return tuple(sorted(mine, key=lambda event: event.line))


def verdict(text: str) -> Verdict:
    """Why the kernel died, by its log."""
    return judge(events(text)).verdict

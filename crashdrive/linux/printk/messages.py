"""All messages of the kernel's log, as in /dev/kmsg and crash's ``log``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.printk import log_buf, ring_buffer
from crashdrive.linux.survey import Reading, Survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.printk.message import Message


def messages(kernel: Machine) -> Reading[Message]:
    """The messages that the dump's log buffer holds, the oldest first.

    Incomplete where the buffer has holes or is damaged. UnknownSymbolError for kernels before 3.5, whose log
    is text without records: crash's ``log`` prints it.
    """
    survey = Survey(kernel)
    return survey.reading(survey.attempt("its log", lambda: found(survey)))


def found(survey: Survey) -> Iterator[Message]:
    """The messages, problems noted in a survey."""
    symbols = survey.kernel.symbols
    return ring_buffer.messages(survey) if symbols.has(ring_buffer.SYMBOL) else log_buf.messages(survey)

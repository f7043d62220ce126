"""What kernel data needs of a session: commands, what is known of its dump, how its crash came up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from crashdrive.session.health import Health
from crashdrive.session.result import Runner


class DumpSession(Runner, Protocol):
    """A session on a dump: all that `crashdrive.kernel` and `crashdrive.linux` know of one.

    It is a `Session` (on a crash or on a recording), or a test's double.
    """

    @property
    def timeout(self) -> float:
        """Seconds that a command has."""
        ...

    @property
    def identity(self) -> Mapping[str, str]:
        """Which dump and kernel this is: see `Session.identity`; what isn't known is left out."""
        ...

    @property
    def vmcoreinfo(self) -> Mapping[str, str]:
        """The dump's VMCOREINFO; empty where it has none."""
        ...

    @property
    def marks(self) -> Mapping[str, str]:
        """Inode and times of the files ``vmlinux`` and ``vmcore``; empty where there are none (a replay)."""
        ...

    @property
    def health(self) -> Health:
        """How crash came up, and what there is to doubt."""
        ...

    @property
    def minimal(self) -> bool:
        """Whether crash came up without its tables: see `Session.minimal`."""
        ...

    @property
    def recording(self) -> bool:
        """Whether all of it is written down, or comes from such a record."""
        ...

    @property
    def fifo(self) -> object:
        """The path of the FIFO that `stream` reads; None without a side channel."""
        ...

    def stream(
        self, commands: Sequence[str], sink: Callable[[bytes], object], *, timeout: float | None = None
    ) -> bytes:
        """Run commands that write into `fifo`, in one round trip: see `Session.stream`."""
        ...

    def make_full(self) -> bool:
        """Start a crash with all its tables in place of one without. True if that was needed."""
        ...

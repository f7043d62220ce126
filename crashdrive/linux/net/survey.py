"""A reading of the network: a `Survey` with the chosen network namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashdrive.linux.net.namespaces import Namespaces, namespaces
from crashdrive.linux.survey import Survey

if TYPE_CHECKING:
    from crashdrive.linux.machine import Machine


class NetSurvey(Survey):
    """A reading of a kernel's network in the namespaces that are asked for.

    ``labels``: each namespace's label by the address of its ``struct net``; ``chosen``: addresses of the
    namespaces that are asked for; ``everywhere``: whether these are all.
    """

    def __init__(self, kernel: Machine, everywhere: Namespaces, chosen: Namespaces) -> None:
        super().__init__(kernel)
        self.namespaces = everywhere
        self.labels: dict[int | None, str] = {one.address: one.label for one in everywhere.nets}
        self.chosen = frozenset(one.address for one in chosen.nets)
        self.everywhere = len(chosen.nets) == len(everywhere.nets)

    @classmethod
    def of(cls, kernel: Machine, netns: str | None = None) -> NetSurvey:
        """A reading of the namespaces that ``--netns`` chooses; doubts about these are noted."""
        everywhere = namespaces(kernel)
        survey = cls(kernel, everywhere, everywhere.choose(netns))
        survey.miss(everywhere.warnings, complete=everywhere.complete)
        if netns is not None and netns.startswith("pid:"):
            survey.miss(everywhere.process_notices, complete=not everywhere.process_notices)
        return survey

    def chosen_nets(self, nets: Sequence[int | None]) -> Sequence[bool]:
        """Which of the namespaces are asked for."""
        if self.everywhere:
            return [True] * len(nets)
        return [net in self.chosen for net in nets]

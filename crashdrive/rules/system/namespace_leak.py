"""Namespaces without processes pile up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.namespaces.rows import NamespaceRow

COUNT = 100


@rule(
    id="namespace-leak",
    severity="warning",
    looks_at=("namespaces.namespaces",),
    message="namespaces of {count:kind|kinds} pile up without processes",
    threshold=f"{COUNT} namespaces of a kind or more without a process; user namespaces don't count",
    explanation=(
        "Mounts, open files or sockets keep each: many of them are a leak of the program that makes "
        "containers."
    ),
    advice="See what keeps them: crashdrive report namespaces --kind KIND --format json.",
    reference="kernel/nsproxy.c: free_nsproxy()",
)
def namespace_leak(namespaces: Iterable[NamespaceRow]) -> Iterator[Match]:
    empty = Counter(
        row.kind for row in namespaces if not (row.processes or row.initial or row.kind == "user")
    )
    full = [(kind, count) for kind, count in empty.most_common() if count >= COUNT]
    return matches(full, lambda pair: f"{pair[0]}: {pair[1]} without a process")

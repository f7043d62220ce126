r"""Namespaces of all kinds: their owners, their processes, and what else keeps them.

\b
Examples:
  crashdrive report namespaces vmcore
  crashdrive report namespaces --kind user --nesting vmcore
  crashdrive report namespaces --members --number 4026532265 vmcore

owner: the user namespace whose root has all capabilities over it. keepers: mounts and open files that keep a
namespace, also one without processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.namespaces.kinds import KINDS
from crashdrive.linux.namespaces.rows import NamespaceRow, namespaces, nesting
from crashdrive.linux.survey import Survey
from crashdrive.records import Record, Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "namespaces"
SUMMARY = "Namespaces of all kinds: members, owners, nesting, what keeps them."
BTF = True
OPTIONS = (
    Option(
        name="kind", flags=("-t", "--kind"), kind="text", many=True, help="Of this kind.",
        choices=tuple(kind.name for kind in KINDS),
    ),
    Option(name="inum", flags=("-n", "--number"), kind="integer", many=True, help="By its number."),
    Option(name="members", flags=("-m", "--members"), help="The tasks in each, too."),
    Option(name="nesting", flags=("--nesting",), help="User and pid namespaces, each below its parent."),
)  # fmt: skip


class NestedNamespace(Record, frozen=True):
    """A user or pid namespace below its parent; ``depth``: how many are above it."""

    tree_line: str
    depth: int
    kind: str
    inum: int
    parent_inum: int | None


def report(crash: Any, **asked: Any) -> Report:
    """The namespaces that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    found = survey.attempt("namespaces", lambda: [namespaces(survey)])
    every = [row for one in found for row in one.rows]
    survey.require("number of a namespace", asked["inum"], sorted({row.inum for row in every}))
    rows = [row for row in every if _is_wanted(row, asked)]
    tables = [Table(name="namespaces", rows=rows, columns=_COLUMNS, title="Namespaces")]
    if asked["nesting"]:
        tables.append(
            Table(
                name="nesting",
                rows=list(_nested(every)),
                columns=("tree_line",),
                layout="lines",
                title="Nesting",
            )
        )
    if asked["members"]:
        wanted = {(row.kind, row.inum) for row in rows}
        living = [row for one in found for row in one.members if (row.kind, row.inum) in wanted]
        tables.append(Table(name="members", rows=living, title="Members"))
    return judged(report_of(NAME, survey, tables), "system")


_COLUMNS = (
    "kind", "inum", "parent_inum", "owner_inum", "owner_uid", "processes", "first_pid", "comm", "keepers",
    "details",
)  # fmt: skip


def _is_wanted(row: NamespaceRow, asked: dict[str, Any]) -> bool:
    return (not asked["kind"] or row.kind in asked["kind"]) and (
        not asked["inum"] or row.inum in asked["inum"]
    )


def _nested(rows: Sequence[NamespaceRow]) -> Iterator[NestedNamespace]:
    for kind in ("user", "pid"):
        for depth, row in nesting(rows, kind):
            who = "nobody" if row.first_pid is None else f"{row.comm} ({row.first_pid})"
            said = f"{'  ' * depth}{kind}:[{row.inum}] {row.processes} processes, {who}"
            yield NestedNamespace(
                tree_line=said, depth=depth, kind=kind, inum=row.inum, parent_inum=row.parent_inum
            )

"""What a group's page says: its stack, frames that differ, what dumps share, what is unlike in one."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.batch.chart import chart_of
from crashdrive.batch.likeness import bare

_MOST_STACKS = 12
_COMPARED = ("release", "host", "context", "comm", "taint", "kind", "title", "status")
_ENOUGH = 3  # dumps, before one of them can be unlike the others
_MOST_TOLD = 40
_RANK = {"critical": 0, "warning": 1, "info": 2}


def group_values(
    group: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], findings: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The values of the template ``batch_group.html``; ``rows`` are those of ``dumps``, the oldest first."""
    times = [row["crashed"] for row in rows if row["crashed"]]
    by_kind: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for one in findings:
        by_kind[one["kind"]].setdefault(one["dump"], one)
    return {
        "title": group["title"],
        "group": group,
        "chart": chart_of(times, (times[0], times[-1]) if times else None, 60),
        "stack": stack_of([tuple(json.loads(row["frames"])) for row in rows]),
        "shared": list(_shared(by_kind, len(rows))),
        "unlike": list(_unlike(rows, by_kind))[:_MOST_TOLD],
        "rows": rows,
    }


def stack_of(stacks: Sequence[tuple[str, ...]]) -> dict[str, Any] | None:
    """The stack of most dumps, each frame with how many dumps have it, and the other stacks."""
    counts = Counter(stack for stack in stacks if stack)
    if not counts:
        return None
    (common, count), *others = counts.most_common()
    has: Counter[str] = Counter()
    for stack, number in counts.items():
        has.update(dict.fromkeys({bare(frame) for frame in stack}, number))
    mine = {bare(frame) for frame in common}
    return {
        "count": count,
        "of": counts.total(),
        "frames": [{"function": frame, "share": has[bare(frame)]} for frame in common],
        "others": [
            {
                "count": number,
                "frames": [{"function": frame, "differs": bare(frame) not in mine} for frame in stack],
            }
            for stack, number in others[:_MOST_STACKS]
        ],
    }


def _shared(by_kind: Mapping[str, Mapping[str, Mapping[str, Any]]], dumps: int) -> Iterator[dict[str, Any]]:
    """Findings of at least half of the dumps, the most frequent first."""
    found = [
        {**next(iter(having.values())), "count": len(having)}
        for having in by_kind.values()
        if 2 * len(having) >= dumps
    ]
    yield from sorted(found, key=lambda one: (_RANK.get(one["severity"], 9), -one["count"], one["kind"]))


def _unlike(
    rows: Sequence[Mapping[str, Any]], by_kind: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What one dump has and no other, where all others agree."""
    if len(rows) < _ENOUGH:
        return
    names = {row["dump"]: row["path"] for row in rows}
    for column in _COMPARED:
        values: defaultdict[Any, list[str]] = defaultdict(list)
        for row in rows:
            values[row[column]].append(row["dump"])
        if len(values) == 2:
            (common, _), (value, dumps) = sorted(values.items(), key=lambda item: -len(item[1]))
            if len(dumps) == 1:
                told = f"{column} {value or 'unknown'}, that of the others {common or 'unknown'}"
                yield {"dump": dumps[0], "name": names[dumps[0]], "told": told}
    for kind, having in sorted(by_kind.items()):
        if len(having) == 1:
            (dump,) = having
            yield {"dump": dump, "name": names.get(dump, dump), "told": f"it alone has {kind}"}
        lacking = names.keys() - having.keys()
        if len(lacking) == 1:
            (dump,) = lacking
            yield {"dump": dump, "name": names[dump], "told": f"it alone lacks {kind}"}

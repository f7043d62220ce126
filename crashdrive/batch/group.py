"""Groups of dumps that died of the same.

Dumps are in one group where

1. they have the same bucket (`crashdrive signature`): same kind, same culprit, same module;
2. a title of one is an alternative of the other, or they have one in common: what other kernels or builds
   call the same crash;
3. they hang, and everybody waits for the same thing, whoever reported it;
4. their culprits are of one kind and of almost one name, or one's culprit is near the top of the other's
   stack, and the stacks are alike (`likeness`): what a compiler inlined, what a kernel renamed.

Corrupted ones, whose log is mixed up or cut, are grouped among themselves. Adding dumps joins groups at
most: members stay together, and a group keeps its id; of groups that become one the oldest id stays.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from crashdrive.batch.likeness import bare, likeness, normalised
from crashdrive.linux.oops import machinery
from crashdrive.linux.oops.machinery import matcher, plain

ALGORITHM: Final = 2
"""Version of the rules above; it is part of each new group's id."""

ALIKE: Final = 0.75
"""From this likeness on two stacks are of one crash, where their culprits fit."""

_NEAR_TOP = 3
_SAMPLES = 4  # different stacks of a bucket that are compared
_FAMILIES = {
    "null": "access", "paging": "access", "gpf": "access", "bad-ip": "access",
    "softlockup": "stall", "hardlockup": "stall", "rcu": "stall", "watchdog": "stall",
}  # fmt: skip
_WIDE = frozenset({"lockdep", "atomic"})  # kinds of several reports: their titles tell them apart
_GENERIC = matcher(
    machinery.LIBRARY, machinery.ALLOCATORS, machinery.WAITING, machinery.CHECKERS, machinery.SANITIZERS
)
# what drivers call into: a warning there is about who called
_SHARED = re.compile(
    r"usb_(?:submit_urb|\w*_msg)|device_(?:add|register)|get_device_parent|rollback_registered\w*"
    r"|unregister_netdev\w*|[di]put|vprintk_\w+|console_unlock|kill_fasync\w*|unwind_next_frame"
    r"|_*sk_(?:destruct|free)\w*|sock_put"
)
# what hands a request to the code of its kind: below it two kinds are two crashes
_HANDING_ON = re.compile(r"tc_modify_qdisc|qdisc_create|tc_new_tfilter|tc_ctl_t(?:filter|action)")
# functions that many modules have, each its own
_COMMON = re.compile(
    r"(?:\w*_)?(?:probe|remove|init|exit|init_module|cleanup_module|open|close|read|write|ioctl)"
)


class Crash(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a dump for grouping it; fields as in the table ``dumps``."""

    dump: str
    bucket: str | None = None
    title: str | None = None
    kind: str | None = None
    function: str | None = None
    module: str | None = None
    alternatives: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    waits_for: str | None = None
    corrupted: bool = False
    crashed: str | None = None
    group_id: str | None = None
    algorithm: int | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group: its id, the crash that it is named after, and its members, the oldest first."""

    id: str
    first: Crash
    members: tuple[Crash, ...]
    algorithm: str


def grouped(crashes: Iterable[Crash], ages: Mapping[str, str] | None = None) -> list[Group]:
    """All groups, the largest first. ``ages``: since when groups of earlier runs have been there."""
    sets = _Sets()
    kinds: dict[tuple[object, ...], list[Crash]] = defaultdict(list)
    for crash in crashes:
        kinds[_same(crash)].append(crash)
    for key, members in kinds.items():
        for token in _tokens(members[0]):
            sets.join(key, token)
        for crash in members:  # those that were together stay together
            if crash.group_id is not None:
                sets.join(key, ("group", crash.group_id))
    for one, other in _alike(kinds):
        sets.join(one, other)
    joined: dict[object, list[Crash]] = defaultdict(list)
    for key, members in kinds.items():
        joined[sets.root(key)] += members
    order = _oldest_first(joined.values())
    before = {one.group_id for members in order for one in members if one.group_id} | set(ages or {})
    taken: set[str] = set()
    found = [_group(members, ages or {}, taken, before) for members in order]
    return sorted(found, key=lambda group: (-len(group.members), group.id))


def _same(crash: Crash) -> tuple[object, ...]:
    """What is the same for all dumps of one bucket, as far as grouping goes."""
    unclear = crash.corrupted and crash.function is None
    stack = (normalised(crash.frames) or crash.dump) if unclear else None
    more = (caller(crash), stack)
    return (crash.bucket, crash.corrupted, crash.title, crash.waits_for, crash.alternatives, *more)


def caller(crash: Crash) -> str | None:
    """Who called a culprit that everybody calls; None of a culprit that says enough."""
    # the top of such stacks is random, and so is who asked for the last page
    unlike = _family(crash.kind) in {"hung", "stall", "stack", "oom"}
    if crash.function is None or unlike or not _is_generic(crash.function):
        return None
    frames = normalised(crash.frames)
    name = bare(crash.function)
    rest = frames[frames.index(name) + 1 :] if name in frames else frames
    return next((frame for frame in rest if not _is_generic(frame)), None)


def _is_generic(name: str) -> bool:
    return bool(_GENERIC(name) or _SHARED.fullmatch(plain(name)))


def _tokens(crash: Crash) -> Iterator[tuple[object, ...]]:
    """What a crash shares with all others of its group."""
    apart = crash.corrupted
    if crash.waits_for is not None:
        yield ("waits", crash.waits_for)
        return
    if apart and crash.function is None:  # nothing tells what is the same of two of them but their stacks
        yield ("corrupted", crash.bucket, normalised(crash.frames) or crash.dump)
        return
    below = caller(crash)
    title = crash.title if crash.kind in _WIDE else None
    passing = _family(crash.kind) == "stall" and crash.function is not None and _is_generic(crash.function)
    yield ("bucket", apart, crash.bucket, title, crash.alternatives if passing else below)
    if not apart and crash.function is not None and below is None:
        yield from _titles(crash, passing=passing)


def _titles(crash: Crash, *, passing: bool) -> Iterator[tuple[object, ...]]:
    """The titles that a crash has; ``passing``: where it stalled is chance, who led there tells."""
    ending = f" in {crash.function}"
    titles = (crash.title, *crash.alternatives)
    module = crash.module if crash.module or not _COMMON.fullmatch(crash.function or "") else crash.dump
    for title in titles:
        name = (title or "").rpartition(" in ")[2]
        handed_on = name != crash.function and _HANDING_ON.fullmatch(name)
        if not handed_on and not (passing and (title or "").endswith(ending)):
            yield ("title", title, module)


class _Sets:
    """Things that belong together, as trees (union-find)."""

    def __init__(self) -> None:
        self._above: dict[object, object] = {}

    def root(self, one: object) -> object:
        path = []
        while (above := self._above.get(one, one)) != one:
            path.append(one)
            one = above
        for passed in path:
            self._above[passed] = one
        return one

    def join(self, one: object, other: object) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            self._above[second] = first


def _alike(kinds: Mapping[tuple[object, ...], list[Crash]]) -> Iterator[tuple[object, object]]:
    """Pairs of buckets whose stacks are alike, and whose culprits fit."""
    stacks: dict[tuple[object, ...], list[tuple[str, ...]]] = {}
    by_name: dict[tuple[str, str], list[tuple[object, ...]]] = defaultdict(list)
    for key, members in kinds.items():
        if _is_comparable(crash := members[0]):
            function = crash.function or ""
            stacks[key] = _stacks(function, members)
            by_name[_family(crash.kind), bare(function)].append(key)
    for key, mine in stacks.items():
        crash = kinds[key][0]
        for name in sorted({frame for frames in mine for frame in frames[:_NEAR_TOP]}):
            for other in by_name.get((_family(crash.kind), name), ()):
                if other != key and _fits(crash, kinds[other][0]) and _are_alike(mine, stacks[other]):
                    yield key, other


def _is_comparable(crash: Crash) -> bool:
    """Whether likeness of stacks says something: not where their top is chance, or where the caller tells."""
    clear = not crash.corrupted and crash.function is not None and crash.waits_for is None
    by_stack = crash.kind not in _WIDE and _family(crash.kind) != "stall"
    return clear and crash.kind is not None and by_stack and caller(crash) is None


def _stacks(function: str, members: Sequence[Crash]) -> list[tuple[str, ...]]:
    """Different stacks of a bucket from the culprit on, a few of them."""
    found: dict[tuple[str, ...], None] = {}
    for crash in members:
        frames = normalised(crash.frames)
        name = bare(function)
        found[frames[frames.index(name) :] if name in frames else (name, *frames)] = None
        if len(found) == _SAMPLES:
            break
    return list(found)


def _family(kind: str | None) -> str:
    return _FAMILIES.get(kind or "", kind or "")


def _fits(one: Crash, other: Crash) -> bool:
    """Whether the culprits may be one: a function of one module isn't that of another one.

    A callee that was inlined into the culprit leaves the kind as it is.
    """
    same = bare(one.function or "") == bare(other.function or "")
    return one.module == other.module and (same or one.kind == other.kind)


def _are_alike(some: Sequence[tuple[str, ...]], others: Sequence[tuple[str, ...]]) -> bool:
    return any(
        len(one) > 1 and len(two) > 1 and likeness(one, two) >= ALIKE for one in some for two in others
    )


def _oldest_first(groups: Iterable[list[Crash]]) -> list[list[Crash]]:
    found = [sorted(members, key=lambda one: (one.crashed or "~", one.dump)) for members in groups]
    return sorted(found, key=lambda members: (members[0].crashed or "~", members[0].dump))


def _group(members: Sequence[Crash], ages: Mapping[str, str], taken: set[str], before: set[str]) -> Group:
    """A group of these; ``taken``: ids of others of this run, ``before``: those of earlier runs."""
    first = members[0]
    ids = sorted(
        {one.group_id for one in members if one.group_id}, key=lambda name: (ages.get(name, "~"), name)
    )
    name = next((one for one in ids if one not in taken), None) or _new_id(first, taken | before)
    taken.add(name)
    version = f"{ALGORITHM}.{first.algorithm or 0}"
    return Group(id=name, first=first, members=tuple(members), algorithm=version)


def _new_id(first: Crash, taken: set[str]) -> str:
    """An id that is the same wherever this crash is the first of its group."""
    what = first.waits_for or first.bucket or first.title or "none"
    for number in range(len(taken) + 1):
        text = "\0".join([str(ALGORITHM), what, str(first.corrupted), *([str(number)] if number else [])])
        name = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:10]
        if name not in taken:
            return name
    raise AssertionError("one of n + 1 names is free")

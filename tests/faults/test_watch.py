"""Functions that are waited for."""

from __future__ import annotations

from collections.abc import Iterator

from faultkit.watch import Watch


def added(one: int, two: int = 2, *, three: int = 3) -> int:
    return one + two + three


def counted(most: int) -> Iterator[int]:
    yield from range(most)


def fails() -> None:
    raise ValueError("no")


def test_a_function_is_seen_at_its_first_call() -> None:
    body = added.__code__
    with Watch({"added": added, "counted": counted, "fails": fails}) as watch:
        assert (added(1), added(1, three=4), added(one=5)) == (6, 7, 10)
        assert added.__code__ is body
        assert watch.unseen == ["counted", "fails"]
        assert list(counted(3)) == [0, 1, 2]
    assert watch.unseen == ["fails"]


def test_all_are_as_before() -> None:
    bodies = [one.__code__ for one in (added, counted, fails)]
    with Watch({"added": added, "counted": counted, "fails": fails}) as watch:
        assert added.__code__ is not bodies[0]
    assert [one.__code__ for one in (added, counted, fails)] == bodies
    assert len(watch.unseen) == 3

"""Counters of sockets."""

from __future__ import annotations

from crashdrive.linux.net.counters import sockstat


def test_counters_show_no_less_than_nothing() -> None:
    assert [sockstat._positive(value) for value in (-3, 0, 4, None)] == [0, 0, 4, None]

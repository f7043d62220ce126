"""Which structures are packets."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.net.packets import buffers

# packets by address


@pytest.mark.parametrize(
    "changed",
    [{"length": 9}, {"tail": 90}, {"data": -1}, {"head": 0x10}, {"end": 0}, {"end": 1 << 30}, {"len": None}],
)
def test_what_is_a_packet(changed: dict[str, Any]) -> None:
    row: dict[str, Any] = {"head": 1 << 63, "data": 4, "tail": 14, "end": 64, "length": 30, "data_length": 20}
    assert buffers._is_packet(row, 1 << 62)
    if "len" in changed:
        changed = {"length": None}
    assert not buffers._is_packet(row | changed, 1 << 62)

"""What waits in sockets: in which direction nothing moves."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.net.sockets.queues import stuck_direction


@pytest.mark.parametrize(
    ("recv_q", "send_q", "ages", "stuck"),
    [
        (5, 0, (1.0, 9.0, 9.0), "receive"),
        (5, 0, (0.9, 9.0, 9.0), None),
        (0, 0, (9.0, 9.0, 9.0), None),
        (0, 5, (9.0, 1.0, 1.0), "send"),
        # an idle connection that has just sent; a closed window that was just asked
        (0, 5, (9.0, 60.0, 0.1), None),
        (0, 5, (9.0, 0.1, 60.0), None),
        (5, 5, (9.0, 9.0, 9.0), "both"),
        (5, 5, (None, None, None), None),
        (None, None, (9.0, 9.0, 9.0), None),
        (0, 5, (None, None, 2.0), "send"),
    ],
)
def test_stuck(recv_q: Any, send_q: Any, ages: Any, stuck: str | None) -> None:
    assert stuck_direction(recv_q, send_q, ages) == stuck

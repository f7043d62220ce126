"""Packets by their addresses."""

from __future__ import annotations

import pytest

from crashdrive.errors import UsageError
from crashdrive.reports.net import skb


def test_which_packet() -> None:
    with pytest.raises(UsageError, match="--address"):
        skb.report(None, address=(), queue=())

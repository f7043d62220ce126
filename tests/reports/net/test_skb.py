"""Packets by their addresses."""

from __future__ import annotations

import pytest

from crashdrive.errors import UsageError
from crashdrive.reports import run_report


def test_which_packet() -> None:
    with pytest.raises(UsageError, match="--address"):
        run_report(None, "skb")

"""netfilter on kernels whose tables can't be read: a warning, and a mark where there are hooks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crashdrive.errors import UnknownTypeError
from crashdrive.linux.net.netfilter import nftables, xtables
from crashdrive.records import Notice
from crashdrive.reports.net import netfilter


class Survey:
    """What the functions below ask of a survey."""

    def __init__(self, *, known: bool) -> None:
        self.kernel, self.known = self, known
        self.notices: list[Notice] = []
        self.complete = True

    def type(self, kind: str) -> None:
        if not self.known:
            raise UnknownTypeError(f"{kind} is in no module's debug data")

    def miss(self, notices: list[Notice], *, complete: bool) -> None:
        self.notices += notices
        self.complete &= complete

    def attempt(self, what: str, find: Callable[[], Any]) -> list[Any]:  # noqa: ARG002 - a survey's signature
        return []


OF: list[tuple[Any, Any, str, str]] = [
    (netfilter._of_iptables, xtables, "tables of iptables", "struct xt_table"),
    (netfilter._of_nf_tables, nftables, "chains of nf_tables", "struct nft_table"),
]


@pytest.mark.parametrize("unread", OF)
@pytest.mark.parametrize("hooked", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_unread_tables_are_told(
    monkeypatch: pytest.MonkeyPatch, unread: tuple[Any, Any, str, str], *, hooked: bool, known: bool
) -> None:
    tables, module, what, kind = unread
    monkeypatch.setattr(module, "used", lambda _survey: True)
    monkeypatch.setattr(module, "readable", lambda _survey: False)
    survey = Survey(known=known)
    assert tables(survey, rules=True, hooked=hooked) == []
    reason = "debug data of its module isn't there" if known else f"{kind} is in no module's debug data"
    assert [notice.message for notice in survey.notices] == [f"{what} are not read: {reason}"]
    assert survey.complete == (not hooked)


@pytest.mark.parametrize("unread", OF)
def test_a_kernel_without_tables_is_no_loss(
    monkeypatch: pytest.MonkeyPatch, unread: tuple[Any, Any, str, str]
) -> None:
    tables, module, *_ = unread
    monkeypatch.setattr(module, "used", lambda _survey: False)
    survey = Survey(known=True)
    assert tables(survey, rules=True, hooked=False) == []
    monkeypatch.setattr(module, "used", lambda _survey: True)
    monkeypatch.setattr(module, "readable", lambda _survey: True)
    assert tables(survey, rules=True, hooked=False) == []
    assert survey.complete
    assert not survey.notices

"""A crash that takes what the dump lacks for zeros: nothing that is read through it looks whole."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive import reports
from crashdrive.crash import Crash
from crashdrive.errors import IncompleteError
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Report
from crashdrive.session import Health, Session
from crashdrive.session.health import option_warnings, setting_warning
from crashdrive.session.launch import LADDER, climb, health_of
from tests.kernel.session_double import SessionDouble
from tests.linux.net.test_namespaces import Machine
from tests.session.conftest import Fake
from tests.session.test_launch import START

ZEROS = "started with --zero_excluded: without telling pages that the dump lacks from zeros"
(RUNG,) = (options for options in LADDER if "--zero_excluded" in options)


def health(options: tuple[str, ...]) -> Health:
    return Health(
        binary="crash", version=None, gdb_version=None, options=options, attempts=(),
        warnings=tuple(option_warnings(options)), missing=(),
    )  # fmt: skip


@pytest.mark.parametrize("command", ["ps", "rd", "sys", "kmem", "p", "log", "nosuch"])
def test_every_command_is_doubtful(make_fake: Callable[..., Fake], command: str) -> None:
    transport, launched = climb([make_fake("needs--zero_excluded").binary], START)
    transport.close()
    assert launched.options == RUNG
    assert ZEROS in [warning.message for warning in health_of(launched).affecting(command)]


def test_reports_are_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "run_report", lambda *_, **__: Report(report="softnet", tables=()))
    session: Any = SimpleNamespace(health=health(RUNG), identity={}, replayed=False)
    with pytest.raises(IncompleteError, match=f"softnet: incomplete: {ZEROS}"):
        Crash(session).report("softnet").check()
    session.health = health(("--no_modules",))
    assert Crash(session).report("softnet").complete


def test_walks_are_incomplete() -> None:
    kernel = Machine().kernel
    assert NetSurvey.of(kernel, None).complete
    assert isinstance(kernel.session, SessionDouble)
    kernel.session.health = health(RUNG)
    survey = NetSurvey.of(kernel, None)
    assert not survey.complete
    assert [notice.message for notice in dict.fromkeys(survey.notices)] == [ZEROS]
    assert not kernel.walk_list(kernel.symbols.address("net_namespace_list"), "struct net", "list").complete


@pytest.mark.parametrize("words", ["set zero_excluded on", "set zero_excluded 1"])
def test_the_setting_does_the_same(words: str) -> None:
    warning = setting_warning(words.split())
    assert warning is not None
    assert (warning.kind, warning.affects) == ("zeros", ("*",))


@pytest.mark.parametrize(
    "words", ["set zero_excluded off", "set zero_excluded", "set radix 10", "p zero_excluded"]
)
def test_other_settings_do_not(words: str) -> None:
    assert setting_warning(words.split()) is None


def test_a_session_remembers_it(make_fake: Callable[..., Fake]) -> None:
    session: Session = make_fake().session()
    with session:
        for _ in range(2):
            session.run("set zero_excluded on")
        assert len(session.health.of_memory) == 1
        assert session.health.affecting("rd")

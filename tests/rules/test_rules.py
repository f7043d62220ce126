"""The frame of rules: how they are found, what they look at, and how a broken one is told."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sessionkit import SESSION, folders

from crashdrive.crash import open_dump
from crashdrive.errors import DeadlineError, PluginError, SessionDiedError, TranscriptError, UsageError
from crashdrive.linux.survey import Reading
from crashdrive.records import Notice, Report, Table, to_builtins
from crashdrive.reports import module_for
from crashdrive.rules import (
    Facts,
    Match,
    Rule,
    foreign_rules,
    judge,
    matches,
    rule,
    rule_for,
    rule_names,
    rules,
)
from crashdrive.rules.base import EVIDENCE, Source

GUIDE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
EXAMPLE = next(text for text in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "@rule" in text)
Put = Callable[[str, str], Path]
TEXTS: dict[str, Any] = {
    "severity": "warning",
    "message": "{count:is|are} high",
    "threshold": "above 2",
    "explanation": "They should be low.",
    "advice": "Look at them.",
    "reference": "mm/high.c",
}


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a rule into the user's folder."""
    folder = tmp_path / "plugins" / "rules"
    folder.mkdir(parents=True, mode=0o755)
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(folder.parent))

    def write(name: str, text: str) -> Path:
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
        return folder / name

    return write


def made(check: Callable[..., Any], *looks_at: Source, name: str = "high") -> Rule:
    return rule(id=name, looks_at=looks_at or ("numbers.numbers",), **TEXTS)(check)


def high(numbers: Sequence[int]) -> Iterator[Match]:
    return matches([number for number in numbers if number > 2], lambda number: f"number {number}")


class Dump:
    """A dump of which reports and readers are asked, and what was asked."""

    kernel = "kernel"

    def __init__(self, *reports: Report, error: BaseException | None = None) -> None:
        self.reports = {report.report: report for report in reports}
        self.error = error
        self.asked: list[str] = []

    def run_report(self, name: str) -> Report:
        self.asked.append(name)
        if self.error is not None:
            raise self.error
        if name not in self.reports:
            raise UsageError(f"no report {name!a}")
        return self.reports[name]


def numbered(*numbers: int, complete: bool = True) -> Report:
    missing = () if complete else (Notice(kind="hole", message="a page is missing"),)
    tables = (Table(name="numbers", rows=numbers),)
    return Report(report="numbers", tables=tables, complete=complete, warnings=missing)


# findings


def test_a_finding_has_what_its_rule_says() -> None:
    judged = judge(Facts(given={"numbers.numbers": [1, 3, 4]}), [made(high)])
    (found,) = judged.findings
    assert to_builtins(found) == {
        "severity": "warning",
        "kind": "high",
        "message": "2 are high",
        "evidence": ("number 3", "number 4"),
        "explanation": "They should be low.",
        "advice": "Look at them.",
        "source": "numbers.numbers",
        "reference": "mm/high.c",
    }
    assert judged.complete


def test_a_match_may_say_it_its_own_way() -> None:
    match = Match(message="one is very high", severity="critical", advice="Run.", evidence=("9",))
    low = made(lambda _: [Match()], name="low")
    judged = judge(Facts(given={"numbers.numbers": [9]}), [low, made(lambda _: [match])])
    worst, other = judged.findings
    assert (worst.severity, worst.message, worst.advice) == ("critical", "one is very high", "Run.")
    assert (other.kind, other.severity, other.message) == ("low", "warning", "1 is high")


@pytest.mark.parametrize(
    ("message", "count", "said"),
    [
        ("{count:task is|tasks are} blocked", 1, "1 task is blocked"),
        ("{count:task is|tasks are} blocked", 2, "2 tasks are blocked"),
        ("{count:task is|tasks are} blocked", None, "N tasks are blocked"),
        ("softirqs wait on {count:CPU|CPUs}", 1, "softirqs wait on 1 CPU"),
        ("reports before it: {count}", 1, "reports before it: 1"),
        ("the log is cut", 1, "the log is cut"),
    ],
)
def test_a_message_has_words_for_one_and_for_many(message: str, count: int | None, said: str) -> None:
    assert (
        rule(id="high", looks_at=("numbers.numbers",), **TEXTS | {"message": message})(high).told(count)
        == said
    )


@pytest.mark.parametrize("name", rule_names())
def test_no_rule_says_one_of_many(name: str) -> None:
    """Each number in a message has the words for one and for many."""
    assert "{count}" not in rule_for(name).message
    assert not re.search(r"\b1 \w+s\b(?<!has)(?<!is)(?<!ss)", rule_for(name).told(1))


def test_evidence_ends() -> None:
    (match,) = matches(range(20), str)
    assert match.evidence == (*map(str, range(EVIDENCE)), f"and {20 - EVIDENCE} more")
    assert match.count == 20
    assert not list(matches([], str))


# facts


def test_a_report_is_computed_once_for_all_rules() -> None:
    dump = Dump(numbered(3))
    table = "numbers.numbers"
    judged = judge(
        Facts(dump), [made(high), made(high, table, name="b"), made(lambda *_: (), "numbers.left_out", table)]
    )
    assert [one.kind for one in judged.findings] == ["high", "b"]
    assert dump.asked == ["numbers"]


def test_a_reader_is_asked_once_with_the_kernel() -> None:
    asked: list[object] = []

    def read(kernel: object) -> Reading[int]:
        asked.append(kernel)
        return Reading(rows=(3,), complete=False, notices=(Notice(kind="hole", message="gone"),))

    judged = judge(Facts(Dump()), [made(high, read), made(high, read, name="b")])
    assert asked == ["kernel"]
    assert [one.source for one in judged.findings] == [f"{__name__}.{read.__qualname__}"] * 2
    assert (judged.complete, [one.message for one in judged.notices]) == (False, ["gone"])


def test_what_is_given_is_not_read() -> None:
    facts = Facts(dump := Dump())
    facts.add(numbered(3, complete=False))
    judged = judge(facts, [made(high), made(lambda _: [Match()], "numbers.empty", name="b")])
    assert [one.kind for one in judged.findings] == ["high", "b"]
    assert dump.asked == []
    assert (judged.complete, judged.notices[0].message) == (False, "a page is missing")


def test_rules_that_look_at_something_else_are_left_out() -> None:
    judged = judge(Facts(given={"numbers.numbers": [3]}), [made(high), made(high, "others.rows", name="b")])
    assert ([one.kind for one in judged.findings], judged.complete) == (["high"], True)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "no report 'numbers'"),
        (ZeroDivisionError("by 0\n\x1b[2J"), "ZeroDivisionError: by 0 \\x1b[2J"),
        (TranscriptError("not recorded"), "not recorded"),
    ],
)
def test_what_cannot_be_read_is_told_once_with_its_rules(error: BaseException | None, said: str) -> None:
    mine = made(lambda _: [Match()], "given.rows", name="mine")
    facts = Facts(Dump(error=error), given={"given.rows": ()})
    judged = judge(facts, [made(high), made(high, name="b"), mine])
    (notice,) = judged.notices
    assert notice.message == f"report numbers: {said}; rules not asked: high, b"
    assert ([one.kind for one in judged.findings], judged.complete) == (["mine"], False)


@pytest.mark.parametrize("error", [SessionDiedError("died"), DeadlineError("late"), KeyboardInterrupt()])
def test_what_ends_a_session_ends_the_judging(error: BaseException) -> None:
    with pytest.raises(type(error)):
        judge(Facts(Dump(error=error)), [made(high)])


# broken rules


def broken(numbers: Sequence[int]) -> Iterator[Match]:
    yield Match(evidence=("before",))
    yield Match(count=1 // (numbers[0] - 3))


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (broken, "ZeroDivisionError: integer division or modulo by zero"),
        (lambda: [Match()], "TypeError: "),
        (lambda _: ["text"], "TypeError: it gave str, no Match"),
        (lambda _: None, "TypeError: 'NoneType' object is not iterable"),
        (lambda _: sys.exit(3), "SystemExit: 3"),
    ],
)
def test_a_rule_that_raises_is_named_and_hides_nothing(check: Callable[..., Any], said: str) -> None:
    judged = judge(Facts(given={"numbers.numbers": [3]}), [made(check, name="broken"), made(high)])
    (notice,) = judged.notices
    assert notice.kind == "rule"
    assert notice.message.startswith(f"rule broken failed: {said}")
    assert not judged.complete
    found = [one.kind for one in judged.findings]
    assert found == (["broken", "high"] if check is broken else ["high"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": "Not so"}, "id is 'Not so'"),
        ({"severity": "bad"}, "severity is 'bad', none of info, warning, critical"),
        ({"looks_at": ()}, "looks_at is no tuple"),
        ({"looks_at": "numbers.numbers"}, "looks_at is no tuple"),
        ({"looks_at": ("numbers",)}, "looks_at: 'numbers' is neither REPORT.TABLE nor a reader"),
        ({"advice": ""}, "advice is no line of text"),
        ({"explanation": "two\nlines"}, "explanation is no line of text"),
        ({"message": "{counts} are high"}, "message: "),
        ({"message": "{count:are} high"}, "message: "),
        ({"message": "{count:is|are|were} high"}, "message: "),
        ({"message": "{count!r} high"}, "message: "),
        ({"message": "{count are high"}, "message: "),
    ],
)
def test_what_no_rule_can_be_made_of(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        rule(**{"id": "high", "looks_at": ("numbers.numbers",), **TEXTS, **wrong})


# rules from outside


def test_the_worked_example(put: Put) -> None:
    path = put("kept_by_nothing.py", EXAMPLE)
    found = foreign_rules()
    assert {name: plugin.source for name, plugin in found.plugins.items()} == {"kept-by-nothing": str(path)}
    (mine,) = (one for one in rules().found if one.id == "kept-by-nothing")
    assert mine == rule_for("kept-by-nothing")
    assert not rules().notices


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = nope", "{path}: line 1: NameError: name 'nope' is not defined"),
        ("", "{path}: it has 0 rules, not one"),
        (EXAMPLE, "{path}: its id is 'kept-by-nothing', not 'odd'"),
        (EXAMPLE.replace('"warning"', '"bad"'), "{path}: line 6: ValueError: severity is 'bad'"),
    ],
)
def test_a_broken_file_is_named_and_hides_no_other(put: Put, text: str, said: str) -> None:
    path = put("odd.py", text)
    put("kept_by_nothing.py", EXAMPLE)
    found = rules()
    (notice,) = found.notices
    assert notice.message.startswith(f"rule odd failed: {said.format(path=path)}")
    assert [one.id for one in found.found if one.id not in rule_names()] == ["kept-by-nothing"]
    with pytest.raises(PluginError):
        rule_for("odd")


def test_what_is_refused_is_told(put: Put) -> None:
    path = put("odd.py", EXAMPLE)
    path.chmod(0o666)
    (notice,) = rules().notices
    assert notice.message == f"{path}: refused: others may write to it (chmod go-w)"
    with pytest.raises(UsageError, match=r"no rule 'odd'.*refused"):
        rule_for("odd")


# our own


def test_our_own_rules_are_what_their_modules_are_called() -> None:
    found = rules()
    assert not found.notices
    assert [one.id for one in found.found] == list(rule_names())


def test_our_own_rules_look_at_tables_that_are_there() -> None:
    for one in rules().found:
        for source in one.looks_at:
            if isinstance(source, str):
                report, _, table = source.partition(".")
                text = inspect.getsource(inspect.getmodule(module_for(report).report) or pytest.fail(report))
                assert f'"{table}"' in text, (one.id, source)


def test_our_own_rules_say_where_crashdrive_helps() -> None:
    """What an advice calls a report is one, with these options."""
    for one in rules().found:
        for name, flags in re.findall(r"crashdrive report (\w+)((?: --?[a-z]+)*)", one.advice):
            options = {flag for option in module_for(name).OPTIONS for flag in option.flags}
            assert set(flags.split()) <= options, one.id


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_a_report_asks_rules_from_outside(folder: Path, put: Put) -> None:
    text = EXAMPLE.replace("netns.namespaces", "netsummary.states").replace("kept-by-nothing", "odd")
    with open_dump(None, None, replay=folder / SESSION) as crash:
        before = crash.run_report("netsummary")
        put("odd.py", text)
        put("other.py", text.replace("netsummary.states", "routing.routes").replace("odd", "other"))
        after = crash.run_report("netsummary")
        (notice,) = after.warnings
        assert notice.message.startswith("rule odd failed: AttributeError: 'StateCount' object has no")
        assert (before.complete, after.complete) == (True, False)
        assert (before.findings, before.tables) == (after.findings, after.tables)
        assert {one.kind for one in judge(Facts(crash), [rule_for("listen-queue-full")]).findings} == {
            "listen-queue-full"
        }

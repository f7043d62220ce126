"""A session's lines, obeyed one after the other: crash's commands, reports, Python, rows of answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.errors import (
    EXIT_FAILED,
    EXIT_INCOMPLETE,
    EXIT_OK,
    CrashdriveError,
    ParseError,
    UsageError,
)
from crashdrive.near import hint
from crashdrive.pykdump.programs import split
from crashdrive.records import Answer, Record, Report, Table, answered, told_incomplete
from crashdrive.render.cells import as_cell
from crashdrive.shell.lines import FORMS, Known, Meant, Sink, meant
from crashdrive.shell.python import LAST, Console
from crashdrive.shell.rows import Rows, filled_in, wanted
from crashdrive.shell.sinks import Copied, output_to
from crashdrive.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.pykdump.run import Run
    from crashdrive.session.result import CommandResult

_MOST_KEPT = 64 << 20  # bytes of an answer that is kept for its rows


class Shell:
    """The lines of a run. ``failed`` is told of what goes wrong in Python, ``tell`` of all else.

    ``more``: whether the next line belongs to a Python statement that isn't whole; ``over``: whether a line
    ended the session; ``status``: the exit status of all lines: 1 once one has failed, else 5 once an answer
    was incomplete, else 0. ``reports`` gives the names of reports. ``form``: how answers are shown (`FORMS`),
    ``paging``: whether through a pager.
    """

    def __init__(
        self,
        run: Run,
        failed: Callable[[BaseException], None],
        tell: Callable[[str], None] = lambda _line: None,
        reports: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.run = run
        self.crash = run.crash
        self.form = "text"
        self.paging = True
        self.over = False
        self.status = EXIT_OK
        self._find_reports = reports
        self._failed = failed
        self._tell = tell
        self._last: Rows | Callable[[], Rows] | None = None
        self._nested = False
        self._python = Console(self._show, self._fail, self._last_value)
        run.programs.failed = self._fail
        sys.modules["__main__"].__dict__.setdefault("row", self.row)

    @cached_property
    def reports(self) -> tuple[str, ...]:
        """The names of reports, looked up at the first line: the prompt stands before that."""
        return tuple(self._find_reports())

    # lines

    @property
    def more(self) -> bool:
        """Whether a Python statement has begun, and isn't whole."""
        return self._python.more

    def give_up(self) -> None:
        """Forget a statement that isn't whole."""
        self._python.give_up()

    def known(self) -> Known:
        """The names that tell lines apart."""
        programs = self.run.programs
        names = dict.fromkeys((n for n in sys.modules["__main__"].__dict__ if not n.startswith("__")), True)
        if self._last is not None:
            names[LAST] = True
        return Known(self.reports, {*programs.names(), *programs.aliases}, names)

    def obey(self, line: str) -> None:
        """Carry out a line; what it prints goes to standard output. CrashdriveError where it can't be."""
        if self._python.more:
            self._run_python(line.rstrip("\r\n"))
        else:
            self._obey(meant(line, self.known()))
        sys.stdout.flush()

    def _obey(self, line: Meant) -> None:
        if line.kind == "end":
            self.over = True
        elif line.kind in ("crash", "report", "row", "last", "help"):
            answered = {"crash": self._crash, "report": self._report, "help": self._help}
            answered.get(line.kind, self._row)(line)
        elif line.kind != "nothing":
            done = {
                "python": self._run_python,
                "program": self._program,
                "host": self._host,
                "input": self._input,
                "setting": self._setting,
            }
            done[line.kind](line.text)

    # what lines do

    def _program(self, text: str) -> None:
        program = self.run.programs.expanded(split(text))
        if program is not None:
            self._note(self.run.programs.execute(*program))

    def _crash(self, line: Meant) -> None:
        if (told := self.run.programs.alias(split(line.text))) is not None:
            sys.stdout.write(told)
            return
        text = filled_in(line.text, self.last)
        form = line.form or self.form
        to_python = line.sink is not None and line.sink.mark == ">>>"
        if form == "text" and not to_python:
            rows: Rows | Callable[[], Rows] | None = self._crash_text(text, line.sink)
        else:
            rows = self._crash_records(text, form, line.sink)
        # what was asked of a row leaves the rows that it is one of
        if rows is not None and text == line.text:
            self._last = rows

    def _crash_text(self, text: str, sink: Sink | None) -> Callable[[], Rows] | None:
        with output_to(sink, paging=self.paging) as output, output.foreign() as foreign:
            with ExitStack() as patience:
                patience.enter_context(_waiting(text))
                copy = Copied(foreign, _MOST_KEPT, patience.close)
                result = self.crash.run(text, to=copy)
            kept = copy.content()
            if kept and not kept.endswith(b"\n"):
                foreign.write(b"\n")
        whole = None if kept is None else msgspec.structs.replace(result, raw=kept)
        self._judge(text, result)
        return None if result.failure is not None else lambda: self._rows_of(text, whole)

    def _judge(self, text: str, result: CommandResult) -> None:
        failure = result.failure
        if failure is None:
            doubts = self.crash.health.affecting(result.line.name)
            if doubts:
                self._incomplete(text, doubts)
            return
        self.status = EXIT_FAILED
        if failure.kind == "unknown-command":
            from crashdrive.commandline import COMMANDS

            near = hint(result.line.name, [*COMMANDS, *self.reports])
            self._tell(f"{text}: no command, report, symbol or type{near} (? shows what there is)")
        elif failure.message not in result.text:
            self._tell(f"{text}: {failure.message}")

    def _rows_of(self, text: str, result: CommandResult | None) -> Rows:
        from crashdrive.commands.base import answer_of

        if result is None:
            raise UsageError(f"{text}: its output was too long to keep its rows")
        try:
            return Rows(text, self.crash.marked(answer_of(result), result.elapsed))
        except ParseError as error:
            raise UsageError(f"{text}: what it printed has no rows: {error.reason}") from error

    def _crash_records(self, text: str, form: str, sink: Sink | None) -> Rows:
        from crashdrive.commands.base import answer_of

        with _waiting(text):
            result = self.crash.run(text)
            answer = self.crash.marked(answer_of(result), result.elapsed)
        self._shown(answer, "table" if form == "text" else form, sink)
        self._mark(answer, text)
        return Rows(text, answer)

    def _report(self, line: Meant) -> None:
        from crashdrive.render.choice import chosen
        from crashdrive.shell.report_words import asked

        text = filled_in(line.text, self.last)
        wanted_report = asked(text)
        name = wanted_report.name
        with _waiting(name):
            found = self.crash.run_report(name, **wanted_report.options)
        form = wanted_report.form or line.form or self.form
        shown, cut = chosen(found, wanted_report.choice, narrow=form not in ("text", "table", "html"))
        if text == line.text:
            self._last = Rows(name, shown)
        self._shown(shown, "table" if form == "text" else form, line.sink)
        for told in cut:
            self._tell(told)
        self._mark(found, name)

    def _row(self, line: Meant) -> None:
        form = line.form or ("table" if self.form == "text" else self.form)
        if line.kind == "last":
            self._shown(self.last().value, form, line.sink)
            return
        found = wanted(line.text, self.last, self._has_type)
        if found.command is not None:
            rows = self._last
            self._crash(Meant("crash", found.command, line.form, line.sink))
            self._last = rows
        elif found.name:
            self._shown_field(found.name, found.value, form, line.sink)
        else:
            self._shown(
                Table(name="row", rows=[found.value], layout="fields"), form, line.sink, numbers=False
            )

    def _shown_field(self, name: str, value: Any, form: str, sink: Sink | None) -> None:
        if isinstance(value, (tuple, list)) and value and isinstance(value[0], Record):
            self._shown(Table(name=name, rows=value), form, sink, numbers=False)
            return
        with output_to(sink, paging=self.paging) as output:
            shown = f"{value:x}" if type(value) is int and value >= 1 << 32 else as_cell(value)
            output.text(f"{shown or '(none)'}\n")

    def _has_type(self, name: str) -> bool:
        kernel = self.run.kernel
        return bool(kernel.has_type(f"struct {name}") or kernel.has_type(name))

    def _host(self, text: str) -> None:
        from crashdrive.shell.pager import through_shell

        if not text:
            raise UsageError("!: a command of this host is missing behind it")
        self._note(through_shell(text, None) == 0)

    def _input(self, path: str) -> None:
        if self._nested:
            raise UsageError(f"< {path}: input files do not nest, as with crash")
        try:
            lines = Path(path.strip("\"'")).expanduser().read_text("utf-8", "surrogateescape").splitlines()
        except OSError as error:
            raise UsageError(f"input file {path!a}: {error.strerror}") from error
        self._nested = True
        try:
            for line in lines:
                self.obey(line)
                if self.over:
                    break
            if self.more:
                self.obey("")
        finally:
            self._nested = False

    def _help(self, line: Meant) -> None:
        from crashdrive.shell.help import Subject, show_help

        with output_to(line.sink, paging=self.paging) as output:
            show_help(Subject(self.crash, self.reports), line.text, output)

    def _setting(self, text: str) -> None:
        name, _, value = text.partition(" ")
        value = value.strip()
        if name == "format" and value:
            self.form = value
        elif name == "pager" and value:
            self.paging = value == "on"
        now = self.form if name == "format" else ("on" if self.paging else "off")
        choices = ", ".join(FORMS) if name == "format" else "on, off"
        sys.stdout.write(f"{name}: {now} ({choices})\n")

    # Python

    def row(self, number: int) -> Any:
        """Row ``number`` of the last answer, as ``#N`` shows it."""
        return self.last().row(number)

    def _run_python(self, text: str) -> None:
        try:
            self._note(self._python.line(text))
        except SystemExit as end:
            self.over = True
            self._note(not end.code)

    def _show(self, value: Any) -> None:
        """A value of Python's: records as tables, all else as Python shows it."""
        form = "table" if self.form == "text" else self.form
        value = answered(value)
        if isinstance(value, (Answer, Report, Table)):
            self._last = Rows("the last value", value)
            self._shown(value, form, None)
            if not isinstance(value, Table):
                self._mark(value, "the last value")
        elif isinstance(value, Record):
            self._shown(Table(name="row", rows=[value], layout="fields"), form, None, numbers=False)
        elif isinstance(value, (list, tuple)) and value and all(isinstance(one, Record) for one in value):
            self._last = Rows("the last value", list(value))
            self._shown(Table(name="rows", rows=value), form, None)
        else:
            with output_to(None, paging=self.paging) as output:
                output.text(f"{_safe(repr(value))}\n")

    def _fail(self, error: BaseException) -> None:
        self.status = EXIT_FAILED
        sys.stdout.flush()
        self._failed(error)

    # answers

    def last(self) -> Rows:
        """The rows of the last answer; UsageError where there was none, or it has none."""
        if self._last is None:
            raise UsageError("there is no answer yet whose rows # could name")
        if not isinstance(self._last, Rows):
            self._last = self._last()
        return self._last

    def _last_value(self) -> Any:
        """What ``_`` is; None where nothing was answered since it was set."""
        try:
            return None if self._last is None else self.last().value
        except CrashdriveError:
            return None

    def _shown(self, value: Any, form: str, sink: Sink | None, *, numbers: bool = True) -> None:
        from crashdrive.render import render

        if sink is not None and sink.mark == ">>>":
            try:
                found = self._python.value(sink.rest, value)
            except Exception as error:  # noqa: BLE001 - whatever the user's expression raises
                self._fail(error)
                return
            if found is not None:
                self._show(found)
            return
        with output_to(sink, paging=self.paging, numbers=numbers) as output:
            render(value, form, output)

    def _mark(self, value: Answer[Any] | Report, name: str) -> None:
        if not value.complete:
            self._incomplete(name, value.warnings)

    def _incomplete(self, name: str, warnings: Any) -> None:
        self._tell(told_incomplete(name, warnings))
        if self.status == EXIT_OK:
            self.status = EXIT_INCOMPLETE

    def _note(self, well: bool) -> None:  # noqa: FBT001 - the only thing it is told
        if not well:
            self.status = EXIT_FAILED


def _waiting(what: str) -> Any:
    from crashdrive.render.progress import waiting

    return waiting(what)


def _safe(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))

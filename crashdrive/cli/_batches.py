"""What ``crashdrive batch`` does: find, run, tell."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive.batch import outputs
from crashdrive.batch.debuginfod import Debuginfod, urls
from crashdrive.batch.find import Found, Search, find_dumps
from crashdrive.batch.jobs import PAGE, Result
from crashdrive.batch.known import KnownFile
from crashdrive.batch.ledger import Ledger, locked, open_folder
from crashdrive.batch.pages import write_pages
from crashdrive.batch.regroup import regroup
from crashdrive.batch.rows import write_rows
from crashdrive.batch.run import Batch, Options, default_jobs, plan
from crashdrive.batch.shard import merge, of_shard, shard_of
from crashdrive.batch.share import write_redacted
from crashdrive.batch.watch import Settled
from crashdrive.cli._ending import say
from crashdrive.cli._opening import say_what_is_logged
from crashdrive.errors import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, UsageError
from crashdrive.records import Report
from crashdrive.render import Output, render
from crashdrive.render.board import Board
from crashdrive.render.progress import waiting
from crashdrive.reports import module_for, report_names, takes_btf
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.batch.dask import DaskWork

_TOLD = 20  # failed dumps that the summary names


def run_batch(words: tuple[str, ...], given: dict[str, Any]) -> int:
    """Find the dumps, do what is left, write what is known; gives the exit status."""
    say_what_is_logged(verbose=given["verbose"])
    options = _options(given)
    folder = Path(given["folder"])
    known = KnownFile(given["known"], folder)
    shard = shard_of(given["shard"]) if given["shard"] else None
    with locked(open_folder(folder)), closing(Ledger(folder)) as ledger:
        one = _Run(ledger, options, known, given)
        if given["watch"]:
            return one.watch(words, given["interval"])
        search = _find(words, options, ledger, one.fetch)
        dumps = of_shard(search.dumps, shard) if shard else search.dumps
        if shard:
            say(f"shard {given['shard']}: {len(dumps)} of {len(search.dumps)} dumps")
        one.do(dumps)
        return _tell(ledger, [dump.id for dump in dumps])


class _Run:
    """A batch on a folder: once, or again and again."""

    def __init__(self, ledger: Ledger, options: Options, known: KnownFile, given: dict[str, Any]) -> None:
        self._ledger = ledger
        self._options = options
        self._known = known
        self._given = given
        self.fetch = Debuginfod(urls()).fetch if given.get("debuginfod") else None

    def do(self, dumps: Sequence[Found]) -> None:
        """Triage what is left of these, and write all that is known, also where somebody interrupts."""
        given = self._given
        todo, kept = plan(dumps, self._ledger, retry_failed=given["retry_failed"], again=given["again"])
        if kept and todo and not given["watch"]:
            say(f"{kept} of {len(dumps)} dumps are done already, {len(todo)} are left")
        try:
            with (
                Board(len(todo), say) as board,
                step("triaged"),
                _where(given["dask"], given["dask_scratch"]) as work,
            ):
                options = self._options
                if work is not None and not given["jobs"]:
                    options = msgspec.structs.replace(options, jobs=work.slots)
                Batch(self._ledger, options, watcher=_Shown(board), work=work).run(todo)
        finally:
            self.write()

    def write(self) -> None:
        """Groups, lines, pages, the redacted copy."""
        with step("grouped"):
            regroup(self._ledger, self._known.entries)
        with waiting("writing pages"), step("written"):
            outputs.write(self._ledger)
            write_pages(self._ledger)
            if self._given["reports"]:
                write_rows(self._ledger, self._given["reports"])
            if self._given["redact"]:
                say(f"redacted copy: {write_redacted(self._ledger)}")

    def watch(self, words: Sequence[str], interval: float) -> int:
        """Take dumps as they appear, until somebody ends it: 0 after SIGTERM, as services are ended.

        What was asked for once (`--again`, `--retry-failed`) is done once.
        """
        settled, told = Settled(), _Once()
        signal.signal(signal.SIGTERM, _end_watching)
        try:
            search = self._search(words)  # a wrong path is told at once
            while True:
                self._take(settled.of(search.dumps))
                time.sleep(interval)
                with told.of_usage():
                    if self._known.renewed():
                        self.write()
                with told.of_usage():
                    search = self._search(words)
        except _Ended:
            return EXIT_OK

    def _search(self, words: Sequence[str]) -> Search:
        known = self._ledger.known_files()
        return find_dumps(words, self._options.debug_dirs, known, self.fetch, may_lack=True)

    def _take(self, dumps: Sequence[Found]) -> None:
        self._ledger.keep_files(dumps, self._ledger.known_files())
        given = self._given
        if plan(dumps, self._ledger, retry_failed=given["retry_failed"], again=given["again"]).todo:
            self.do(dumps)
            self._given = {**given, "retry_failed": False, "again": False}


@contextmanager
def _where(scheduler: str | None, scratch: str | None) -> Iterator[DaskWork | None]:
    """Who does the jobs: a cluster, or None for this machine."""
    if scheduler is None:
        if scratch is not None:
            raise UsageError("--dask-scratch: only with --dask")
        yield None
        return
    from crashdrive.batch.dask import DaskWork

    with DaskWork(scheduler, scratch) as work:
        yield work


class _Once:
    """Says what is wrong when it begins to be, not at each look."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    @contextmanager
    def of_usage(self) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            if (words := str(error)) not in self._said:
                self._said.add(words)
                say(words)


class _Ended(BaseException):
    """Somebody ended the service."""


def _end_watching(_number: int, _frame: object) -> None:
    raise _Ended


def merge_batches(parts: Sequence[Path], folder: Path, named: str | None) -> int:
    """Put batches together in a folder, and write what is known; gives the exit status."""
    known = KnownFile(named, folder)
    with locked(open_folder(folder)), closing(Ledger(folder)) as ledger:
        with waiting("merging"):
            taken = merge(ledger, parts)
        say(f"{taken} dumps taken over")
        given = {"redact": False, "reports": ()}
        _Run(ledger, Options(), known, given).write()
        return _tell(ledger, [row["dump"] for row in ledger.rows("SELECT dump FROM dumps")])


def _options(given: dict[str, Any]) -> Options:
    for name in given["reports"]:
        module_for(name)  # a wrong name is told before anything is done
    script = given["script"]
    if script and not Path(script[0]).is_file():
        raise UsageError(f"script {script[0]!a}: no such file")
    return Options(
        jobs=given["jobs"] or default_jobs(),
        reports=tuple(dict.fromkeys((*given["reports"], *([] if given["brief"] else _page_reports())))),
        script=(os.path.abspath(script[0]), *script[1:]) if script else (),  # noqa: PTH100 - links stay
        crash=given["crash_binaries"],
        debug_dirs=tuple(map(os.path.abspath, given["debug_dirs"])),
        timeout=given["timeout"],
        deadline=given["deadline"],
        memory=given["memory"] << 20,
    )


def _page_reports() -> list[str]:
    """What a dump's page shows beside its triage, as far as it lets crash start without its tables."""
    return [name for name in PAGE if name in report_names() and takes_btf(name)]


def _find(
    words: Sequence[str], options: Options, ledger: Ledger, fetch: Callable[[str], str] | None
) -> Search:
    known = ledger.known_files()
    with waiting("looking for dumps and their kernels"), step("found"):
        search = find_dumps(words, options.debug_dirs, known, fetch)
    ledger.keep_files(search.dumps, known)
    if not search.dumps:
        others = f"; {search.others} files are none" if search.others else ""
        raise UsageError(f"no dump of a kernel in {', '.join(map(ascii, words))}{others}")
    return search


class _Shown:
    """Tells the board."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def began(self, dump: str, name: str) -> None:
        """A dump is taken in hand."""
        self._board.began(dump, name)

    def at(self, dump: str, step: str) -> None:
        """A dump's worker begins a step."""
        self._board.at(dump, step)

    def ended(self, dump: str, name: str, result: Result) -> None:
        """A dump is done."""
        failed = result.status == "failed"
        how = f"FAILED: {result.reason}" if failed else outputs.title_of(result)
        self._board.ended(dump, f"{name}: {how} ({result.seconds:.1f} s)", failed=failed)


def _tell(ledger: Ledger, ids: Sequence[str]) -> int:
    """The summary: groups on standard output, failures and holes on standard error; gives the exit status."""
    tables, failed, incomplete = outputs.summary(ledger, ids)
    render(Report(report="batch", tables=tables), "table", Output.standard())
    for path, reason in failed[:_TOLD]:
        say(f"failed: {path}: {reason}")
    if len(failed) > _TOLD:
        say(f"failed: {len(failed) - _TOLD} more: see the table dumps in {ledger.path}")
    if incomplete:
        say(f"incomplete: {incomplete} of {len(ids)} dumps; the column reason of the table dumps says why")
    if failed:
        say(f"{len(failed)} of {len(ids)} dumps failed")
    if failed and len(failed) == len(ids):
        return EXIT_FAILED
    return EXIT_INCOMPLETE if failed or incomplete else EXIT_OK

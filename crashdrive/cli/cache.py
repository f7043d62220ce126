"""``crashdrive cache``: what is kept between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._ending import say
from crashdrive.cli._groups import NearGroup
from crashdrive.cli._opening import format_option, say_what_is_logged
from crashdrive.errors import EXIT_FAILED, EXIT_OK, UsageError
from crashdrive.render import FORMATS

if TYPE_CHECKING:
    from crashdrive.cache.store import KindSummary, Store

_HELP = """What crashdrive keeps between runs: answers, kernels' types and symbols, how
crash started.

It lies in one file of yours, below CRASHDRIVE_CACHE or the user's cache folder;
gdb's indexes, parts of files on other hosts and kernels of debuginfod lie in
folders beside it, which info and clear know, too.
CRASHDRIVE_CACHE=off keeps nothing at all, CRASHDRIVE_NO_CACHE=1 (or
--no-cache) no answers. What is not used for longest goes first, from 2 GiB on.

\b
Examples:
  crashdrive cache info
  crashdrive cache list                 kept answers, the latest first
  crashdrive cache clear --kind answers
  crashdrive cache verify
"""


def _store() -> Store:
    from crashdrive.cache.store import open_store

    say_what_is_logged()
    if (store := open_store()) is None:
        raise UsageError("CRASHDRIVE_CACHE=off: nothing is kept")
    return store


def _show(name: str, rows: list[dict[str, Any]], form: str, columns: tuple[str, ...] = ()) -> None:
    from crashdrive.records import Report, Table
    from crashdrive.render import Output, render

    table = Table(name=name, rows=rows, columns=columns)
    render(Report(report="cache", tables=(table,)), form, Output.standard())


def _time(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(store: Store) -> int:
    """1 where the store can't be used; it was said."""
    return EXIT_OK if store.problem is None else EXIT_FAILED


def _kinds(store: Store) -> list[KindSummary]:
    """What is kept, in the store and in folders beside it."""
    from crashdrive.cache.folders import folders

    found = {one.kind: one for one in store.summary()}
    for one in folders(store.directory):
        entry = found.get(one.kind)
        found[one.kind] = one if entry is None else one._replace(size=one.size + entry.size)
    return sorted(found.values(), key=lambda one: (-one.size, one.kind))


@click.command("info", short_help="Where it lies, and how much of what is in it.")
def _info(form: str) -> int:
    """Where the store lies, how much of what is in it, and its limit (sizes in bytes)."""
    store = _store()
    kinds = _kinds(store)
    rows = [
        {"kind": one.kind, "entries": one.entries, "size": one.size, "last_used": _time(one.latest)}
        for one in kinds
    ]
    total = sum(one.size for one in kinds)
    rows.append(
        {"kind": "(all)", "entries": sum(one.entries for one in kinds), "size": total, "last_used": ""}
    )
    if form == "table":
        click.echo(f"{ascii(str(store.path))[1:-1]}, at most {store.limit >> 20} MiB")
    _show("kinds", rows, form)
    return _status(store)


@click.command("list", short_help="The kept answers, the latest first.")
def _list(form: str) -> int:
    """The kept answers, the latest first; ``holds``: whether what it rests on is unchanged."""
    from crashdrive.cache.answers import Answers

    store = _store()
    rows = [
        {
            "made": _time(one.made_at),
            "seconds": round(one.seconds, 1),
            "size": one.size,
            "exit_status": one.status,
            "holds": one.holds(),
            "asked": one.asked,
            "dump": one.dump,
        }
        for one in Answers(store).each()
    ]
    rows.sort(key=lambda row: str(row["made"]), reverse=True)
    _show("answers", rows, form, ("made", "seconds", "size", "holds", "asked"))
    return _status(store)


@click.command("clear", short_help="Forget all of it, or some kinds.")
def _clear(kinds: tuple[str, ...]) -> int:
    """Forget all that is kept, or the kinds that are named (see info)."""
    from crashdrive.cache.folders import FOLDERS, remove_folder

    store = _store()
    known = {one.kind for one in _kinds(store)}
    for kind in kinds:
        if kind not in known:
            raise UsageError(
                f"nothing of kind {kind!a} is kept; there is: {', '.join(sorted(known)) or 'nothing'}"
            )
    gone = store.clear(kinds)
    for name in FOLDERS:
        if not kinds or name in kinds:
            gone += remove_folder(store.directory, name)
    if store.problem is None:
        say(f"{gone} {'entry is' if gone == 1 else 'entries are'} forgotten")
    return _status(store)


@click.command("verify", short_help="Check the file; exit status 1 where something is wrong.")
def _verify() -> int:
    """Check the store's file, and each kept answer; what is damaged is dropped at its next use."""
    from crashdrive.cache.answers import Answers

    store = _store()
    wrong = store.verify()
    for line in wrong:
        say(line)
    for one in Answers(store).each():
        try:
            one.text()
        except ValueError as error:
            wrong.append(f"{one.asked}: damaged: {error}")
            say(wrong[-1])
    if not wrong:
        say("the store is whole")
    return EXIT_FAILED if wrong else EXIT_OK


command = NearGroup("cache", help=_HELP, short_help="What is kept between runs.", no_args_is_help=True)
for _one in (_info, _list):
    _one.params.append(format_option(FORMATS, "table"))
_clear.params.append(
    click.Option(
        ["--kind", "kinds"], multiple=True, metavar="KIND", help="Only this kind; can be given several times."
    )
)
for _one in (_info, _list, _clear, _verify):
    command.add_command(_one)

"""What others add from outside: reports, rules, parsers, found without running them.

They come out of installed packages (entry points of the groups ``crashdrive.reports``, ``crashdrive.rules``,
``crashdrive.parsers``) and out of the user's folder of plugins, which has one folder for each kind
(``reports/``, ...) with one module each. Nothing is taken from the current directory, from beside a dump or a
script, or from where somebody else may write.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.errors import CrashdriveError, PluginError
from crashdrive.text import printable
from crashdrive.userdirs import settings

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# the folders that packages are installed into; no other place of sys.path is looked at
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_LOADED: dict[tuple[str, str], Any] = {}
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Plugin(NamedTuple):
    """Something found outside: its name, where it comes from, and how it is loaded.

    ``identity`` changes when the plugin does.
    """

    name: str
    source: str
    identity: str
    open: Callable[[], Any]


class Found(NamedTuple):
    """The plugins of a kind by name; one line for each that was refused, with file and cause."""

    plugins: dict[str, Plugin]
    refused: tuple[str, ...]


def plugin_folder() -> Path | None:
    """The user's folder: ``CRASHDRIVE_PLUGINS`` (None if that is ``off``), else ``~/.config/crashdrive``."""
    chosen = os.environ.get("CRASHDRIVE_PLUGINS", "")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    return Path(f"{settings()}/crashdrive")


def find(kind: str, taken: Collection[str] = ()) -> Found:
    """The plugins of a kind (``reports``); nothing of them is run. ``taken``: crashdrive's own names.

    Of several of one name the first one counts: the user's folder comes before packages.
    """
    plugins: dict[str, Plugin] = {}
    refused: list[str] = []
    for plugin in _candidates(kind, refused):
        if plugin.name in taken:
            refused.append(
                f"{plugin.source}: refused: {plugin.name} is the name of one of crashdrive's own {kind}"
            )
        elif other := plugins.get(plugin.name):
            refused.append(f"{plugin.source}: refused: {other.source} has the same name")
        else:
            plugins[plugin.name] = plugin
    return Found(plugins, tuple(refused))


def load(plugin: Plugin, check: Callable[[Any], str | None]) -> Any:
    """What a plugin's module holds, run once; ``check`` says what is wrong with it, None if nothing is.

    PluginError, one line with file and cause, for one that is broken.
    """
    key = (plugin.source, plugin.identity)
    if key not in _LOADED:
        with blamed(plugin):
            loaded = plugin.open()
            wrong = check(loaded)
        if wrong:
            raise PluginError(f"{plugin.source}: {wrong}")
        _LOADED[key] = loaded
    return _LOADED[key]


@contextlib.contextmanager
def blamed(plugin: Plugin) -> Iterator[None]:
    """Whatever a plugin raises inside, other than errors of crashdrive's, is a PluginError that names it."""
    try:
        yield
    except (CrashdriveError, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{plugin.source}: {_cause(error, plugin)}") from error


def _cause(error: BaseException, plugin: Plugin) -> str:
    """The error in one line, with the last line of the plugin's own that it went through."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == plugin.source
    ]
    line = error.lineno if isinstance(error, SyntaxError) else next(reversed(lines), None)
    place = f"line {line}: " if line else ""
    said = error.msg if isinstance(error, SyntaxError) else error
    return f"{place}{type(error).__name__}: {printable(' '.join(str(said).split()))}"


def _candidates(kind: str, refused: list[str]) -> Iterator[Plugin]:
    folder = plugin_folder()
    if folder is not None:
        yield from _in_folder(folder, kind, refused)
    yield from _in_packages(kind, refused)


# the user's folder


def _in_folder(root: Path, kind: str, refused: list[str]) -> Iterator[Plugin]:
    folder = root / kind
    if not root.is_absolute():
        refused.append(f"CRASHDRIVE_PLUGINS: {root}: refused: it is no full path")
        return
    if not root.is_dir() and os.environ.get("CRASHDRIVE_PLUGINS"):
        refused.append(f"CRASHDRIVE_PLUGINS: {root}: refused: no such folder")
    if not folder.exists():
        return
    if wrong := _objection(folder):
        refused.append(f"{folder}: refused: {wrong}")
        return
    for file in sorted(folder.glob("[!._]*.py")):
        name = file.stem.replace("_", "-")
        wrong = _objection(file) if _NAME.fullmatch(name) else "a name is made of a-z, 0-9 and -"
        if wrong:
            refused.append(f"{file}: refused: {wrong}")
        else:
            yield _of_file(kind, name, file)


def _objection(path: Path) -> str | None:
    """Why code below a path isn't run: what others may change is theirs. None if it is the user's alone."""
    try:
        real = path.resolve(strict=True)
        facts = [(place, place.stat()) for place in (real, *real.parents)]
    except OSError as error:
        return error.strerror
    (_, own), *above = facts
    if own.st_uid != os.geteuid():
        return "it belongs to another user"
    if own.st_mode & _OTHERS_WRITE:
        return "others may write to it (chmod go-w)"
    for place, fact in above:
        if fact.st_mode & _OTHERS_WRITE and not fact.st_mode & stat.S_ISVTX:
            return f"others may write to {place}, which holds it (chmod go-w)"
    return None


def _of_file(kind: str, name: str, file: Path) -> Plugin:
    import hashlib

    digest = hashlib.sha256(file.read_bytes()).hexdigest() if os.access(file, os.R_OK) else ""
    return Plugin(name, str(file), digest, lambda: _run(f"crashdrive_plugins.{kind}.{file.stem}", file))


def _run(name: str, file: Path) -> ModuleType:
    """A module out of a file's text alone: compiled files beside it are neither read nor written."""
    module = ModuleType(name)
    module.__file__ = str(file)
    code = compile(_text(file), str(file), "exec", dont_inherit=True)
    sys.modules[name] = module  # msgspec resolves the annotations of records there
    try:
        exec(code, module.__dict__)  # noqa: S102 - the user's own file, in a folder that is the user's alone
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _text(file: Path) -> bytes:
    """What is in a file that is still the user's alone."""
    with file.open("rb") as opened:
        facts = os.fstat(opened.fileno())
        if facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS_WRITE:
            raise PermissionError("others may write to it")
        return opened.read()


# installed packages


class _Entry(NamedTuple):
    """An entry point of an installed package, and the package's name and version."""

    package: Distribution
    point: EntryPoint
    label: str


def _in_packages(kind: str, refused: list[str]) -> Iterator[Plugin]:
    entries, damaged = _entries(kind, tuple(map(_state, _installations())))
    refused += damaged
    for package, point, label in entries:
        if _NAME.fullmatch(point.name):
            yield _of_package(package, point, label)
        else:
            refused.append(f"{label}: refused: {printable(point.name)}: a name is made of a-z, 0-9 and -")


def _state(folder: str) -> tuple[str, int]:
    """A folder, and what changes once a package is installed into it or removed."""
    with contextlib.suppress(OSError):
        return folder, Path(folder).stat().st_mtime_ns
    return folder, 0


@functools.cache
def _entries(
    kind: str, installations: tuple[tuple[str, int], ...]
) -> tuple[tuple[_Entry, ...], tuple[str, ...]]:
    """The entry points of a kind, and a line for each package whose metadata is damaged; kept."""
    from importlib.metadata import distributions

    found: list[_Entry] = []
    damaged: list[str] = []
    for package in distributions(path=[folder for folder, _ in installations]):
        try:
            points = [point for point in package.entry_points if point.group == f"crashdrive.{kind}"]
            label = f"{package.name} {package.version}" if points else ""  # a file that is read for it
        except Exception as error:  # noqa: BLE001 - damaged metadata of a stranger's package hides no other
            damaged.append(f"a package's metadata: refused: {type(error).__name__}: {printable(str(error))}")
            continue
        found += [_Entry(package, point, label) for point in sorted(points)]
    return tuple(found), tuple(damaged)


def _installations() -> Iterator[str]:
    """The folders of sys.path that packages are installed into, but for the current one."""
    for path in dict.fromkeys(sys.path):
        if Path(path).name in _INSTALLED and Path(path).is_absolute() and Path(path) != Path.cwd():
            yield path


def _of_package(package: Distribution, point: EntryPoint, label: str) -> Plugin:
    identity = f"{package.name} {package.version} {point.value}"
    return Plugin(point.name, f"{label} ({point.value})", identity, point.load)

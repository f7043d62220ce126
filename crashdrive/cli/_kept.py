"""Answers kept, and given again: what surrounds each subcommand that `crashdrive.cli._again` knows."""

from __future__ import annotations

import io
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from crashdrive.cli import _again
from crashdrive.cli._ending import hearing
from crashdrive.cli._witness import Witness
from crashdrive.errors import EXIT_INCOMPLETE, EXIT_OK

if TYPE_CHECKING:
    from crashdrive.cli._opening import Target
    from crashdrive.cli._pure import Pure

# options of a session that change neither the question nor the answer
_APART = frozenset(
    {"verbose", "no_cache", "refresh", "record", "replay", "timeout", "side_channel", "session"}
)


class Question(NamedTuple):
    """What is asked of a dump: ``parts`` tell it from all other questions.

    ``again``: whether the command line alone says what is asked (no standard input, no other file).
    ``pure``: the script that answers it.
    """

    parts: tuple[Any, ...]
    again: bool = True
    pure: Pure | None = None


def answered(
    question: Question | None,
    target: Target,
    options: dict[str, Any],
    work: Callable[[Witness], int],
) -> int:
    """The exit status of ``work``, or of what it printed before; ``question`` None: nothing is kept."""
    from crashdrive.cache.answers import Answers
    from crashdrive.cache.store import open_store

    apart = any(options[name] for name in ("no_cache", "record", "replay", "host")) or os.environ.get(
        _again.OFF
    )
    store = None if question is None or apart else open_store()
    if question is None or store is None or not hasattr(sys.stdout, "buffer"):
        return work(Witness())
    answers, key = Answers(store), _key(question, target, options)
    line = _again.line_key(_said_line()) if question.again and _is_bare() else None
    if not options["refresh"]:
        status = _again.give_again(answers, key, verbose=options["verbose"])
        if status is not None:
            if line is not None:
                answers.remember_line(line, key)
            return status
    return _kept(answers, key, line, options, work, question.pure)


def _kept(
    answers: Any,
    key: str,
    line: str | None,
    options: dict[str, Any],
    work: Callable[[Witness], int],
    pure: Pure | None,
) -> int:
    from crashdrive.cache.answers import MOST, KeptAnswer, packed, rests_on
    from crashdrive.session.binaries import binary_paths

    witness, began = Witness(), time.monotonic()
    chosen = tuple(options["crash_binaries"])
    binaries = _again.candidates(chosen)
    with _copied(MOST) as copy, hearing() as said:
        status = work(witness)
    output, seen = copy.content(), witness.basis()
    if status not in (EXIT_OK, EXIT_INCOMPLETE) or output is None or seen is None or binaries is None:
        return status
    files, binary = seen
    scripts, marks = ((), ()) if pure is None else ((pure.path,), (pure.mark,))
    sampled = (*files, *scripts)
    basis = rests_on(sampled, tuple(dict.fromkeys((binary, *binary_paths(chosen)))))
    # a dump or a script that was written to meanwhile
    if basis is None or tuple(one.mark for one in basis[: len(sampled)]) != (*witness.marks(), *marks):
        return status
    answers.keep(
        key,
        KeptAnswer(
            asked=shlex.join(("crashdrive", *_WORDS)), dump=files[0], made_at=time.time(),
            seconds=time.monotonic() - began, status=status, said=tuple(said), output=packed(output),
            size=len(output), basis=basis, chosen=chosen, binaries=binaries,
            module_files=witness.module_files, absent=() if pure is None else pure.absent,
        ),
    )  # fmt: skip
    if line is not None:
        answers.remember_line(line, key)
    return status


def _key(question: Question, target: Target, options: dict[str, Any]) -> str:
    from crashdrive.cache.answers import absolute, question_key

    files = [(path, absolute(path)) if path else None for path in (target.vmlinux, target.vmcore)]
    others = [(name, value) for name, value in sorted(options.items()) if name not in _APART]
    folders = [absolute(path) for path in (*options["debug_dirs"], *options["crash_binaries"])]
    return question_key((question.parts, files, others, folders, _again.surroundings()))


# the command line, as `remember` was told it
_WORDS: list[str] = []


def remember(words: Sequence[str]) -> None:
    """Take note of the command line that is carried out now."""
    _WORDS[:] = words


def _said_line() -> list[str]:
    """The command line as somebody will say it again."""
    return [word for word in _WORDS if word != "--refresh"]


def _is_bare() -> bool:
    """Whether the line, apart from --refresh, is one that is looked up before it is taken apart."""
    return not _again.NOT_SO_FAST.intersection(_said_line())


class _Copy(io.RawIOBase):
    """Hands bytes on, and keeps a copy of them up to a limit."""

    def __init__(self, to: BinaryIO, limit: int) -> None:
        self._to = to
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def content(self) -> bytes | None:
        """All that was written; None where it was more than the limit."""
        return b"".join(self._parts) if self._size <= self._limit else None

    def write(self, data: Any) -> int:
        """Hand on all of it."""
        piece = bytes(data)
        self._to.write(piece)
        self._size += len(piece)
        if self._size <= self._limit:
            self._parts.append(piece)
        else:
            self._parts.clear()
        return len(piece)

    def flush(self) -> None:
        """Hand on what the stream below holds back."""
        self._to.flush()

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """As the stream below."""
        return self._to.isatty()

    def fileno(self) -> int:
        """As the stream below."""
        return self._to.fileno()


@contextmanager
def _copied(limit: int) -> Iterator[_Copy]:
    """Standard output goes where it went, and into a copy."""
    stream = sys.stdout
    stream.flush()
    copy = _Copy(stream.buffer, limit)
    wrapped = io.TextIOWrapper(
        cast("BinaryIO", copy),
        encoding=stream.encoding,
        errors=stream.errors,
        newline="",
        line_buffering=getattr(stream, "line_buffering", False),
    )
    sys.stdout = wrapped
    try:
        yield copy
        wrapped.flush()
    finally:
        sys.stdout = stream
        # what is left of it goes nowhere: who reads has gone, or the work failed
        with suppress(OSError, ValueError):
            wrapped.detach()

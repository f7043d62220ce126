"""PyKdump's log: messages that are shown at once, and a summary of them all at the end of a program."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.layer.memo import kept

WARNING, ERROR, INFO = "+++WARNING+++", "+++ERROR+++", "...INFO..."
_TIMEOUT = "timeout"
_WIDTH = 78


class PyLog:
    """All instances share what was logged."""

    @property
    def _cache(self) -> dict[str, list[Any]]:
        return kept("log")

    def _keep(self, kind: str, data: Any) -> None:
        messages = self._cache.setdefault(kind, [])
        if data not in messages:
            messages.append(data)

    def _show(self, kind: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._keep(kind, (args, options))
        print(kind, end=" ")
        print(*args, **options)

    def timeout(self, msg: str) -> None:
        """Something took too long."""
        print(WARNING, msg)
        self._keep(_TIMEOUT, msg)

    def warning(self, *args: Any, **kwargs: Any) -> None:
        """A warning, shown at once and at the end."""
        self._show(WARNING, args, kwargs)

    def warning_onexit(self, *args: Any, **kwargs: Any) -> None:
        """A warning that is shown at the end."""
        self._keep(WARNING, (args, kwargs))

    def info(self, *args: Any, **kwargs: Any) -> None:
        """Something to know, shown at the end."""
        self._keep(INFO, (args, kwargs))

    def error(self, *args: Any, **kwargs: Any) -> None:
        """An error, shown at once and at the end."""
        self._show(ERROR, args, kwargs)

    def silent(self, msg: str) -> None:
        """Hold a message until somebody asks for it."""
        kept("silent")["message"] = msg

    def getsilent(self) -> str:
        """The message that is held, which is gone then."""
        held: str = kept("silent").pop("message", "")
        return held

    def silenterror(self, extra: str) -> None:
        """Make the message that is held an error, shown at the end."""
        if msg := self.getsilent():
            self._keep(ERROR, ((extra, msg), {}))

    def cleanup(self) -> None:
        """Forget all messages."""
        self._cache.clear()
        kept("silent").clear()

    def onexit(self) -> None:
        """Print the summary; nothing where nothing was logged."""
        if set(self._cache) - {INFO}:
            self._print_problems()
        if INFO in self._cache:
            print(f"\n{' Additional Info '.center(_WIDTH, '~')}")
            self._print_messages(INFO)
            print("~" * _WIDTH)

    def _print_problems(self) -> None:
        print(f"\n{'*' * _WIDTH}\n{' A Summary Of Problems Found '.center(_WIDTH, '*')}\n{'*' * _WIDTH}")
        if late := self._cache.get(_TIMEOUT):
            print(" Some crash built-in commands did not complete within timeout ".center(_WIDTH, "-"))
            for message in late:
                print("   ", message)
            print(" *** Run it again with a longer one: --timeout=SECONDS among the program's options")
        for kind in (WARNING, ERROR):
            if self._cache.get(kind):
                print(f" A list of all {kind} messages ".center(_WIDTH, "-"))
                self._print_messages(kind)
        print("-" * _WIDTH)

    def _print_messages(self, kind: str) -> None:
        for args, options in self._cache[kind]:
            print(end="    ")
            print(*args, **options)


pylog = PyLog()

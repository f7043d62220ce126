"""PyKdump's exceptions."""

from __future__ import annotations


class CrashError(Exception):
    """``crash.error``: what can't be read, what crash refused. Its argument is text."""


CrashError.__name__ = CrashError.__qualname__ = "error"
CrashError.__module__ = "crash"


class NullError(IndexError, CrashError):
    """A number was to be read at address 0: IndexError as for pointers, ``crash.error`` as for numbers."""


NullError.__name__ = NullError.__qualname__ = "IndexError"
NullError.__module__ = "builtins"

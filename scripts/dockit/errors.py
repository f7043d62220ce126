"""docs/errors.md and docs/manual.md: errors with their exit statuses, and the list of the manual's pages."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from crashdrive import errors
from dockit import manual
from dockit.markdown import table

_ERRORS = """\
# Errors and exit statuses

## Exit statuses

{statuses}
Data goes to standard output, messages to standard error: one line that says what, where, and what to do.

## Errors in Python

All are of `crashdrive.errors`, and all below `CrashdriveError`. The number is the exit status of the
command line when the error ends it.

{errors}
"""

_MANUAL = """\
# The manual

Each is a page of `man` where the wheel or the Debian package is installed, and what `--help` says:
`man crashdrive-exec`, `crashdrive exec --help`.

{pages}
"""


def errors_page() -> str:
    """The page of all errors."""
    statuses = table(["Status", "Meaning"], ([status, text] for status, text in manual.STATUS))
    return (
        _ERRORS.format(statuses=statuses, errors=table(["Error", "Is a", "Status", "When"], _rows())).rstrip(
            "\n"
        )
        + "\n"
    )


def _rows() -> Iterator[list[str]]:
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.CrashdriveError):
            parents = ", ".join(f"`{parent.__name__}`" for parent in kind.__bases__)
            told = re.sub(r"\s+", " ", inspect.cleandoc(kind.__doc__ or "")).replace("``", "`")
            yield [f"`{name}`", parents, str(kind.exit_status), told]


def manual_page(pages: dict[str, str]) -> str:
    """The page that lists the manual's pages."""
    rows = (
        [f"`{name.removesuffix('.1')}`", found[1].replace("\\-", "-").replace("\\(aq", "'")]
        for name, text in sorted(pages.items())
        if (found := re.search(r"^\.SH NAME\n\S+ \\- (.*)$", text, re.MULTILINE))
    )
    return _MANUAL.format(pages=table(["Page", "What for"], rows)).rstrip("\n") + "\n"

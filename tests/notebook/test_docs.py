"""docs/notebook.md: its Python, cell by cell, on a recorded session."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.crash import open_dump

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
SESSION = ROOT / "golden_outputs" / "sessions" / "6.12-kdump-sysrq-9.0.2" / "session.xz"


def test_the_examples_run() -> None:
    for library in ("pandas", "polars", "pyarrow"):
        pytest.importorskip(library)
    cells = [cell for cell in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "%" not in cell]
    assert len(cells) == 2
    with open_dump(None, None, replay=SESSION) as crash:
        names = {"crash": crash}
        for cell in cells:
            exec(cell, names)  # noqa: S102 - the page's own examples
    frame = names["frame"]
    assert len(frame) == len(names["sockets"].rows)  # type: ignore[attr-defined, arg-type]


@pytest.mark.parametrize("extra", ["notebook", "pandas", "polars", "arrow"])
def test_each_extra_is_declared(extra: str) -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extra in extras
    assert f"crashdrive[{extra}]" in PAGE

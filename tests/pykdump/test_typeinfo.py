"""Structures as the API has them, made of the dicts of types."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.pykdump.describe import INT, STRUCT, UNION
from crashdrive.pykdump.layer.typeinfo import SUInfo
from crashdrive.pykdump.run import begin, end


@pytest.fixture(autouse=True)
def _a_run() -> Iterator[None]:
    run: Any = SimpleNamespace(kept={})
    begin(run)
    yield
    end(run)


def word(name: str, offset: int) -> dict[str, Any]:
    return {
        "fname": name, "bitoffset": 8 * offset, "uint": 1, "basetype": "unsigned long", "codetype": INT,
        "typelength": 8,
    }  # fmt: skip


def nameless(kind: str, offset: int, *body: dict[str, Any]) -> dict[str, Any]:
    code = {"struct": STRUCT, "union": UNION}[kind]
    return {
        "fname": "", "bitoffset": 8 * offset, "body": list(body), "basetype": kind, "codetype": code,
        "typelength": 16,
    }  # fmt: skip


def test_nameless_structures_at_one_place_are_apart() -> None:
    """``struct page``: what lists pages, what a compound page has, a page table's."""
    either = nameless(
        "union",
        8,
        nameless("struct", 0, nameless("union", 0, word("lru", 0), word("list", 0)), word("mapping", 8)),
        nameless("struct", 0, word("compound_head", 0), word("order", 8)),
        nameless("struct", 0, word("table", 0), nameless("union", 8, word("mm", 0), word("count", 0))),
    )
    whole = SUInfo(
        "struct page", {"basetype": "struct page", "typelength": 24, "body": [word("flags", 0), either]}
    )
    assert {name: member.offset for name, member in whole.items()} == {
        "flags": 0, "lru": 8, "list": 8, "mapping": 16, "compound_head": 8, "order": 16, "table": 8, "mm": 16,
        "count": 16,
    }  # fmt: skip
    assert whole.shortstr().split().count("lru;") == 1

"""Symbols and types that many runs, and recordings of one dump, read and take in: once for all of them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from unittest import mock

from crashdrive.kernel.symbols import lookup
from crashdrive.kernel.types.btf import Btf
from crashdrive.linux.modules import types

# as many kernels as recordings have: the same bytes are the same symbols and types
_keep = functools.lru_cache(maxsize=24)
_TABLE, _BTF = _keep(lookup.read_table), _keep(Btf)


@contextlib.contextmanager
def learnt_once() -> Iterator[None]:
    """Half a second less for each session: most of a run's time."""
    with mock.patch.object(lookup, "read_table", _TABLE), mock.patch.object(types, "Btf", _BTF):
        yield

"""A dump's kernel, opened: what its layouts and symbols are made from, and what they are kept under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.kernel.symbols.lookup import Symbols, symbols_key
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.minimal import QuickLayouts, make_quick, proven_btf, with_modules
from crashdrive.text import valid

if TYPE_CHECKING:
    from crashdrive.cache.store import Store
    from crashdrive.session.result import Runner


def open_kernel(session: Runner, store: Store | None = None, *, btf: bool = False) -> Kernel:
    """The kernel of a session's dump; what it learns of types and symbols is kept in the ``store``.

    Layouts are kept by the vmlinux's build id, symbols by the dump as well; nothing is kept of a vmlinux
    that has no build id. ``btf``: where crash came up without its tables, types may come from the image's BTF
    (see `crashdrive.linux.minimal.QuickLayouts`).
    """
    identity: dict[str, str] = getattr(session, "identity", None) or {}
    build_id = identity.get("build_id") or None

    def make() -> Kernel:
        kernel = Kernel(
            session,
            layouts=QuickLayouts(session, store, build_id, lambda: proven_btf(kernel) if btf else None),
            symbols=Symbols(session, store, build_id and _dump_key(build_id, identity, session)),
        )
        return kernel

    options = getattr(getattr(session, "health", None), "options", ())
    if getattr(session, "recording", False):
        # what a replay has to find in the record is asked of crash
        return make()
    if getattr(session, "quick", False) or "--minimal" in options:
        return make_quick(session, make)
    return with_modules(session, make()) if "--no_modules" in options else make()


def _dump_key(build_id: str, identity: dict[str, str], session: Runner) -> str | None:
    """What symbols are kept under; None where it isn't known which dump this is.

    A crash that was started with ``--no_modules`` or ``--minimal`` knows fewer of them; one that has yet to
    be started as a whole is as good as that.
    """
    marks = [identity.get(name) for name in ("vmcore", "size", "mtime_ns")]
    if None in marks:
        return None
    options = getattr(getattr(session, "health", None), "options", ())
    if getattr(session, "quick", False):
        options = ()
    dump = valid(":".join(map(str, (*marks, *options))))
    return symbols_key(build_id, int(identity.get("kaslr_offset") or "0", 0), dump)

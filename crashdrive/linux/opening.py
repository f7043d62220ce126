"""Opens a dump's kernel: the sources of its layouts and symbols, and their keys in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.dump.machines import own_machine
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo.arrays import Arrays
from crashdrive.kernel.debuginfo.dimensions import dimensions
from crashdrive.kernel.debuginfo.layouts import ImageTypes
from crashdrive.kernel.keys import keys_of
from crashdrive.kernel.symbols.image import ImageSymbols
from crashdrive.kernel.symbols.lookup import Symbols
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.minimal import (
    DumpSymbols,
    MinimalLayouts,
    make_minimal,
    make_with_modules,
    proven_btf,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashdrive.cache.store import Store
    from crashdrive.kernel.debuginfo.arrays import ArrayShape
    from crashdrive.session.dump_session import DumpSession


_X86_64 = "62"
# a private structure of a driver has few definitions; one of a header that all include has thousands
_COMPARED = 64


def _shape_of(session: DumpSession) -> Callable[[str, str], ArrayShape | None] | None:
    """What finds an array in the vmlinux's DWARF; None for a recording, which has to hold what gdb tells."""
    vmlinux = session.identity.get("vmlinux")
    return None if session.recording or vmlinux is None else Arrays(vmlinux).find


def _image_types(session: DumpSession) -> ImageTypes | None:
    """The types in the vmlinux's DWARF; None where it can't be read, and for a recording.

    A crash that an emulator runs takes minutes for what its gdb is asked, so that a name's first definition
    is taken there; elsewhere, gdb is asked where definitions differ.
    """
    vmlinux, machine = session.identity.get("vmlinux"), session.identity.get("machine")
    if session.recording or vmlinux is None:
        return None
    own = own_machine()
    emulated = own is not None and machine not in {None, "", str(own)}
    try:
        types = ImageTypes(vmlinux, compared=1 if emulated else _COMPARED)
    except VmlinuxError:
        return None
    return types if types.has_all else None


def open_kernel(session: DumpSession, store: Store | None = None, *, btf: bool = False) -> Kernel:
    """The kernel of a session's dump; types and symbols that it learns are kept in the ``store``.

    Layouts are kept by the vmlinux's contents, symbols by the dump as well (see `crashdrive.kernel.keys`);
    nothing is kept for a vmlinux without a build id. Types come from the image's BTF, where it has one (see
    `crashdrive.linux.minimal.MinimalLayouts`). ``btf``: they are for readers that index no array of several
    dimensions, so that none is looked for.
    """
    keys = keys_of(session, store)

    def make(image: ImageSymbols | None = None, *, physical: bool = False) -> Kernel:
        source = DumpSymbols(image, lambda: kernel) if image is not None else None
        kernel = Kernel(
            session,
            layouts=MinimalLayouts(
                session,
                store,
                keys.types,
                None if session.recording else lambda: proven_btf(kernel),
                elsewhere=lambda: kernel.module_types,
                declaration=None if source is None else source.declaration,
                dimensions=None if btf else lambda: dimensions(session.identity["vmlinux"]),
                shape=None if btf else _shape_of(session),
                image=lambda: _image_types(session),
            ),
            symbols=Symbols(session, store, keys.symbols, source=source),
            physical=physical,
        )
        return kernel

    if session.recording:
        # a recording asks crash, so that a replay finds the answers
        return make()
    options = session.health.options
    if session.minimal or "--minimal" in options:
        return make_minimal(session, make)
    # crash knows no variables of modules where the kernel has no names of them, as Debian's arm64
    own = "--no_modules" in options or session.identity.get("machine", _X86_64) != _X86_64
    return make_with_modules(session, make) if own else make()

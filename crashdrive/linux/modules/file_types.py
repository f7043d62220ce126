"""Types of loaded modules out of the DWARF of their files, for kernels whose modules have no BTF.

A module's file is the one whose build id is in memory: `crashdrive.linux.modules.files`. Its debug data has
all types that the module uses, the kernel's among them: a name that the kernel defines, too, is the kernel's
where both are of one size, and the module's own (``struct priv@bonding``) else. Of several modules that have
a type, the oldest one's is taken, as long as all of them have the same members in it.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from crashdrive.errors import FaultError, KernelError, UnknownTypeError, VmlinuxError
from crashdrive.kernel.debuginfo.layouts import ImageTypes
from crashdrive.kernel.types.layouts import VERSION, layout_key
from crashdrive.kernel.types.model import Type
from crashdrive.linux.modules.files import paths

if TYPE_CHECKING:
    from pathlib import Path

    from crashdrive.linux.machine import Machine

_SHOWN = 4  # modules in a message
_OF_MODULE = re.compile(r"@\w+")


class FileTypes:
    """The types in the files of a dump's modules; no file is opened before a type is asked for."""

    def __init__(self, kernel: Machine) -> None:
        self._kernel = kernel
        self._opened: dict[str, ImageTypes | None] = {}
        self._sizes: dict[str, int | None] = {}

    def find(self, name: str, module: str) -> Type | None:
        """A type of one module, or of any where ``module`` is empty; None where none has it.

        UnknownTypeError where modules differ in what it is, or a file can't be understood.
        """
        found: dict[str, Type] = {}
        for one in [module] if module else self._files:
            kind = self._of(one, name)
            if kind is not None:
                found[one] = kind
        # what a type refers to is its own module's; that of another one may differ further down
        if len({_OF_MODULE.sub("", repr(kind)) for kind in found.values()}) > 1:
            shown = ", ".join(f"{name}@{one}" for one in list(found)[:_SHOWN])
            raise UnknownTypeError(f"modules differ in what {name} is: say which is meant, {shown}")
        return next(iter(found.values()), None)

    def _of(self, module: str, name: str) -> Type | None:
        """A module's type, kept under its build."""
        if module not in self._files:
            return None
        layouts, (_, build) = self._kernel.layouts, self._files[module]
        key = layout_key(layouts.key, [(module, build)])
        kept: Type | None = None
        if layouts.store:
            kept = layouts.store.get("module-dwarf", key, name, Type, version=VERSION)
        if kept is None and (types := self._types(module)) is not None and types.may_define(name):
            try:
                kept = types.find(name)
            except VmlinuxError as error:
                raise UnknownTypeError(f"module {module} may have {name}, but: {error}") from error
            if kept is not None and layouts.store:
                layouts.store.put("module-dwarf", key, name, kept, version=VERSION)
        return kept

    def _types(self, module: str) -> ImageTypes | None:
        if module not in self._opened:
            path, _ = self._files[module]
            try:
                self._opened[module] = ImageTypes(
                    str(path), lambda name, size: "" if self._is_kernels(name, size) else f"@{module}"
                )
            except VmlinuxError:
                self._opened[module] = None
        return self._opened[module]

    def _is_kernels(self, name: str, size: int) -> bool:
        """Whether the kernel's own debug data defines a type of that name and size."""
        if name not in self._sizes:
            try:
                image = self._image
                known = image.size(name) if image is not None and image.may_define(name) else None
            except VmlinuxError:
                known = None
            self._sizes[name] = known
        return self._sizes[name] == size

    @cached_property
    def _image(self) -> ImageTypes | None:
        try:
            return ImageTypes(self._kernel.session.identity["vmlinux"])
        except (KeyError, VmlinuxError):
            return None

    @cached_property
    def _files(self) -> dict[str, tuple[Path, str]]:
        """Files by module, the oldest first; none where the modules can't be read, or of a recording."""
        if self._kernel.session.recording:
            return {}
        try:
            return dict(reversed(paths(self._kernel).files.items()))
        except (FaultError, KernelError):
            return {}

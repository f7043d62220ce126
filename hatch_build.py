"""Puts the version of the tag into what is built, in place of the checkout's own `_version.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MODULE = "crashdrive/_version.py"


class VersionHook(BuildHookInterface[Any]):
    """For wheels and source archives; a checkout that is installed to be edited stays as it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have the module included that says the version (``version``: the kind of build)."""
        if version == "editable":
            return
        text = f'"""The version, as the build found it."""\n\n__version__ = "{self.metadata.version}"\n'
        self._written = Path(tempfile.mkdtemp()) / "_version.py"
        self._written.write_text(text, encoding="utf-8")
        build_data["force_include"][str(self._written)] = _MODULE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove what was written."""
        if version != "editable":
            self._written.unlink()
            self._written.parent.rmdir()

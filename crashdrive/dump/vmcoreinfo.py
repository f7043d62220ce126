"""The note that a dying kernel leaves: Documentation/admin-guide/kdump/vmcoreinfo.rst."""

from __future__ import annotations


def parse_vmcoreinfo(data: bytes) -> dict[str, str]:
    """The ``NAME=value`` lines of a VMCOREINFO note; what is no such line is left out."""
    lines = data.rstrip(b"\0").decode("utf-8", "backslashreplace").split("\n")
    return {name: value for name, found, value in (line.partition("=") for line in lines) if found and name}

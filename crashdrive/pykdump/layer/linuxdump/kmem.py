"""``LinuxDump.kmem``: what ``kmem -f`` and ``kmem -i`` say."""

from __future__ import annotations

import re
from typing import Any

from crashdrive.pykdump.layer.lazy import lazy_names

_ZONE = re.compile(r"^\s*\d+\s+([A-Za-z]\S*)\s+(\d+)\s+(\d+)\s")
_AREA = re.compile(r"^\s*(\d+)\s+(\d+)k\s+([0-9a-f]+)\s+(\d+)\s+(\d+)\s*$")
_LINE = re.compile(r"^\s*([A-Z][A-Z ]+?)\s+(\d+)\s+([\d.]+ (?:KB|MB|GB|TB)|0)(?:\s+(.*))?$", re.MULTILINE)


def parse_kmemf(text: str) -> list[list[list[Any]]]:
    """The zones of each node: number, name, then (order, size, address, blocks, pages) of each area."""
    nodes: list[list[list[Any]]] = []
    for line in text.splitlines():
        if line.strip() == "NODE":
            nodes.append([])
        elif (zone := _ZONE.match(line)) is not None:
            if not nodes:
                nodes.append([])
            nodes[-1].append([int(line.split()[0]), zone[1]])
        elif (area := _AREA.match(line)) is not None and nodes and nodes[-1]:
            nodes[-1][-1].append([int(area[1]), f"{area[2]}k", int(area[3], 16), int(area[4]), int(area[5])])
    return nodes


def print_Zone(zone: list[Any]) -> None:
    """Print how many blocks of each size a zone has free."""
    number, name, *areas = zone
    print(f"Zone {number} {name}: " + " ".join(f"{area[3]}*{area[1]}" for area in areas))


def parse_kmemi(text: str) -> dict[str, tuple[int, str]]:
    """The lines of ``kmem -i``: (pages, size as text) by name."""
    return {found[1]: (int(found[2]), found[3]) for found in _LINE.finditer(text)}


__getattr__ = lazy_names(__name__, {})

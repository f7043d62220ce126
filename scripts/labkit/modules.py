"""Kernel modules: which one needs which, and the order to load them in."""

import lzma
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path


def module_name(path: Path) -> str:
    """The name that the kernel uses: `nf-nat.ko.xz` -> `nf_nat`."""
    return path.name.partition(".")[0].replace("-", "_")


def find_modules(root: Path) -> dict[str, Path]:
    """All modules below a folder by name."""
    return {module_name(path): path for path in sorted(root.rglob("*.ko*"))}


def read_module(path: Path) -> bytes:
    """The bytes of a module as insmod wants them, unpacked if it is compressed."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def depends(data: bytes) -> list[str]:
    """What a module's .modinfo says that it needs."""
    found = re.search(rb"(?:^|\0)depends=([^\0]*)\0", data)
    names = found[1].decode().split(",") if found else []
    return [name.replace("-", "_") for name in names if name]


def load_order(wanted: Iterable[str], needs: Callable[[str], Sequence[str]]) -> list[str]:
    """Wanted modules and what they need, each after everything that it needs."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        for other in needs(name):
            visit(other)
        order[name] = None

    for name in wanted:
        visit(name)
    return list(order)


def closure(wanted: Iterable[str], available: Mapping[str, Path]) -> list[tuple[str, bytes]]:
    """Name and bytes of the wanted modules that exist (others are built in), in load order."""
    data: dict[str, bytes] = {}

    def needs(name: str) -> list[str]:
        data[name] = read_module(available[name])
        return [other for other in depends(data[name]) if other in available]

    order = load_order([name for name in wanted if name in available], needs)
    return [(name, data[name]) for name in order]

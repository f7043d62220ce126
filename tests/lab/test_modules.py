"""Module names, their dependencies, and the order to load them in."""

import lzma
from pathlib import Path

import pytest
from labkit import modules


def module_with(depends: str) -> bytes:
    return b"\x7fELF...license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("virtio_blk.ko", "virtio_blk"),
        ("nf-nat.ko.xz", "nf_nat"),
        ("8021q.ko", "8021q"),
    ],
)
def test_module_name_is_the_kernels(file: str, name: str) -> None:
    assert modules.module_name(Path("kernel/net") / file) == name


def test_depends_reads_modinfo() -> None:
    assert modules.depends(module_with("stp,llc")) == ["stp", "llc"]


def test_depends_of_a_module_that_needs_nothing() -> None:
    assert modules.depends(module_with("")) == []


def test_depends_uses_underscores() -> None:
    assert modules.depends(module_with("nf-conntrack")) == ["nf_conntrack"]


def test_depends_ignores_softdepends() -> None:
    assert modules.depends(b"\0softdepends=pre: x\0depends=y\0") == ["y"]


def test_load_order_puts_needs_first_and_nothing_twice() -> None:
    needs = {"bridge": ["stp", "llc"], "stp": ["llc"], "llc": [], "garp": ["stp"]}
    assert modules.load_order(["bridge", "garp"], needs.__getitem__) == ["llc", "stp", "bridge", "garp"]


def test_closure_loads_packed_modules_and_skips_builtin_ones(tmp_path: Path) -> None:
    (tmp_path / "ext4.ko.xz").write_bytes(lzma.compress(module_with("jbd2,builtin-one")))
    (tmp_path / "jbd2.ko").write_bytes(module_with(""))
    available = modules.find_modules(tmp_path)
    order = modules.closure(["ext4", "virtio_pci"], available)
    assert [name for name, _ in order] == ["jbd2", "ext4"]
    assert order[1][1] == module_with("jbd2,builtin-one")

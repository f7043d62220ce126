"""Who a crash belongs to, by an owners file."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.errors import UsageError
from crashdrive.owners import Owners, owners, read_owners

TEXT = """\
# who is to be told
nvme*        = storage
nvme-tcp     = storage over the network
kernel!tcp_* = network
kernel       = core = all of it
"""


@pytest.mark.parametrize(
    ("module", "function", "who"),
    [
        ("nvme_core", "nvme_reset_work", "storage"),
        ("nvme_tcp", "nvme_tcp_recv", "storage over the network"),
        (None, "tcp_ack", "network"),
        (None, "do_exit", "core = all of it"),
        ("e1000", "e1000_up", None),
        (None, None, None),
    ],
)
def test_the_line_that_says_most(module: str | None, function: str | None, who: str | None) -> None:
    assert read_owners(TEXT, "owners").owner(module, function) == who


def test_of_equal_lines_the_first_counts() -> None:
    assert read_owners("a* = one\na? = two\n", "owners").owner("ab", "f") == "one"


def test_what_is_no_line_is_told() -> None:
    with pytest.raises(UsageError, match=r"^owners: line 2: expected MODULE\[!FUNCTION\] = WHO: 'nvme'$"):
        read_owners("# comment\nnvme\n", "owners")


def test_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRASHDRIVE_OWNERS", raising=False)
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path))
    assert owners() == Owners(())
    (tmp_path / "owners").write_text(TEXT)
    assert owners().owner("nvme", "f") == "storage"
    monkeypatch.setenv("CRASHDRIVE_OWNERS", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="gone: No such file or directory"):
        owners()

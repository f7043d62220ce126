"""Where the lab keeps its things, and how a thing appears there whole or not at all."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.errors import LabError
from labkit.host import say


def checkout() -> Path:
    """The top of the checkout."""
    return Path(__file__).resolve().parents[2]


def lab() -> Path:
    """The lab's folder: $CRASHDRIVE_LAB, or .lab/ at the top of the checkout."""
    given = os.environ.get("CRASHDRIVE_LAB")
    return Path(given).absolute() if given else checkout() / ".lab"


@contextmanager
def locked() -> Iterator[None]:
    """Hold the lab's lock; a second builder waits until the first is done."""
    lab().mkdir(parents=True, exist_ok=True)
    with (lab() / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another call of scripts/lab is building; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes target when the body ends well, and vanishes else."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        work.chmod(0o755)
        yield work
        if target.exists():  # readers find the old one or the new one, never half of one
            target.rename(work.with_name(work.name + ".old"))
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(work.with_name(work.name + ".old"), ignore_errors=True)


def sweep() -> None:
    """Remove what killed calls left half-built; call it with the lock held."""
    for folder in ("dumps", "kernels", "crash", "userland"):
        for left in (lab() / folder).glob(".*.????????*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)


def remove(target: Path) -> None:
    """Delete a folder of the lab."""
    if lab() not in target.parents:
        raise LabError(f"{target} isn't in the lab")
    shutil.rmtree(target)

"""Our own kernel module, which dies in the ways that sysrq can't."""

import re
import shutil
import tempfile
from pathlib import Path

from labkit.host import run

SOURCES = Path(__file__).parent / "module"


def ensure(root: Path, release: str, modules: Path) -> Path:
    """Build crashme.ko, if need be, against unpacked (not installed) headers; returns its path."""
    target = modules / "extra" / "crashme.ko"
    if target.exists():
        return target
    headers = root / "usr" / "src" / f"linux-headers-{release}"
    _relocate(headers, root)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("crashme.c", "Makefile"):
            shutil.copy(SOURCES / name, work / name)
        # BTF for a module would take pahole on the host; crash has no use for it.
        run(["make", "-C", headers, f"M={work}", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"])
        return Path(shutil.copy(work / "crashme.ko", target))


def _relocate(headers: Path, root: Path) -> None:
    """Make the headers' makefiles find each other below root instead of below /usr."""
    for name in ("Makefile", ".kernelvariables"):
        path = headers / name
        if path.exists():
            text = path.read_text()
            path.write_text(re.sub(r"(?<![\w/])/usr/(src|lib)/linux-", rf"{root}/usr/\1/linux-", text))

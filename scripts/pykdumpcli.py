"""Record what the scripts of tests/pykdump/scripts get of a dump, and what drgn says of the same.

::

    scripts/record-pykdump .lab/dumps/6.1-elf-sysrq .lab/crash/8.0.2/crash

Writes golden_outputs/pykdump/<dump>-<crash>/: session.xz, and expected.json with what the scripts printed and
what drgn has for it. Fails where the two disagree. With --expect the session stays as it was recorded.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import drgn
import pykdumpkit as kit

from crashdrive.crash import Crash, open_dump
from crashdrive.session.compact import compact


def run_all(crash: Crash) -> dict[str, str]:
    """What each script printed."""
    outputs: dict[str, str] = {}
    for script in kit.scripts():
        status, outputs[script.stem] = kit.output(crash, script)
        print(script.stem, status)
    return outputs


def record(dump: Path, binary: Path, target: Path) -> None:
    """Record a session."""
    with tempfile.TemporaryDirectory() as folder:
        session = Path(folder) / "session"
        with open_dump(dump / "vmlinux", dump / "vmcore", crash=[str(binary)], record=session) as crash:
            run_all(crash)
        target.mkdir(parents=True, exist_ok=True)
        compact(session, target / kit.SESSION)


def main() -> int:
    """Record one dump in one crash; 1 where scripts disagree with drgn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path, help="a folder with vmlinux and vmcore")
    parser.add_argument("crash", type=Path, help="the crash binary")
    parser.add_argument("--expect", action="store_true", help="the session stays as it was recorded")
    chosen = parser.parse_args()
    return _recorded(chosen.dump, chosen.crash, again=not chosen.expect)


def _recorded(dump: Path, binary: Path, *, again: bool) -> int:
    target = kit.RECORDINGS / f"{dump.name}-{binary.parent.name}"
    if again:
        record(dump, binary, target)
    with open_dump(None, None, replay=target / kit.SESSION) as crash:
        outputs = run_all(crash)
    program = drgn.Program()
    program.set_core_dump(dump / "vmcore")
    program.load_debug_info([dump / "vmlinux"])
    facts = {name: dict(find(program)) for name, find in kit.FACTS.items()}
    wrong = {name: found for name in facts if (found := kit.disagreements(outputs[name], facts[name]))}
    for name, found in wrong.items():
        print(name, *found, sep="\n  ")
    content = {"outputs": outputs, "drgn": facts}
    (target / kit.EXPECTED).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return int(bool(wrong))

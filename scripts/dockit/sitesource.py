"""The source of the documentation's site: README.md, docs/ and the rest that pages link to, in one place.

A link to what is no page of the site (a module, a folder, LICENSE) becomes its text: the site is read without
a checkout. That it exists in the checkout is checked here, all other links by mkdocs.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
TARGET = CHECKOUT / "build" / "site-source"
# what pages show or offer; man/ and completions/ are files of packages
_SHOWN = {".md", ".svg", ".json", ".html"}
_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)")
_FROM_ELSEWHERE = re.compile(
    r"""(?:src|href|url)\s*[=(]\s*["']?(https?:)?//[^"'\s)>]+\.(?:js|css|woff2?|ttf|png|svg)\b"""
)


def main() -> int:
    """Lay the source out, or with a folder behind ``--built`` look for requests in its pages."""
    if sys.argv[1:2] == ["--built"]:
        return _looked_through(Path(sys.argv[2]))
    shutil.rmtree(TARGET, ignore_errors=True)
    missing: list[str] = []
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        _put(CHECKOUT / name, TARGET / ("index.md" if name == "README.md" else name), missing)
    for path in sorted((CHECKOUT / "docs").rglob("*")):
        if path.suffix in _SHOWN:
            _put(path, TARGET / path.relative_to(CHECKOUT), missing)
    for line in missing:
        print(line, file=sys.stderr)
    return 1 if missing else 0


def _put(path: Path, target: Path, missing: list[str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".md":
        shutil.copy(path, target)
        return

    def linked(found: re.Match[str]) -> str:
        text, (to, _, anchor) = found[1], found[2].partition("#")
        if not to or "://" in to:
            return found[0]
        there = (path.parent / to).resolve()
        if not there.exists():
            missing.append(f"{path.relative_to(CHECKOUT)}: links to {to}, which isn't there")
        if there == CHECKOUT / "README.md":
            up = "../" * len(target.relative_to(TARGET).parent.parts)
            return f"[{text}]({up}index.md{'#' if anchor else ''}{anchor})"
        inside = there.is_relative_to(CHECKOUT / "docs") or there.parent == CHECKOUT
        return found[0] if inside and there.is_file() and there.suffix in _SHOWN else text

    target.write_text(_LINK.sub(linked, path.read_text(encoding="utf-8")), encoding="utf-8")


def _looked_through(site: Path) -> int:
    """Pages load nothing from elsewhere; links that a reader may click stay."""
    told = [
        f"{path.relative_to(site)}: asks for {found[0][:120]}"
        for path in sorted(site.rglob("*"))
        if path.suffix in {".html", ".css"}
        for found in _FROM_ELSEWHERE.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    for line in told:
        print(line, file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())

"""Types that a script makes up: variables that it declares, unions, and names of typedefs."""

from __future__ import annotations

from typing import Any

from crashdrive.pykdump.describe import STRUCT, UNION
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.cdecl import declaration
from crashdrive.pykdump.layer.typeinfo import SUInfo, TypeInfo, VarInfo, typeinfo_of
from crashdrive.pykdump.run import current


def declared(text: str, address: int = 0) -> VarInfo:
    """A variable by its declaration in C, ``struct hlist_head table[257];``. ``crash.error`` for no type."""
    kind, name = declaration(text)
    bounds = (
        [int(bound or 0) for bound in kind.partition("[")[2].rstrip("]").split("][")] if "[" in kind else []
    )
    plain, _, _ = kind.partition("[")
    name_of_type, stars = plain.rstrip("* "), plain.count("*")
    item = typeinfo_of(f"{name_of_type} {'*' * stars}" if stars else name_of_type)
    if bounds:
        item["dims"] = bounds
    info = VarInfo(name, TypeInfo(item))
    info.addr = address
    return info


def declared_symbol(symbol: str, text: str) -> Any:
    """The value of a symbol without a type, as the script declares it. TypeError for an unknown symbol."""
    facts = current().facts
    if not facts.exists(symbol):
        raise TypeError(f"There's no symbol <{symbol}>")
    info = declared(text)
    return info.reader(facts.address(symbol))


class ArtStructInfo(SUInfo):
    """A structure that a script makes up, member by member."""

    def __init__(self, sname: str) -> None:
        super().__init__(sname, {"basetype": sname, "typelength": 0, "codetype": STRUCT})

    def append(self, ftype: str | SUInfo, fname: str | None = None) -> None:
        """Add a member of a type behind all others, without padding.

        Without a name ``ftype`` is a declaration in C (``struct sock *sk;``), or a structure, added whole.
        """
        if isinstance(ftype, SUInfo):
            self.inline(ftype)
            return
        member = declared(ftype) if fname is None else VarInfo(fname, TypeInfo(ftype))
        member.offset = self._place()
        member.bitoffset = member.offset * 8
        self._add(str(member.name), member)
        self._grow(member.size)

    def _place(self) -> int:
        """Where the next member begins."""
        return self.PYT_size

    def _grow(self, size: int) -> None:
        """Make room for a member."""
        self.PYT_size = self.size = self.PYT_size + size

    def inline(self, si: SUInfo) -> None:
        """Add all members of another structure behind all others."""
        for name, inner in si.PYT_body:
            member = VarInfo(name, inner.ti)
            member.offset = self._place() + inner.offset
            member.bitoffset, member.bitsize = self._place() * 8 + inner.bitoffset, inner.bitsize
            self._add(name, member)
        self._grow(si.PYT_size)


class ArtUnionInfo(ArtStructInfo):
    """A union that a script makes up, member by member."""

    def __init__(self, sname: str) -> None:
        super().__init__(sname)
        self.PYT_item["codetype"] = UNION

    def _place(self) -> int:
        return 0

    def _grow(self, size: int) -> None:
        self.PYT_size = self.size = max(self.PYT_size, size)


def getTypedefInfo(ptype: str) -> str | None:
    """What a typedef stands for; None where there is no such type."""
    try:
        item = typeinfo_of(ptype)
    except CrashError:
        return None
    return str(item["basetype"]) + (f" {'*' * item['stars']}" if item.get("stars") else "")

"""Reading: structures, variables, numbers, lists."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from crashdrive.errors import CrashdriveError
from crashdrive.pykdump.describe import FUNC
from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.artificial import declared_symbol
from crashdrive.pykdump.layer.memo import kept, memoize_typeinfo
from crashdrive.pykdump.layer.pylogs import pylog
from crashdrive.pykdump.layer.structs import Addr, Deref, StructResult
from crashdrive.pykdump.layer.typeinfo import SU_CODES, SUInfo, TypeInfo, VarInfo
from crashdrive.pykdump.run import current

DEFAULT_MAXEL = 10000


def setListMaxel(newval: int) -> None:
    """Set how many elements of a list are read at most where a call doesn't say."""
    kept("limits")["maxel"] = int(newval)


def _most(maxel: int | None) -> int:
    return int(kept("limits").get("maxel", DEFAULT_MAXEL)) if maxel is None else int(maxel)


def warn_maxel(maxel: int) -> None:
    """Warn that a list was longer than was read."""
    frames = itertools.takewhile(lambda frame: frame.function != "<module>", inspect.stack()[2:])
    callers = " <- ".join(frame.function for frame in frames)
    pylog.warning(f"We have reached the limit while reading a list maxel={maxel}\n\t\tfrom {callers}")


# numbers


def number_readers() -> dict[str, Callable[[int], int]]:
    """``readU8`` and its like; IndexError for NULL."""
    word = current().kernel.pointer_size
    sizes = {"U8": (1, False), "U16": (2, False), "U32": (4, False), "U64": (8, False), "S32": (4, True)}
    sizes |= {
        "S64": (8, True),
        "Int": (4, True),
        "UInt": (4, False),
        "Long": (word, True),
        "ULong": (word, False),
    }
    return {f"read{name}": _number_reader(size, signed=signed) for name, (size, signed) in sizes.items()}


def _number_reader(size: int, *, signed: bool) -> Callable[[int], int]:
    read = current().pages.scalar(size, signed=signed)

    def number(addr: int) -> int:
        if not addr:
            raise IndexError("readPtr NULL pointer")
        return read(addr)

    return number


def readProcessMem(taskaddr: int, uvaddr: int, size: int) -> bytes:
    """Bytes of a process's own memory."""
    from crashdrive.pykdump.memory import PHYSADDR

    run, parts, address = current(), [], int(uvaddr)
    page_size = run.kernel.page_size
    while size > 0:
        count = min(size, page_size - address % page_size)
        parts.append(run.pages.readmem(run.facts.physical(int(taskaddr), address), count, PHYSADDR))
        address, size = address + count, size - count
    return b"".join(parts)


# structures and variables


def readSU(symbol: str, addr: int) -> Any:
    """The structure of a type at an address; TypeError for an unknown type."""
    return StructResult(symbol, addr)


def readSUArray(suname: str, startaddr: int, dim: int = 0) -> Any:
    """``dim`` structures that lie behind each other; an endless iterator where that is 0."""
    first = StructResult(suname, startaddr)
    if dim == 0:
        return (first[i] for i in range(_most(None)))
    return [first[i] for i in range(dim)]


def whatis(symbol: str) -> VarInfo:
    """A variable's type and address; TypeError where there is none."""
    known = kept("variables")
    if symbol not in known:
        run = current()
        try:
            kind = run.types.declared_variable(symbol) if run.facts.exists(symbol) else None
        except CrashdriveError:
            kind = None
        if kind is None:
            raise TypeError(f"There's no symbol <{symbol}>")
        info = VarInfo(symbol, TypeInfo(run.describer.variable(symbol, kind)))
        info.addr = run.facts.address(symbol)
        known[symbol] = info
    found: VarInfo = known[symbol]
    return found


def readSymbol(symbol: str, art: str | None = None) -> Any:
    """A variable's value; TypeError where there is none.

    ``art``: its declaration in C, for a symbol whose type crash doesn't know.
    """
    if art is not None:
        return declared_symbol(symbol, art)
    info = whatis(symbol)
    return info.reader(int(info.addr or 0))


class SymbolReader:
    """Variables as attributes: ``PYKD.jiffies``."""

    def __getattr__(self, attrname: str) -> Any:
        if attrname.startswith("__") and attrname.endswith("__"):
            raise AttributeError(attrname)
        return readSymbol(attrname)


def container_of(ptr: int, ctype: str, member: str) -> Any:
    """The structure that has a member at an address."""
    return readSU(ctype, int(ptr) - member_offset(ctype, member))


# types


@memoize_typeinfo
def getStructInfo(stype: str) -> SUInfo:
    """A structure's members; TypeError for an unknown one."""
    return SUInfo(stype)


@memoize_typeinfo
def struct_size(sname: str) -> int:
    """Bytes of a type; -1 for an unknown one."""
    try:
        return TypeInfo(sname).size
    except (CrashError, CrashdriveError):
        return -1


def _variable_size(name: str) -> int:
    try:
        return whatis(name).size
    except TypeError:
        return -1


def struct_exists(sname: str) -> bool:
    """Whether there is such a type."""
    return bool(struct_size(sname) != -1)


def getSizeOf(vtype: str) -> int:
    """Bytes of a type, or of a variable; -1 for what is neither."""
    size = int(struct_size(vtype))
    return _variable_size(vtype) if size == -1 and vtype.isidentifier() else size


@memoize_typeinfo
def member_size(sname: str, fname: str) -> int:
    """Bytes of a member; -1 where there is none."""
    try:
        return int(getStructInfo(sname)[fname].size)
    except (KeyError, TypeError):
        return -1


@memoize_typeinfo
def member_offset(sname: str, fname: str) -> int:
    """Offset of a member, also of one of a member (``a.b``); -1 where there is none."""
    offset = 0
    try:
        info = getStructInfo(sname)
        names = fname.split(".")
        for number, name in enumerate(names):
            member = info[name]
            offset += member.offset
            if number == len(names) - 1:
                return int(offset)
            if member.ti.codetype not in SU_CODES:
                return -1
            info = getStructInfo(member.ti.stype)
    except (KeyError, TypeError):
        pass
    return -1


def funcargs(symbol: str) -> list[str] | None:
    """The types of a function's arguments; None where it is none."""
    try:
        ti = whatis(symbol).ti
    except TypeError:
        return None
    return [one.typestr() for one in ti.prototype[1:]] if ti.codetype == FUNC else None


# lists


def readList(
    start: int, offset: int = 0, *, maxel: int | None = None, inchead: bool = True, warn: bool = True
) -> list[int]:
    """Addresses of what follows each other by the pointer at ``offset``, until NULL or the start.

    What is read until an error is kept; the error is printed.
    """
    found, error = _followed(int(start), offset, _most(maxel), inchead=inchead)
    if isinstance(error, CrashError):
        print(error)
    elif error == _CIRCLE:
        pylog.error("Circular dependency in list")
    elif error == _LONG and warn:
        warn_maxel(_most(maxel))
    return found


_CIRCLE, _LONG = "Duplicate entry", "too long"


def _followed(start: int, offset: int, most: int, *, inchead: bool) -> tuple[list[int], Any]:
    """The addresses, and what ended the list before its end."""
    if start == 0:
        return [], None
    read = current().pages.pointer
    found = [start] if inchead else []
    known, here = {start}, start
    while len(found) <= most:
        try:
            here = read(here + offset)
        except CrashError as error:
            return found, error
        if here in (0, start):
            return found, None
        if here in known:
            return found, _CIRCLE
        known.add(here)
        found.append(here)
    return found[:most], _LONG


def readBadList(start: int, offset: int = 0, *, maxel: int | None = None, inchead: bool = True) -> Any:
    """A list and what is wrong with it: (addresses, error or None)."""
    if int(start) == 0:
        return []
    found, error = _followed(int(start), offset, _most(maxel), inchead=inchead)
    if error == _LONG:
        warn_maxel(_most(maxel))
        error = None
    return found, error


def readListByHead(start: int, offset: int = 0, *, maxel: int | None = None, warn: bool = True) -> list[int]:
    """Addresses of the nodes on a list, without its head."""
    return readList(start, offset, maxel=maxel, inchead=False, warn=warn)


list_for_each_entry = readListByHead


def readSUListFromHead(
    headaddr: int | str,
    listfieldname: str,
    mystruct: str,
    *,
    maxel: int | None = None,
    inchead: bool = False,
    warn: bool = True,
) -> list[Any]:
    """The structures on a list, linked by their member.

    ``headaddr``: a head's address, or the name of a variable that is a head, or such a structure itself.
    """
    offset = getStructInfo(mystruct)[listfieldname].offset
    if isinstance(headaddr, str):
        headaddr = _head_of(headaddr, offset)
    nodes = readList(int(headaddr), 0, maxel=maxel, inchead=inchead, warn=warn)
    return [readSU(mystruct, node - offset) for node in nodes]


def _head_of(name: str, offset: int) -> int:
    address = int(current().facts.address(name))
    try:
        is_head = whatis(name).ctype == "struct list_head"
    except TypeError:
        is_head = False
    return address if is_head else address + offset


def readStructNext(shead: Any, nextname: str, *, maxel: int | None = None, inchead: bool = True) -> list[Any]:
    """The structures that follow each other by a member that points to the next one."""
    if not isinstance(shead, StructResult):
        if shead == 0:
            return []
        shead = Deref(shead)
    offset = shead.PYT_sinfo[nextname].offset
    return [
        readSU(shead.PYT_symbol, node) for node in readList(Addr(shead), offset, maxel=maxel, inchead=inchead)
    ]


def hlist_for_each_entry(emtype: str, head: Any, member: str) -> Iterator[Any]:
    """The structures in a chain of a hash table (``struct hlist_head``); CrashError for a circle."""
    offset = SUInfo(emtype)[member].offset
    node, known = head.first, set()
    while node:
        if int(node) in known:
            raise CrashError(f"{_CIRCLE} {int(node):#x} in a chain")
        known.add(int(node))
        yield readSU(emtype, int(node) - offset)
        node = node.next


class ListHead(list[Any]):
    """The nodes of a list behind its head. With a structure's name, ``ListHead(addr, name).member`` has the
    structures that are linked by that member.
    """

    def __init__(
        self, lhaddr: int, sname: str | None = None, *, maxel: int | None = None, warn: bool = True
    ) -> None:
        super().__init__()
        self.sname, self.warn = sname, warn
        most, read = _most(maxel), current().pages.pointer
        start = here = int(lhaddr)
        while len(self) <= most and (here := read(here)) not in (0, start):
            self.append(here if sname else readSU("struct list_head", here))
        if len(self) > most:
            del self[-1]
            if warn:
                warn_maxel(most)

    def __getattr__(self, fname: str) -> list[Any]:
        if fname.startswith("__"):
            raise AttributeError(fname)
        sname = str(self.sname)
        offset = member_offset(sname, fname)
        if offset == -1:
            raise KeyError(f"<{sname}> does not have a field <{fname}>")
        return [readSU(sname, node - offset) for node in self]


def LH_isempty(lh: Any) -> bool:
    """Whether a list's head is NULL's, or points to itself."""
    return bool(lh and Addr(lh) == lh.next)

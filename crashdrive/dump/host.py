"""The name of the machine that died, as its dump's headers and VMCOREINFO lead there."""

from __future__ import annotations

from collections.abc import Mapping

from crashdrive.dump.elf import PT_LOAD, Read, Segment
from crashdrive.dump.linear_map import LINEAR

_FIELD = 65  # of struct new_utsname: sysname, nodename, ...
_X86_64_TEXT = 0xFFFFFFFF80000000  # where x86-64 maps the kernel's image
# s390x alone has it; up to 6.9 its kernels run at the physical addresses, since 6.10 (c98d2ecae08f) this
# tells where they lie
_LOWCORE, _MOVED = "SYMBOL(lowcore_ptr)", "KERNELOFFPHYS"
# what a machine is called that nobody has named
_NOBODY = frozenset({"", "(none)"})


def nodename(names: bytes) -> str | None:
    """The machine's name in a ``struct new_utsname``; None where it isn't one, or has none."""
    system, name = (names[at : at + _FIELD].split(b"\0")[0] for at in (0, _FIELD))
    text = name.decode("utf-8", "backslashreplace")
    return text if system == b"Linux" and text not in _NOBODY else None


def host_in_memory(read: Read, segments: list[Segment], info: Mapping[str, str]) -> str | None:
    """The machine's name in an ELF dump's memory; None where VMCOREINFO doesn't lead there."""
    place = _physical(info)
    if place is None:
        return None
    for part in segments:
        inside = place - part.physical
        if part.type == PT_LOAD and 0 <= inside <= part.file_size - 2 * _FIELD:
            return nodename(read(part.offset + inside, 2 * _FIELD))
    return None


def is_image(read: Read, info: Mapping[str, str]) -> bool:
    """Whether memory begins at address 0 in a file: this kernel's names are where VMCOREINFO says."""
    place = _physical(info)
    if place is None or place < 0:
        return False
    names = read(place, 3 * _FIELD)
    release = names[2 * _FIELD :].split(b"\0")[0]
    return names.startswith(b"Linux\0") and release == info["OSRELEASE"].encode()


def host_in_image(read: Read, info: Mapping[str, str]) -> str | None:
    """The machine's name in an image of memory from address 0 on."""
    return nodename(read(_physical(info) or 0, 2 * _FIELD))


def physical_in_image(info: Mapping[str, str], address: int) -> int | None:
    """Where memory of the kernel's image lies, by its address as the image was linked.

    On x86-64, arm64, ppc64 and s390x up to 6.9; None where VMCOREINFO doesn't tell.
    """
    try:
        moved = address + int(info["KERNELOFFSET"], 16)
        if _LOWCORE in info:
            return None if _MOVED in info else moved
        if moved >> 60 == LINEAR >> 60:
            return moved - LINEAR
        if "NUMBER(kimage_voffset)" in info:
            return (moved - int(info["NUMBER(kimage_voffset)"], 16)) % (1 << 64)
        return moved - _X86_64_TEXT + int(info["NUMBER(phys_base)"])
    except (KeyError, ValueError):
        return None


def _physical(info: Mapping[str, str]) -> int | None:
    """Where the image of the kernel has ``init_uts_ns.name``, on x86-64, arm64, ppc64 and s390x."""
    try:
        place = int(info["SYMBOL(init_uts_ns)"], 16) + int(info["OFFSET(uts_namespace.name)"])
        if _LOWCORE in info:
            apart = int(info[_MOVED], 16) - int(info["KERNELOFFSET"], 16) if _MOVED in info else 0
            return place + apart
        if place >> 60 == LINEAR >> 60:
            return place - LINEAR
        if "NUMBER(kimage_voffset)" in info:
            return (place - int(info["NUMBER(kimage_voffset)"], 16)) % (1 << 64)
        return place - _X86_64_TEXT + int(info["NUMBER(phys_base)"])
    except (KeyError, ValueError):
        return None

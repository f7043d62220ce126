"""How alike two stacks are: frames of the kernel's machinery dropped, those at the top weigh most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz.distance import Indel

from crashdrive.linux.oops.machinery import is_dispatcher, is_reporting, plain

# how often a frame counts, from the top; those further down once
_WEIGHTS = (6, 4, 3, 2, 2)
_MOST = 24  # frames that are compared
_ENTRY = re.compile(
    r"entry_\w+|do_(?:fast_|int80_)?syscall_\w+|x64_sys_call|__do_sys\w*|invoke_syscall|el0t?_\w+|ret_from_fork\w*"
    r"|kthread|worker_thread|start_secondary\w*|secondary_startup\w*|cpu_startup_entry|smpboot_thread_fn"
    r"|system_call\w*|sysenter\w*|ret_fast_syscall|tracesys\w*|do_idle|default_idle\w*|cpuidle_\w+|start_kernel"
)
_LINKAGE = re.compile(r"(?:__(?:x64|ia32|arm64|riscv|s390x?|se|do)_(?:compat_)?)?sys_|_+")


@lru_cache(maxsize=65536)
def bare(name: str) -> str:
    """A function's name without what compilers append, and without what its variants have in front."""
    cut = plain(name)
    return _LINKAGE.sub("", cut, count=1) if _LINKAGE.match(cut) else cut


@lru_cache(maxsize=65536)
def is_machinery(name: str) -> bool:
    """Whether a function says nothing of the crash: it reports it, or calls everything."""
    return bool(_ENTRY.fullmatch(plain(name))) or is_reporting(plain(name)) or is_dispatcher(plain(name))


def normalised(frames: Sequence[str]) -> tuple[str, ...]:
    """The frames that count, innermost first."""
    return tuple(bare(name) for name in frames if not is_machinery(name))


def weighed(frames: Sequence[str]) -> list[str]:
    """Normalised frames, each as often as it counts."""
    found = []
    for at, frame in enumerate(frames[:_MOST]):
        found += [frame] * (_WEIGHTS[at] if at < len(_WEIGHTS) else 1)
    return found


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """0 for stacks that share nothing, 1 for equal ones; both normalised."""
    return Indel.normalized_similarity(weighed(one), weighed(other))

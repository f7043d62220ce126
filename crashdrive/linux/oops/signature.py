"""Titles, buckets and alternatives, by which two crashes are the same."""

from __future__ import annotations

import hashlib
import re

from crashdrive.linux.oops import machinery
from crashdrive.linux.oops.culprit import named
from crashdrive.linux.oops.machinery import matcher, plain
from crashdrive.linux.oops.records import Frame
from crashdrive.linux.oops.rule import Found

ALGORITHM = 2
"""Version of the rules that choose kind, culprit and title; it is part of each bucket."""

_LONGEST = 120
_NORMAL = (
    (re.compile(r"\b([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+"), r"\1"),
    (re.compile(r"(\.\w{1,3}):\d+"), r"\1:LINE"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{6,16}\b"), "ADDR"),
    (re.compile(r"CPU ?#?\d+"), "CPU"),
    (re.compile(r"(?<![\w.])\d+(?![\w.])"), "NUM"),
)
_SYSCALL = re.compile(
    r"(?:__(?:x64|ia32|arm64|riscv|s390x?|powerpc|se|do|loongarch)_(?:compat_)?(?:sys_)?|_{2,4}sys_|SYSC_"
    r"|SyS_|compat_sys_|ksys_|sys_|compat_SyS_|__se_sys_)"
)
_FAMILIES = {"access": "bad-access", "stall": "stall", "hang": "hang", "stack": "stack-overflow"}
_DISPATCH = re.compile(
    r"(?:process_one_work|do_(?:fast_)?syscall_\w*|invoke_syscall|el0_svc\w*|x64_sys_call|"
    r"sysenter_dispatch|tracesys\w*|system_call\w*"
    r"|entry_SYSCALL\w*|ret_fast_syscall|.*netif_receive_skb\w*|do_softirq\w*|__do_softirq|"
    r"handle_softirqs|call_timer_fn|__?run_timers?\w*|run_timer_softirq"
    r"|hrtimer_run\w*|__hrtimer_run_queues|run_ksoftirqd|smpboot_thread_fn|kthread|start_secondary|"
    r"cpu_startup_entry|ret_from_fork\w*"
    r"|(?:do_)?vfs_(?:write|read|ioctl|iter_read|iter_write|open)|ksys_ioctl|compat_\w*ioctl|__fput"
    r"|task_work_run|exit_to_user\w*"
    r"|__vfs_(?:write|read)|netlink_rcv_skb|(?:rtnetlink|genl|nfnetlink)_rcv_msg|genl_family_rcv_msg\w*"
    r"|netlink_dump\w*|tasklet_\w*action\w*|sock_(?:sendmsg|recvmsg|ioctl|release)\w*|do_dentry_open"
    r"|new_sync_(?:read|write)|call_(?:read|write)_iter|do_iter_\w+|__do_fault|ops_exit_list"
    r"|\w*(?:sys|SyS|SYSC)_(?:ioctl|p?(?:read|write)v?(?:64)?))\Z"
)
_AWAITED = re.compile(
    r"(?P<synchronize_rcu>_*(?:synchronize|sync)_(?:s?rcu|sched|rcu_bh|rcu_tasks|net)(?:_\w+)?"
    r"|_*wait_rcu_gp\w*)\Z"
    r"|(?P<smp_call_function>_*(?:smp|on_each)_call_function\w*|_*on_each_cpu\w*|csd_lock_wait\w*)\Z"
)
_LEAF = matcher(machinery.STALL, machinery.LOCKS, machinery.LIBRARY)
_ANYONES = matcher(
    machinery.CHECKERS,
    machinery.LIBRARY,
    machinery.LOCKS,
    machinery.SANITIZERS,
    machinery.ALLOCATORS,
    machinery.HELPERS,
)


def normal(text: str) -> str:
    """A message without its variable parts: addresses, numbers, lines, offsets."""
    for pattern, instead in _NORMAL:
        text = pattern.sub(instead, text)
    text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:_LONGEST].rstrip()


def message_title(title: str, match: re.Match[str]) -> str:
    """A rule's title with the groups of its pattern."""
    if "{" not in title:
        return title
    groups = {name: normal(value or "") for name, value in match.groupdict().items()}
    return title.format(**groups)


def title_of(title: str, frame: Frame | None) -> str:
    """``KASAN: use-after-free Read in foo``; without a culprit the title alone."""
    if frame is None or not frame.function:
        return title
    return f"{title} in {plain(frame.function)}"


def bucket(kind: str, title: str, frame: Frame | None, *, corrupted: bool) -> str:
    """The id of a crash, by version, kind, culprit, module; without a culprit, by title."""
    if frame is not None and frame.function:
        parts = [kind, plain(frame.function), frame.module or ""]
    else:
        parts = ["corrupted" if corrupted else kind, kind, normal(title)]
    text = "\0".join([str(ALGORITHM), *parts])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def alternatives(title: str, family: str, frame: Frame | None, found: Found) -> tuple[str, ...]:
    """Titles that other kernels or builds give the same crash."""
    if frame is None or not frame.function:
        return ()
    name = plain(frame.function)
    names = [name]
    bare = _SYSCALL.sub("", name)
    if bare and bare != name:
        names += [bare, f"sys_{bare}"]
    word = _FAMILIES.get(family)
    if word in {"stall", "stack-overflow"}:
        names += _entries(found)
    if word in {"stall", "hang"} and (place := _awaited(found)):
        names.append(place)
    names += _callers(name, found)
    titles = [title_of(title, Frame(function=one)) for one in dict.fromkeys(names)]
    if word:
        titles += [f"{word} in {one}" for one in dict.fromkeys(names)]
    own = title_of(title, frame)
    return tuple(one for one in dict.fromkeys(titles) if one != own)


def _awaited(found: Found) -> str | None:
    """What many tasks wait for together, whichever is reported: the other CPUs, the readers of RCU."""
    for frame in found.frames:
        if frame.sure and (match := _AWAITED.match(plain(frame.function or ""))):
            return match.lastgroup
    return None


def _callers(name: str, found: Found) -> list[str]:
    """The culprit's caller, where the culprit is called from everywhere."""
    if not _ANYONES(name):
        return []
    frames = [plain(frame.function or "") for frame in named(found.frames)]
    at = frames.index(name) + 1 if name in frames else 0
    return [one for one in frames[at:] if not _ANYONES(one) and one != name][:1]


def _entries(found: Found) -> list[str]:
    """The function below which stacks of a stall, or full ones, are alike: a system call, a work function."""
    entry = _entry(found)
    if entry is None:
        return []
    bare = _SYSCALL.sub("", entry)
    return [bare, f"sys_{bare}"] if bare != entry else [entry]


def _entry(found: Found) -> str | None:
    """The function below which stacks of a stall, or full ones, are alike: a system call, a work function."""
    before = None
    for frame in named(found.frames):
        name = plain(frame.function or "")
        if _DISPATCH.match(name):
            return before
        if not _LEAF(name):
            before = name
    return None

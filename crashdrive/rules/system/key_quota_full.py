"""A user has used up the quota of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.security.keys import KeyUser


SHARE = 0.95


@rule(
    id="key-quota-full",
    severity="warning",
    looks_at=("keys.users",),
    message="{count:user has|users have} used up the quota of keys",
    threshold=f"keys or their bytes reach {SHARE:.0%} of the quota",
    explanation="add_key() and request_key() fail with EDQUOT: logins, mounts of NFS and containers fail.",
    advice="See crashdrive report keys; raise the sysctls kernel.keys.maxkeys and maxbytes, or root_maxkeys.",
    reference="security/keys/key.c: key_alloc()",
)
def key_quota_full(users: Iterable[KeyUser]) -> Iterator[Match]:
    full = (one for one in users if _full(one.charged_keys, one.keys_max) or _full_of_bytes(one))
    return matches(full, _told)


def _full_of_bytes(one: KeyUser) -> bool:
    return _full(one.charged_bytes, one.key_bytes_max)


def _full(used: int | None, most: int | None) -> bool:
    return bool(most) and (used or 0) >= SHARE * (most or 0)


def _told(one: KeyUser) -> str:
    return (
        f"uid {one.uid}: {one.charged_keys} of {one.keys_max} keys,"
        f" {one.charged_bytes} of {one.key_bytes_max} bytes"
    )

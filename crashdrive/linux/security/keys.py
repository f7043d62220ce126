"""Keys and keyrings, as /proc/keys and /proc/key-users have them, of all users (security/keys/).

What keys hold isn't read: it is secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.clock import clock
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_KEY, _USER = "struct key", "struct key_user"
_FIELDS = {
    "serial": ("serial",),
    "usage": ("usage.refs.counter", "usage.counter"),
    "uid": ("uid.val", "uid"),
    "gid": ("gid.val", "gid"),
    "perm": ("perm",),
    "length": ("datalen",),
    # since 4.14 (363b02dab09b); flags were numbered otherwise before
    "state": ("state",),
    "flags": ("flags",),
    "expiry": ("expiry",),
    "type": ("type->name",),
    "description": ("description",),
    "members": ("keys.nr_leaves_on_tree",),
}
_NEEDED = ("serial", "perm", "type", "description")
_OF_USER = {
    "uid": ("uid.val", "uid"),
    "keys": ("nkeys.counter",),
    "instantiated": ("nikeys.counter",),
    "charged": ("qnkeys",),
    "bytes": ("qnbytes",),
}
# KEY_FLAG_* (include/linux/key.h) since 4.14
_FLAGS = {0: "dead", 1: "revoked", 3: "under construction", 5: "invalidated"}
# limits of root and of the others (security/keys/key.c)
_LIMITS = ("key_quota_root_maxkeys", "key_quota_root_maxbytes", "key_quota_maxkeys", "key_quota_maxbytes")
# since 6.7 (39299bdd2546) a key that doesn't expire has the last second
_NEVER = (1 << 63) - 1
_LONGEST = 256
# (gid_t)-1: the key is of no group
_NOBODY = 0xFFFFFFFF


class Key(Record, frozen=True):
    """A key: ``key_serial`` and ``key_permissions`` as in /proc/keys.

    ``key_state``: ``instantiated``, ``not instantiated`` or ``negative`` (with the error that who asks gets),
    and ``revoked``, ``expired``, ``invalidated``, ``dead`` or ``under construction``, joined by commas.
    ``gid``: None where the key is of no group. ``expires_left``: seconds until it expires, None where it
    doesn't, and for a revoked key. ``payload_bytes``: what is counted against the quota. ``keyring_members``:
    keys in a keyring, None of other keys.
    """

    key_serial: str
    key_type: str | None
    key_description: str | None
    uid: int | None
    gid: int | None
    key_permissions: str | None
    key_state: str | None
    expires_left: float | None
    usage_count: int | None
    payload_bytes: int | None
    keyring_members: int | None
    key_struct: Address


class KeyUser(Record, frozen=True):
    """A user's keys: ``key_count`` in all, ``charged_keys`` and ``charged_bytes`` of the quota."""

    uid: int | None
    key_count: int | None
    instantiated_keys: int | None
    charged_keys: int | None
    keys_max: int | None
    charged_bytes: int | None
    key_bytes_max: int | None


def keys(survey: Survey) -> Iterator[Key]:
    """All keys by their serial numbers; none where the kernel was built without keys."""
    kernel = survey.kernel
    if not kernel.symbols.has("key_serial_tree"):
        survey.absent("keys")
        return
    walked = kernel.walk_rbtree(kernel.symbols.address("key_serial_tree"), _KEY, "serial_node")
    survey.walked(walked, "keys")
    fields = Fields(kernel, _KEY, _FIELDS, _NEEDED)
    rows = survey.addressed(fields, walked.addresses, "keys")
    types = texts(survey, (row["type"] for _, row in rows), "types of keys", _LONGEST)
    names = texts(survey, (row["description"] for _, row in rows), "descriptions of keys", _LONGEST)
    now = next(iter(survey.attempt("the clock", lambda: [clock(survey).realtime])), None)
    for place, row in rows:
        kind, left = types[row["type"]], _left(row, now)
        yield Key(
            key_serial="????????" if row["serial"] is None else f"{row['serial'] & 0xFFFFFFFF:08x}",
            key_type=kind,
            key_description=names[row["description"]],
            uid=row["uid"],
            gid=None if row["gid"] == _NOBODY else row["gid"],
            key_permissions=None if row["perm"] is None else f"{row['perm']:08x}",
            key_state=_state(row, left, fields),
            expires_left=left,
            usage_count=row["usage"],
            payload_bytes=row["length"],
            keyring_members=row["members"] if kind == "keyring" else None,
            key_struct=place,
        )


def _left(row: Mapping[str, Any], now: float | None) -> float | None:
    """Seconds until a key expires; None where it doesn't, and for a revoked key, which has the time of its
    revocation in that member.
    """
    expiry = row["expiry"]
    revoked = row["flags"] is not None and row["flags"] >> 1 & 1
    return None if now is None or not expiry or expiry == _NEVER or revoked else expiry - now


def _state(row: Mapping[str, Any], left: float | None, fields: Fields) -> str | None:
    state, flags = row["state"], row["flags"]
    if not fields.has("state") or state is None or flags is None:
        return None
    word = "instantiated" if state == 1 else "not instantiated" if not state else f"negative ({state})"
    words = [word, *(name for bit, name in _FLAGS.items() if flags >> bit & 1)]
    return ", ".join([*words, "expired"] if left is not None and left <= 0 else words)


def key_users(survey: Survey) -> Iterator[KeyUser]:
    """The keys and quotas of each user."""
    kernel = survey.kernel
    if not kernel.symbols.has("key_user_tree"):
        return
    walked = kernel.walk_rbtree(kernel.symbols.address("key_user_tree"), _USER, "node")
    survey.walked(walked, "users of keys")
    fields = Fields(kernel, _USER, _OF_USER, ("uid", "charged", "bytes"))
    rows = survey.rows(fields, walked.addresses, "users of keys")
    limits = _limits(survey)
    for row in rows:
        most = limits[:2] if row["uid"] == 0 else limits[2:]
        known = row["uid"] is not None
        yield KeyUser(
            uid=row["uid"],
            key_count=row["keys"],
            instantiated_keys=row["instantiated"],
            charged_keys=row["charged"],
            keys_max=most[0] if known else None,
            charged_bytes=row["bytes"],
            key_bytes_max=most[1] if known else None,
        )


def _limits(survey: Survey) -> Sequence[int | None]:
    kernel = survey.kernel
    places = [kernel.symbols.address(name) for name in _LIMITS]
    found: Sequence[int | None] = survey.gaps(
        kernel.read_many("unsigned int", places, [""]), "limits of keys"
    )[""]
    return found

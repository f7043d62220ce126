r"""Keys and keyrings of all users, quotas; audit; the security modules that are active.

\b
Examples:
  crashdrive report keys vmcore
  crashdrive report keys --type logon vmcore
  crashdrive report keys --format json vmcore | jq '.tables.audit[0]'

What keys hold isn't read. backlog: messages of audit that wait for its daemon; where they reach
backlog_limit, tasks wait, and then messages are lost.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.security.audit import audit
from crashdrive.linux.security.keys import key_users, keys
from crashdrive.linux.security.modules import security_modules
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "keys"
SUMMARY = "Keys, keyrings, quotas of keys; audit; active security modules."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(name="type", flags=("-t", "--type"), kind="text", many=True, help="Keys of this type (keyring)."),
)


def report(crash: Any, **asked: Any) -> Report:
    """The keys that are asked for, and the rest; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    rows = survey.attempt("keys", partial(keys, survey))
    types = sorted({row.key_type for row in rows if row.key_type})
    survey.require("type of a key", asked["type"], types)
    shown = [row for row in rows if not asked["type"] or row.key_type in asked["type"]]
    users = survey.attempt("users of keys", partial(key_users, survey))
    state = survey.attempt("audit", partial(audit, survey))
    active = survey.attempt("security modules", partial(security_modules, survey))
    tables = [
        Table(name="keys", rows=shown, columns=_KEY, title="Keys"),
        Table(name="users", rows=users, title="Users of keys"),
        Table(name="audit", rows=state, layout="fields", title="Audit"),
        Table(name="security_modules", rows=active, title="Security modules"),
    ]
    return judged(report_of(NAME, survey, tables), "system")


_KEY = (
    "key_serial", "key_type", "key_description", "uid", "key_permissions", "key_state", "expires_left",
    "payload_bytes", "keyring_members",
)  # fmt: skip

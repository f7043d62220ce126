"""What leaves the house without what it says of people and machines: a copy with pseudonyms.

Host names, addresses of networks and interfaces, paths in users' homes, command lines and environments are
replaced by words made of them with a key that stays behind (HMAC): the same thing has the same word in all of
a team's copies, and nobody else can guess it. Replaced is what fields are known to hold, wherever else that
stands in any text, and what looks like it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from crashdrive.batch.jobs import Result

FOLDER: Final = "redacted"
_KEY = ".redaction-key"
_HOSTS = frozenset({"host", "hostname", "nodename", "domainname"})
_LINES = frozenset(
    {"command_line", "cmdline", "arguments", "args", "argv", "environment", "environ", "program_arguments"}
)
# fields that are dropped: they are a team's own words
_DROPPED = frozenset({"link", "note", "owner"})
# names that machines have which nobody has named
_NOBODY = frozenset({"(none)", "localhost", "localhost.localdomain", "localdomain", "linux", "debian"})
_SHORTEST = 3
_V4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")
_V6 = re.compile(r"(?<![0-9a-fA-F:.])(?=[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:)[0-9a-fA-F:.]{2,48}(?![0-9a-zA-Z_:])")
_MAC = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![\w:])")
_HOME = re.compile(r"/(?:home|root|Users|export/home|run/user|nfs/home|var/home)(?:/[^\s'\"<>|;,)\]]*)?")
_COMMAND_LINE = re.compile(r"((?:[Kk]ernel )?[Cc]ommand line: ).*")
_BROADCAST = "255.255.255.255"


class Redactor:
    """Replaces; ``secrets_of`` first tells it what fields hold."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def word(self, kind: str, text: str) -> str:
        """The pseudonym of something."""
        digest = hmac.new(self._key, f"{kind}\0{text}".encode("utf-8", "surrogateescape"), hashlib.sha256)
        return f"{kind}-{digest.hexdigest()[:10]}"

    def learn(self, document: Any) -> None:
        """Remember what the fields of a document hold, to replace it in all texts."""
        for kind, text in _secrets_of(document):
            if text not in self._known:
                self._known[text] = self.word(kind, text)
                self._pattern = None

    def text(self, text: str) -> str:
        """A text without what isn't to leave."""
        text = _COMMAND_LINE.sub(lambda match: match[1] + self.word("line", match[0]), text)
        text = self._learnt().sub(lambda match: self._known[match[0]], text)
        text = _HOME.sub(lambda match: self.word("path", match[0]), text)
        text = _MAC.sub(lambda match: self._mac(match[0]), text)
        text = _V6.sub(lambda match: self._address(match[0]), text)
        return _V4.sub(lambda match: self._address(match[0]), text)

    def value(self, value: Any, name: str = "") -> Any:
        """A plain value, redacted; ``name``: of the field that it is in."""
        if isinstance(value, str):
            if name in _HOSTS and value and value not in _NOBODY:
                return self.word("host", value)
            return self.word("line", value) if name in _LINES and value else self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item, str(key)) for key, item in value.items() if key not in _DROPPED}
        if isinstance(value, (list, tuple)):
            return [self.value(item, name) for item in value]
        return value

    def path(self, path: str) -> str:
        """A dump's path: its folder as a word, and its own name."""
        folder, _, name = path.rpartition("/")
        return f"{self.word('folder', folder)}/{self.text(name)}" if folder else self.text(name)

    def result(self, result: Result) -> Result:
        """A result, redacted."""
        plain = self.value(msgspec.to_builtins(result))
        plain["vmcore"] = self.path(result.vmcore)
        for name in ("vmlinux", "vmcore"):
            if name in plain["identity"]:
                plain["identity"][name] = self.path(result.identity[name])
        for document in plain["reports"].values():
            if isinstance(document, dict):
                document["dump"] = plain["identity"]
        return msgspec.convert(plain, Result)

    def _learnt(self) -> re.Pattern[str]:
        if self._pattern is None:
            known = sorted(self._known, key=lambda text: (-len(text), text))
            self._pattern = re.compile(
                "|".join(rf"(?<![\w-]){re.escape(text)}(?![\w-])" for text in known) or r"(?!)"
            )
        return self._pattern

    def _mac(self, text: str) -> str:
        return (
            text
            if set(text.lower()) <= {"0", ":"} or set(text.lower()) <= {"f", ":"}
            else self.word("mac", text)
        )

    def _address(self, text: str) -> str:
        """An address with the colons and dots around it that are a sentence's."""
        for before, after in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2)):
            address = text[before : len(text) - after]
            try:
                found = ipaddress.ip_address(address)
            except ValueError:
                continue
            if found.is_unspecified or found.is_loopback or address == _BROADCAST:
                return text
            return text[:before] + self.word("ip", str(found)) + text[len(text) - after :]
        return text


def _secrets_of(document: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Kinds and texts of what known fields hold, anywhere in a document."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield from _secrets_of(value, str(key))
    elif isinstance(document, (list, tuple)):
        for value in document:
            yield from _secrets_of(value, name)
    elif isinstance(document, str) and len(document) >= _SHORTEST and document not in _NOBODY:
        if name in _HOSTS:
            yield "host", document
            yield from (("host", part) for part in _parts(document))
        elif name in _LINES:
            yield "line", document


def _parts(host: str) -> Iterable[str]:
    """A host's short name and its domain."""
    short, dot, domain = host.partition(".")
    return [one for one in (short, domain) if dot and len(one) >= _SHORTEST and one not in _NOBODY]


def key_of(folder: Path) -> bytes:
    """The key of a batch's pseudonyms; it stays in the batch's own folder."""
    path = folder / _KEY
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(key)
        return key

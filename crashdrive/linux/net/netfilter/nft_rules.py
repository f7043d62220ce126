"""Rules of nf_tables as records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashdrive.kernel.memory.window import Window
from crashdrive.linux.net.netfilter.nft_expressions import WHAT, Decoder, Run
from crashdrive.linux.net.netfilter.nftables import Rules
from crashdrive.linux.survey import Survey
from crashdrive.records import Address, Notice, Record

# struct nft_userdata: a byte for the length less one, then at most 256 bytes
LONGEST_USERDATA = 257
# NFTNL_UDATA_RULE_COMMENT, and that of sets' elements
_COMMENT = 0


class Rule(Record, frozen=True):
    """A rule of nf_tables: ``rule`` in the words of ``nft --debug=netlink``, each expression in brackets.

    Registers and values are those of netlink. An expression of an unknown form is ``[ NAME ? ]``.
    """

    netns: str | None
    family: str
    table: str | None
    chain: str | None
    handle: int
    rule: str
    comment: str | None
    address: Address


def rules(survey: Survey, decoder: Decoder, chains: Sequence[Rules]) -> Iterator[Rule]:
    """The rules of all these chains."""
    places = [(one.chain, rule) for one in chains for rule in one.rules]
    texts = decoder.texts([Run(rule.expressions, rule.size) for _, rule in places])
    window = survey.kernel.window()
    window.fetch((rule.expressions + rule.size, LONGEST_USERDATA) for _, rule in places if rule.userdata)
    for (chain, rule), said in zip(places, texts, strict=True):
        more = userdata(survey, window, rule.expressions + rule.size) if rule.userdata else b""
        yield Rule(
            netns=chain.netns,
            family=chain.family,
            table=chain.table,
            chain=chain.chain,
            handle=rule.handle,
            rule=" ".join(said),
            comment=comment(more),
            address=rule.address,
        )


def userdata(survey: Survey, window: Window, address: int) -> bytes:
    """The bytes of a ``struct nft_userdata``, which nft wrote for its own use."""
    length = window.bytes(address, 1)
    raw = window.bytes(address + 1, length[0] + 1) if length else None
    if raw is None:
        message = f"{WHAT}: a comment at {address:#x} is not in the dump"
        survey.miss([Notice(kind="hole", message=message)])
    return raw or b""


def comment(raw: bytes, kind: int = _COMMENT) -> str | None:
    """The comment in nft's user data: attributes, each with a type and a length in front."""
    while len(raw) > 1:
        number, length = raw[:2]
        if number == kind:
            return raw[2 : 2 + length].split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
        raw = raw[2 + length :]
    return None

"""Who may open which mailbox and for how long; a test may change it while Exchange runs, and read what happened."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jwt

from tests.m365.entra.scopes import MAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Bearer:
    """The mailbox asked for (*user*), and the token, which nobody has checked yet."""

    user: str
    token: str

    @cached_property
    def claims(self) -> dict[str, Any]:
        """The token's claims; an opaque one has none."""
        try:
            return dict(jwt.decode(self.token, options={"verify_signature": False}))
        except jwt.DecodeError:
            return {}

    @property
    def identity(self) -> str:
        """
        Who signed in, which need not be the address of the mailbox.

        For an application with the permission to open mailboxes its id (Microsoft: "IMAP.AccessAsApp").
        """
        is_application = "upn" not in self.claims and "IMAP.AccessAsApp" in self.claims.get("roles", ())
        return str(self.claims.get("appid" if is_application else "upn", ""))

    @property
    def sha256(self) -> str:
        """The token's SHA-256, which identifies it without revealing it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


def read_xoauth2(response: bytes) -> Bearer:
    """
    Read the client's one message of XOAUTH2; raises ValueError where it is not that.

    *response* is base64 of ``user=…^Aauth=Bearer …^A^A`` (Microsoft: "Authenticate an IMAP, POP or SMTP connection
    using OAuth").
    """
    try:
        text = base64.b64decode(response, validate=True).decode()
    except binascii.Error as error:
        raise ValueError("not base64") from error
    user, bearer, *rest = [*text.split("\x01"), ""]
    if not user.startswith("user=") or not bearer.startswith("auth=Bearer ") or rest != ["", "", ""]:
        raise ValueError("not XOAUTH2")
    return Bearer(user.removeprefix("user="), bearer.removeprefix("auth=Bearer "))


@dataclass
class Session:
    """One IMAP session that signed in: empty *closed_by* while it is open; "bye": the token expired; else "end"."""

    user: str
    token_sha256: str
    #: Ends it as if its token had expired.
    end: Callable[[], object] = field(repr=False)
    closed_by: str = ""


@dataclass(frozen=True)
class Refusal:
    """
    One failed attempt to sign in over IMAP.

    *reason* is "dead" (by token_life_override), "token" (signature, issuer, audience, expiry), "mailbox"
    (not this identity's, none of that name, or IMAP is off), "format" or "mechanism"; *user* is empty for the last two.
    """

    user: str
    token_sha256: str
    reason: str


@dataclass
class Rules:
    """
    The behaviour of this Exchange; changes apply from the next sign-in (or response) on.

    It accepts tokens of *issuers* signed with one of *keys* (kid to public key as PEM).
    """

    issuers: Sequence[str]
    keys: Mapping[str, bytes]
    #: Seconds that each message of a FETCH takes; answers without a message's text do not.
    slow_seconds: float = 0.0
    #: Seconds that a token is good from its first use here, whatever it says itself.
    token_life_override: float | None = None
    #: Whose IMAP is switched off (Set-CASMailbox -ImapEnabled; offlineimap and others then hear "not connected").
    imap_off: set[str] = field(default_factory=set)
    #: Who may not send by programs (Set-CASMailbox -SmtpClientAuthenticationDisabled; email-oauth2-proxy#193).
    smtp_off: set[str] = field(default_factory=set)
    sessions: list[Session] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    _owners: dict[str, set[str]] = field(default_factory=dict)
    _first_used: dict[str, float] = field(default_factory=dict)

    def grant(self, identity: str, mailbox: str) -> None:
        """Let *identity* (a token's upn) open *mailbox*: a delegate's shared one, or its own under another name."""
        self._owners.setdefault(mailbox.lower(), {mailbox.lower()}).add(identity.lower())

    def revoke(self, identity: str, mailbox: str) -> None:
        """Take back what *identity* was granted."""
        self._owners[mailbox.lower()].discard(identity.lower())

    def may_open(self, identity: str, mailbox: str) -> bool:
        """Return whether the mailbox exists and *identity* may open it."""
        return identity.lower() in self._owners.get(mailbox.lower(), ())

    def has_mailbox(self, mailbox: str) -> bool:
        """Return whether there is a mailbox of that address."""
        return mailbox.lower() in self._owners

    def may_fetch(self, identity: str, mailbox: str) -> bool:
        """Return whether *identity* may open *mailbox* over IMAP."""
        return self.may_open(identity, mailbox) and mailbox.lower() not in self.imap_off

    def is_genuine(self, bearer: Bearer) -> bool:
        """Return whether Entra signed the token, for Exchange, and it is good now (RFC 7519 §7.2)."""
        try:
            key = self.keys[jwt.get_unverified_header(bearer.token)["kid"]]
            claims = jwt.decode(bearer.token, key, ["RS256"], audience=MAIL)
        except (jwt.InvalidTokenError, KeyError):
            return False
        return claims["iss"] in self.issuers

    def dies_at(self, bearer: Bearer) -> float:
        """Return when the token expires, in seconds since 1970; the first call counts as its first use."""
        first = self._first_used.setdefault(bearer.sha256, time.time())
        return float(bearer.claims["exp"]) if self.token_life_override is None else first + self.token_life_override

    def end_sessions(self) -> None:
        """End the sessions that are open now, as if their tokens had expired this moment."""
        for session in self.sessions:
            session.end()

    def refuse(self, reason: str, bearer: Bearer | None = None) -> None:
        """Record a failed attempt."""
        self.refusals.append(Refusal(bearer.user if bearer else "", bearer.sha256 if bearer else "", reason))

"""Who may open which mailbox and for how long; a test may change it while Exchange runs, and read what happened."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bearer import Bearer


@dataclass
class Session:
    """One IMAP session that signed in. *closed_by* is empty while it is open; times are seconds since 1970."""

    user: str
    token_sha256: str
    opened_at: float
    #: "client", "bye" (the token died), "server" (Dovecot), "stop" (the test bed).
    closed_by: str = ""
    commands: int = 0


@dataclass(frozen=True)
class Refusal:
    """
    One failed attempt to sign in over IMAP.

    *reason* is "dead" (by token_life_override), "withdrawn", "token" (Dovecot: signature, issuer, expiry), "mailbox"
    (not this identity's, none of that name, or IMAP is off), "format" or "mechanism"; *user* is empty for the last two.
    """

    user: str
    token_sha256: str
    reason: str
    at: float


@dataclass
class Rules:
    """The behaviour of this Exchange; changes apply from the next sign-in (or response) on."""

    #: Seconds that each message of a FETCH takes; answers without a message's text do not.
    slow_seconds: float = 0.0
    #: Seconds that a token is good from its first use here, whatever it says itself.
    token_life_override: float | None = None
    #: Whose IMAP is switched off (Set-CASMailbox -ImapEnabled; offlineimap and others then hear "not connected").
    imap_off: set[str] = field(default_factory=set)
    #: Who may not send by programs (Set-CASMailbox -SmtpClientAuthenticationDisabled; email-oauth2-proxy#193).
    smtp_off: set[str] = field(default_factory=set)
    #: Milliseconds of back-off that a busy server asks for (imapsync#198, #212, #272).
    throttled: int | None = None
    #: Which tokens Entra took back before they expired (continuous access evaluation).
    withdrawn: Callable[[Bearer], bool] = field(default=lambda _: False)
    #: Whether XOAUTH2 is offered over IMAP: servers of an organisation's own offer none (offlineimap3#187).
    offers_xoauth2: bool = True
    sessions: list[Session] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    _owners: dict[str, set[str]] = field(default_factory=dict)
    _first_used: dict[str, float] = field(default_factory=dict)
    _ended_at: float = 0.0

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

    def dies_at(self, bearer: Bearer) -> float:
        """Return when the token expires, in seconds since 1970; the first call counts as its first use."""
        first = self._first_used.setdefault(bearer.sha256, time.time())
        return bearer.expires if self.token_life_override is None else first + self.token_life_override

    def end_sessions(self) -> None:
        """End the sessions that are open now, as if their tokens had expired this moment."""
        self._ended_at = time.time()

    def is_over(self, session: Session) -> bool:
        """Return whether end_sessions() was called after *session* began."""
        return session.opened_at < self._ended_at

    def refuse(self, reason: str, bearer: Bearer | None = None) -> None:
        """Record a failed attempt."""
        user, sha256 = (bearer.user, bearer.sha256) if bearer else ("", "")
        self.refusals.append(Refusal(user, sha256, reason, time.time()))

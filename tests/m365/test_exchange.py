"""What no test of the product would notice: an Exchange that lets in or offers more than Exchange Online does."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import smtplib
import ssl
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.m365.entra import Key, scopes
from tests.m365.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

ALICE = "alice@example.org"
ISSUER = "https://sts.windows.net/9c0f1d2e-0000-4000-8000-3b1f2c4d5e6f/"
MAIL = b"Subject: x\r\n\r\nx\r\n"


def make_token(key: Key, upn: str = ALICE, **changes: float | str) -> str:
    """Return a token of *upn*, signed with *key*, with *changes* of its claims."""
    claims = {"iss": ISSUER, "aud": scopes.MAIL[0], "exp": int(time.time()) + 600, "upn": upn} | changes
    return jwt.encode(claims, key.private, "RS256", headers={"kid": key.kid})


def xoauth2(token: str) -> str:
    """Return the initial response that opens Alice's mailbox with *token*."""
    return base64.b64encode(f"user={ALICE}\x01auth=Bearer {token}\x01\x01".encode()).decode()


def sign_in(client: imaplib.IMAP4, token: str) -> tuple[str, list[Any]]:
    """Send the token with the command (SASL-IR), as most programs do and imaplib cannot; return the answer."""
    status, answer = client._simple_command("AUTHENTICATE", "XOAUTH2", xoauth2(token))  # noqa: SLF001
    client.state = "AUTH" if status == "OK" else client.state
    return status, answer


@pytest.fixture
def exchange(tmp_path: Path, ca: trustme.CA, signing_key: Key) -> Iterator[Exchange]:
    """Return a running Exchange with Alice's mailbox."""
    keys = {signing_key.kid: signing_key.public_pem}
    with Exchange(tmp_path / "exchange", ca, issuers=[ISSUER, "https://other/"], keys=keys) as running:
        running.add_mailbox(ALICE)
        yield running


@pytest.fixture
def trust(ca: trustme.CA) -> ssl.SSLContext:
    """Return what a client that trusts the authority uses."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


@pytest.fixture
def client(exchange: Exchange, trust: ssl.SSLContext) -> Iterator[imaplib.IMAP4_SSL]:
    """Return a connected mail program."""
    connected = imaplib.IMAP4_SSL(exchange.host, exchange.imap_port, ssl_context=trust, timeout=10)
    yield connected
    with contextlib.suppress(OSError):
        connected.shutdown()


@pytest.mark.parametrize("flaw", ["signature", "issuer", "audience", "expired", "opaque", "form"])
def test_flawed_tokens_are_refused(exchange: Exchange, client: imaplib.IMAP4, signing_key: Key, flaw: str) -> None:
    """A token that is not Entra's, or no longer, gets the refusal of Exchange and no challenge."""
    other = Key()
    other.kid = signing_key.kid
    token = {
        "signature": make_token(other),
        "issuer": make_token(signing_key, iss="https://elsewhere/"),
        "audience": make_token(signing_key, aud=scopes.GRAPH),
        "expired": make_token(signing_key, exp=int(time.time()) - 10),
        "opaque": "EwBoA8l6BAAU",
        "form": "a\x01b",
    }[flaw]

    refused = sign_in(client, token)
    accepted = sign_in(client, make_token(signing_key))

    assert refused == ("NO", [b"AUTHENTICATE failed."])
    assert [refusal.reason for refusal in exchange.refusals] == ["format" if flaw == "form" else "token"]
    assert accepted[0] == "OK"


def test_passwords_are_neither_offered_nor_taken(exchange: Exchange, client: imaplib.IMAP4, signing_key: Key) -> None:
    """XOAUTH2 is the only way in, LOGIN and PLAIN fail; nothing that Dovecot can do beyond Exchange is ever shown."""
    before = client.capabilities

    with pytest.raises(imaplib.IMAP4.error, match="LOGIN failed"):
        client.login(ALICE, "secret")
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATE failed"):
        client.authenticate("PLAIN", lambda _: b"\0alice\0secret")
    sign_in(client, make_token(signing_key))

    assert [name for name in before if name.startswith(("AUTH=", "LOGIN"))] == ["AUTH=XOAUTH2"]
    assert client.capability()[1][0].decode().upper().split() == list(before)
    assert [refusal.reason for refusal in exchange.refusals] == ["mechanism"] * 2


@pytest.mark.parametrize("flaw", ["in clear", "no token", "signature", "mallory's", ""])
def test_submission_wants_tls_and_a_token(
    exchange: Exchange, trust: ssl.SSLContext, signing_key: Key, flaw: str
) -> None:
    """Only the owner of a mailbox sends from it, over TLS and with a good token."""
    token = make_token(Key() if flaw == "signature" else signing_key, "mallory" if flaw == "mallory's" else ALICE)

    with smtplib.SMTP(exchange.host, exchange.smtp_port, timeout=10) as line:
        line.ehlo()
        if flaw != "in clear":
            line.starttls(context=trust)
            line.ehlo()
            assert line.esmtp_features["auth"].split() == ["XOAUTH2"]
        if flaw != "no token":
            line.docmd("AUTH", f"XOAUTH2 {xoauth2(token)}")
        with pytest.raises(smtplib.SMTPException) if flaw else contextlib.nullcontext():
            line.sendmail(ALICE, ["bob@example.net"], MAIL)

    assert [sent.user for sent in exchange.outbox] == ([] if flaw else [ALICE])

"""What no test of the product would notice: an Exchange that lets in or offers more than Exchange Online does."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
import smtplib
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.m365.entra import Key, scopes
from tests.m365.exchange import FOLDERS, Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

ALICE = "alice@example.org"
ISSUER = "https://sts.windows.net/9c0f1d2e-0000-4000-8000-3b1f2c4d5e6f/"
MAIL = b"Subject: x\r\n\r\nx\r\n"
#: 127.0.0.0/8 and ::1 in the kernel's hexadecimal, whose words are little-endian.
LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000")
LISTENING = "0A"


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
        running.add_mailbox(ALICE, FOLDERS)
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


def test_no_flag_tells_folders_apart(client: imaplib.IMAP4, signing_key: Key) -> None:
    """LIST shows mail, calendars and look-alikes with "/" between levels and no flag that tells them apart."""
    sign_in(client, make_token(signing_key))

    lines = [line.decode() for line in client.list()[1] if isinstance(line, bytes)]

    assert sorted(line.partition(' "/" ')[2].strip('"') for line in lines) == sorted(FOLDERS)
    assert not any("Noselect" in line or "NoInferiors" in line for line in lines)


def test_bye_comes_between_two_messages_of_one_command(
    exchange: Exchange, client: imaplib.IMAP4, signing_key: Key
) -> None:
    """A FETCH that outlives the token is cut off after a whole message."""
    exchange.fill(ALICE, per_folder=6)
    exchange.slow_seconds = 0.3
    exchange.token_life_override = 1
    sign_in(client, make_token(signing_key))
    client.select("INBOX")

    with pytest.raises(imaplib.IMAP4.abort, match="AccessTokenExpired"):
        client.fetch("1:*", "(BODY[])")

    fetched = client.untagged_responses["FETCH"]
    assert 1 <= len([part for part in fetched if isinstance(part, tuple)]) < 6


def test_foreign_mailbox_is_opened_and_unusable(exchange: Exchange, client: imaplib.IMAP4, signing_key: Key) -> None:
    """A valid token signs in to any mailbox, and every command after that is refused, as Exchange does."""
    sign_in(client, make_token(signing_key, "mallory@example.org"))

    with pytest.raises(imaplib.IMAP4.error, match="User is authenticated but not connected"):
        client.list()

    assert exchange.refusals[0].reason == "mailbox"


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


def public_listeners() -> set[str]:
    """Return the local addresses of this machine that listen and are not loopback (proc_pid_net(5): tcp, tcp6)."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == LISTENING and not LOOPBACK.fullmatch(row[1].partition(":")[0])}


def test_listens_on_loopback_only_and_leaves_nothing(tmp_path: Path, ca: trustme.CA, signing_key: Key) -> None:
    """It is reachable from this machine alone, and gone when stopped, even if a session is open."""
    public_before = public_listeners()
    keys = {signing_key.kid: signing_key.public_pem}
    with Exchange(tmp_path / "e", ca, issuers=[ISSUER], keys=keys) as exchange:
        public_while = public_listeners()

    assert public_while <= public_before
    for port in (exchange.imap_port, exchange.smtp_port):
        with pytest.raises(ConnectionRefusedError):
            imaplib.IMAP4(exchange.host, port, timeout=5)

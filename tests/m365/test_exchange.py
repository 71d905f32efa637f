"""The Exchange of the test bed behaves as mail programs know Exchange Online."""

from __future__ import annotations

import contextlib
import imaplib
import smtplib
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.m365.exchange import FOLDERS, Exchange
from tests.m365.exchange.client import Client, Signer, Submission, initial_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import trustme

ALICE = "alice@example.org"
ISSUER = "https://sts.windows.net/9c0f1d2e-0000-4000-8000-3b1f2c4d5e6f/"
KID = "exchange-tests"
_LISTENING = "0A"
_IPV6_LOOPBACK = "00000000000000000000000001000000"


def public_listeners() -> set[str]:
    """Return the local addresses of this machine that listen and are not loopback (proc_pid_net(5): tcp, tcp6)."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == _LISTENING and not _is_loopback(row[1].partition(":")[0])}


def eventually(holds: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Wait up to *seconds* until *holds*; say whether it does."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def _is_loopback(address: str) -> bool:
    """Say so of an address in the kernel's hexadecimal, whose words are little-endian."""
    return address == _IPV6_LOOPBACK or (len(address) == len("0100007F") and address.endswith("7F"))


@pytest.fixture(scope="module")
def signer() -> Signer:
    """Return the signer that Exchange believes."""
    return Signer(ISSUER, KID)


@pytest.fixture
def exchange(tmp_path: Path, ca: trustme.CA, signer: Signer) -> Iterator[Exchange]:
    """Return a running Exchange with Alice's mailbox."""
    keys = {KID: signer.public_pem()}
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
def client(exchange: Exchange, trust: ssl.SSLContext) -> Iterator[Client]:
    """Return a connected mail program."""
    connected = Client(exchange, trust)
    yield connected
    with contextlib.suppress(OSError):
        connected.shutdown()


def test_valid_token_opens_the_mailbox(exchange: Exchange, client: Client, signer: Signer) -> None:
    """A token with a good signature opens its own mailbox, and the session is written down."""
    token = signer.token(ALICE)

    client.sign_in(token, ALICE)
    client.select("INBOX")
    client.logout()

    [session] = exchange.sessions
    assert (session.user, session.commands) == (ALICE, 2)
    assert eventually(lambda: session.closed_at > 0)
    assert session.closed_by == "client"


@pytest.mark.parametrize("size", [1400, 4096, 5600])
def test_long_tokens_work_in_one_line(client: Client, signer: Signer, size: int) -> None:
    """Tokens as long as Entra's longest sign in with an initial response."""
    token = signer.token(ALICE, pad="x" * (size * 3 // 4 - 420))
    assert size - 200 < len(token) < size + 400

    status, _ = client.sign_in_at_once(token, ALICE)

    assert status == "OK"
    assert client.select("INBOX")[0] == "OK"


@pytest.mark.parametrize("flaw", ["signature", "issuer", "expired", "opaque", "form"])
def test_flawed_tokens_are_refused(exchange: Exchange, client: Client, signer: Signer, flaw: str) -> None:
    """A token that is not Entra's, or no longer, gets the refusal of Exchange and no challenge."""
    token = {
        "signature": Signer(ISSUER, KID).token(ALICE),
        "issuer": signer.token(ALICE, iss="https://elsewhere/"),
        "expired": signer.token(ALICE, life=-10),
        "opaque": "EwBoA8l6BAAU",
        "form": "a\x01b",
    }[flaw]

    status, answer = client.sign_in_at_once(token, ALICE)

    assert (status, answer) == ("NO", [b"AUTHENTICATE failed."])
    assert [refusal.reason for refusal in exchange.refusals] == ["format" if flaw == "form" else "token"]
    assert exchange.sessions == []


def test_refused_client_may_try_again(client: Client, signer: Signer) -> None:
    """A second token on the same connection counts."""
    client.sign_in_at_once(Signer(ISSUER, KID).token(ALICE), ALICE)

    status, _ = client.sign_in_at_once(signer.token(ALICE), ALICE)

    assert status == "OK"


def test_passwords_are_neither_offered_nor_taken(exchange: Exchange, client: Client) -> None:
    """XOAUTH2 is the only way in; LOGIN, with literals too, and PLAIN fail."""
    offered = [capability for capability in client.capabilities if capability.startswith(("AUTH=", "LOGIN"))]

    with pytest.raises(imaplib.IMAP4.error, match="LOGIN failed"):
        client.login(ALICE, "secret")
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATE failed"):
        client.authenticate("PLAIN", lambda _: b"\0alice\0secret")
    client.send(b"X LOGIN {5+}\r\nalice {6}\r\n")
    invitation = client.readline()
    client.send(b"secret\r\n")

    assert offered == ["AUTH=XOAUTH2"]
    assert invitation.startswith(b"+ ")
    assert client.readline() == b"X NO LOGIN failed.\r\n"
    assert [refusal.reason for refusal in exchange.refusals] == ["mechanism"] * 3


def test_capabilities_stay_those_of_exchange_after_sign_in(client: Client, signer: Signer) -> None:
    """What Dovecot can do beyond Exchange is not shown to a client."""
    before = client.capabilities

    client.sign_in(signer.token(ALICE), ALICE)

    assert client.capability()[1][0].decode().upper().split() == list(before)


def test_folders_are_those_of_exchange(client: Client, signer: Signer) -> None:
    """LIST shows mail, calendars and look-alikes with "/" between levels and no flag that tells them apart."""
    client.sign_in(signer.token(ALICE), ALICE)

    _, listed = client.list()

    lines = [line.decode() for line in listed if isinstance(line, bytes)]
    assert sorted(line.partition(' "/" ')[2].strip('"') for line in lines) == sorted(FOLDERS)
    assert not any("Noselect" in line or "NoInferiors" in line for line in lines)


def test_calendar_holds_a_stand_in(client: Client, signer: Signer) -> None:
    """An appointment comes as Exchange's apology for it."""
    client.sign_in(signer.token(ALICE), ALICE)
    client.select("Calendar/Birthdays")

    _, found = client.fetch("1", "(BODY[])")

    assert isinstance(found[0], tuple)
    assert b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 1" in found[0][1]


def test_server_and_client_see_the_same_messages(exchange: Exchange, client: Client, signer: Signer) -> None:
    """What was filled in is fetched through the proxy octet by octet, 8bit and long lines included."""
    exchange.fill(ALICE, per_folder=5, size=5000)
    client.sign_in(signer.token(ALICE), ALICE)
    client.select('"Projects/Calendar redesign"')

    _, found = client.fetch("1:*", "(BODY[])")

    held = exchange.contents(ALICE)
    assert [part[1] for part in found if isinstance(part, tuple)] == held["Projects/Calendar redesign"]
    assert len(held["INBOX"]) == 5
    assert held["Outbox"] == []
    assert all(count == 1 for ids in exchange.messages(ALICE).values() for count in ids.values())


def test_folder_names_beyond_ascii(exchange: Exchange) -> None:
    """Folders are named in Unicode on the test's side and in modified UTF-7 on the wire."""
    names = ["Entwürfe", "R&D", "Kalender/Feiertage in Österreich", 'a "quoted" \\ name', "予定表"]

    exchange.add_mailbox("bob@example.org", names)
    exchange.deliver("bob@example.org", "Entwürfe", b"Message-ID: <1@x>\n\nGr\xc3\xbc\xc3\x9fe\n", [r"\Seen"])

    assert set(names) < set(exchange.contents("bob@example.org"))
    assert exchange.contents("bob@example.org")["Entwürfe"] == [b"Message-ID: <1@x>\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"]


def test_session_ends_with_bye_when_its_token_dies(exchange: Exchange, client: Client, signer: Signer) -> None:
    """The claim exp decides when Exchange says BYE, unasked."""
    client.sign_in(signer.token(ALICE, life=2), ALICE)

    farewell = client.readline()

    assert farewell == b"* BYE Session invalidated - AccessTokenExpired\r\n"
    assert client.readline() == b""
    assert eventually(lambda: exchange.sessions[0].closed_by == "bye")


def test_bye_comes_between_two_messages_of_one_command(exchange: Exchange, client: Client, signer: Signer) -> None:
    """A FETCH that outlives the token is cut off after a whole message."""
    exchange.fill(ALICE, per_folder=6)
    exchange.slow_seconds = 0.3
    exchange.token_life_override = 1
    client.sign_in(signer.token(ALICE), ALICE)
    client.select("INBOX")

    with pytest.raises(imaplib.IMAP4.abort, match="AccessTokenExpired"):
        client.fetch("1:*", "(BODY[])")

    fetched = client.untagged_responses["FETCH"]
    assert 1 <= len([part for part in fetched if isinstance(part, tuple)]) < 6


def test_overridden_life_counts_from_the_first_use(
    exchange: Exchange, client: Client, signer: Signer, trust: ssl.SSLContext
) -> None:
    """A token is refused after its shortened life, a new one is taken."""
    exchange.token_life_override = 0.5
    token = signer.token(ALICE)
    client.sign_in(token, ALICE)
    client.readline()

    again = Client(exchange, trust)
    old, new = again.sign_in_at_once(token, ALICE), again.sign_in_at_once(signer.token(ALICE, pad="other"), ALICE)

    assert (old[0], new[0]) == ("NO", "OK")
    assert exchange.refusals[0].reason == "dead"
    again.shutdown()


def test_session_outlives_its_token_without_bye(exchange: Exchange, client: Client, signer: Signer) -> None:
    """With bye off nothing is cut off."""
    exchange.bye = False
    exchange.token_life_override = 0.2
    client.sign_in(signer.token(ALICE), ALICE)

    time.sleep(0.5)

    assert client.noop()[0] == "OK"


def test_foreign_mailbox_is_opened_and_unusable(exchange: Exchange, client: Client, signer: Signer) -> None:
    """A valid token signs in to any mailbox, and every command after that is refused, as Exchange does."""
    client.sign_in(signer.token("mallory@example.org"), ALICE)

    with pytest.raises(imaplib.IMAP4.error, match="User is authenticated but not connected"):
        client.list()

    assert exchange.refusals[0].reason == "mailbox"


def test_identity_other_than_the_address(exchange: Exchange, client: Client, signer: Signer) -> None:
    """Who was granted a mailbox opens it with a token of another name."""
    exchange.grant("a123@uni.example", ALICE)

    client.sign_in(signer.token("A123@uni.example"), ALICE)

    assert client.select("INBOX")[0] == "OK"


def test_submission_wants_tls_and_a_token(exchange: Exchange, signer: Signer, trust: ssl.SSLContext) -> None:
    """Nothing is sent without STARTTLS, without a token, or with a bad one; PLAIN is not there."""
    good = initial_response(ALICE, signer.token(ALICE))
    bad = initial_response(ALICE, Signer(ISSUER, KID).token(ALICE))

    with Submission(exchange) as open_line:
        before = open_line.has_extn("auth"), open_line.docmd("AUTH", f"XOAUTH2 {good}")[0]
    with Submission(exchange) as line:
        line.secure(trust)
        anonymous = line.mail(ALICE)[0]
        refused = line.docmd("AUTH", f"XOAUTH2 {bad}")
        offered = line.esmtp_features["auth"]

    assert before == (False, 530)
    assert (anonymous, refused[0], refused[1][:5]) == (530, 535, b"5.7.3")
    assert offered.split() == ["XOAUTH2"]
    assert exchange.outbox == []


@pytest.mark.parametrize("in_one_line", [True, False])
def test_a_long_token_may_come_in_either_line(
    exchange: Exchange, signer: Signer, trust: ssl.SSLContext, *, in_one_line: bool
) -> None:
    """4,000 characters are taken with AUTH or after it, as Exchange does."""
    initial = initial_response(ALICE, signer.token(ALICE, pad="x" * 2600))

    with Submission(exchange) as line:
        line.secure(trust)
        words = [f"XOAUTH2 {initial}"] if in_one_line else ["XOAUTH2", initial]
        answers = [line.docmd("AUTH", words[0])[0], *(line.docmd(word)[0] for word in words[1:])]
        line.sendmail(ALICE, ["bob@example.net"], b"Subject: x\r\n\r\nx\r\n")

    assert len(initial) > 4000
    assert answers == ([235] if in_one_line else [334, 235])
    assert [sent.user for sent in exchange.outbox] == [ALICE]


def test_nobody_sends_as_somebody_else(exchange: Exchange, signer: Signer, trust: ssl.SSLContext) -> None:
    """A good token of another person does not send from this mailbox."""
    initial = initial_response(ALICE, signer.token("mallory@example.org"))

    with Submission(exchange) as line:
        line.secure(trust)
        line.docmd("AUTH", f"XOAUTH2 {initial}")
        with pytest.raises(smtplib.SMTPException):
            line.sendmail(ALICE, ["bob@example.net"], b"Subject: x\r\n\r\nx\r\n")

    assert exchange.outbox == []


def test_msmtp_sends(tmp_path: Path, exchange: Exchange, signer: Signer, ca: trustme.CA) -> None:
    """The real msmtp sends through it with a token from a command."""
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    (tmp_path / "token").write_text(signer.token(ALICE, pad="x" * 700))
    configuration = tmp_path / "msmtprc"
    configuration.write_text(
        f"account default\nhost {exchange.host}\nport {exchange.smtp_port}\nfrom {ALICE}\nuser {ALICE}\n"
        f"auth xoauth2\ntls on\ntls_starttls on\ntls_trust_file {tmp_path}/ca.pem\n"
        f'passwordeval "cat {tmp_path}/token"\n'
    )
    configuration.chmod(0o600)

    sent = subprocess.run(
        ["/usr/bin/msmtp", "-C", str(configuration), "bob@example.net", "eve@example.net"],
        input=b"From: alice@example.org\r\nSubject: Hello\r\n\r\n.dot\r\n",
        capture_output=True,
        timeout=20,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=False,
    )

    assert (sent.returncode, sent.stderr) == (0, b"")
    [message] = exchange.outbox
    assert (message.user, message.sender, *message.recipients) == (ALICE, ALICE, "bob@example.net", "eve@example.net")
    assert message.data.endswith(b"Subject: Hello\r\n\r\n.dot\r\n")


def test_listens_on_loopback_only_and_leaves_nothing(tmp_path: Path, ca: trustme.CA, signer: Signer) -> None:
    """It starts within three seconds, is reachable from this machine alone, and is gone when stopped."""
    public_before = public_listeners()
    exchange = Exchange(tmp_path / "e", ca, issuers=[ISSUER], keys={KID: signer.public_pem()})

    began = time.monotonic()
    exchange.start()
    took = time.monotonic() - began
    alive = exchange.processes()
    public_while = public_listeners()
    exchange.stop()

    assert took < 3
    assert alive
    assert public_while <= public_before
    assert exchange.processes() == []
    for port in (exchange.imap_port, exchange.smtp_port):
        with pytest.raises(ConnectionRefusedError):
            imaplib.IMAP4(exchange.host, port, timeout=5)


def test_open_sessions_do_not_keep_it(exchange: Exchange, client: Client, signer: Signer) -> None:
    """Stopping ends the sessions that are still open."""
    client.sign_in(signer.token(ALICE), ALICE)

    exchange.stop()

    assert exchange.processes() == []
    assert exchange.sessions[0].closed_by == "stop"

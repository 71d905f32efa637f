"""Signing in to mail servers that are slow, strange or hostile: what is told, and what they get to see."""

from __future__ import annotations

import base64
import itertools
import socket
import threading
import traceback

import hypothesis
import pytest
import trustme
from hypothesis import strategies as st

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.mail.folder_list import Folder
from offlineimap_m365.mail.mailbox import Mailbox
from offlineimap_m365.mail.submission import Submission
from tests.mail_servers import OK, ImapServer, MailServer, SmtpServer

#: Rules of ours, which no Python can change.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("world")]

ALICE = "alice@example.org"
TOKEN = "a-made-up-access-token"
RESPONSE = base64.b64encode(f"user={ALICE}\x01auth=Bearer {TOKEN}\x01\x01".encode())
KINDS: tuple[type[MailServer], ...] = (ImapServer, SmtpServer)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer end at a megabyte, so that a slow machine gets to its end in time."""
    monkeypatch.setattr(Mailbox, "largest_answer", 1 << 20)


def enter(server: MailServer, token: str = TOKEN) -> list[Folder]:
    """Sign in to *server* as Alice; return the folders of a mailbox."""
    if isinstance(server, ImapServer):
        with Mailbox(server.address, ALICE) as box:
            box.sign_in(ALICE, token)
            return box.folders()
    with Submission(server.address, ALICE) as connection:
        if connection.offers_starttls:
            connection.secure()
        connection.sign_in(ALICE, token)
    return []


def failure(server: MailServer, kind: type[errors.M365Error] = errors.Temporary) -> errors.M365Error:
    """Return the error of signing in to *server*; it names the account and holds no secret."""
    with pytest.raises(kind) as caught:
        enter(server)
    text = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert TOKEN not in text
    assert RESPONSE.decode() not in text
    assert ALICE in caught.value.fact
    assert caught.value.fact.isprintable()
    assert len(caught.value.lines()) <= 6
    assert caught.value.remedy.text
    return caught.value


def test_the_token_goes_to_a_verified_server(ca: trustme.CA) -> None:
    """XOAUTH2 and nothing else is sent, once and over TLS; a long token whole, as the answer to a 334; no mail."""
    with ImapServer(ca) as imap, SmtpServer(ca) as smtp:
        enter(imap)
        enter(smtp)
    assert imap.commands == ["CAPABILITY", "AUTHENTICATE", "LIST", "LOGOUT"]
    assert smtp.commands == ["EHLO", "STARTTLS", "EHLO", "AUTH", RESPONSE.decode(), "QUIT"]
    assert [server.received.count(RESPONSE) for server in (imap, smtp)] == [1, 1]

    with SmtpServer(ca) as smtp:
        enter(smtp, "x" * 8000)
    assert smtp.users == [ALICE]
    assert max(map(len, smtp.received.splitlines())) > 8000


def test_no_token_to_a_server_that_is_not_verified(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """To one with a foreign certificate, or another name, goes nothing but STARTTLS; to one in clear text nothing."""
    foreign, words = trustme.CA(), "showed a TLS certificate that is not trusted here"
    cases = [(kind(foreign), words) for kind in KINDS] + [(kind(ca, host="elsewhere.example"), words) for kind in KINDS]
    for server, fact in [*cases, (ClearServer(ca), "")]:
        with subtests.test(f"{type(server).__name__} {fact}"):
            with server:
                error = failure(server)

            assert fact in error.fact
            assert server.received.split() in ([], [b"ehlo", b"[127.0.0.1]", b"STARTTLS"])


class ClearServer(ImapServer):
    """A server that speaks in clear text."""

    def converse(self, plain: socket.socket) -> None:
        """Greet without TLS."""
        plain.sendall(self.answers["greeting"] or b"")


def test_no_token_without_xoauth2_over_tls(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """No password, no other mechanism, nothing in clear text."""
    servers: list[MailServer] = [
        ImapServer(ca, {"CAPABILITY": b"* CAPABILITY IMAP4rev1 " + ways + b"\r\n" + OK})
        for ways in (b"", b"AUTH=PLAIN AUTH=LOGIN", b"AUTH=XOAUTH2X LOGINDISABLED", b"auth=oauth")
    ]
    servers += [
        SmtpServer(ca, {"EHLO over TLS": b"250-localhost\r\n" + ways + b"250 8BITMIME\r\n"})
        for ways in (b"", b"250-AUTH LOGIN\r\n", b"250-AUTH XOAUTH2X\r\n", b"250-AUTHXOAUTH2\r\n")
    ]
    in_clear = b"250-localhost\r\n250 AUTH XOAUTH2\r\n"
    servers.append(SmtpServer(ca, {"EHLO": in_clear}))
    # what somebody put behind the answer to STARTTLS is thrown away (CVE-2011-0411)
    servers.append(SmtpServer(ca, {"STARTTLS": b"220 ready\r\n" + in_clear, "EHLO over TLS": b"250 localhost\r\n"}))
    for server in servers:
        with subtests.test(str(server.answers)):
            with server:
                failure(server, errors.Misconfigured)

            assert b"AUTH" not in server.received


def test_a_refusal_has_the_servers_words(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """It is 77, with the words and the JSON but never the token that a server repeats, which is not sent again."""
    repeated = TOKEN.encode() + b" or " + RESPONSE + b"\r\n"
    bad_request = b"334 " + base64.b64encode(b'{"status": "400"}') + b"\r\n535 5.7.3 no\r\n"
    cases: list[tuple[type[MailServer], bytes, str]] = [
        (ImapServer, b'{"status": "401", "scope": ["x"]}', "(AUTHENTICATE failed.; status 401)"),
        *((ImapServer, text, "(AUTHENTICATE failed.)") for text in (b"{}", b"[]", b"[" * 9999, b"no JSON", b"")),
        (ImapServer, b"TAG NO bad token " + repeated, "bad token *****"),
        (SmtpServer, b"535 bad " + repeated, "bad *****"),
        (SmtpServer, bad_request, "(535 5.7.3 no)"),
        *(
            (SmtpServer, reply + b"\r\n", f"({reply.decode()})")
            for reply in (b"535 5.7.139 No", b"550 no", b"999 what")
        ),
        (SmtpServer, b"250 2.0.0 OK\r\n", "(250 2.0.0 OK)"),
    ]
    for kind, answer, words in cases:
        with subtests.test(words):
            if kind is ImapServer and not answer.startswith(b"TAG"):
                answer = b"+ " + base64.b64encode(answer) + b"\r\nTAG NO AUTHENTICATE failed.\r\n"  # noqa: PLW2901
            with kind(ca, {"AUTHENTICATE" if kind is ImapServer else "token": answer}) as server:
                error = failure(server, errors.SignInNeeded)

            assert error.exit_code == 77
            assert words in error.fact
            assert server.received.count(RESPONSE) == 1


def test_what_may_pass_is_temporary(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """A busy server and one that closes the connection are 75, with how long to leave it alone."""
    cases: tuple[tuple[type[MailServer], str, bytes | None, str, float], ...] = (
        (ImapServer, "LIST", b"TAG NO Request is throttled. Suggested Backoff Time: 12500 milliseconds", "busy", 12.5),
        (ImapServer, "LIST", b"TAG BAD Request is throttled.", "is busy", 60.0),
        (ImapServer, "LIST", b"TAG NO Server Unavailable. 15", "is busy (Server Unavailable. 15)", 60.0),
        (ImapServer, "LIST", b"* BYE Session invalidated - AccessTokenExpired", "since its token expired", 5.0),
        (ImapServer, "LIST", b"* BYE Connection closed. 14", "ended the session (Connection closed. 14)", 5.0),
        (ImapServer, "LIST", b'* LIST () "/" INBOX\r\n* BYE \x1b[31mred', "ended the session (\ufffd[31mred)", 5.0),
        (ImapServer, "LIST", b"TAG NO no idea", "refused LIST (no idea)", 5.0),
        (ImapServer, "LIST", b"TAG NO " + b"a" * 9999, "a…)", 5.0),
        (SmtpServer, "greeting", b"421 4.3.2 Service not available", "answers 421 “4.3.2 Service not", 60.0),
        (SmtpServer, "greeting", b"554 5.7.1 go away", "answers 554 “5.7.1 go away", 5.0),
        (SmtpServer, "STARTTLS", b"454 4.7.0 TLS not available", "answers 454", 60.0),
        (SmtpServer, "token", b"432 4.3.2 Concurrent connections limit exceeded", "answers 432 “4.3.2", 60.0),
        (SmtpServer, "token", None, "closed the connection", 5.0),
    )
    for kind, when, answer, fact, wait in cases:
        with subtests.test(f"{kind.__name__} {when} {fact}"):
            with kind(ca, {when: answer and answer + b"\r\n"}) as server:
                error = failure(server)

            assert fact in error.fact
            assert isinstance(error, errors.Temporary)
            assert error.retry_after == wait


GARBAGE = {
    "nothing": b"",
    "HTML": b"<html>\r\n",
    "no line ends": b"* OK" + b"x" * 10,
    "a line without an end": b"2" * (1 << 18),
    "NUL": b"\0" * 99 + b"\r\n",
    "not ASCII": b"220 \xff\xfe\r\n535 \xff\r\n",
    "a terminal's commands": b"535 \x1b[31m\x07\r\n",
}
OF_IMAP = {
    "a tag of nobody": b"ZZZZ1 OK done\r\n",
    "a continuation": b"+ go on\r\n",
    "a literal without an end": b'* LIST () "/" {100}\r\nabc',
    "a huge literal": b'* LIST () "/" {99999999999999}\r\n' + b"x" * (2 << 20),
    "a literal of thousands of digits": b'* LIST () "/" {' + b"9" * 9999 + b"}\r\n",
    "an answer without an end": b'* LIST () "/" INBOX\r\n' * (1 << 17),
    "not ASCII": b"TAG \xff\xfe\r\n",
    "an empty status": b"TAG \r\n",
}
OF_SMTP = {
    "half a code": b"22\r\n",
    "an answer without an end": b"250-x\r\n" * (1 << 16),
}
#: What is told of an answer to LIST that does not end: nothing is kept in memory beyond what a mailbox can have.
ENDLESS = ("a huge literal", "a line without an end", "an answer without an end")
MOMENTS = {
    ImapServer: (GARBAGE | OF_IMAP, ["greeting", "CAPABILITY", "AUTHENTICATE", "LIST"]),
    SmtpServer: (GARBAGE | OF_SMTP, ["greeting", "EHLO", "STARTTLS", "EHLO over TLS", "AUTH", "token"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_is_an_error(ca: trustme.CA, kind: type[MailServer], subtests: pytest.Subtests) -> None:
    """Whatever a server sends, at whatever moment, is an error of ours; before the sign-in it gets no token."""
    table, moments = MOMENTS[kind]
    for when, (name, answer) in itertools.product(moments, table.items()):
        with subtests.test(f"{when}: {name}"):
            with kind(ca, {when: answer}, last=when) as server:
                fact = failure(server, errors.M365Error).fact

            assert (RESPONSE in server.received) is (when in {"AUTHENTICATE", "LIST", "token"})
            assert when != "LIST" or name not in ENDLESS or "that does not end" in fact


#: Parts of an answer to LIST.
PARTS = (b"* LIST ", b"() ", b'"/" ', b"{3}", b"\r\n", b"NIL ", b'"', b"\\", b"TAG ", b"OK x", b"* ")


def test_no_answer_is_a_bug(ca: trustme.CA) -> None:
    """Any bytes in place of a list are folders or an error of ours, never another exception."""
    with ImapServer(ca, last="LIST") as server:

        @hypothesis.settings(max_examples=60)
        @hypothesis.given(st.lists(st.binary(max_size=40) | st.sampled_from(PARTS)).map(b"".join))
        def list_folders(answer: bytes) -> None:
            server.answers["LIST"] = answer + b"\r\n" + OK
            try:
                found = enter(server)
            except errors.M365Error:
                found = []

            assert all(isinstance(folder, Folder) and folder.name for folder in found)

        list_folders()


def test_a_server_that_drips_or_is_silent_is_left(
    ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """However steadily the bytes come, a whole command has its time; the next bytes have theirs."""
    monkeypatch.setattr(bounded_socket, "READ", 0.6)
    monkeypatch.setattr(bounded_socket, "WHOLE", 1.0)
    for server in (ImapServer(ca, drip=0.1), SmtpServer(ca, drip=0.1), SmtpServer(ca, {"AUTH": b""})):
        with subtests.test(str(server)), server:
            assert "did not answer in time" in failure(server).fact
            assert RESPONSE not in server.received


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is temporary; the resolver and all addresses of a host share one time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host in ("nobody.invalid", "a" * 300, "xn--\ud800", "[::1]"):
        with pytest.raises(errors.Temporary, match=r"cannot be (found|reached)"):
            Mailbox(f"{host}:{port}", ALICE)

    is_over = threading.Event()
    monkeypatch.setattr(bounded_socket, "WHOLE", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: is_over.wait(20) and [])
    with pytest.raises(errors.Temporary, match="did not answer in time"):
        Mailbox("localhost:993", ALICE)
    is_over.set()


def test_leaving_is_never_an_error(ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """A server that closes the connection, or says nothing, at the end is left all the same."""
    farewells = ((ImapServer, "LOGOUT"), (SmtpServer, "QUIT"))
    for (kind, farewell), answer in itertools.product(farewells, (b"", None)):
        with subtests.test(f"{farewell} {answer!r}"):
            with kind(ca, {farewell: answer}) as server:
                enter(server)

            assert server.users == [ALICE]

"""A connection for submission, with servers that are slow, strange or hostile: what is told, what they get to see."""

from __future__ import annotations

import base64
import json
import traceback
from typing import TYPE_CHECKING

import pytest
import trustme

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.mail.submission import Submission
from tests.smtp_server import SmtpServer, certificate

if TYPE_CHECKING:
    import ssl

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE = "alice@example.org"
TOKEN = "a-made-up-access-token"
RESPONSE = base64.b64encode(f"user={ALICE}\x01auth=Bearer {TOKEN}\x01\x01".encode())


@pytest.fixture
def tls(ca: trustme.CA) -> ssl.SSLContext:
    """Return the certificate of a server that is trusted."""
    return certificate(ca)


def enter(server: SmtpServer, token: str = TOKEN) -> Submission:
    """Sign in to *server* as Alice, if it lets anybody."""
    with Submission("localhost", server.port, ALICE) as made:
        if made.offers_starttls:
            made.secure()
        if made.offers_xoauth2:
            made.sign_in(ALICE, token)
        return made


def failure(server: SmtpServer, kind: type[errors.M365Error] = errors.Temporary) -> errors.M365Error:
    """Return the error of signing in to *server*; it names the account and holds no secret."""
    with pytest.raises(kind) as caught:
        enter(server)
    text = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert TOKEN not in text
    assert RESPONSE.decode() not in text
    assert ALICE in caught.value.fact
    assert caught.value.remedy.text
    return caught.value


def test_the_token_goes_over_tls_once(world: World, tls: ssl.SSLContext) -> None:
    """XOAUTH2 and nothing else is sent, in two lines and over TLS, and no mail."""
    with SmtpServer(tls) as server:
        enter(server)

    assert server.received.count(RESPONSE) == 1
    assert server.commands == ["EHLO", "STARTTLS", "EHLO", "AUTH", RESPONSE.decode(), "QUIT"]
    assert server.in_clear.upper() == b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n"


@pytest.mark.parametrize("size", [4000, 8000])
def test_a_long_token_is_sent_whole(world: World, tls: ssl.SSLContext, size: int) -> None:
    """A command of that length would be refused; the answer to a 334 is none."""
    with SmtpServer(tls) as server:
        enter(server, "x" * size)

    assert server.users == [ALICE]
    assert max(len(line) for line in server.received.splitlines()) > size


def test_no_token_without_starttls(world: World, tls: ssl.SSLContext) -> None:
    """A server that takes tokens in clear text gets none: signing in is an error before a byte is sent."""
    with (
        SmtpServer(tls, {"EHLO": b"250-localhost\r\n250 AUTH XOAUTH2\r\n"}) as server,
        Submission("localhost", server.port, ALICE) as connection,
        pytest.raises(errors.Misconfigured),
    ):
        connection.sign_in(ALICE, TOKEN)

    assert server.commands == ["EHLO", "QUIT"]


def test_what_was_said_before_tls_does_not_count(world: World, tls: ssl.SSLContext) -> None:
    """Replies that somebody put behind the answer to STARTTLS are thrown away (CVE-2011-0411)."""
    injected = b"220 ready\r\n250-localhost\r\n250 AUTH XOAUTH2\r\n"

    with SmtpServer(tls, {"STARTTLS": injected, "EHLO over TLS": b"250 localhost\r\n"}) as server:
        made = enter(server)

    assert made.mechanisms == []
    assert "AUTH" not in server.commands


@pytest.mark.parametrize("offered", [b"", b"250-AUTH LOGIN\r\n", b"250-AUTH XOAUTH2X\r\n", b"250-AUTHXOAUTH2\r\n"])
def test_no_token_without_xoauth2(world: World, tls: ssl.SSLContext, offered: bytes) -> None:
    """No password, no other mechanism."""
    with SmtpServer(tls, {"EHLO over TLS": b"250-localhost\r\n" + offered + b"250 8BITMIME\r\n"}) as server:
        enter(server)

    assert server.commands == ["EHLO", "STARTTLS", "EHLO", "QUIT"]


@pytest.mark.parametrize("is_foreign", [True, False])
def test_no_token_to_a_server_that_is_not_verified(world: World, ca: trustme.CA, is_foreign: bool) -> None:
    """Neither a foreign certificate nor another name is taken."""
    tls = certificate(trustme.CA()) if is_foreign else certificate(ca, "elsewhere.example")

    with SmtpServer(tls) as server:
        error = failure(server)

    assert "showed a TLS certificate that is not trusted here" in error.fact
    assert server.received == server.in_clear


@pytest.mark.parametrize("text", [b"535 5.7.139 Authentication unsuccessful", b"550 no", b"999 what", b"250 2.0.0 OK"])
def test_a_refusal(world: World, tls: ssl.SSLContext, text: bytes) -> None:
    """Any reply but 235 is none that lets in: 77, with the server's words."""
    with SmtpServer(tls, {"token": text + b"\r\n"}) as server:
        assert f"({text.decode()})" in failure(server, errors.SignInNeeded).fact


def test_a_refusal_with_json(world: World, tls: ssl.SSLContext) -> None:
    """The JSON in a second 334 is decoded; an empty line takes note of it."""
    said = base64.b64encode(json.dumps({"status": "400", "schemes": "bearer", "scope": 1}).encode())
    answers = {"token": b"334 " + said + b"\r\n535 5.7.3 no\r\n"}

    with SmtpServer(tls, answers) as server, Submission("localhost", server.port, ALICE) as made:
        made.secure()
        with pytest.raises(errors.SignInNeeded, match=r"535 5\.7\.3"):
            made.sign_in(ALICE, TOKEN)

    assert made.refusal == {"status": "400", "schemes": "bearer", "scope": "1"}
    assert server.received.count(RESPONSE) == 1


def test_a_server_that_repeats_the_token_does_not_show_it(world: World, tls: ssl.SSLContext) -> None:
    """A server's text is shown without the token that it repeats, in clear or in base64."""
    with SmtpServer(tls, {"token": b"535 bad " + TOKEN.encode() + b" or " + RESPONSE + b"\r\n"}) as server:
        assert "bad *****" in failure(server, errors.SignInNeeded).fact


@pytest.mark.parametrize(
    ("when", "answer", "fact_and_wait"),
    [
        ("greeting", b"421 4.3.2 Service not available\r\n", ("answers 421 “4.3.2 Service not available", 60.0)),
        ("greeting", b"554 5.7.1 go away\r\n", ("answers 554 “5.7.1 go away", 5.0)),
        ("EHLO", b"451 4.7.0 Temporary server error. PRX4\r\n", ("answers 451 “4.7.0", 60.0)),
        ("STARTTLS", b"454 4.7.0 TLS not available\r\n", ("answers 454", 60.0)),
        ("token", b"432 4.3.2 Concurrent connections limit exceeded\r\n", ("answers 432 “4.3.2", 60.0)),
        ("token", None, ("hung up", 5.0)),
        ("greeting", None, ("hung up", 5.0)),
    ],
)
def test_what_may_pass_is_temporary(
    world: World, tls: ssl.SSLContext, when: str, answer: bytes | None, fact_and_wait: tuple[str, float]
) -> None:
    """A busy server and one that hangs up are 75, with how long to leave it alone."""
    with SmtpServer(tls, {when: answer}) as server:
        error = failure(server)

    fact, wait = fact_and_wait
    assert fact in error.fact
    assert isinstance(error, errors.Temporary)
    assert error.retry_after == wait


GARBAGE = {
    "nothing": b"",
    "HTML": b"<html>\r\n",
    "no line ends": b"220",
    "no code": b"abc def\r\n",
    "half a code": b"22\r\n",
    "a line without an end": b"2" * (1 << 18),
    "an answer without an end": b"250-x\r\n" * (1 << 16),
    "NUL": b"\0" * 99 + b"\r\n",
    "not ASCII": b"220 \xff\xfe\r\n535 \xff\r\n",
    "a terminal's commands": b"535 \x1b[31m\x07\r\n",
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("when", ["greeting", "EHLO", "STARTTLS", "EHLO over TLS", "AUTH", "token"])
def test_garbage_is_an_error(world: World, tls: ssl.SSLContext, when: str, answer: bytes) -> None:
    """Whatever a server sends, at whatever moment, and then hangs up, is an error of ours, fit for a terminal."""
    with SmtpServer(tls, {when: answer}, last=when) as server:
        error = failure(server, errors.M365Error)

    assert error.fact.isprintable()
    assert (RESPONSE in server.received) is (when == "token")


def test_a_server_that_is_silent_is_left(world: World, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent server is left after the time that the next bytes may take."""
    monkeypatch.setattr(bounded_socket, "READ", 0.3)

    with SmtpServer(tls, {"AUTH": b""}) as server:
        error = failure(server)

    assert "did not answer in time" in error.fact


def test_leaving_is_never_an_error(world: World, tls: ssl.SSLContext) -> None:
    """A server that hangs up, or says nothing, to a QUIT is left all the same."""
    with SmtpServer(tls, {"QUIT": b""}) as silent, SmtpServer(tls, {"QUIT": None}) as rude:
        enter(silent)
        enter(rude)

    assert silent.users == rude.users == [ALICE]

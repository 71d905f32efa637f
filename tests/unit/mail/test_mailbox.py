"""A mailbox over IMAP, with servers that are slow, strange or hostile: what is told, and what they get to see."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import trustme
from hypothesis import strategies as st

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.mail.folder_list import Folder
from offlineimap_m365.mail.mailbox import Mailbox
from tests.imap_server import GREETING, OK, ImapServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE = "alice@example.org"
TOKEN = "a-made-up-access-token"
RESPONSE = base64.b64encode(f"user={ALICE}\x01auth=Bearer {TOKEN}\x01\x01".encode())


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer end at a megabyte, so that a slow machine gets to its end in time."""
    monkeypatch.setattr(Mailbox, "largest_answer", 1 << 20)


def enter(server: ImapServer, work: Callable[[Mailbox], Any] = Mailbox.folders) -> Any:
    """Sign in to *server* as Alice and do *work* there."""
    with Mailbox(server.address, ALICE) as box:
        box.sign_in(ALICE, TOKEN)
        return work(box)


def failure(server: ImapServer, kind: type[errors.M365Error] = errors.Temporary) -> errors.M365Error:
    """Return the error of listing the folders of *server*; it names the account and holds no secret."""
    with pytest.raises(kind) as caught:
        enter(server)
    text = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert TOKEN not in text
    assert RESPONSE.decode() not in text
    assert ALICE in caught.value.fact
    assert len(caught.value.lines()) <= 6
    assert caught.value.remedy.text
    return caught.value


def test_the_token_goes_to_a_verified_server(world: World, ca: trustme.CA) -> None:
    """XOAUTH2 and nothing else is sent, once, after which the mailbox is open."""
    with ImapServer(ca) as server:
        found = enter(server)

    assert found == []
    assert server.received.count(RESPONSE) == 1
    assert server.commands == ["CAPABILITY", "AUTHENTICATE", "LIST", "LOGOUT"]


def test_nothing_is_sent_to_a_server_that_is_not_verified(world: World, ca: trustme.CA) -> None:
    """Neither to one with a foreign certificate nor to one with another name goes a single byte."""
    with ImapServer(trustme.CA()) as foreign, ImapServer(ca, host="elsewhere.example") as other:
        told = [failure(server).fact for server in (foreign, other)]

    assert (foreign.received, other.received) == (b"", b"")
    assert all("showed a TLS certificate that is not trusted here" in fact for fact in told), told


@pytest.mark.parametrize("mechanisms", [b"", b"AUTH=PLAIN AUTH=LOGIN", b"AUTH=XOAUTH2X LOGINDISABLED", b"auth=oauth"])
def test_nothing_secret_goes_to_a_server_without_xoauth2(world: World, ca: trustme.CA, mechanisms: bytes) -> None:
    """No password, no other mechanism, and no token."""
    answer = b"* CAPABILITY IMAP4rev1 " + mechanisms + b"\r\nTAG OK done\r\n"

    with ImapServer(ca, {"CAPABILITY": answer}) as server:
        error = failure(server, errors.Misconfigured)

    assert "no AUTH=XOAUTH2" in error.fact
    assert server.commands == ["CAPABILITY", "LOGOUT"]


@pytest.mark.parametrize(
    ("challenge", "details"),
    [
        (b'{"status": "401", "schemes": "bearer", "scope": ["x"]}', "; status 401, schemes bearer"),
        *((challenge, "") for challenge in (b"{}", b"[]", b"[" * 9999, b"no JSON", b"")),
    ],
)
def test_a_refusal_is_read_out(world: World, ca: trustme.CA, challenge: bytes, details: str) -> None:
    """A refusal is 77 with the NO's own words and the JSON of the second challenge; the token is not sent again."""
    answers = {"AUTHENTICATE": b"+ " + base64.b64encode(challenge) + b"\r\nTAG NO AUTHENTICATE failed.\r\n"}

    with ImapServer(ca, answers) as server:
        error = failure(server, errors.SignInNeeded)

    assert error.exit_code == 77
    assert f"(AUTHENTICATE failed.{details})" in error.fact
    assert server.received.count(RESPONSE) == 1


@pytest.mark.parametrize("command", ["AUTHENTICATE", "LIST", "STATUS"])
def test_authenticated_but_not_connected(world: World, ca: trustme.CA, command: str) -> None:
    """Exchange's answer to a token without a mailbox is 77, with its causes."""
    listed = b'* LIST () "/" INBOX\r\n' + OK
    answers = {"LIST": listed, command: b"TAG BAD User is authenticated but not connected.\r\n"}

    with ImapServer(ca, answers) as server, pytest.raises(errors.SignInNeeded) as caught:
        enter(server, lambda box: box.count(box.folders()))

    assert "took the token, but does not open the mailbox alice@example.org" in caught.value.fact
    assert "IMAP is switched off" in caught.value.meaning


@pytest.mark.parametrize(
    ("answer", "fact", "wait"),
    [
        (b"TAG NO Request is throttled. Suggested Backoff Time: 12500 milliseconds\r\n", "is busy", 12.5),
        (b"TAG BAD Request is throttled.\r\n", "is busy", 60.0),
        (b"TAG NO Server Unavailable. 15\r\n", "is busy (Server Unavailable. 15)", 60.0),
        (b"* BYE Session invalidated - AccessTokenExpired\r\n", "since its token expired", 5.0),
        (b"* BYE Connection closed. 14\r\n", "broke off (Connection closed. 14)", 5.0),
        (b'* LIST () "/" INBOX\r\n* BYE \x1b[31mred\r\n', "broke off (\ufffd[31mred)", 5.0),
        (b"TAG NO no idea\r\n", "refused LIST (no idea)", 5.0),
        (b"TAG NO " + b"a" * 9999 + b"\r\n", "a…)", 5.0),
    ],
)
def test_what_may_pass_is_temporary(world: World, ca: trustme.CA, answer: bytes, fact: str, wait: float) -> None:
    """A BYE in the midst of a command, throttling and refusals are 75, with how long to leave the server alone."""
    with ImapServer(ca, {"LIST": answer}) as server:
        error = failure(server)

    assert fact in error.fact
    assert isinstance(error, errors.Temporary)
    assert error.retry_after == wait


GARBAGE = {
    "nothing": b"",
    "HTML": b"<html>\r\n",
    "no line ends": b"* OK" + b"x" * 10,
    "a tag of nobody": b"ZZZZ1 OK done\r\n",
    "a continuation": b"+ go on\r\n",
    "a literal without an end": b'* LIST () "/" {100}\r\nabc',
    "a huge literal": b'* LIST () "/" {99999999999999}\r\n' + b"x" * (2 << 20),
    "a literal of thousands of digits": b'* LIST () "/" {' + b"9" * 9999 + b"}\r\n",
    "a line without an end": b"x" * (1 << 18),
    "an answer without an end": b'* LIST () "/" INBOX\r\n' * (1 << 17),
    "NUL": b"\0" * 99 + b"\r\n",
    "not ASCII": b"TAG \xff\xfe\r\n",
    "an empty status": b"TAG \r\n",
}


#: What is told of an answer to LIST that does not end: nothing is kept in memory beyond what a mailbox can have.
ENDLESS = {
    "a huge literal": "sent an answer that does not end",
    "a line without an end": "sent a line that does not end",
    "an answer without an end": "sent an answer that does not end",
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("when", ["greeting", "CAPABILITY", "AUTHENTICATE", "LIST"])
def test_garbage_is_an_error(world: World, ca: trustme.CA, when: str, garbage: str) -> None:
    """Garbage at any moment is temporary, and a server that sends it before the sign-in gets no token."""
    answer = GARBAGE[garbage]
    greeting = answer if when == "greeting" else GREETING

    with ImapServer(ca, {when: answer}, greeting=greeting, last=when) as server:
        fact = failure(server).fact

    assert (RESPONSE in server.received) is (when in {"AUTHENTICATE", "LIST"})
    assert when != "LIST" or ENDLESS.get(garbage, "") in fact


@hypothesis.settings(max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    answer=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"* LIST ", b"() ", b'"/" ', b"{3}", b"\r\n", b"NIL ", b'"', b"\\", b"TAG ", b"OK x", b"* "]
            ),
        )
    ).map(b"".join)
)
def test_no_answer_is_a_bug(world: World, ca: trustme.CA, answer: bytes) -> None:
    """Any bytes in place of a list are folders or an error of ours, never another exception."""
    with ImapServer(ca, {"LIST": answer + b"\r\nTAG OK done\r\n"}, last="LIST") as server:
        try:
            found = enter(server)
        except errors.M365Error:
            found = []

    assert all(isinstance(folder, Folder) and folder.name for folder in found)


def test_a_server_that_drips_is_left(world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily the bytes come: a whole command has its time."""
    monkeypatch.setattr(bounded_socket, "READ", 0.6)
    monkeypatch.setattr(bounded_socket, "WHOLE", 1.0)

    with ImapServer(ca, drip=0.1) as server:
        started = time.monotonic()
        error = failure(server)

    assert "did not answer in time" in error.fact
    assert time.monotonic() - started < 5
    assert server.received == b""


class ClearServer(ImapServer):
    """A server that speaks in clear text."""

    def converse(self, plain: socket.socket) -> None:
        """Greet without TLS."""
        plain.sendall(GREETING)


def test_who_does_not_speak_tls_gets_nothing(world: World, ca: trustme.CA) -> None:
    """A server in clear text is no server."""
    with ClearServer(ca) as server:
        error = failure(server)

    assert re.search(r"cannot be reached|TLS handshake", error.fact)


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":993", "localhost:x", "localhost:0", "h:99999", "h:²"]
)
def test_an_address_that_is_none(world: World, address: str) -> None:
    """A profile without a usable server is 78 and names the option that helps."""
    with pytest.raises(errors.Misconfigured, match="not the address of an IMAP server") as caught:
        Mailbox(address, ALICE)

    assert "--imap HOST:PORT" in str(caught.value.remedy.command)


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 300, "xn--\ud800", "[::1]"])
def test_a_server_that_is_not_there(world: World, host: str) -> None:
    """No connection is temporary."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(errors.Temporary, match=r"cannot be (found|reached)"):
        Mailbox(f"{host}:{port}", ALICE)


def test_a_resolver_that_hangs_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver and all addresses of a host share one time."""
    is_over = threading.Event()
    monkeypatch.setattr(bounded_socket, "WHOLE", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: is_over.wait(20) and [])

    with pytest.raises(errors.Temporary, match="did not answer in time"):
        Mailbox("localhost:993", ALICE)
    is_over.set()


def test_certificates_that_are_not_there(world: World, monkeypatch: pytest.MonkeyPatch, ca: trustme.CA) -> None:
    """The file that the environment names must exist and hold certificates: else 78."""
    with ImapServer(ca) as server:
        for path, text in (("/nonexistent", "are not where"), (__file__, "cannot be read")):
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", path)

            with pytest.raises(errors.Misconfigured, match=text):
                Mailbox(server.address, ALICE)

    assert server.received == b""


def test_a_server_that_repeats_the_token_does_not_show_it(world: World, ca: trustme.CA) -> None:
    """A server's text is shown without the token that it repeats, in clear or in base64."""
    answer = b"TAG NO bad token " + TOKEN.encode() + b" or " + RESPONSE + b"\r\n"

    with ImapServer(ca, {"AUTHENTICATE": answer}) as server:
        assert "bad token *****" in failure(server, errors.SignInNeeded).fact


def test_folders_in_every_spelling(world: World, ca: trustme.CA) -> None:
    """Atoms, quoted strings, literals, no separator, UTF-8 and worse: each is a folder under its name."""
    listed = [
        rb'* LIST (\HasNoChildren) "/" INBOX',
        rb'* LIST (\HasChildren \Sent) "/" "Sent Items"',
        rb'* LIST () "/" "a\"b\\c"',
        rb"* LIST () NIL {5}" + b"\r\n" + rb'l"i\t',
        b'* LIST () "/" {4}\r\na\r\nb',
        rb'* LIST () "\\" "&ZeVnLIqe-"',
        b'* LIST () "." "\xe4\xbd\xa0"',
        b'* LIST () "/" "\xff"',
        b'* LIST () "/" "with {3}"',
        rb'* LIST (\NoSelect) "/" Above',
        rb'* LIST () "/" INBOX',
        b"* LIST nonsense",
        b'* LIST () "/" ""',
    ]

    with ImapServer(ca, {"LIST": b"\r\n".join([*listed, OK])}) as server:
        found = enter(server)

    assert [(folder.name, folder.separator) for folder in found] == [
        ("INBOX", "/"), ("Sent Items", "/"), ('a"b\\c', "/"), ('l"i\\t', None), ("a\r\nb", "/"), ("&ZeVnLIqe-", "\\"),
        ("你", "."), ("ÿ", "/"), ("with {3}", "/"), ("Above", "/"),
    ]  # fmt: skip
    assert [folder.name for folder in found if not folder.holds_messages] == ["Above"]
    assert found[1].flags == {"\\haschildren", "\\sent"}


def test_messages_are_counted_in_batches(world: World, ca: trustme.CA) -> None:
    """Whatever the order and spelling of the answers; what is refused or not said is left out."""
    folders = [Folder(name, raw=name.encode()) for name in ["INBOX", 'a"b', "No", "Silent", *map(str, range(20))]]
    folders += [Folder("Above", frozenset(["\\noselect"]), raw=b"Above"), Folder("a\r\nb", raw=b"a\r\nb")]
    answer = (
        b'* STATUS "a\\"b" (MESSAGES 7 UNSEEN 1)\r\n* STATUS INBOX (UIDNEXT 5 messages 3)\r\n'
        b'* STATUS "19" (MESSAGES 0)\r\n* STATUS {2}\r\n18 (MESSAGES 4)\r\n* STATUS {2}\r\n17\r\n'
        b"* STATUS No (UNSEEN 3)\r\n* STATUS x\r\n* STATUS Huge (MESSAGES 99999999999999)\r\nTAG OK done\r\n"
    )

    with ImapServer(ca, {"STATUS": answer}) as server:
        found = enter(server, lambda box: box.count(folders))

    assert found == {"INBOX": 3, 'a"b': 7, "19": 0, "18": 4}
    assert server.commands.count("STATUS") == 24
    assert b"Above" not in server.received


def test_counting_ends_when_its_time_is_over(world: World, ca: trustme.CA) -> None:
    """A mailbox of thousands of folders is listed without the rest of the numbers."""
    folders = [Folder(str(number), raw=str(number).encode()) for number in range(100)]

    with ImapServer(ca) as server:
        found = enter(server, lambda box: box.count(folders, seconds=0))

    assert found == {}
    assert "STATUS" not in server.commands


def test_a_sample_of_headers(world: World, ca: trustme.CA) -> None:
    """The most recent messages' headers are read without marking anything; an empty or closed folder has none."""
    head = b"Subject: x\r\nContent-Type: text/calendar\r\n\r\n"
    fetched = b"".join(
        b"* %d FETCH (FLAGS () BODY[HEADER.FIELDS (CONTENT-TYPE SUBJECT RECEIVED)] {%d}\r\n%s)\r\n"
        % (n, len(head), head)
        for n in (3, 4, 5)
    )
    answers = {"EXAMINE": b"* 5 EXISTS\r\n* OK [UIDNEXT 9] x\r\nTAG OK [READ-ONLY] done\r\n", "FETCH": fetched + OK}

    with ImapServer(ca, answers) as server:
        found = enter(server, lambda box: box.sample(Folder("Agenda", raw=b"Agenda"), 3))
        server.answers["EXAMINE"] = b"TAG NO no\r\n"
        closed = enter(server, lambda box: box.sample(Folder("Agenda", raw=b"Agenda")))
        server.answers["EXAMINE"] = b"* 0 EXISTS\r\nTAG OK [READ-ONLY] done\r\n"
        empty = enter(server, lambda box: box.sample(Folder("Agenda", raw=b"Agenda")))

    assert [message.get_content_type() for message in found] == ["text/calendar"] * 3
    assert b"FETCH 3:5 (BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE SUBJECT RECEIVED)])" in server.received
    assert (closed, empty) == ([], [])
    assert set(server.commands) <= {"CAPABILITY", "AUTHENTICATE", "EXAMINE", "FETCH", "LOGOUT"}


def test_leaving_is_never_an_error(world: World, ca: trustme.CA) -> None:
    """A server that hangs up, or says nothing, to a LOGOUT is left all the same, soon."""
    started = time.monotonic()

    with ImapServer(ca, {"LOGOUT": b""}) as silent, ImapServer(ca, {"LOGOUT": None}) as rude:
        found = [enter(silent), enter(rude)]

    assert found == [[], []]
    assert time.monotonic() - started < 5

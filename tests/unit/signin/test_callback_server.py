"""The listener against real sockets: which answer it takes, what it refuses, and how it ends."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import re
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from offlineimap_m365.base.errors import Misconfigured, Temporary
from offlineimap_m365.provider import http_client
from offlineimap_m365.signin import callback_server
from offlineimap_m365.signin.callback_server import Listener, _Request, _Server, is_same_user
from tests.unit.callback_client import RIGHT, STATE, ask, is_waiting, raw, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return a listener whose end does not wait for a browser."""
    with Listener(STATE) as listening:
        yield listening
        listening.served.set()


#: As many parameters as are read.
MANY = RIGHT + "".join(f"&x{number}=1" for number in range(29))


@pytest.mark.parametrize("target", [RIGHT, f"/?error=access_denied&state={STATE}", RIGHT + "&x=" + "c" * 8000, MANY])
def test_the_first_answer_with_the_right_state_counts(listener: Listener, target: str) -> None:
    """A code or an error is taken and leaves the address bar; a second answer is answered alike and not kept."""
    answers = [ask(listener.port, target), ask(listener.port, RIGHT.replace("s3cret", "other"))]

    assert ask(listener.port, "/another").status == 400
    assert [(a.status, a.getheader("Location"), text_of(a)) for a in answers] == [(303, "/done", "")] * 2
    assert listener.answers.get(timeout=1) == dict(parse_qsl(target[2:]))
    assert listener.answers.empty()


#: What is no answer: a target, and the method or the name of the host if that is what is wrong.
REFUSED: dict[str, dict[str, str]] = {
    "wrong state": {"target": "/?code=s3cret-code&state=wrong"},
    "no state": {"target": "/?code=s3cret-code"},
    "an empty state": {"target": "/?code=s3cret-code&state="},
    "another path": {"target": RIGHT.replace("/", "/zzz")},
    "no path": {"target": RIGHT.replace("/", "*")},
    "state of another case": {"target": RIGHT.replace(STATE, STATE.lower())},
    "neither code nor error": {"target": f"/?state={STATE}"},
    "code and error": {"target": f"{RIGHT}&error=x"},
    "two codes": {"target": f"{RIGHT}&code=other"},
    "too many fields": {"target": f"{MANY}&x=1"},
    "state that is no ASCII": {"target": "/?code=1&state=%FF%FE%C3%A9"},
    "last page before an answer": {"target": "/done"},
    **{method: {"target": RIGHT, "method": method} for method in ("HEAD", "POST", "OPTIONS", "CONNECT", "BREW")},
    "a name that was rebound to this computer": {"target": RIGHT, "Host": "evil.example:{port}"},
    "a host without the port": {"target": RIGHT, "Host": "localhost"},
}


def test_anything_else_is_refused_and_the_wait_goes_on(listener: Listener, subtests: pytest.Subtests) -> None:
    """A request without the right answer gets 400, sees nothing of what it sent, and ends nothing."""
    for name, request in REFUSED.items():
        with subtests.test(name):
            answer = ask(listener.port, **{key: text.format(port=listener.port) for key, text in request.items()})

            assert answer.status == 400
            assert not re.search(r"s3cret|script|wrong", text_of(answer))
            assert listener.answers.empty()
    assert is_waiting(listener)


LARGE = {
    "a long line": b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "binary": bytes(range(256)) * 4 + b"\r\n\r\n",
    "nothing at all": b"",
}


def test_requests_are_bounded(listener: Listener, capfd: pytest.CaptureFixture[str], subtests: pytest.Subtests) -> None:
    """A request that is too large or unreadable is refused or dropped, ends nothing, and leaves no word anywhere."""
    for name, data in LARGE.items():
        with subtests.test(name):
            received = raw(listener.port, data)

            assert received == b"" or received.startswith(b"HTTP/1.0 400 ")
            assert b"aaaa" not in received
    assert is_waiting(listener)
    assert capfd.readouterr() == ("", "")


def test_a_silent_connection_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor who sends nothing is dropped when the time is over, which is longer than an exchange takes."""
    assert _Request.timeout == http_client.WHOLE + 5
    monkeypatch.setattr(_Request, "timeout", 0.05)

    with Listener(STATE) as listening, socket.create_connection(("127.0.0.1", listening.port), timeout=5) as slow:
        received = b""
        with contextlib.suppress(ConnectionError):  # it may be dropped before it sends
            slow.sendall(b"GET / HT")
            received = slow.recv(1)

        assert received == b""


def test_many_silent_connections_do_not_delay_the_answer(listener: Listener) -> None:
    """The kernel takes each at once, although nobody serves it; one that it drops is tried again after a second."""
    with _Server(listener, socket.AF_INET, ("127.0.0.1", 0)) as idle:
        crowd = [socket.create_connection(idle.server_address, timeout=0.9) for _ in range(60)]

        for connection in crowd:
            connection.close()


def test_another_user_is_not_answered(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may have read the state in the browser's command line can end nothing, with the right state neither."""
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    refused = raw(listener.port, f"GET {RIGHT} HTTP/1.0\r\nHost: localhost:{listener.port}\r\n\r\n".encode())
    monkeypatch.undo()

    assert refused == b""
    assert is_waiting(listener)


_LISTENS = "   0: 0100007F:2000 00000000:0000 0A 00000000:00000000 00:00000000 00000000  {me}        0 1\n"
_CLIENT = "   1: 0100007F:3000 0100007F:2000 {state} 00000000:00000000 00:00000000 00000000  {user}        0 2\n"


@pytest.mark.parametrize(
    ("state", "user", "expected"),
    [("01", "me", True), ("01", "0", True), ("01", "4321", False), ("06", "0", False), ("08", "me", False)],
)
def test_the_kernels_table_tells_the_user(state: str, user: str, expected: bool) -> None:
    """An open connection of this user or root counts; a closed one shows user 0 whoever it was."""
    me = str(os.geteuid())
    heading, listening = "  sl  local_address rem_address   st\n", _LISTENS.format(me=me)
    client = _CLIENT.format(state=state, user=me if user == "me" else user)

    assert is_same_user(0x2000, 0x3000, heading + listening + client) is expected
    assert not is_same_user(0x2000, 0x3000, heading + listening)
    assert is_same_user(0x2000, 0x3000, heading)


@pytest.mark.parametrize(("ok", "kind"), [(True, "success"), (False, "failure"), (None, "success")])
def test_the_last_page_waits_for_the_result(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, ok: bool | None, kind: str
) -> None:
    """The page after the answer is shown when the sign-in is finished, with every word escaped, or after a while."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if ok is not None:
            listener.finish(ok, "<b>$style</b>", "<script>\nline two")

    monkeypatch.setattr(listener.finished, "wait", wait)
    ask(listener.port, RIGHT)
    answer = ask(listener.port, "/done")

    title, text = ("Signing in", "not finished") if ok is None else ("&lt;b&gt;$style&lt;", "&lt;script&gt;\nline two")
    assert (answer.status, waits) == (200, [callback_server.SECONDS])
    for part in (f'<body class="{kind}">', f"<h1>{title}", text):
        assert part in text_of(answer)
    assert listener.served.wait(5 if text != "not finished" else 0) == (ok is not None)


def test_every_answer_is_strict(listener: Listener) -> None:
    """Nothing is cached, passed on, run or loaded; only the page's own style sheet is allowed."""
    listener.finish(ok=True, title="Signed in", text="x")
    answers = [ask(listener.port, target) for target in ("/?state=wrong&code=1", RIGHT, "/done", "/x")]
    page = text_of(answers[2])

    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    expected = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "text/html; charset=utf-8",
        "Server": "offlineimap-m365",
    }
    assert [answer.status for answer in answers] == [400, 303, 200, 400]
    assert '<body class="failure">' in text_of(answers[0])
    assert not re.search(r"<script|\son\w+=|style=|src=|href=|https?:", page)
    for answer in answers:
        policy = answer.getheader("Content-Security-Policy") or ""
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
        assert "unsafe" not in policy
        assert {name: answer.getheader(name) for name in expected} == expected


def test_only_its_own_names_and_addresses_are_answered(listener: Listener) -> None:
    """A browser that takes localhost for IPv6 arrives too, and a neighbour in the network does not."""
    addresses = {server.socket.getsockname()[0] for server in listener._servers}  # noqa: SLF001 - what is bound
    hosts = [f"{name}:{listener.port}" for name in ("LOCALHOST", "127.0.0.1", "[::1]")]
    answers = [ask(listener.port, RIGHT, host="::1"), *(ask(listener.port, RIGHT, Host=host) for host in hosts)]

    assert [answer.status for answer in answers] == [303] * 4
    assert addresses == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_taken_port_is_temporary_and_named(address: str, family: socket.AddressFamily) -> None:
    """A port that another program has on one of the addresses is refused: half the browsers would go there."""
    with socket.create_server((address, 0), family=family) as other:
        port = other.getsockname()[1]

        with pytest.raises(Temporary, match=str(port)), Listener(STATE, port):
            pass


@pytest.mark.parametrize(
    "case",
    [
        (socket.AF_INET, errno.EACCES, 80, 1, Misconfigured),
        (socket.AF_INET, errno.EPERM, 80, 1, Misconfigured),
        (socket.AF_INET, errno.ENOBUFS, 80, 1, Temporary),
        (socket.AF_INET, errno.EADDRNOTAVAIL, 0, 1, Temporary),
        (socket.AF_INET, errno.EADDRINUSE, 80, 1, Temporary),
        (socket.AF_INET6, errno.EADDRINUSE, 0, 20, Temporary),
        (socket.AF_INET6, errno.EADDRNOTAVAIL, 0, 1, None),
    ],
)
def test_a_port_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, case: tuple[socket.AddressFamily, int, int, int, type[Exception] | None]
) -> None:
    """A privileged port is 78, since another one must be chosen; what may pass is 75; a host needs no IPv6."""
    family, number, port, tries, kind = case
    plain, tried = _Server.server_bind, []

    def bind(server: _Server) -> None:
        tried.append(server.address_family)
        if server.address_family == family:
            raise OSError(number, os.strerror(number))
        plain(server)

    monkeypatch.setattr(_Server, "server_bind", bind)

    with pytest.raises(kind) if kind else contextlib.nullcontext(), Listener(STATE, port) as listening:
        assert ask(listening.port, RIGHT).status == 303
        listening.served.set()
    assert tried.count(family) == tries


def test_its_end_waits_for_nobody_and_its_port_can_be_used_again() -> None:
    """A silent visitor is still connected when a sign-in was given up; the next may have the same port."""
    with Listener(STATE) as listening:
        silent = socket.create_connection(("127.0.0.1", listening.port))
        ask(listening.port, "/x")
    silent.setblocking(False)
    with pytest.raises(BlockingIOError):
        silent.recv(1)
    silent.close()

    with Listener(STATE, listening.port) as second:
        assert second.port == listening.port


@pytest.mark.parametrize(("is_finished", "title"), [(True, "Signed in"), (False, "Not signed in")])
def test_a_browser_still_gets_the_last_page_at_the_end(
    monkeypatch: pytest.MonkeyPatch, is_finished: bool, title: str
) -> None:
    """The end waits a moment for a browser that follows late, and tells it if the sign-in broke off."""
    pages: dict[float, str] = {}

    with Listener(STATE) as listening:
        ask(listening.port, RIGHT)
        if is_finished:
            listening.finish(ok=True, title="Signed in", text="x")
        follow = lambda seconds: pages.update({seconds: text_of(ask(listening.port, "/done"))})  # noqa: E731
        monkeypatch.setattr(listening.served, "wait", follow)

    assert f"<h1>{title}</h1>" in pages[2.0]
    assert ('<body class="success">' in pages[2.0]) == is_finished
    assert threading.Event.wait(listening.served, 5)

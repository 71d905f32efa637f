"""The listener against real sockets: which answer it takes, what it refuses, and how it ends."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base.errors import Misconfigured, Temporary
from offlineimap_m365.signin import callback_server
from offlineimap_m365.signin.callback_server import Listener, is_same_user
from tests.unit.callback_client import RIGHT, STATE, ask, is_waiting, raw, text_of

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return a listener whose end does not wait for a browser."""
    with Listener(STATE) as listening:
        yield listening
        listening.finish(ok=True, title="t", text="x")
        listening.served.set()


@pytest.mark.parametrize("target", [RIGHT, f"/?error=access_denied&state={STATE}", RIGHT + "&x=" + "c" * 8000])
def test_the_first_answer_with_the_right_state_counts(listener: Listener, target: str) -> None:
    """A code or an error is taken and leaves the address bar; a second answer is answered alike and not kept."""
    answers = [ask(listener.port, target), ask(listener.port, RIGHT.replace("s3cret", "other"))]

    assert ask(listener.port, "/another").status == 400
    assert [(a.status, a.getheader("Location"), text_of(a)) for a in answers] == [(303, "/done", "")] * 2
    assert listener.answers.get(timeout=1).items() <= {
        "code": "s3cret-code", "error": "access_denied", "state": STATE, "session_state": "1", "x": "c" * 8000
    }.items()  # fmt: skip
    assert listener.answers.empty()


REFUSED = {
    "wrong state": "/?code=s3cret-code&state=wrong",
    "no state": "/?code=s3cret-code",
    "an empty state": "/?code=s3cret-code&state=",
    "another path": RIGHT.replace("/", "/zzz"),
    "no path": RIGHT.replace("/", "*"),
    "state of another case": RIGHT.replace(STATE, STATE.lower()),
    "neither code nor error": f"/?state={STATE}",
    "code and error": f"{RIGHT}&error=x",
    "two codes": f"{RIGHT}&code=other",
    "too many fields": RIGHT + "&x=1" * 64,
    "state that is no ASCII": "/?code=1&state=%FF%FE%C3%A9",
    "last page before an answer": "/done",
}


@pytest.mark.parametrize("target", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_and_the_wait_goes_on(listener: Listener, target: str) -> None:
    """A request without the right answer gets 400, sees nothing of what it sent, and ends nothing."""
    answer = ask(listener.port, target)

    assert answer.status == 400
    assert not re.search(r"s3cret|script|wrong", text_of(answer))
    assert is_waiting(listener)


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "CONNECT", "BREW"])
def test_other_methods_change_nothing(listener: Listener, method: str) -> None:
    """Only GET is an answer: what a previewer or a hostile page sends otherwise gets 400."""
    assert ask(listener.port, RIGHT, method=method).status == 400
    assert is_waiting(listener)


@pytest.mark.parametrize(
    ("name", "status"),
    [("LOCALHOST:{}", 303), ("127.0.0.1:{}", 303), ("[::1]:{}", 303), ("evil.example:{}", 400), ("localhost", 400)],
)
def test_only_its_own_names_are_answered(listener: Listener, name: str, status: int) -> None:
    """A page that rebinds its own name to this computer gets nothing: Host must be this server's."""
    assert ask(listener.port, RIGHT, Host=name.format(listener.port)).status == status
    assert is_waiting(listener) == (status == 400)


LARGE = {
    "a long line": b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "binary": bytes(range(256)) * 4 + b"\r\n\r\n",
    "nothing at all": b"",
}


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
def test_requests_are_bounded(listener: Listener, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """A request that is too large or unreadable is refused or dropped, ends nothing, and leaves no word anywhere."""
    received = raw(listener.port, data)

    assert received == b"" or received.startswith(b"HTTP/1.0 400 ")
    assert b"aaaa" not in received
    assert is_waiting(listener)
    assert capfd.readouterr() == ("", "")


def test_a_silent_connection_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor who sends nothing is dropped when the time is over."""
    monkeypatch.setattr(callback_server._Request, "timeout", 0.3)  # noqa: SLF001 - what a request has of time

    with Listener(STATE) as listening, socket.create_connection(("127.0.0.1", listening.port), timeout=2) as slow:
        slow.sendall(b"GET / HT")

        assert slow.recv(1) == b""


def test_many_silent_connections_do_not_delay_the_answer(listener: Listener) -> None:
    """None is dropped by the kernel, which would cost each of them a second or more."""
    begun = time.monotonic()
    crowd = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(60)]
    answer = ask(listener.port, RIGHT)

    assert answer.status == 303
    assert time.monotonic() - begun < 5
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


@pytest.mark.parametrize("ok", [True, False])
def test_the_last_page_waits_for_the_result(ok: bool) -> None:
    """The page after the answer is shown when the sign-in is finished, with every word escaped."""
    with Listener(STATE) as listening:
        ask(listening.port, RIGHT)
        timer = threading.Timer(0.3, listening.finish, (ok, "<b>$style</b>", "<script>\nline two"))
        timer.start()
        answer = ask(listening.port, "/done")
        timer.join()

    assert answer.status == 200
    assert "<h1>&lt;b&gt;$style&lt;/b&gt;</h1>" in text_of(answer)
    assert "&lt;script&gt;\nline two" in text_of(answer)
    assert f'<body class="{"success" if ok else "failure"}">' in text_of(answer)


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
    assert not re.search(r"<script|\son\w+=|style=|src=|href=|https?:", page)
    for answer in answers:
        policy = answer.getheader("Content-Security-Policy") or ""
        assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
        assert "unsafe" not in policy
        assert {name: answer.getheader(name) for name in expected} == expected


def test_both_loopback_addresses_are_bound_and_no_other(listener: Listener) -> None:
    """A browser that takes localhost for IPv6 arrives too, and a neighbour in the network does not."""
    addresses = {server.socket.getsockname()[0] for server in listener._servers}  # noqa: SLF001 - what is bound

    assert ask(listener.port, RIGHT, host="::1").status == 303
    assert addresses == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_taken_port_is_temporary_and_named(address: str, family: socket.AddressFamily) -> None:
    """A port that another program has on one of the addresses is refused: half the browsers would go there."""
    with socket.create_server((address, 0), family=family) as other:
        port = other.getsockname()[1]

        with pytest.raises(Temporary, match=str(port)), Listener(STATE, port):
            pass


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EACCES, Misconfigured), (errno.EPERM, Misconfigured), (errno.ENOBUFS, Temporary)]
)
def test_a_port_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]) -> None:
    """A privileged port is 78, since another one must be chosen; what may pass is 75."""

    def refuse(_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(callback_server._Server, "server_bind", refuse)  # noqa: SLF001 - the kernel's answer

    with pytest.raises(kind, match="Port 80 of this computer cannot be used"), Listener(STATE, 80):
        pass


def test_a_host_without_ipv6_listens_on_the_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ::1, 127.0.0.1 is enough."""
    plain = callback_server._Server.server_bind  # noqa: SLF001 - the kernel's answer

    def bind(server: callback_server._Server) -> None:
        if server.address_family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        plain(server)

    monkeypatch.setattr(callback_server._Server, "server_bind", bind)  # noqa: SLF001

    with Listener(STATE) as listening:
        assert ask(listening.port, RIGHT).status == 303
        listening.finish(ok=True, title="t", text="x")
        listening.served.set()


def test_it_ends_quickly_and_its_port_can_be_used_again() -> None:
    """A sign-in that is given up does not linger, even with a silent visitor; the next may have the same port."""
    with Listener(STATE) as listening:
        silent = socket.create_connection(("127.0.0.1", listening.port))
        ask(listening.port, "/x")
        begun = time.monotonic()
    took = time.monotonic() - begun
    silent.close()

    assert took < 1
    with Listener(STATE, listening.port) as second:
        assert second.port == listening.port


@pytest.mark.parametrize(("is_finished", "title"), [(True, "Signed in"), (False, "Not signed in")])
def test_a_browser_still_gets_the_last_page_at_the_end(is_finished: bool, title: str) -> None:
    """The end waits a moment for a browser that follows late, and tells it if the sign-in broke off."""
    answers: list[http.client.HTTPResponse] = []

    with Listener(STATE) as listening:
        ask(listening.port, RIGHT)
        late = threading.Timer(0.5, lambda: answers.append(ask(listening.port, "/done")))
        late.start()
        if is_finished:
            listening.finish(ok=True, title="Signed in", text="x")
    late.join()

    assert f"<h1>{title}</h1>" in text_of(answers[0])

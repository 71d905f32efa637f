"""What strangers send to the listener: nothing of it ends the wait, is shown, or is logged."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest

from offlineimap_m365.signin import callback_request
from offlineimap_m365.signin.callback_server import Listener
from tests.unit.visitor import RIGHT, STATE, ask, is_waiting, raw, read_all, text_of


def test_every_answer_has_the_strict_headers() -> None:
    """The redirect and the refusals are not kept or passed on either."""
    with Listener(STATE) as listener:
        listener.finish(ok=True, title="t", text="x")
        answers = [ask(listener.port, target) for target in ("/?state=wrong&code=1", RIGHT, "/done", "/x")]

    assert [answer.status for answer in answers] == [400, 303, 200, 404]
    for answer in answers:
        assert answer.getheader("Cache-Control") == "no-store"
        assert answer.getheader("Referrer-Policy") == "no-referrer"
        assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
        assert answer.getheader("Server") == "offlineimap-m365"


STRANGERS = {
    "wrong state": "/?code=s3cret-code&state=wrong",
    "no state": "/?code=s3cret-code",
    "empty state": "/?code=s3cret-code&state=",
    "state of another case": RIGHT.replace(STATE, STATE.lower()),
    "neither code nor error": f"/?state={STATE}",
    "code and error": f"{RIGHT}&error=x",
    "two codes": f"{RIGHT}&code=other",
    "two states": f"/?code=1&state=wrong&state={STATE}",
    "too many fields": RIGHT + "&x=1" * 64,
    "state that is no ASCII": "/?code=1&state=%FF%FE%C3%A9",
    "script": "/?code=<script>alert(1)</script>&state=<script>",
    "nothing": "/",
    "last page before an answer": "/done",
}


@pytest.mark.parametrize("target", STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_is_refused_and_the_wait_goes_on(target: str) -> None:
    """A request without the right answer gets 400, sees nothing of what it sent, and ends nothing."""
    with Listener(STATE) as listener:
        answer = ask(listener.port, target)

        assert answer.status == 400
        assert not re.search(r"s3cret|script|wrong", text_of(answer))
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_change_nothing(method: str) -> None:
    """Only GET is an answer: what a previewer or a hostile page sends otherwise gets 400."""
    with Listener(STATE) as listener:
        answer = ask(listener.port, RIGHT, method=method)

        assert answer.status == 400
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")


@pytest.mark.parametrize("header", ["Sec_Purpose", "Purpose", "X_Moz"])
def test_a_prefetch_is_harmless(header: str) -> None:
    """A browser that fetches the address before the person goes there uses nothing up."""
    with Listener(STATE) as listener:
        answer = ask(listener.port, RIGHT, **{header: "prefetch;prerender"})

        assert answer.status == 503
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")


def test_only_its_own_names_are_answered() -> None:
    """A page that rebinds its own name to this computer gets nothing: Host must be this server's."""
    with Listener(STATE) as listener:
        port = listener.port
        wrong = [
            ask(port, RIGHT, Host=host).status
            for host in ("evil.example", f"evil.example:{port}", "localhost", f"localhost:{port + 1}", "")
        ]
        none = raw(port, f"GET {RIGHT} HTTP/1.0\r\n\r\n".encode())
        two = raw(port, f"GET {RIGHT} HTTP/1.1\r\nHost: localhost:{port}\r\nHost: x\r\n\r\n".encode())

        assert wrong == [400] * 5
        assert none.startswith(b"HTTP/1.0 400 ")
        assert two.startswith(b"HTTP/1.0 400 ")
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        right = [ask(port, "/done", Host=f"{name}:{port}").status for name in ("LOCALHOST", "127.0.0.1", "[::1]")]
        assert right == [200] * 3


def test_slow_visitors_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor who sends a byte now and then is dropped when the time for a whole request is over."""
    monkeypatch.setattr(callback_request, "HEAD_SECONDS", 0.5)

    with Listener(STATE) as listener, socket.create_connection(("127.0.0.1", listener.port)) as slow:
        begun = time.monotonic()
        sender = threading.Thread(target=trickle, args=(slow,), daemon=True)
        sender.start()
        came = read_all(slow)
        took = time.monotonic() - begun
        sender.join()

        assert came == b""
        assert took < 2
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")


def trickle(connection: socket.socket) -> None:
    """Send a request one byte at a time until the other side has enough."""
    try:
        for byte in b"GET / HTTP/1.1\r\nX: " + b"a" * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
    except OSError:
        return


LARGE = {
    "a long line": b"GET /?" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "many long headers": b"GET / HTTP/1.1\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 50 + b"\r\n",
    "binary": bytes(range(256)) * 4 + b"\r\n\r\n",
    "nothing at all": b"",
}


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
def test_heads_are_bounded(data: bytes) -> None:
    """A request that is too large or unreadable is refused or dropped, and ends nothing."""
    with Listener(STATE) as listener:
        with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # dropped while sending is as good
            came = read_all(connection)

        assert came == b"" or re.match(rb"HTTP/1\.0 (4\d\d|505) ", came)
        assert b"aaaa" not in came
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")


def test_a_long_answer_fits() -> None:
    """An address of 8,000 characters is an ordinary one."""
    with Listener(STATE) as listener:
        listener.finish(ok=True, title="t", text="x")
        answer = ask(listener.port, RIGHT.replace("s3cret-code", "c" * 8000))
        ask(listener.port, "/done")

        assert answer.status == 303
        assert len(listener.answers.get(timeout=1)["code"]) == 8000


def test_nothing_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither right nor wrong requests leave a word on the terminal: they hold the code."""
    with Listener(STATE) as listener:
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/?code=s3cret-code&state=wrong")
        raw(listener.port, b"\x00\xff\r\n\r\n")
        ask(listener.port, RIGHT)
        ask(listener.port, "/done")

    assert capfd.readouterr() == ("", "")

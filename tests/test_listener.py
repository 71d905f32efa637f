"""The listener against real sockets: one right answer, and strangers who do not end the wait."""

from __future__ import annotations

import base64
import hashlib
import http.client
import queue
import re
import socket
import threading
import time

import pytest

from offlineimap_m365 import listener as room
from offlineimap_m365 import visit
from offlineimap_m365.errors import Temporary, WrongUsage
from offlineimap_m365.listener import Listener

STATE = "c3RhdGUtb2YtdGhpcy1zaWduLWlu"
RIGHT = f"/?code=s3cret-code&state={STATE}&session_state=1"


def ask(
    port: int, target: str, *, method: str = "GET", host: str = "127.0.0.1", **headers: str
) -> http.client.HTTPResponse:
    """Send one request and return its answer, read to its end (as *text*)."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.putrequest(method, target, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


def text_of(answer: http.client.HTTPResponse) -> str:
    """Return the body that *ask* has read."""
    return str(answer.text)  # type: ignore[attr-defined]


def raw(port: int, data: bytes) -> bytes:
    """Send *data* as it is and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes, or drops the connection."""
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


def is_waiting(listener: Listener) -> bool:
    """Tell whether the listener has no answer yet and still takes the right one."""
    return listener.answers.empty() and ask(listener.port, RIGHT).status == 303 and not listener.answers.empty()


def test_the_right_answer_is_taken_and_leaves_the_address_bar() -> None:
    """The first request with the right state gives its parameters and is sent on to an address without them."""
    with Listener(STATE) as listener:
        answer = ask(listener.port, RIGHT)
        found = listener.answers.get(timeout=1)
        listener.finish(ok=True, title="Signed in", text="Close this window.")
        ask(listener.port, "/done")

    assert (answer.status, answer.getheader("Location"), text_of(answer)) == (303, "/done", "")
    assert found == {"code": "s3cret-code", "state": STATE, "session_state": "1"}
    assert listener.redirect_uri == f"http://localhost:{listener.port}"


def test_an_error_with_the_right_state_is_an_answer() -> None:
    """A refusal that Microsoft sends back ends the wait like a code."""
    with Listener(STATE) as listener:
        ask(listener.port, f"/?error=access_denied&error_description=x&state={STATE}")
        found = listener.answers.get(timeout=1)
        listener.finish(ok=False, title="Not signed in", text="Cancelled.")
        ask(listener.port, "/done")

    assert found["error"] == "access_denied"


def test_the_first_right_answer_wins() -> None:
    """A second answer with the right state is answered alike and not kept."""
    with Listener(STATE) as listener:
        listener.finish(ok=True, title="t", text="x")
        first = ask(listener.port, RIGHT)
        second = ask(listener.port, RIGHT.replace("s3cret-code", "other"))
        ask(listener.port, "/done")

        assert (first.status, second.status) == (303, 303)
        assert listener.answers.get(timeout=1)["code"] == "s3cret-code"
        with pytest.raises(queue.Empty):
            listener.answers.get_nowait()


@pytest.mark.parametrize("ok", [True, False])
def test_the_last_page_waits_for_the_result(ok: bool) -> None:
    """The page after the answer is shown when the sign-in is finished, and says what was said."""
    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        timer = threading.Timer(0.3, listener.finish, (ok, "How it ended", "Back to the terminal."))
        timer.start()
        answer = ask(listener.port, "/done")
        timer.join()

    assert answer.status == 200
    assert "<h1>How it ended</h1>" in text_of(answer)
    assert "Back to the terminal." in text_of(answer)
    assert f'<body class="{"success" if ok else "failure"}">' in text_of(answer)


def test_a_slow_result_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser whose sign-in takes too long is told to look at the terminal."""
    monkeypatch.setattr(room, "RESULT_SECONDS", 0.2)

    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        answer = ask(listener.port, "/done")
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")

    assert answer.status == 200
    assert "still going on" in text_of(answer)


def test_the_page_is_self_contained_and_strict() -> None:
    """A page is not kept, gives no referrer, runs nothing, loads nothing, and allows only its own style."""
    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        listener.finish(ok=True, title="Signed in", text="x")
        answer = ask(listener.port, "/done")

    style = re.search(r"<style>(.*)</style>", text_of(answer), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    policy = answer.getheader("Content-Security-Policy") or ""
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.getheader("Referrer-Policy") == "no-referrer"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    assert not re.search(r"<script|\son\w+=|style=|src=|href=|https?:", text_of(answer))


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


def test_words_of_the_last_page_are_escaped() -> None:
    """What the sign-in says is shown as text, whatever is in it."""
    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        listener.finish(ok=False, title="<b>$style</b>", text="<script>alert(1)</script>\nline two")
        answer = ask(listener.port, "/done")

    assert "<h1>&lt;b&gt;$style&lt;/b&gt;</h1>" in text_of(answer)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nline two" in text_of(answer)


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
    """Only GET is an answer: what a previewer or a hostile page sends otherwise gets 405."""
    with Listener(STATE) as listener:
        answer = ask(listener.port, RIGHT, method=method)

        assert (answer.status, answer.getheader("Allow")) == (405, "GET")
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


def test_both_loopback_addresses_are_bound_and_no_other() -> None:
    """A browser that takes localhost for IPv6 arrives too, and a neighbour in the network does not."""
    with Listener(STATE) as listener:
        six = ask(listener.port, RIGHT, host="::1")
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done", host="::1")
        addresses = {server.socket.getsockname()[0] for server in listener._servers}  # noqa: SLF001

    assert six.status == 303
    assert addresses == {"127.0.0.1", "::1"}


def test_a_taken_port_is_named() -> None:
    """A port that another program has is a temporary error with its number."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(Temporary, match=str(port)) as caught, Listener(STATE, port):
            pass

    assert caught.value.exit_code == 75


def test_a_port_taken_on_one_address_is_taken() -> None:
    """A chosen port that only ::1 lacks is refused too: half the browsers would go to a stranger."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]

        with pytest.raises(Temporary, match=str(port)), Listener(STATE, port):
            pass

    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_chosen_port_can_be_used_again_at_once() -> None:
    """A second sign-in on the same port does not wait for the connections of the first."""
    with Listener(STATE) as first:
        first.finish(ok=True, title="t", text="x")
        ask(first.port, RIGHT)
        ask(first.port, "/done")

    with Listener(STATE, first.port) as second:
        assert second.port == first.port


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_wrong_usage(port: int) -> None:
    """A number that is no port is a fault of the command line."""
    with pytest.raises(WrongUsage):
        Listener(STATE, port)


def test_slow_visitors_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor who sends a byte now and then is dropped when the time for a whole request is over."""
    monkeypatch.setattr(visit, "HEAD_SECONDS", 0.5)

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


def test_a_crowd_does_not_use_up_threads() -> None:
    """However many connect and say nothing, threads stay few, and the answer arrives once they are dropped."""
    with Listener(STATE) as listener:
        before = threading.active_count()
        crowd = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(100)]
        time.sleep(0.3)
        during = threading.active_count()
        for connection in crowd:
            connection.close()
        time.sleep(0.3)

        assert during - before <= room.MOST_VISITS
        assert is_waiting(listener)
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done")


def test_it_ends_quickly_without_an_answer() -> None:
    """A sign-in that is given up does not linger, even with a silent visitor."""
    with Listener(STATE) as listener:
        silent = socket.create_connection(("127.0.0.1", listener.port))
        begun = time.monotonic()
    took = time.monotonic() - begun
    silent.close()

    assert took < 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port))


def test_a_browser_that_follows_late_still_gets_its_page() -> None:
    """A sign-in that is finished before the browser asked for the last page waits a moment for it."""
    found: list[http.client.HTTPResponse] = []

    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        late = threading.Timer(0.5, lambda: found.append(ask(listener.port, "/done")))
        late.start()
        listener.finish(ok=True, title="Signed in", text="x")
    late.join()

    assert "<h1>Signed in</h1>" in text_of(found[0])


def test_a_sign_in_that_breaks_off_is_said_to_have() -> None:
    """A browser that waits for a result that never comes is told so at the end."""
    found: list[http.client.HTTPResponse] = []

    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        waiting = threading.Thread(target=lambda: found.append(ask(listener.port, "/done")))
        waiting.start()
        time.sleep(0.2)
    waiting.join()

    assert "<h1>Not signed in</h1>" in text_of(found[0])


def test_nothing_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither right nor wrong requests leave a word on the terminal: they hold the code."""
    with Listener(STATE) as listener:
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/?code=s3cret-code&state=wrong")
        raw(listener.port, b"\x00\xff\r\n\r\n")
        ask(listener.port, RIGHT)
        ask(listener.port, "/done")

    assert capfd.readouterr() == ("", "")

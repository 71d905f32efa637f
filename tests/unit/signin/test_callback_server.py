"""The listener against real sockets: where it listens, which answer it takes, how it ends."""

from __future__ import annotations

import base64
import hashlib
import queue
import re
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base.errors import Temporary, WrongUsage
from offlineimap_m365.signin import callback_server as room
from offlineimap_m365.signin.callback_server import Listener
from tests.unit.visitor import RIGHT, STATE, ask, is_waiting, text_of

if TYPE_CHECKING:
    import http.client


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


def test_words_of_the_last_page_are_escaped() -> None:
    """What the sign-in says is shown as text, whatever is in it."""
    with Listener(STATE) as listener:
        ask(listener.port, RIGHT)
        listener.finish(ok=False, title="<b>$style</b>", text="<script>alert(1)</script>\nline two")
        answer = ask(listener.port, "/done")

    assert "<h1>&lt;b&gt;$style&lt;/b&gt;</h1>" in text_of(answer)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nline two" in text_of(answer)


def test_both_loopback_addresses_are_bound_and_no_other() -> None:
    """A browser that takes localhost for IPv6 arrives too, and a neighbour in the network does not."""
    with Listener(STATE) as listener:
        six = ask(listener.port, RIGHT, host="::1")
        listener.finish(ok=True, title="t", text="x")
        ask(listener.port, "/done", host="::1")
        addresses = {server.socket.getsockname()[0] for server in listener._servers}  # noqa: SLF001 - what is bound

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

"""HTTP as MSAL gets it: what counts as an answer, what it is made of when there is none, and where it goes."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.provider import http_client, token_response, trusted_certificates
from tests.m365.entra import CAPTIVE_PORTAL
from tests.m365.wire import ConnectProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import World

TOKEN = "oauth2/v2.0/token"
PUBLIC = "https://login.microsoftonline.com/token"


def post(entra: Entra, url: str | None = None) -> http_client.Answer:
    """Send a refresh that Entra refuses in the ordinary way."""
    form = {"grant_type": "refresh_token", "refresh_token": "unknown", "client_id": next(iter(entra.clients))}
    return http_client.Wire({}).post(url or f"{entra.authority}/{TOKEN}", data=form)


def failure(entra: Entra, url: str | None = None) -> errors.Temporary:
    """Return what post() raises."""
    with pytest.raises(errors.Temporary) as caught:
        post(entra, url)
    return caught.value


@contextlib.contextmanager
def silent_server(drip: bytes = b"") -> Iterator[int]:
    """Listen and never answer, except with *drip* ten times a second; the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    while not over.wait(0.1):
                        connection.sendall(drip)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        over.set()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ("7", 7),
        ("0", 1),
        ("-5", 60),
        ("nan", 60),
        ("soon", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 99 Foo 99999 07:28:00 GMT", 60),
    ],
)
def test_how_long_a_provider_asks_to_wait(header: str | None, seconds: float) -> None:
    """Retry-After is a number of seconds or a date; without a usable one it is a minute."""
    assert http_client.retry_after(header) == seconds


#: What the provider answers, and what the error has: a word of its fact or advice, its command's end, and how many
#: seconds it is remembered.
ANSWERS: list[tuple[Any, str, str | None, float]] = [
    ({"status": 503}, "HTTP 503", None, 60),
    ({"status": 500}, "HTTP 500", None, 60),
    ({"status": 429, "headers": {"Retry-After": "1740"}}, "(in 29 min)", None, 1740),
    ({"status": 302, "headers": {"Location": "https://portal.example/login"}}, "redirect", None, 5),
    ({"status": 301}, "redirect", None, 5),
    ({"status": 308, "headers": {"Location": "https:///"}}, "redirect", None, 5),
    *(
        ({"status": 200, "body": body}, "sign in to the network", None, 5)
        for body in (CAPTIVE_PORTAL, "", "[]", "nul", '{"a":' * 100_000, b"\xff\xfe")
    ),
    ({"status": 404, "body": {"status": "not found"}}, "without an OAuth error", "doctor", 5),
    ({"status": 204, "body": ""}, "HTTP 204", "doctor", 5),
    ({"status": 200, "body": {"access_token": "t", "token_type": "mac"}}, "token_type", "doctor", 5),
    ({"drop": "after"}, "cannot be reached", None, 5),
]


@pytest.mark.parametrize(("answer", "text", "command", "seconds"), ANSWERS)
def test_an_answer_that_is_none(  # noqa: PLR0917 - fixtures and the columns of a table
    world: World, entra: Entra, answer: dict[str, Any], text: str, command: str | None, seconds: float
) -> None:
    """Each kind of useless answer is named, with what helps against it, and no redirect is followed."""
    entra.fail_next(TOKEN, **answer)

    error = failure(entra)

    assert text in f"{error.fact} {error.remedy.advice}"
    assert (error.remedy.command or "").endswith(command or "")
    assert error.retry_after == seconds
    assert len(entra.requests) == 1


@pytest.mark.parametrize(
    ("environment", "url", "text", "command"),
    [
        ({}, "https://login.invalid/token", "cannot be found", None),
        ({}, "https://localhost:1/token", "cannot be reached", None),
        ({"REQUESTS_CA_BUNDLE": "other.pem"}, None, "not trusted", "doctor"),
        ({"HTTPS_PROXY": "http://user:geheim@127.0.0.1:1"}, PUBLIC, "HTTPS_PROXY", "doctor"),
        ({"HTTPS_PROXY": "ftp://user:geheim@127.0.0.1:1"}, PUBLIC, "", None),
        ({"HTTPS_PROXY": "http://[geheim"}, PUBLIC, "", None),
        ({"HTTPS_PROXY": "socks5://user:geheim@127.0.0.1:1"}, PUBLIC, "PySocks", "pip install PySocks"),
    ],
)
def test_a_request_that_does_not_arrive(  # noqa: PLR0917 - fixtures and the columns of a table
    world: World,
    entra: Entra,
    environment: dict[str, str],
    url: str | None,
    text: str,
    command: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each cause is named with what helps against it, is remembered 5 s, and shows no password of a proxy."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "socks", None)  # PySocks is not installed
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    error = failure(entra, url)

    assert text in error.fact
    assert (error.remedy.command or "").endswith(command or "")
    assert error.retry_after == 5
    assert "geheim" not in "\n".join(error.lines())
    assert entra.requests == []


def test_netrc_is_not_read(world: World, entra: Entra) -> None:
    """What ``~/.netrc`` holds for the host is not sent."""
    netrc = Path(world.environ["HOME"]) / ".netrc"
    netrc.write_text("default login alice password secret\n")
    netrc.chmod(0o600)

    post(entra)

    assert [request.authorization for request in entra.requests] == [None]


def test_certificates_in_their_order(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """``REQUESTS_CA_BUNDLE`` beats ``SSL_CERT_FILE``, which beats ``SSL_CERT_DIR``; CURL_CA_BUNDLE does not count."""
    right = str(entra.ca_file)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nonexistent")
    for name, others in (
        ("REQUESTS_CA_BUNDLE", ("SSL_CERT_FILE", "SSL_CERT_DIR")),
        ("SSL_CERT_FILE", ("SSL_CERT_DIR",)),
    ):
        monkeypatch.setenv(name, right)
        for other in others:
            monkeypatch.setenv(other, "/nonexistent")

        assert post(entra).status_code == 400

        monkeypatch.delenv(name)
    closed = world.root / "closed"
    closed.mkdir(0)
    for unreadable in ("/nonexistent", str(closed / "ca.pem")):
        monkeypatch.setenv("SSL_CERT_DIR", unreadable)
        with pytest.raises(errors.Misconfigured, match=unreadable):
            post(entra)


def test_the_system_s_certificates_are_the_default(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable the system's store counts, else certifi's: never none at all."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)

    found = Path(trusted_certificates.find())  # no server of ours is signed by a public authority

    assert found.exists()
    assert found.is_dir() or b"BEGIN CERTIFICATE" in found.read_bytes()


def test_a_refusal_is_an_answer(world: World, entra: Entra) -> None:
    """A JSON object of a status below 500 goes to MSAL as it is, and shows nothing of itself in a log."""
    answer = post(entra)
    missing = http_client.get_json(f"https://localhost:{entra.port}/nothing/here")

    assert answer.status_code == 400
    assert '"invalid_grant"' in answer.text
    assert "invalid_grant" not in repr(answer)
    assert missing == {}


def test_the_limits_are_those_promised() -> None:
    """Five seconds to connect, ten for a pause, twenty for a whole exchange (contract §5.7), for mail servers, too."""
    for module in (http_client, bounded_socket):
        assert (module.CONNECT, module.READ, module.WHOLE) == (5.0, 10.0, 20.0)


@pytest.mark.parametrize(("drip", "limit"), [(b"", "READ"), (b"H", "WHOLE")])
def test_no_answer_in_time(
    monkeypatch: pytest.MonkeyPatch, world: World, entra: Entra, drip: bytes, limit: str
) -> None:
    """A server that says nothing, and one that sends a byte now and then, is given up in time."""
    monkeypatch.setattr(http_client, limit, 0.5)
    started = time.monotonic()

    with silent_server(drip) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        error = failure(entra, PUBLIC)

    assert error.retry_after == 5
    assert time.monotonic() - started < 8


def test_a_proxy_is_used_where_the_environment_says_so(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It resolves Microsoft's host; NO_PROXY is honoured; and ``HTTPConnection.debuglevel = 1`` prints nothing."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    monkeypatch.setenv("NO_PROXY", "localhost")
    host = "login.microsoftonline.com"
    with ConnectProxy({f"{host}:443": ("127.0.0.1", entra.port)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        post(entra)
        answer = post(entra, f"https://{host}/{entra.tenant}/{TOKEN}")

    assert answer.status_code == 400
    assert (proxy.connected, proxy.refused) == ([f"{host}:443"], [])
    assert [request.host for request in entra.requests][1:] == [host]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["BEARER", None])
def test_bearer_tokens_are_taken(kind: str | None) -> None:
    """The type of a token is Bearer in any case, or is not said."""
    fields = {"access_token": "t", **({"token_type": kind} if kind else {})}

    assert token_response.read(fields) == fields


def test_a_busy_provider_is_quoted(world: World, entra: Entra) -> None:
    """Of a 503 the code, the correlation id and the time are kept for the help desk."""
    entra.fail_next(TOKEN, code=90033)

    error = failure(entra)

    assert (error.code, bool(error.correlation_id), bool(error.time)) == ("AADSTS90033", True, True)

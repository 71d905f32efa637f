"""HTTP as MSAL gets it: what counts as an answer, what it is made of when there is none, and where it goes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from offlineimap_m365.base import errors
from offlineimap_m365.provider import http_client, trusted_certificates
from tests.m365.entra import CAPTIVE_PORTAL
from tests.m365.wire import ConnectProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import World

TOKEN = "oauth2/v2.0/token"


def post(entra: Entra, url: str | None = None) -> http_client.Answer:
    """Send a refresh that Entra refuses in the ordinary way."""
    form = {"grant_type": "refresh_token", "refresh_token": "unknown", "client_id": next(iter(entra.clients))}
    return http_client.Wire().post(url or f"{entra.authority}/{TOKEN}", data=form)


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


def test_a_refusal_is_an_answer(world: World, entra: Entra) -> None:
    """A JSON object of a status below 500 goes to MSAL as it is, and shows nothing of itself in a log."""
    answer = post(entra)

    assert answer.status_code == 400
    assert '"invalid_grant"' in answer.text
    assert "invalid_grant" not in repr(answer)


def test_known_configuration_is_not_asked_for(world: World, entra: Entra) -> None:
    """MSAL's question for the OpenID configuration is answered from what is known."""
    answer = http_client.Wire({"issuer": "https://example.org"}).get(
        "https://example.org/.well-known/openid-configuration"
    )

    assert answer.text == '{"issuer": "https://example.org"}'
    assert entra.requests == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 60),
        ("7", 7),
        ("0", 1),
        ("-5", 1),
        ("nan", 1),
        ("soon", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 99 Foo 99999 07:28:00 GMT", 60),
    ],
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_provider_says_for_how_long(
    world: World, entra: Entra, status: int, header: str, seconds: float
) -> None:
    """429 and 5xx are temporary for as long as Retry-After says, in seconds or as a date, else for a minute."""
    entra.fail_next(TOKEN, status=status, headers={"Retry-After": header} if header else {})

    assert failure(entra).retry_after == seconds


def test_a_busy_provider_is_quoted(world: World, entra: Entra) -> None:
    """Of a 503 the code, the correlation id and the time are kept for the help desk."""
    entra.fail_next(TOKEN, code=90033)

    error = failure(entra)

    assert error.code == "AADSTS90033"
    assert error.correlation_id
    assert error.time


@pytest.mark.parametrize("body", [CAPTIVE_PORTAL, "", "[]", "nul", '{"a":' * 100_000, b"\xff\xfe"])
def test_what_is_no_json_is_no_answer(world: World, entra: Entra, body: str | bytes) -> None:
    """A captive portal's page is temporary, and named as what it is likely to be."""
    entra.fail_next(TOKEN, status=200, body=body)

    error = failure(entra)

    assert "not JSON (HTTP 200)" in error.fact
    assert "captive portal" in error.meaning
    assert error.retry_after == 5


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(world: World, entra: Entra, status: int) -> None:
    """A refresh token is never sent on to where a redirect points."""
    entra.fail_next(TOKEN, status=status, headers={"Location": f"{entra.authority}/elsewhere/token"})

    failure(entra)

    assert [request.path.endswith(f"/{entra.tenant}/{TOKEN}") for request in entra.requests] == [True]


def test_netrc_is_not_read(world: World, entra: Entra) -> None:
    """What ``~/.netrc`` holds for the host is not sent."""
    netrc = Path(world.environ["HOME"]) / ".netrc"
    netrc.write_text("default login alice password secret\n")
    netrc.chmod(0o600)

    post(entra)

    assert [request.authorization for request in entra.requests] == [None]


def test_a_name_that_nobody_has(world: World, entra: Entra) -> None:
    """A host that cannot be resolved is temporary for 5 s, and is named."""
    error = failure(entra, "https://login.invalid/token")

    assert error.fact.startswith("login.invalid cannot be")
    assert error.retry_after == 5


def test_a_port_where_nobody_is(world: World, entra: Entra) -> None:
    """A refused connection is temporary."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert "cannot be reached" in failure(entra, f"https://localhost:{port}/token").fact


def test_a_cut_connection(world: World, entra: Entra) -> None:
    """A connection that ends without an answer is temporary."""
    entra.fail_next(TOKEN, drop="after")

    assert "cannot be reached" in failure(entra).fact


def test_an_unknown_authority_signed_its_certificate(
    world: World, entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS is verified: a certificate of an unknown CA is temporary, and nothing was sent."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))

    assert "TLS certificate" in failure(entra).fact
    assert entra.requests == []


def test_no_answer_in_time(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up after the time for reading."""
    monkeypatch.setattr(http_client, "CONNECT", 0.3)
    monkeypatch.setattr(http_client, "READ", 0.3)
    started = time.monotonic()

    with silent_server() as port:
        error = failure(entra, f"https://localhost:{port}/token")

    assert "cannot be reached" in error.fact or "in time" in error.fact
    assert time.monotonic() - started < 5


def test_an_answer_that_drips(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that sends a byte now and then is given up after the time for a whole exchange."""
    monkeypatch.setattr(http_client, "WHOLE", 0.5)

    with silent_server(b"H") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        started = time.monotonic()
        error = failure(entra, "https://login.microsoftonline.com/token")

    assert "did not answer within" in error.fact
    assert time.monotonic() - started < 5


def test_a_proxy_is_used_for_the_default_authority(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """``HTTPS_PROXY`` is honoured, and the name of Microsoft's host is resolved by it."""
    host = "login.microsoftonline.com"
    with ConnectProxy({f"{host}:443": ("127.0.0.1", entra.port)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        answer = post(entra, f"https://{host}/{entra.tenant}/{TOKEN}")

    assert answer.status_code == 400
    assert proxy.connected == [f"{host}:443"]
    assert [request.host for request in entra.requests] == [host]


def test_no_proxy_is_honoured(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``NO_PROXY`` names is reached directly."""
    with ConnectProxy({}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        post(entra)

    assert proxy.refused == []


@pytest.mark.parametrize("url", ["http://user:geheim@127.0.0.1:{}", "ftp://user:geheim@127.0.0.1:{}", "http://[geheim"])
def test_a_proxy_that_fails(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A proxy that refuses, or that cannot be one, is temporary; its password appears nowhere."""
    with ConnectProxy({}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", url.format(proxy.port))
        error = failure(entra, "https://login.microsoftonline.com/token")

    assert "geheim" not in "\n".join(error.lines())


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
    with pytest.raises(errors.Misconfigured, match="/nonexistent"):
        post(entra)


def test_the_system_s_certificates_are_the_default(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable the system's store counts, else certifi's: never none at all."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)

    found = Path(trusted_certificates.find())  # no server of ours is signed by a public authority

    assert found.exists()
    assert found.is_dir() or b"BEGIN CERTIFICATE" in found.read_bytes()


def test_what_may_be_missing(world: World, entra: Entra) -> None:
    """A page that is not there is an empty object for who only looks."""
    assert http_client.get_json(f"https://localhost:{entra.port}/nothing/here") == {}

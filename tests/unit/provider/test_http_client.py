"""HTTP as MSAL gets it: what counts as an answer, what it is made of when there is none, and where it goes."""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from requests.exceptions import ConnectionError as Lost
from requests.exceptions import InvalidSchema, ProxyError, ReadTimeout

from offlineimap_m365.base import errors
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.provider import http_client, request_failure
from offlineimap_m365.provider.request_failure import ANSWER, CONNECTION, NAME, PROXY, TLS, RequestFailure
from tests import certificates
from tests.login_host import LoginHost
from tests.m365.entra import CAPTIVE_PORTAL, THUNDERBIRD
from tests.m365.wire import ConnectProxy
from tests.signed_in_accounts import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import World

PUBLIC = "https://login.microsoftonline.com/token"


def post(target: Entra | str) -> http_client.Answer:
    """Send a refresh that Entra refuses in the ordinary way, to Entra or to a URL."""
    form = {"grant_type": "refresh_token", "refresh_token": "unknown", "client_id": THUNDERBIRD}
    return http_client.Wire({}).post(target if isinstance(target, str) else f"{target.authority}/{TOKEN}", data=form)


def failure(target: Entra | str) -> errors.Temporary:
    """Return what post() raises."""
    with pytest.raises(errors.Temporary) as caught:
        post(target)
    return caught.value


def test_how_long_a_provider_asks_to_wait() -> None:
    """Retry-After is a number of seconds or a date; without a usable one it is a minute."""
    past, wrong = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Foo 99999 07:28:00 GMT"
    seconds = {None: 60, "7": 7, "0": 1, "-5": 60, "nan": 60, "soon": 60, past: 1, wrong: 60}

    assert {header: http_client.retry_after(header) for header in seconds} == seconds


#: What the provider answers, and what the error has: a word of its fact or advice, its command's end, and how many
#: seconds it is remembered.
ANSWERS: list[tuple[dict[str, Any], str, str, float]] = [
    ({"status": 503}, "HTTP 503", "", 60),
    ({"status": 500}, "HTTP 500", "", 60),
    ({"status": 429, "headers": {"Retry-After": "1740"}}, "(in 29 min)", "", 1740),
    ({"status": 302, "headers": {"Location": "https://portal.example/login"}}, "redirect", "", 5),
    ({"status": 301}, "redirect", "", 5),
    ({"status": 308, "headers": {"Location": "https:///"}}, "redirect", "", 5),
    *(
        ({"status": 200, "body": body}, "sign in to the network", "", 5)
        for body in (CAPTIVE_PORTAL, "", "[]", "nul", '{"a":' * 100_000, b"\xff\xfe", " " * 1_048_576)
    ),
    ({"status": 200, "body": " " * 1_048_577}, "does not end", "doctor", 5),
    ({"status": 499, "body": {"status": "not found"}}, "without an OAuth error", "doctor", 5),
    ({"status": 204, "body": ""}, "HTTP 204", "doctor", 5),
    ({"status": 200, "body": {"access_token": "t", "token_type": "mac"}}, "token_type", "doctor", 5),
    ({"drop": "after"}, "cannot be reached", "", 5),
]


def test_an_answer_that_is_none(world: World, entra: Entra, subtests: pytest.Subtests) -> None:
    """Each kind of useless answer is named, with what helps against it, and no redirect is followed."""
    for answer, text, command, seconds in ANSWERS:
        with subtests.test(answer=str(answer)[:60]):
            entra.forget()
            entra.fail_next(TOKEN, **answer)

            error = failure(entra)

            assert text in f"{error.fact} {error.remedy.advice}"
            assert (error.remedy.command or "").endswith(command)
            assert error.retry_after == seconds
            assert len(entra.requests) == 1


#: The environment, the address (None: Entra's), and what the error has: a word of its fact, its command's end.
OBSTACLES: list[tuple[dict[str, str], str | None, str, str]] = [
    ({}, "https://login.invalid/token", "cannot be found", ""),
    ({}, "https://localhost:1/token", "cannot be reached", ""),
    ({"REQUESTS_CA_BUNDLE": "other.pem"}, None, "not trusted", "doctor"),
    ({"HTTPS_PROXY": "http://user:geheim@127.0.0.1:1"}, PUBLIC, "HTTPS_PROXY", "doctor"),
    ({"HTTPS_PROXY": "ftp://user:geheim@127.0.0.1:1"}, PUBLIC, "", ""),
    ({"HTTPS_PROXY": "http://[geheim"}, PUBLIC, "", ""),
    ({"HTTPS_PROXY": "socks5://user:geheim@127.0.0.1:1"}, PUBLIC, "PySocks", "pip install PySocks"),
]


def test_a_request_that_does_not_arrive(
    world: World, entra: Entra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """Each cause is named with what helps against it, is remembered 5 s, and shows no password of a proxy."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "socks", None)  # PySocks is not installed
    for environment, url, text, command in OBSTACLES:
        with subtests.test(environment=environment, url=url), pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)

            error = failure(url or entra)

            assert text in error.fact
            assert (error.remedy.command or "").endswith(command)
            assert error.retry_after == 5
            assert "geheim" not in "\n".join(error.lines())
            assert entra.requests == []


def test_what_only_requests_reads_does_not_count(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """No password of ``~/.netrc`` is sent, no CURL_CA_BUNDLE is trusted; certificates that cannot be read are 78."""
    certificates.write(world.root / "home/.netrc", "default login alice password secret\n")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nonexistent")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    assert post(entra).status_code == 400
    assert [request.authorization for request in entra.requests] == [None]

    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    with pytest.raises(errors.Misconfigured, match="/nonexistent"):
        post(entra)


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


@pytest.mark.parametrize(("limit", "text"), [("CONNECT", "in time"), ("READ", "in time"), ("WHOLE", "within 0 s")])
def test_no_answer_in_time(
    world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, limit: str, text: str
) -> None:
    """A host that does no TLS handshake, that says nothing, or that sends a byte now and then, is left by its limit."""
    monkeypatch.setattr(http_client, limit, 0.05)
    drips = LoginHost(certificate=ca.issue_cert("localhost"), drip=b"H")
    with socket.create_server(("127.0.0.1", 0)) as silent, drips:
        port = silent.getsockname()[1] if limit == "CONNECT" else drips.port
        error = failure(f"https://localhost:{port}/")

    assert error.fact == f"localhost did not answer {text}"
    assert error.retry_after == 5


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
        answer = post(f"https://{host}/{entra.tenant}/{TOKEN}")

    assert answer.status_code == 400
    assert (proxy.connected, proxy.refused) == ([f"{host}:443"], [])
    assert [request.host for request in entra.requests][1:] == [host]
    assert capfd.readouterr() == ("", "")


def test_a_busy_provider_is_quoted(world: World, entra: Entra) -> None:
    """Of a 503 the code, the correlation id and the time are kept for the help desk."""
    entra.fail_next(TOKEN, code=90033)

    error = failure(entra)

    assert (error.code, bool(error.correlation_id), bool(error.time)) == ("AADSTS90033", True, True)


CLEAR, SECURE = "http://proxy:3128", "https://proxy:3129"
NO_TLS = ssl.SSLError("no TLS")
#: What was raised, the proxy, and what that means.
RAISED: list[tuple[Exception, str | None, RequestFailure]] = [
    (ReadTimeout(), None, RequestFailure(ANSWER)),
    (ReadTimeout(), CLEAR, RequestFailure(ANSWER)),
    (OSError(), None, RequestFailure(ANSWER)),
    (Lost(), None, RequestFailure(CONNECTION)),
    (Lost(), CLEAR, RequestFailure(PROXY)),
    (Lost(socket.gaierror()), None, RequestFailure(NAME)),
    (Lost(NO_TLS), None, RequestFailure(TLS, NO_TLS)),
    (Lost(NO_TLS), CLEAR, RequestFailure(TLS, NO_TLS)),
    (Lost(NO_TLS), SECURE, RequestFailure(TLS, NO_TLS)),
    (ProxyError(NO_TLS), CLEAR, RequestFailure(TLS, NO_TLS)),
    (ProxyError(NO_TLS), SECURE, RequestFailure(PROXY)),
    (ProxyError(OSError("Tunnel connection failed: 407 Who?")), CLEAR, RequestFailure(PROXY, proxy_status=407)),
    (InvalidSchema("Missing dependencies for SOCKS support."), CLEAR, RequestFailure(PROXY, needs_socks=True)),
]


def test_the_step_at_which_a_request_failed(subtests: pytest.Subtests) -> None:
    """The proxy is blamed for what happens before it leads anywhere, and not for what the host behind it does."""
    for error, proxy, failure in RAISED:
        with subtests.test(error=repr(error), proxy=proxy):
            assert request_failure.diagnose(error, proxy) == failure

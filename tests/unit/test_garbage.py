"""Garbage from the provider: a temporary failure in a few lines, in time, and the store is unchanged."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.provider import http_client
from offlineimap_m365.signin import tenant_discovery
from offlineimap_m365.signin.attempt import Attempt
from offlineimap_m365.tokens import engine
from tests.login_host import LoginHost
from tests.m365.entra import CAPTIVE_PORTAL
from tests.signed_in_accounts import ALICE, TOKEN, cache_of, provider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import trustme

    from tests.m365.entra import Entra

    Fail = Callable[..., errors.M365Error]

#: Run on one Python only: the libraries that read the wire are the same on each.
pytestmark = pytest.mark.once


def encoded(value: object) -> str:
    """Return *value* as a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(claims: object) -> str:
    """Return an unsigned JWT with *claims*."""
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}."


#: A good answer; each case below changes a part of it.
GOOD = {
    "token_type": "Bearer",
    "access_token": "an-access-token",
    "refresh_token": "a-refresh-token",
    "expires_in": 3600,
    "scope": "https://outlook.office.com/IMAP.AccessAsUser.All",
    "id_token": jwt({"sub": "s", "tid": "t", "oid": "o", "preferred_username": ALICE}),
    "client_info": encoded({"uid": "u", "utid": "t"}),
}

#: Whole bodies that are no answer of OAuth's.
BODIES: dict[str, str | bytes] = {
    "HTML": CAPTIVE_PORTAL,
    "nothing": b"",
    "truncated": json.dumps(GOOD)[:-40],
    "a list": json.dumps([GOOD]),
    "a string": '"access_token"',
    "an empty object": "{}",
    "nested": '{"a":' * 100_000,
    "nested below": '{"access_token": ' + "[" * 900 + "]" * 900 + "}",
    "an answer in an answer": json.dumps({"result": GOOD}),
    "invalid UTF-8": json.dumps(GOOD).encode().replace(b"an-access-token", b"\xff\xfe\xed\xa0\x80"),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a huge number": '{"access_token": "x", "expires_in": ' + "9" * 5000 + "}",
    "10 MB": json.dumps({**GOOD, "scope": "x" * 10_000_000}),
}

_OBJECTS = ("an empty object", "nested below", "an answer in an answer", "invalid UTF-8")

#: Fields of the wrong kind that JSON and a JWT can have, besides those of provider/test_token_response.py.
WRONG: dict[str, list[object]] = {
    "access_token": [["x"], {"a": 1}, True, " ", "\ud800"],
    "expires_in": ["soon", float("inf"), float("nan"), [3600], {}, "٣٦٠٠", 10**12, "9" * 5000],
    "scope": [["a", "b"], None],
    "id_token": ["garbage", "..", None, ["x"], jwt([1]), jwt({"sub": 5}), "a.\ud800.c", "a.%%%.c"],
    "client_info": [None, {}, *map(encoded, ([1], {"uid": {}, "utid": "x"}, {"uid": "a\r\nb"}))],
}

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BODY = json.dumps(GOOD).encode()
#: Bytes that are not HTTP, or not valid HTTP.
WIRES: dict[str, bytes] = {
    "nothing": b"",
    "HTTP/0.9": b"<html>hello</html>",
    "another protocol": b"* OK IMAP4rev1 ready\r\n",
    "cut within the head": OK[:-10],
    "cut within the body": OK + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY[:-30],
    "too long a length": OK + b"Content-Length: 99999\r\n\r\n" + _BODY[:-1],
    "too short a length": OK + b"Content-Length: 9\r\n\r\n" + _BODY,
    "a length that is none": OK + b"Content-Length: many\r\n\r\n" + _BODY[:-1],
    "chunks that are none": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + _BODY,
    "gzip that is none": OK + b"Content-Encoding: gzip\r\n\r\n" + _BODY,
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "206": b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY,
    "999": b"HTTP/1.1 999 What\r\n\r\n{}",
    "200 headers": OK + b"X: y\r\n" * 200 + b"\r\n{}",
    "an endless header": OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n{}",
    "headers that are none": OK + b"nonsense\r\n\x1b[31m: \xff\r\n\r\n[]",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: https://localhost:1/elsewhere\r\n\r\n" + _BODY,
    "a redirect with bytes": b"HTTP/1.1 308 x\r\nLocation: \xff\xfe\x00\r\nContent-Length: 0\r\n\r\n",
    "a cookie that is none": OK + b"Set-Cookie: =;;;\x00\r\nContent-Length: 2\r\n\r\n[]",
}


def refresh(entra: Entra, endpoints: Mapping[str, str]) -> object:
    """Refresh Alice's expired token."""
    del entra
    account = profiles.get(ALICE)
    profiles.save(dataclasses.replace(account, endpoints={**(account.endpoints or {}), **endpoints}))
    return engine.access_token(ALICE, engine.Wanted(impatient=True))


def attempt_at(entra: Entra, endpoints: Mapping[str, str]) -> Attempt:
    """Return an attempt to sign Alice in, some of whose *endpoints* are not Entra's."""
    known = provider(entra)
    return Attempt(dataclasses.replace(known, endpoints={**(known.endpoints or {}), **endpoints}), ALICE)


def redeem(entra: Entra, endpoints: Mapping[str, str]) -> object:
    """Redeem a code."""
    attempt = attempt_at(entra, endpoints)
    final = entra.approve(attempt.begin("https://localhost", "a state", hint=ALICE), ALICE)
    return attempt.redeem(dict(parse_qsl(urlsplit(final).query)))


def device(entra: Entra, endpoints: Mapping[str, str]) -> object:
    """Ask for a device code."""
    return attempt_at(entra, endpoints).begin_device()


def discover(entra: Entra, endpoints: Mapping[str, str]) -> object:
    """Ask an authority for its configuration."""
    return tenant_discovery.discover(next(iter(endpoints.values()), entra.authority))


#: Each request to a provider: the function that sends it, the endpoint, and its name in a configuration.
REQUESTS = {
    "refresh": (refresh, TOKEN, "token_endpoint"),
    "redeem": (redeem, TOKEN, "token_endpoint"),
    "device": (device, "oauth2/v2.0/devicecode", "device_authorization_endpoint"),
    "discover": (discover, "openid-configuration", "authority"),
}


@pytest.fixture
def fail(entra: Entra, expired: profiles.Account) -> Fail:
    """Return a function that sends a request, which must fail and change nothing, and returns the error."""

    def act(name: str, url: str = "") -> errors.M365Error:
        send, _, address = REQUESTS[name]
        before = cache_of(expired)
        Path(expired.folder, "state.json").unlink(missing_ok=True)  # no earlier failure counts
        with pytest.raises(errors.M365Error) as caught:
            send(entra, {address: url} if url else {})
        entra.forget()
        assert cache_of(expired) == before
        assert len(caught.value.lines()) <= 6
        assert len(str(caught.value)) < 1500
        return caught.value

    return act


def test_a_body_that_is_no_answer(subtests: pytest.Subtests, entra: Entra, fail: Fail) -> None:
    """A body that is not a JSON object of OAuth's is a temporary failure for every request."""
    cases = [(name, case) for name in ("refresh", "discover") for case in BODIES]
    for name, case in (*cases, ("redeem", "HTML"), ("device", "HTML")):
        with subtests.test(name=name, case=case):
            entra.fail_next(REQUESTS[name][1], status=200, body=BODIES[case])

            error = fail(name)

            # A configuration that lacks what is needed is another matter: the address may be wrong.
            lacks_something = name == "discover" and case in _OBJECTS
            assert isinstance(error, errors.Misconfigured if lacks_something else errors.Temporary)
            assert "localhost" in error.fact


def test_a_field_of_the_wrong_kind(subtests: pytest.Subtests, entra: Entra, fail: Fail) -> None:
    """An answer with one field of the wrong kind is a temporary failure that names the field."""
    tokens = [("refresh", field, value) for field, values in WRONG.items() for value in values]
    for name, field, value in (*tokens, ("redeem", "scope", 5), ("device", "user_code", "a\x1b[2J")):
        with subtests.test(name=name, field=field, value=ascii(value)[:40]):
            entra.fail_next(REQUESTS[name][1], status=200, body=json.dumps({**GOOD, field: value}))

            error = fail(name)

            assert isinstance(error, errors.Temporary)
            assert (field if name != "device" else "device_code") in error.fact


def test_what_is_not_http(
    subtests: pytest.Subtests,
    ca: trustme.CA,
    fail: Fail,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server with broken HTTP, a wrong length or a redirect is asked once, and no redirect is followed."""
    packed = gzip.compress(b" " * 5_000_000)
    wires = {**WIRES, "a gzip bomb": OK + b"Content-Encoding: gzip\r\n\r\n" + packed}
    cases = [(name, case) for name in ("refresh", "discover") for case in wires]
    with LoginHost(certificate=ca.issue_cert("localhost")) as server:
        for name, case in (*cases, ("redeem", "a redirect"), ("device", "a redirect")):
            with subtests.test(name=name, case=case):
                server.answer = wires[case]
                server.received.clear()

                error = fail(name, server.url)

                assert isinstance(error, errors.Temporary)
                assert "localhost" in error.fact
                assert case != "a gzip bomb" or "does not end" in error.fact
                assert len(server.received) <= (2 if name == "discover" else 1)
                assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "answer", "drip"),
    [
        ("refresh", b"", b"H"),
        ("refresh", OK, b"X"),
        ("refresh", OK + b"\r\n", b" "),
        ("discover", OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_slow_drip(  # noqa: PLR0917 - fixtures and parameters
    ca: trustme.CA,
    fail: Fail,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    answer: bytes,
    drip: bytes,
) -> None:
    """An answer that drips is given up when the time for a whole exchange is over."""
    monkeypatch.setattr(http_client, "WHOLE", 0.2)

    with LoginHost(answer, certificate=ca.issue_cert("localhost"), drip=drip) as server:
        error = fail(name, server.url)

    assert isinstance(error, errors.Temporary)
    assert "did not answer within" in error.fact or "does not end" in error.fact


def test_a_refusal_without_a_name(subtests: pytest.Subtests, entra: Entra, fail: Fail) -> None:
    """A refusal without an error's name is temporary: the sign-in is kept."""
    names: list[object] = [5, None, ["invalid_grant"], {"code": "x"}, "", "x" * 5000]
    for name in names:
        with subtests.test(name=ascii(name)[:40]):
            entra.fail_next(TOKEN, status=400, body={"error": name})

            assert isinstance(fail("refresh"), errors.Temporary)


STRANGE: list[dict[str, Any]] = [
    {"error_description": ["x"], "error_codes": "70000", "suberror": {}, "correlation_id": 5, "timestamp": []},
    {"error_codes": [None, "x", -1, 10**400, 50173.5, True], "claims": {"a": 1}, "error_uri": 5},
    {"error_description": "x" * 300_000, "correlation_id": "y" * 300_000, "suberror": "z" * 300_000},
    {"error_description": "\x1b]0;title\x07\u202e" * 9, "timestamp": "\x1b[2J", "correlation_id": "\r\nforged"},
    {"error_description": None, "error_codes": [[]], "suberror": None},
]


def test_a_refusal_with_strange_parts(subtests: pytest.Subtests, entra: Entra, fail: Fail) -> None:
    """A refusal with a name is one, whatever its other fields hold; the message stays short and printable."""
    for name in ("refresh", "redeem", "device"):
        for number, extra in enumerate(STRANGE):
            with subtests.test(name=name, number=number):
                entra.fail_next(REQUESTS[name][1], status=400, body=json.dumps({"error": "invalid_grant", **extra}))

                error = fail(name)

                assert isinstance(error, errors.SignInNeeded)
                assert "".join(error.lines()).isprintable()


def test_a_refusal_that_repeats_the_secret(entra: Entra, expired: profiles.Account, fail: Fail) -> None:
    """A refresh token that the provider repeats in its message is neither shown nor saved."""
    used = next(iter(cache_of(expired)["RefreshToken"].values()))["secret"]
    words = f"The token {used[:30]} {used} is bad"
    entra.fail_next(TOKEN, status=400, body={"error": "invalid_grant", "error_description": words})

    error = fail("refresh")

    state = Path(expired.folder, "state.json").read_text(encoding="utf-8")
    assert isinstance(error, errors.SignInNeeded)
    assert used not in str(error)
    assert "invalid_grant" in state
    assert used not in state

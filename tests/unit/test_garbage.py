"""Garbage from the provider: a temporary failure in a few lines, in time, and the store is unchanged."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.provider import http_client, msal_cache
from offlineimap_m365.signin import tenant_discovery
from offlineimap_m365.signin.attempt import Attempt
from offlineimap_m365.tokens import engine
from tests.login_host import LoginHost
from tests.m365.entra import CAPTIVE_PORTAL
from tests.signed_in_accounts import ALICE, TOKEN, age, cache_of, keep, provider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import trustme

    from tests.m365.entra import Entra
    from tests.world import World


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
    "a number": "1e400",
    "a string": '"access_token"',
    "null": "null",
    "an empty object": "{}",
    "nested": '{"a":' * 100_000,
    "nested below": '{"access_token": ' + "[" * 900 + "]" * 900 + "}",
    "an answer in an answer": json.dumps({"result": GOOD}),
    "invalid UTF-8": json.dumps(GOOD).encode().replace(b"an-access-token", b"\xff\xfe\xed\xa0\x80"),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a huge number": '{"access_token": "x", "expires_in": ' + "9" * 5000 + "}",
    "two in one": json.dumps(GOOD) * 2,
    "10 MB": json.dumps({**GOOD, "scope": "x" * 10_000_000}),
}

_OBJECTS = ("an empty object", "nested below", "an answer in an answer", "invalid UTF-8")

#: Fields of the wrong kind.
WRONG: dict[str, list[object]] = {
    "access_token": [["x"], {"a": 1}, 5, True, None, "", " ", "two\nlines", "\ud800", "ключ"],
    "refresh_token": [["x"], {"a": 1}, 5, True, None, "", "two\nlines"],
    "expires_in": ["soon", -1, 0, float("inf"), float("nan"), None, "", [3600], {}, True, "٣٦٠٠", 10**12, "9" * 5000],
    "scope": [["a", "b"], {}, 5, None],
    "token_type": [["Bearer"], None, 5],
    "id_token": ["garbage", "a.b.c", "..", None, 5, ["x"], jwt([1]), jwt({}), jwt({"sub": 5}), "a.\ud800.c", "a.%%%.c"],
    "client_info": ["garbage", None, 5, {}, *map(encoded, ([1], {"uid": {}, "utid": "x"}, {"uid": "a\r\nb"}))],
}
FIELDS = [
    pytest.param(name, value, id=f"{name}-{number}")
    for name, values in WRONG.items()
    for number, value in enumerate(values)
]


def bomb(megabytes: int = 200) -> bytes:
    """Return so many *megabytes* of spaces as one member of gzip (RFC 1952 §2.3), made of one repeated block."""
    block, checksum = b" " * 1_000_000, 0
    coder = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = coder.compress(block) + coder.flush(zlib.Z_FULL_FLUSH)
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    head, length = gzip.compress(b"")[:10], len(block) * megabytes
    return head + packed * megabytes + coder.flush() + checksum.to_bytes(4, "little") + length.to_bytes(4, "little")


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
    "a gzip bomb": OK + b"Content-Encoding: gzip\r\n\r\n" + bomb(),
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "206": b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY,
    "999": b"HTTP/1.1 999 What\r\n\r\n{}",
    "200 headers": OK + b"X: y\r\n" * 200 + b"\r\n{}",
    "an endless header": OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n{}",
    "headers that are none": OK + b"nonsense\r\n\x1b[31m: \xff\r\n\r\n[]",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: https://localhost:1/elsewhere\r\nContent-Length: %d\r\n\r\n"
    % len(_BODY)
    + _BODY,
    "a redirect to nowhere": b"HTTP/1.1 307 x\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    "a redirect with bytes": b"HTTP/1.1 308 x\r\nLocation: \xff\xfe\x00\r\nContent-Length: 0\r\n\r\n",
    "a cookie that is none": OK + b"Set-Cookie: =;;;\x00\r\nContent-Length: 2\r\n\r\n[]",
}


def refresh(entra: Entra, endpoints: Mapping[str, str]) -> object:
    """Refresh Alice's expired token."""
    del entra
    account = profiles.load(ALICE)
    assert account is not None
    profiles.save(dataclasses.replace(account, endpoints={**(account.endpoints or {}), **endpoints}))
    return engine.access_token(ALICE, engine.Wanted(impatient=True))


def attempt_at(entra: Entra, endpoints: Mapping[str, str]) -> Attempt:
    """Return an attempt to sign Alice in, some of whose *endpoints* are others than Entra's."""
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
each_request = pytest.mark.parametrize("name", REQUESTS)


@pytest.fixture
def signed_in(world: World, entra: Entra) -> profiles.Account:
    """Return Alice, whose token expired ten seconds ago."""
    del world
    account = keep(entra)
    age(account, -10)
    return account


def temporary(call: Callable[[], object], account: profiles.Account) -> errors.Temporary:
    """Return the temporary failure of *call*; check that it has few lines and that the store is unchanged."""
    before = cache_of(account)
    started = time.monotonic()
    with pytest.raises(errors.M365Error) as caught:
        call()

    error = caught.value
    assert isinstance(error, errors.Temporary), error
    assert time.monotonic() - started < 5
    assert len(error.lines()) <= 6
    assert len(str(error)) < 600
    assert cache_of(account) == before
    return error


@pytest.mark.parametrize(
    ("name", "case"),
    # A configuration that lacks what is needed is another matter: the address may be wrong (78).
    [(name, case) for name in REQUESTS for case in BODIES if name != "discover" or case not in _OBJECTS],
)
def test_a_body_that_is_no_answer(entra: Entra, signed_in: profiles.Account, name: str, case: str) -> None:
    """A body that is not a JSON object of OAuth's is a temporary failure for every request."""
    ask, endpoint, _ = REQUESTS[name]
    entra.fail_next(endpoint, status=200, body=BODIES[case])

    error = temporary(lambda: ask(entra, {}), signed_in)

    assert "localhost" in error.fact


@pytest.mark.parametrize("name", list(REQUESTS)[:2])
@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_a_field_of_the_wrong_kind(
    entra: Entra, signed_in: profiles.Account, name: str, field: str, value: object
) -> None:
    """An answer with one field of the wrong kind is a temporary failure that names the field."""
    ask, endpoint, _ = REQUESTS[name]
    entra.fail_next(endpoint, status=200, body=json.dumps({**GOOD, field: value}))

    error = temporary(lambda: ask(entra, {}), signed_in)

    assert field in error.fact or "not JSON" in error.fact


#: Fields of the answer with a device code, of the wrong kind.
DEVICE: dict[str, list[object]] = {
    "device_code": [None, [1]],
    "user_code": [5, "a\x1b[2J", "x" * 5000],
    "verification_uri": ["javascript:alert(1)", None, "https://a b"],
    "expires_in": ["soon", float("inf"), -5],
    "interval": ["x", 1e9, -1],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in DEVICE.items() for value in values])
def test_a_device_code_of_the_wrong_kind(entra: Entra, signed_in: profiles.Account, field: str, value: object) -> None:
    """Each field of an answer with a device code must be of the right kind."""
    good = {
        "device_code": "d" * 40,
        "user_code": "ABC DEF",
        "verification_uri": "https://localhost/device",
        "expires_in": 900,
        "interval": 5,
    }
    entra.fail_next("oauth2/v2.0/devicecode", status=200, body=json.dumps({**good, field: value}))

    error = temporary(lambda: device(entra, {}), signed_in)

    assert field in error.fact


@each_request
@pytest.mark.parametrize("case", WIRES)
def test_what_is_not_http(  # noqa: PLR0917 - fixtures and parameters
    entra: Entra, ca: trustme.CA, signed_in: profiles.Account, name: str, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server with broken HTTP, a wrong length or a redirect is asked once, and no redirect is followed."""
    ask, _, endpoint = REQUESTS[name]

    with LoginHost(WIRES[case], certificate=ca.issue_cert("localhost")) as server:
        error = temporary(lambda: ask(entra, {endpoint: server.url}), signed_in)

    assert "localhost" in error.fact
    assert len(server.received) <= (2 if name == "discover" else 1)
    assert capsys.readouterr() == ("", "")


@each_request
@pytest.mark.parametrize(
    ("answer", "drip"),
    [(b"", b"H"), (OK, b"X"), (OK + b"\r\n", b" "), (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")],
)
def test_a_slow_drip(  # noqa: PLR0917 - fixtures and parameters
    entra: Entra,
    ca: trustme.CA,
    signed_in: profiles.Account,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    answer: bytes,
    drip: bytes,
) -> None:
    """An answer that drips is given up when the time for a whole exchange is over."""
    monkeypatch.setattr(http_client, "WHOLE", 0.5)
    ask, _, endpoint = REQUESTS[name]

    with LoginHost(answer, certificate=ca.issue_cert("localhost"), drip=drip) as server:
        error = temporary(lambda: ask(entra, {endpoint: server.url}), signed_in)

    assert "did not answer within" in error.fact or "does not end" in error.fact


@pytest.mark.parametrize("case", [*BODIES, "a redirect", "cut"])
def test_the_old_token_is_handed_out_while_it_lives(
    entra: Entra, ca: trustme.CA, signed_in: profiles.Account, heard: list[str], case: str
) -> None:
    """While the old token lives it is used, with one line that says so, whatever the provider sends."""
    age(signed_in, 100)
    before = cache_of(signed_in)
    answer = WIRES.get(case, OK + b"\r\n" + _as_bytes(BODIES.get(case, "")))

    with LoginHost(answer, certificate=ca.issue_cert("localhost")) as server:
        found = refresh(entra, {"token_endpoint": server.url})

    assert isinstance(found, msal_cache.AccessToken)
    assert found.value == next(iter(before["AccessToken"].values()))["secret"]
    assert len(heard) == 1
    assert "lives for another" in heard[0]
    assert cache_of(signed_in) == before


def _as_bytes(body: str | bytes) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


@pytest.mark.parametrize(
    "answer",
    [{"message": "no"}, *({"error": name} for name in (5, None, ["invalid_grant"], {"code": "x"}, "", "x" * 5000))],
)
@pytest.mark.parametrize("name", ["refresh", "redeem", "device"])
def test_a_refusal_without_a_name(
    entra: Entra, signed_in: profiles.Account, name: str, answer: dict[str, object]
) -> None:
    """A refusal without an error's name is temporary: the sign-in is kept."""
    ask, endpoint, _ = REQUESTS[name]
    entra.fail_next(endpoint, status=400, body=answer)

    temporary(lambda: ask(entra, {}), signed_in)


@pytest.mark.parametrize(
    "extra",
    [
        {"error_description": ["x"], "error_codes": "70000", "suberror": {}, "correlation_id": 5, "timestamp": []},
        {"error_codes": [None, "x", -1, 10**400, 50173.5, True], "claims": {"a": 1}, "error_uri": 5},
        {"error_description": "x" * 300_000, "correlation_id": "y" * 300_000, "suberror": "z" * 300_000},
        {"error_description": "\x1b]0;title\x07\u202e" * 9, "timestamp": "\x1b[2J", "correlation_id": "\r\nforged"},
        {"error_description": None, "error_codes": [[]], "suberror": None},
    ],
)
@pytest.mark.parametrize("name", ["refresh", "redeem", "device"])
def test_a_refusal_with_strange_parts(
    entra: Entra, signed_in: profiles.Account, name: str, extra: dict[str, Any]
) -> None:
    """A refusal with a name is one, whatever its other fields hold; the message stays short and printable."""
    ask, endpoint, _ = REQUESTS[name]
    entra.fail_next(endpoint, status=400, body=json.dumps({"error": "invalid_grant", **extra}))
    before = cache_of(signed_in)

    with pytest.raises(errors.SignInNeeded) as caught:
        ask(entra, {})

    shown = "\n".join(caught.value.lines())
    assert len(shown) < 1500
    assert len(caught.value.lines()) <= 6
    assert shown.replace("\n", "").isprintable()
    assert cache_of(signed_in) == before


def test_a_refusal_that_repeats_the_secret(entra: Entra, signed_in: profiles.Account) -> None:
    """A refresh token that the provider repeats in its message is neither shown nor saved."""
    used = next(iter(cache_of(signed_in)["RefreshToken"].values()))["secret"]
    entra.fail_next(
        TOKEN, status=400, body={"error": "invalid_grant", "error_description": f"The token {used[:30]} {used} is bad"}
    )
    entra.refresh_tokens.clear()

    with pytest.raises(errors.SignInNeeded) as caught:
        refresh(entra, {})

    assert used not in str(caught.value)
    state = (Path(signed_in.folder) / "state.json").read_text(encoding="utf-8")
    assert "invalid_grant" in state
    assert used not in state

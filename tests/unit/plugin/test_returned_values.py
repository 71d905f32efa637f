"""Errors of the functions hold no secret in anything that could be printed, values of local variables included."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import offlineimap_m365
from offlineimap_m365.base import errors
from offlineimap_m365.plugin import evals, offlineimap_builds
from offlineimap_m365.provider import msal_client
from offlineimap_m365.signin.attempt import Attempt
from offlineimap_m365.tokens import engine, token_cache
from tests.signed_in_accounts import ALICE, TOKEN, age, attempt, cache_of, keep, provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


def forms(secret: str) -> list[str]:
    """Return how a *secret* could stand somewhere: as it is, a part of it, in an address, in base64."""
    xoauth2 = f"user={ALICE}\x01auth=Bearer {secret}\x01\x01"
    coded = [base64.b64encode(text.encode()).decode()[12:60] for text in (secret, xoauth2)]
    return [secret, secret[20:50], quote(secret, safe=""), *coded]


def all_of(error: BaseException) -> str:
    """Return all that a report of *error* could print: text, attributes, values of local variables, causes."""
    found, text, seen = [error], "", set[int]()
    while found:
        one = found.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        parts = {name: getattr(one, name, None) for name in ("doc", "object", "output", "stderr")}
        text += f"{one!r} {one} {one.args!r} {one.__dict__!r} {parts!r}\n"
        text += "".join(traceback.TracebackException.from_exception(one, capture_locals=True).format())
        found += [other for other in (one.__cause__, one.__context__) if other is not None]
    return text


#: What Microsoft's server does to a refresh; SECRET stands for the refresh token that it was sent.
FAILURES: dict[str, dict[str, Any]] = {
    "busy": {"status": 503},
    "no tokens": {"status": 200, "body": {"access_token": ["x"], "refresh_token": "SECRET", "scope": "SECRET"}},
    "a page": {"status": 200, "body": "<p>SECRET</p>"},
    "an echo": {"status": 400, "body": {"error": "invalid_grant", "error_description": "no SECRET here"}},
    "a cut connection": {"drop": "after"},
}


@pytest.mark.parametrize("failure", [*FAILURES, "a refusal", "half a cache", "a cache of nobody"])
def test_no_error_of_a_refresh_holds_a_secret(world: World, entra: Entra, failure: str) -> None:
    """Whatever a refresh fails with: its text, its attributes, its causes and the values of its frames are clean."""
    account = keep(entra)
    secrets = _secrets(account)
    age(account, -10)
    path = Path(account.folder) / "cache.json"
    if failure in FAILURES:
        secret = next(iter(cache_of(account)["RefreshToken"].values()))["secret"]
        entra.fail_next(TOKEN, **json.loads(json.dumps(FAILURES[failure]).replace("SECRET", secret)))
    elif failure == "a refusal":
        entra.revoke(ALICE)
    elif failure == "half a cache":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.write_text(json.dumps(cache_of(account) | {"Account": {"a": 5}}), encoding="utf-8")

    error = _raised(lambda: offlineimap_m365.get_access_token(ALICE))

    found = all_of(error)
    assert isinstance(error, errors.M365Error)
    assert "get_access_token" in found, "where it was raised is told"
    assert not [form for secret in secrets for form in forms(secret) if form in found]


def test_no_bug_holds_a_secret(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is told with its kind and place, without the values that it met."""
    account = keep(entra)
    secrets = _secrets(account)
    age(account, -10)

    def fail(*arguments: object, **others: object) -> bytes:
        raise ZeroDivisionError(arguments, others)

    monkeypatch.setattr(msal_client, "refresh", fail)

    error = _raised(lambda: offlineimap_m365.get_access_token(ALICE))

    assert "ZeroDivisionError in test_returned_values.py, line" in str(error)
    assert not [form for secret in secrets for form in forms(secret) if form in all_of(error)]


def test_nothing_shows_what_it_holds(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """The objects for a sign-in, an attempt, a code, a token and a store show no secret when printed."""
    account = keep(entra)
    tried = Attempt(provider(entra), ALICE)
    address = tried.begin("https://localhost", "a-state-of-this-sign-in", hint=ALICE)
    code = tried.begin_device()
    found: list[Any] = [tried, code, attempt(entra), engine.access_token(ALICE), token_cache.read(account), account]
    monkeypatch.setattr(offlineimap_builds, "evaluates_once", lambda: True)
    found += [evals.get_access_token(ALICE), engine._memory]  # noqa: SLF001 - what a debugger prints

    shown = repr(found)

    secrets = [*_secrets(account), *entra.codes, *entra.device_codes, "a-state-of-this-sign-in"]
    assert address
    assert not [form for secret in secrets for form in forms(secret)[:2] if form and form in shown]


def _secrets(account: Account) -> list[str]:
    cache = cache_of(account)
    return [
        str(entry["secret"]) for kind in ("AccessToken", "RefreshToken", "IdToken") for entry in cache[kind].values()
    ]


def _raised(call: Callable[[], object]) -> BaseException:
    """Return what *call* raises, in a frame that knows no secret."""
    with pytest.raises(errors.M365Error) as caught:
        call()
    return caught.value

"""Errors of library calls: nothing that could be printed of them, values of local variables included, is a secret."""

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
from offlineimap_m365.provider import msal_client as door
from offlineimap_m365.tokens import engine, token_cache
from tests.kept import ALICE, TOKEN, age, attempt, cache_of, keep, provider

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
    """Return everything that can be got out of *error* without looking for it: words, parts, values, causes."""
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


def refused(entra: Entra, account: Account) -> None:
    """Let Microsoft refuse the refresh token."""
    del account
    entra.revoke(ALICE)


def busy(entra: Entra, account: Account) -> None:
    """Let Microsoft be busy."""
    del account
    entra.fail_next(TOKEN, status=503)


def garbage(entra: Entra, account: Account) -> None:
    """Let it send tokens that are none."""
    secret = next(iter(cache_of(account)["RefreshToken"].values()))["secret"]
    entra.fail_next(TOKEN, status=200, body={"access_token": ["x"], "refresh_token": secret, "scope": secret})


def page(entra: Entra, account: Account) -> None:
    """Let it send a page with the token in it."""
    secret = next(iter(cache_of(account)["RefreshToken"].values()))["secret"]
    entra.fail_next(TOKEN, status=200, body=f"<p>{secret}</p>")


def echo(entra: Entra, account: Account) -> None:
    """Let it repeat the token in a refusal."""
    secret = next(iter(cache_of(account)["RefreshToken"].values()))["secret"]
    entra.fail_next(TOKEN, status=400, body={"error": "invalid_grant", "error_description": f"no {secret} here"})


def gone(entra: Entra, account: Account) -> None:
    """Let the connection be cut."""
    del account
    entra.fail_next(TOKEN, drop="after")


def cut(entra: Entra, account: Account) -> None:
    """Let the file of the tokens be cut off."""
    del entra
    path = Path(account.folder) / "cache.json"
    path.write_bytes(path.read_bytes()[:-40])


def damaged(entra: Entra, account: Account) -> None:
    """Let the file of the tokens name nobody."""
    del entra
    cache = cache_of(account)
    cache["Account"] = {"a": 5}
    (Path(account.folder) / "cache.json").write_text(json.dumps(cache), encoding="utf-8")


FAILURES = (refused, busy, garbage, page, echo, gone, cut, damaged)


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: str(fail.__name__))
def test_no_error_of_a_refresh_holds_a_secret(
    world: World, entra: Entra, fail: Callable[[Entra, Account], None]
) -> None:
    """Whatever a refresh fails with: its words, its attributes, its causes and the values on its way are clean."""
    account = keep(entra)
    secrets = _secrets(account)
    age(account, -10)
    fail(entra, account)

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

    monkeypatch.setattr(door, "refresh", fail)

    error = _raised(lambda: offlineimap_m365.get_access_token(ALICE))

    assert "ZeroDivisionError in test_returned_values.py, line" in str(error)
    assert not [form for secret in secrets for form in forms(secret) if form in all_of(error)]


def test_nothing_shows_what_it_holds(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for a sign-in, an attempt, a code, a token or a store shows no secret if it is printed."""
    account = keep(entra)
    tried = door.Attempt(provider(entra), ALICE)
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

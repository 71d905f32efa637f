"""A refresh through MSAL, what every failure turns into, and what of an answer is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msal
import pytest

from offlineimap_m365.accounts.client_credential import Proof
from offlineimap_m365.base import errors
from offlineimap_m365.provider import msal_client
from offlineimap_m365.provider.id_token import claims_of
from offlineimap_m365.provider.provider import Provider
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import ALICE, SCOPES, TOKEN, attempt, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


@pytest.mark.parametrize(("named", "advised"), [(SCOPES[1], True), (" ".join(SCOPES), False), ("", False)])
def test_a_refresh_without_consent_for_smtp_says_so(world: World, entra: Entra, named: str, *, advised: bool) -> None:
    """If SMTP only, then mail can be fetched without it; if IMAP is named, too, or nothing, that would not help."""
    cache = attempt(entra).cache
    words = f"AADSTS65001: The user or administrator has not consented: {named}"
    entra.fail_next(TOKEN, code=65001, extra={"error_description": words})

    with pytest.raises(errors.SignInNeeded) as caught:
        msal_client.refresh(describe(entra), cache)

    assert ("--scope imap" in (caught.value.remedy.command or "")) == advised
    assert caught.value.prompt == "consent"


def test_a_request_loop_waits_for_five_minutes(world: World, entra: Entra) -> None:
    """AADSTS50196 is a fault of this program: 75, and Microsoft is left alone."""
    account, cache = describe(entra), attempt(entra).cache
    entra.fail_next(TOKEN, code=50196, status=400)

    with pytest.raises(errors.Temporary) as caught:
        msal_client.refresh(account, cache)

    assert caught.value.retry_after == 300


def test_a_refresh_of_a_generic_provider(world: World, entra: Entra) -> None:
    """Without client_info, scope and ID token the new access token still belongs to the same person."""
    entra.extras = False
    before = attempt(entra).cache

    after = json.loads(msal_client.refresh(describe(entra), before))

    assert len(after["AccessToken"]) == 1
    owners = {entry["home_account_id"] for entry in after["AccessToken"].values()}
    assert owners == {entry["home_account_id"] for entry in after["Account"].values()}


def test_what_is_no_cache_is_damaged(world: World, entra: Entra) -> None:
    """A cache that MSAL cannot use is 78, whatever MSAL does with it, and no request is made."""
    account = describe(entra)
    entra.forget()

    for cache in (b"{}", b"[]", b"", b"\xff", b'{"Account": {"a": 5}}', b'{"Account": 7}', b'{"RefreshToken": []}'):
        with pytest.raises(errors.Misconfigured, match="damaged"):
            msal_client.refresh(account, cache)

    assert entra.requests == []


def test_what_msal_raises_is_temporary(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older MSAL refuses some answers by an exception; its text, which may hold claims, is not shown."""
    account, cache, proof = describe(entra), attempt(entra).cache, Proof("a secret", "")
    application = Provider(THUNDERBIRD, entra.authority, ("https://outlook.office365.com/.default",), account.endpoints)
    entra.add_client(THUNDERBIRD, [], public=False, secret="a secret")

    def refuse(_: object) -> None:
        raise RuntimeError("the claims of alice")

    monkeypatch.setattr(msal.SerializableTokenCache, "serialize", refuse)
    requests: tuple[Callable[[], bytes], ...] = (
        lambda: msal_client.refresh(account, cache, proof),
        lambda: msal_client.obtain(application, ALICE, proof),
    )
    for request in requests:
        with pytest.raises(errors.Temporary, match=r"was not understood \(RuntimeError\)") as caught:
            request()

        assert "claims" not in "".join(caught.value.lines())


#: A JWT, and its claims.
CLAIMS: list[tuple[str, dict[str, str] | None]] = [
    ("x.eyJzdWIiOiAiYWxpY2UifQ.y", {"sub": "alice"}),
    ("x.eyJzdWIiOiAiYWxpY2UifQ==.y", {"sub": "alice"}),
    ("x.eyJhIjogIj8_PyJ9.y", {"a": "???"}),
    ("eyJzdWIiOiAiYWxpY2UifQ", None),
    ("x.W10.y", None),
    ("x.e.y", None),
    ("x..y", None),
    (f"x.{'W' * 400_000}.y", None),
]


@pytest.mark.once
def test_the_claims_of_a_jwt() -> None:
    """Three parts, of which the second is a JSON object in base64 for addresses, not nested too deeply."""
    for token, claims in CLAIMS:
        assert claims_of(token) == claims, token[:40]

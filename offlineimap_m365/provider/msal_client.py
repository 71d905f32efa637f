"""
The only module that imports MSAL: it builds MSAL's client, and turns what MSAL returns and raises into our errors.

The result is a cache in MSAL's own JSON with exactly one sign-in in it. Source: MSAL 1.32.3 and 1.39 read and tried.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import msal

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import explain, next_step
from offlineimap_m365.provider import msal_cache, silence_loggers
from offlineimap_m365.provider.http_client import BUSY, Wire
from offlineimap_m365.provider.provider import Provider, situation_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.client_credential import Proof
    from offlineimap_m365.accounts.profiles import Account

#: Seconds to wait after AADSTS50196, "client request loop": five minutes (entra-docs, reference-error-codes.md).
_LOOP = 300.0
#: What MSAL raises apart from what our Wire raises: state, nonce, shapes of answers that it did not expect.
UNEXPECTED = (ValueError, RuntimeError, LookupError, ArithmeticError, TypeError, AttributeError, AssertionError)


def refresh(account: Account, cache: bytes, proof: Proof | None = None) -> bytes:
    """
    Redeem the refresh token in *cache* with one request and return the cache that replaces it.

    *proof* is a confidential client's secret or certificate. Raises SignInNeeded, Temporary or Misconfigured; *cache*
    stays what it was.
    """
    try:
        app = application(Provider.of(account), proof, cache)
        owner = app.get_accounts()[0]
    except UNEXPECTED as error:
        raise errors.Misconfigured(
            f"The stored sign-in of {account.name} is damaged: it names nobody",
            account=account.name,
            remedy=Remedy("", errors.login_command(account.name)),
        ) from error
    try:
        answer = app.acquire_token_silent_with_error(list(account.scopes), owner, force_refresh=True)
        if answer and "access_token" in answer:
            return cache_of(app, answer)
    except UNEXPECTED as error:
        raise _not_understood(account.name, error) from None
    if not answer:  # no request was made: a login with another client id was killed before it wrote its profile
        raise profiles.lost(account)
    situation = situation_of(account)
    raise next_step.after_refresh(_refusal(answer, situation), situation)


def obtain(provider: Provider, name: str, proof: Proof) -> bytes:
    """
    Request a token of the application's own with one request (RFC 6749 §4.4) and return the cache that holds it.

    Raises SignInNeeded, Temporary or Misconfigured, which name the account *name*.
    """
    try:
        app = application(provider, proof)
        answer = app.acquire_token_for_client(list(provider.scopes))
        if answer and "access_token" in answer:
            return cache_of(app, answer)
    except UNEXPECTED as error:
        raise _not_understood(name, error) from None
    tenant = provider.authority.rpartition("/")[2]
    raise _refusal(answer or {}, explain.Situation(name, provider.client_id, tenant))


def application(provider: Provider, proof: Proof | None = None, cache: bytes = b"{}") -> msal.ClientApplication:
    """Return MSAL's client for *provider* with the *cache*; raises UNEXPECTED for what MSAL does not take."""
    silence_loggers.install()
    token_cache = msal.SerializableTokenCache()
    token_cache.deserialize(cache.decode("utf-8"))
    options: dict[str, Any] = {
        "authority": provider.authority,
        "instance_discovery": False,
        "token_cache": token_cache,
        "http_client": Wire(provider.configuration()),
    }
    if proof is None:
        return msal.PublicClientApplication(provider.client_id, **options)
    # Or else the variable MSAL_FORCE_REGION would choose another host.
    options["azure_region"] = msal.ClientApplication.DISABLE_MSAL_FORCE_REGION
    credentials = [proof.for_msal]
    if isinstance(proof.for_msal, dict):
        # MSAL 1.35 and newer sign with PS256 if they may find the thumbprint themselves; older ones raise ValueError.
        credentials.insert(0, {name: value for name, value in proof.for_msal.items() if name != "thumbprint"})
    with contextlib.suppress(ValueError):
        return msal.ConfidentialClientApplication(provider.client_id, client_credential=credentials[0], **options)
    return msal.ConfidentialClientApplication(provider.client_id, client_credential=credentials[-1], **options)


def cache_of(app: msal.ClientApplication, answer: Mapping[str, Any]) -> bytes:
    """Return the cache of *app* with nothing but what *answer* granted; raises ValueError as msal_cache.only()."""
    return msal_cache.only(json.loads(app.token_cache.serialize()), str(answer["access_token"]))


def _refusal(answer: Mapping[str, Any], situation: explain.Situation) -> errors.M365Error:
    """Return the error for an OAuth error *answer*."""
    error = explain.error_for(answer, situation)
    if isinstance(error, errors.Temporary):
        error.retry_after = _LOOP if error.code == "AADSTS50196" else BUSY
    return error


def _not_understood(name: str, error: Exception) -> errors.Temporary:
    """Return our error for what MSAL raised; its text may hold claims and codes, so only its kind is shown."""
    return errors.Temporary(
        f"{name}: the answer of the provider was not understood ({type(error).__name__})",
        account=name,
        remedy=Remedy("Try again"),
    )

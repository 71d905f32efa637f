"""
MSAL behind one door: it builds the client, and folds MSAL's three kinds of failure into ours.

What comes out is a cache in MSAL's own JSON with exactly one sign-in in it. Sources: MSAL 1.32.3 and 1.39 read and
tried; RFC 6749, 7636 (PKCE), 8628 (device code); OpenID Connect Core 1.0.
"""

from __future__ import annotations

import dataclasses
import json
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msal

from offlineimap_m365 import advice, errors, explain, home, hush
from offlineimap_m365.cache import only
from offlineimap_m365.identity import check_claims, granted
from offlineimap_m365.wire import BUSY, Keeping, Wire, get_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts import Account

#: Seconds between two questions after an answer that was none (RFC 8628 §3.5, the default interval).
_DEVICE_PAUSE = 5.0
#: Seconds to wait after AADSTS50196, "client request loop": five minutes (entra-docs, reference-error-codes.md).
_LOOP = 300.0
#: What MSAL raises apart from what our Wire raises: state, nonce, shapes of answers that it did not expect.
_UNEXPECTED = (ValueError, RuntimeError, LookupError, ArithmeticError, TypeError, AttributeError, AssertionError)


@dataclasses.dataclass(frozen=True)
class Provider:
    """
    Who is asked: *client_id* at *authority*, for *scopes*.

    *endpoints* is the kept OpenID configuration of a custom authority; None for Microsoft's own hosts, whose one
    follows a template and is never asked for.
    """

    client_id: str
    authority: str
    scopes: tuple[str, ...]
    endpoints: Mapping[str, str] | None = None

    @classmethod
    def of(cls, account: Account) -> Provider:
        """Return the provider of an account that is kept."""
        return cls(account.client_id, account.authority, account.scopes, account.endpoints)

    def configuration(self) -> Mapping[str, str]:
        """Return the OpenID configuration, from what is kept or by Microsoft's template."""
        if self.endpoints:
            return self.endpoints
        base = f"{self.authority}/oauth2/v2.0"
        return {
            "issuer": f"https://{urlsplit(self.authority).netloc}/{{tenantid}}/v2.0",
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "device_authorization_endpoint": f"{base}/devicecode",
        }


@dataclasses.dataclass(frozen=True)
class SignIn:
    """
    Somebody signed in: the claims of their ID token, and the cache that would be kept.

    *scopes* are those of the permissions asked for that were granted; None if the answer does not tell.
    """

    claims: Mapping[str, Any] = dataclasses.field(repr=False)
    cache: bytes = dataclasses.field(repr=False)
    scopes: tuple[str, ...] | None = dataclasses.field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """The names under which the person is known, most telling first."""
        found = [self.claims.get(name) for name in ("preferred_username", "upn", "email")]
        return [name for name in found if isinstance(name, str) and name]

    @property
    def person(self) -> dict[str, str]:
        """The tenant's and the person's ids; without Entra's, the issuer and subject (OpenID Connect Core §2)."""
        claims = self.claims
        if claims.get("tid") and claims.get("oid"):
            return {"tid": str(claims["tid"]), "oid": str(claims["oid"])}
        return {"iss": str(claims.get("iss", "")), "sub": str(claims.get("sub", ""))}


@dataclasses.dataclass(frozen=True)
class DeviceCode:
    """What a person types where: *user_code* at *address*, within *seconds*."""

    user_code: str
    address: str
    seconds: int
    flow: dict[str, Any] = dataclasses.field(repr=False)


def discover(authority: str) -> dict[str, str]:
    """
    Ask *authority* (https, without a trailing slash) for its OpenID configuration and return the part that is kept.

    Entra serves it below ``/v2.0``, other providers directly (OpenID Connect Discovery 1.0 §4). Raises Temporary,
    and Misconfigured if there is none or an endpoint is not https.
    """
    wanted = ("issuer", "authorization_endpoint", "token_endpoint", "device_authorization_endpoint")
    for base in (f"{authority}/v2.0", authority):
        found = get_json(f"{base}/.well-known/openid-configuration")
        kept = {name: found[name] for name in wanted if isinstance(found.get(name), str)}
        if "token_endpoint" in kept and "authorization_endpoint" in kept:
            insecure = [kept[name] for name in wanted[1:] if not kept.get(name, "https://").startswith("https://")]
            if insecure:
                raise errors.Misconfigured(
                    f"{authority} names an address that is not https: {insecure[0]}",
                    meaning="A token would go to anybody who listens",
                    remedy="Correct what --authority names, or ask whoever runs it to repair its OpenID configuration",
                )
            return kept
    raise errors.Misconfigured(
        f"{authority} has no OpenID configuration",
        remedy="Correct what --authority names, without anything after it",
    )


def refresh(account: Account, cache: bytes) -> bytes:
    """
    Redeem the refresh token in *cache* with one request and return the cache that replaces it.

    Raises SignInNeeded, Temporary or Misconfigured; *cache* stays what it was.
    """
    kept = msal.SerializableTokenCache()
    try:
        kept.deserialize(cache.decode("utf-8"))
        app = _application(Provider.of(account), kept)
        known = app.get_accounts()[0]
    except _UNEXPECTED as error:
        raise errors.Misconfigured(
            f"The stored sign-in of {account.name} is damaged: it names nobody",
            account=account.name,
            remedy=f"Run: {errors.login_command(account.name)}",
        ) from error
    try:
        answer = app.acquire_token_silent_with_error(list(account.scopes), known, force_refresh=True)
        if answer and "access_token" in answer:
            return only(json.loads(kept.serialize()), str(answer["access_token"]))
    except _UNEXPECTED as error:  # no state and no nonce here that could be another's
        raise errors.Temporary(
            f"{account.name}: the answer of the provider was not understood ({type(error).__name__})",
            account=account.name,
            remedy="Try again",
        ) from None
    if not answer:  # nobody was asked: a login with another client id was killed before its profile was written
        raise errors.SignInNeeded(
            f"The stored sign-in of {account.name} was not made with the client id {account.client_id}",
            account=account.name,
            remedy=f"Run: {errors.login_command(account.name)}",
        )
    raise _refusal(answer, account)


def _refusal(answer: Mapping[str, Any], account: Account) -> errors.M365Error:
    error = explain.error_for(
        answer,
        account=account.name,
        client_id=account.client_id,
        tenant=account.tenant,
        redirect_uri=account.redirect_uri,
        home=Path(home.directory()),
        is_personal=account.is_personal,
    )
    if isinstance(error, errors.Temporary):
        error.retry_after = _LOOP if error.code == "AADSTS50196" else BUSY
    return advice.after_refresh(error, account)


class Attempt:
    """One attempt to sign in, in a scratch cache: nothing of it is kept unless the caller keeps it."""

    def __init__(self, provider: Provider, name: str, *, claims: str | None = None, is_personal: bool = False) -> None:
        """
        Prepare an attempt for the account *name*; nothing is asked yet.

        *claims* is what an earlier refusal demanded that it prove (OpenID Connect Core §5.5), a JSON object as text.
        Raises Misconfigured for an authority that MSAL does not take.
        """
        self._provider = provider
        self._name = name
        self._claims = claims
        self._is_personal = is_personal
        self._cache = msal.SerializableTokenCache()
        try:
            self._app = _application(provider, self._cache)
        except _UNEXPECTED:
            raise errors.Misconfigured(
                f"{name}: {provider.authority}, or an address that its OpenID configuration names, cannot be used",
                account=name,
                meaning="Each must be https, with a host and a path",
                remedy="Correct what --authority names",
            ) from None
        self._flow: dict[str, Any] = {}

    def begin(self, redirect_uri: str, state: str, *, hint: str, prompt: str | None = None) -> str:
        """Return the address of the sign-in page; its answer will carry *state*."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # MSAL >= 1.35 would rather have a form posted
            self._flow = self._app.initiate_auth_code_flow(
                list(self._provider.scopes),
                redirect_uri=redirect_uri,
                state=state,
                login_hint=hint,
                prompt=prompt,
                response_mode="query",
                claims_challenge=self._claims,
            )
        return str(self._flow["auth_uri"])

    def redeem(self, answer: Mapping[str, str]) -> SignIn:
        """Redeem the code of the last page's address; raises SignInNeeded, Temporary or Misconfigured."""
        plain = {key: answer[key] for key in ("code", "state") if key in answer}
        flow, self._flow = self._flow, {}
        try:
            return self._signed_in(self._app.acquire_token_by_auth_code_flow(flow, plain))
        except _UNEXPECTED as error:
            raise _strange(self._name, error) from None

    def adopt(self, refresh_token: str) -> SignIn:
        """
        Redeem a refresh token that another program was given, with one request; the answer says whose it is.

        Raises SignInNeeded, Temporary or Misconfigured.
        """
        app = _application(self._provider, self._cache, Keeping(self._provider.configuration(), refresh_token))
        try:
            return self._signed_in(app.acquire_token_by_refresh_token(refresh_token, list(self._provider.scopes)))
        except _UNEXPECTED as error:
            raise _strange(self._name, error) from None

    def begin_device(self) -> DeviceCode:
        """Ask for a device code; raises SignInNeeded, Temporary or Misconfigured."""
        try:
            flow = self._app.initiate_device_flow(scopes=list(self._provider.scopes))
        except _UNEXPECTED as error:
            raise _strange(self._name, error) from None
        if "user_code" not in flow:
            raise self._refusal(flow)
        return DeviceCode(str(flow["user_code"]), str(flow["verification_uri"]), int(flow.get("expires_in", 900)), flow)

    def poll_device(self, code: DeviceCode) -> SignIn:
        """
        Wait until the person has answered; stop() from another thread ends it within seconds.

        A provider that cannot answer for a while is asked again until the code expires (RFC 8628 §3.5).
        """
        found = self._poll(code)
        while found is None:
            time.sleep(_DEVICE_PAUSE)
            found = self._poll(code)
        return found

    def _poll(self, code: DeviceCode) -> SignIn | None:
        try:
            answer = self._app.acquire_token_by_device_flow(code.flow, claims_challenge=self._claims)
            return self._signed_in(answer)
        except errors.Temporary:
            if time.time() + _DEVICE_PAUSE > float(code.flow.get("expires_at", 0)):
                raise
            return None
        except _UNEXPECTED as error:
            raise _strange(self._name, error) from None

    @staticmethod
    def stop(code: DeviceCode) -> None:
        """Let poll_device() end (MSAL documents setting *expires_at*)."""
        code.flow["expires_at"] = 0

    def _signed_in(self, answer: Mapping[str, Any]) -> SignIn:
        if "access_token" not in answer:
            raise self._refusal(answer)
        claims = answer.get("id_token_claims")
        if not isinstance(claims, dict):
            raise errors.Misconfigured(
                f"{self._name}: the provider sent no ID token, so who signed in cannot be checked",
                account=self._name,
                remedy="Ask whoever runs it to allow openid for this client id",
            )
        check_claims(claims, self._provider.configuration().get("issuer", ""), self._provider.client_id, self._name)
        if not answer.get("refresh_token"):
            raise errors.Misconfigured(
                f"{self._name}: the provider gave no refresh token, so the sign-in would last an hour only",
                account=self._name,
                remedy="Ask whoever runs it to allow offline_access for this client id",
            )
        kept = only(json.loads(self._cache.serialize()), str(answer["access_token"]))
        return SignIn(claims, kept, granted(self._provider.scopes, answer.get("scope")))

    def _refusal(self, answer: Mapping[str, Any]) -> errors.M365Error:
        return explain.error_for(
            answer,
            account=self._name,
            client_id=self._provider.client_id,
            home=Path(home.directory()),
            is_personal=self._is_personal,
        )


def _application(
    provider: Provider, cache: msal.SerializableTokenCache, wire: Wire | None = None
) -> msal.PublicClientApplication:
    hush.install()
    return msal.PublicClientApplication(
        provider.client_id,
        authority=provider.authority,
        instance_discovery=False,
        token_cache=cache,
        http_client=wire or Wire(provider.configuration()),
    )


def _strange(name: str, error: Exception) -> errors.M365Error:
    """Fold what MSAL raises into ours; its words may hold claims and codes, so only its kind is told."""
    if "state mismatch" in str(error).lower():
        return errors.SignInNeeded(
            f"{name}: that address belongs to an earlier attempt to sign in",
            account=name,
            remedy=f"Run again: {errors.login_command(name)}",
        )
    return errors.SignInNeeded(
        f"{name}: the answer of the provider was not accepted ({type(error).__name__})",
        account=name,
        meaning="It does not belong to this attempt, or is not what OAuth describes; nothing was kept",
        remedy=f"Run again: {errors.login_command(name)}",
    )

"""
The only module that uses MSAL: it builds the client, and turns MSAL's three kinds of failure into our errors.

The result is a cache in MSAL's own JSON with exactly one sign-in in it. Sources: MSAL 1.32.3 and 1.39 read and tried;
RFC 6749, 7636 (PKCE), 8628 (device code); OpenID Connect Core 1.0.
"""

from __future__ import annotations

import json
import time
import warnings
from typing import TYPE_CHECKING, Any

import msal

from offlineimap_m365.accounts import client_credential
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import explain
from offlineimap_m365.provider import next_step, silence_loggers
from offlineimap_m365.provider.http_client import BUSY, Keeping, Wire
from offlineimap_m365.provider.id_token import check_claims, granted
from offlineimap_m365.provider.msal_cache import only
from offlineimap_m365.provider.provider import DeviceCode, Provider, SignIn, discover

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.client_credential import Proof
    from offlineimap_m365.accounts.profiles import Account

__all__ = ["Attempt", "DeviceCode", "Provider", "SignIn", "discover", "obtain", "refresh"]

#: Seconds between two questions after an answer that was none (RFC 8628 §3.5, the default interval).
_DEVICE_PAUSE = 5.0
#: Seconds to wait after AADSTS50196, "client request loop": five minutes (entra-docs, reference-error-codes.md).
_LOOP = 300.0
#: What MSAL raises apart from what our Wire raises: state, nonce, shapes of answers that it did not expect.
_UNEXPECTED = (ValueError, RuntimeError, LookupError, ArithmeticError, TypeError, AttributeError, AssertionError)


def refresh(account: Account, cache: bytes, proof: Proof | None = None) -> bytes:
    """
    Redeem the refresh token in *cache* with one request and return the cache that replaces it.

    *proof* is a confidential client's secret or certificate. Raises SignInNeeded, Temporary or Misconfigured; *cache*
    stays what it was.
    """
    token_cache = msal.SerializableTokenCache()
    try:
        token_cache.deserialize(cache.decode("utf-8"))
        app = _application(Provider.of(account), token_cache, proof=proof)
        owner = app.get_accounts()[0]
    except _UNEXPECTED as error:
        raise errors.Misconfigured(
            f"The stored sign-in of {account.name} is damaged: it names nobody",
            account=account.name,
            remedy=Remedy("", errors.login_command(account.name)),
        ) from error
    try:
        answer = app.acquire_token_silent_with_error(list(account.scopes), owner, force_refresh=True)
        if answer and "access_token" in answer:
            return only(json.loads(token_cache.serialize()), str(answer["access_token"]))
    except _UNEXPECTED as error:  # no state and no nonce here that could be another's
        raise errors.Temporary(
            f"{account.name}: the answer of the provider was not understood ({type(error).__name__})",
            account=account.name,
            remedy=Remedy("Try again"),
        ) from None
    if not answer:  # no request was made: a login with another client id was killed before it wrote its profile
        raise errors.SignInNeeded(
            f"The stored sign-in of {account.name} was not made with the client id {account.client_id}",
            account=account.name,
            remedy=Remedy("", errors.login_command(account.name)),
        )
    situation = explain.Situation(
        account.name, account.client_id, account.tenant, account.redirect_uri, account.is_personal
    )
    raise next_step.after_refresh(_refusal(answer, situation), account)


def obtain(provider: Provider, name: str, proof: Proof) -> bytes:
    """
    Request a token of the application's own with one request (RFC 6749 §4.4) and return the cache that holds it.

    Raises SignInNeeded, Temporary or Misconfigured, which name the account *name*.
    """
    token_cache = msal.SerializableTokenCache()
    try:
        answer = _application(provider, token_cache, proof=proof).acquire_token_for_client(list(provider.scopes))
        if answer and "access_token" in answer:
            return only(json.loads(token_cache.serialize()), str(answer["access_token"]))
    except _UNEXPECTED as error:
        raise _strange(name, error) from None
    tenant = provider.authority.rpartition("/")[2]
    raise _refusal(answer or {}, explain.Situation(name, provider.client_id, tenant))


def _refusal(answer: Mapping[str, Any], situation: explain.Situation) -> errors.M365Error:
    """Return the error for an OAuth error *answer*."""
    error = explain.error_for(answer, situation)
    if isinstance(error, errors.Temporary):
        is_loop = error.code == "AADSTS50196"
        error.retry_after = _LOOP if is_loop else BUSY
        if is_loop:
            return error.replaced(
                remedy=Remedy("Wait 5 min, and report it: this program asked too often, which is a bug")
            )
    return error


class Attempt:
    """One attempt to sign in, in a scratch cache: nothing of it is saved unless the caller saves it."""

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
        self._proof = client_credential.read(provider.credential, name)
        try:
            self._app = _application(provider, self._cache, proof=self._proof)
        except _UNEXPECTED:
            raise errors.Misconfigured(
                f"{name}: {provider.authority}, or an address that its OpenID configuration names, cannot be used",
                account=name,
                meaning="Each must be https, with a host and a path",
                remedy=Remedy("Correct what --authority names"),
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
        wire = Keeping(self._provider.configuration(), refresh_token)
        app = _application(self._provider, self._cache, wire, proof=self._proof)
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
        signed_in = self._poll(code)
        while signed_in is None:
            time.sleep(_DEVICE_PAUSE)
            signed_in = self._poll(code)
        return signed_in

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
                remedy=Remedy("Ask the administrator of the provider to allow openid for this client id"),
            )
        check_claims(claims, self._provider.configuration().get("issuer", ""), self._provider.client_id, self._name)
        if not answer.get("refresh_token"):
            raise errors.Misconfigured(
                f"{self._name}: the provider gave no refresh token, so the sign-in would last an hour only",
                account=self._name,
                remedy=Remedy("Ask the administrator of the provider to allow offline_access for this client id"),
            )
        cache = only(json.loads(self._cache.serialize()), str(answer["access_token"]))
        ends = self._proof.ends if self._proof else None
        return SignIn(claims, cache, granted(self._provider.scopes, answer.get("scope")), ends)

    def _refusal(self, answer: Mapping[str, Any]) -> errors.M365Error:
        situation = explain.Situation(self._name, self._provider.client_id, is_personal=self._is_personal)
        return explain.error_for(answer, situation)


def _application(
    provider: Provider,
    cache: msal.SerializableTokenCache,
    wire: Wire | None = None,
    *,
    proof: Proof | None = None,
) -> msal.ClientApplication:
    silence_loggers.install()
    options: dict[str, Any] = {
        "authority": provider.authority,
        "instance_discovery": False,
        "token_cache": cache,
        "http_client": wire or Wire(provider.configuration()),
    }
    if proof is None:
        return msal.PublicClientApplication(provider.client_id, **options)
    # Or else the variable MSAL_FORCE_REGION would choose another host.
    options["azure_region"] = msal.ClientApplication.DISABLE_MSAL_FORCE_REGION
    known = proof.for_msal
    if isinstance(known, str):
        return msal.ConfidentialClientApplication(provider.client_id, client_credential=known, **options)
    try:  # MSAL 1.35 and newer sign with PS256 if they may find the thumbprint themselves, older ones cannot
        modern = {name: value for name, value in known.items() if name != "thumbprint"}
        return msal.ConfidentialClientApplication(provider.client_id, client_credential=modern, **options)
    except ValueError:
        return msal.ConfidentialClientApplication(provider.client_id, client_credential=known, **options)


def _strange(name: str, error: Exception) -> errors.M365Error:
    """Return our error for what MSAL raised; its text may hold claims and codes, so only its kind is shown."""
    if "state mismatch" in str(error).lower():
        return errors.SignInNeeded(
            f"{name}: that address belongs to an earlier attempt to sign in",
            account=name,
            remedy=Remedy("Sign in again", errors.login_command(name)),
        )
    return errors.SignInNeeded(
        f"{name}: the answer of the provider was not accepted ({type(error).__name__})",
        account=name,
        meaning="It does not belong to this attempt, or is not what OAuth describes; nothing was saved",
        remedy=Remedy("Sign in again", errors.login_command(name)),
    )

"""
One attempt of a person to sign in, and whose sign-in it became.

Sources: RFC 6749, 7636 (PKCE), 8628 (device code); OpenID Connect Core 1.0; MSAL 1.32.3 and 1.39 read and tried.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import client_credential
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import explain
from offlineimap_m365.provider import msal_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from offlineimap_m365.provider.provider import Provider

#: Seconds between two questions after an answer that was none (RFC 8628 §3.5, the default interval).
_DEVICE_PAUSE = 5.0
#: Seconds by which this machine's clock may be ahead of the provider's before an ID token counts as expired.
_SKEW = 300
#: Characters of a wrong issuer that are shown.
_MOST_TEXT = 200


@dataclasses.dataclass(frozen=True)
class SignIn:
    """
    Somebody signed in: the claims of their ID token, and the cache that would be kept.

    *scopes* are those of the permissions asked for that were granted; None if the answer does not tell.
    *certificate_ends* is when the client's certificate does, in seconds since 1970; None without one.
    """

    claims: Mapping[str, Any] = dataclasses.field(repr=False)
    cache: bytes = dataclasses.field(repr=False)
    scopes: tuple[str, ...] | None = dataclasses.field(default=None, repr=False)
    certificate_ends: float | None = dataclasses.field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """The names under which the person is known, most telling first."""
        names = [self.claims.get(claim) for claim in ("preferred_username", "upn", "email")]
        return [name for name in names if isinstance(name, str) and name]

    @property
    def person(self) -> dict[str, str]:
        """The tenant's and the person's ids; without Entra's, the issuer and subject (OpenID Connect Core §2)."""
        claims = self.claims
        if claims.get("tid") and claims.get("oid"):
            return {"tid": str(claims["tid"]), "oid": str(claims["oid"])}
        return {"iss": str(claims.get("iss", "")), "sub": str(claims.get("sub", ""))}


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
        self._situation = explain.Situation(name, provider.client_id, is_personal=is_personal)
        self._proof = client_credential.read(provider.credential, name)
        try:
            self._app = msal_client.application(provider, self._proof)
        except msal_client.UNEXPECTED:
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
        """Redeem the code of the last page's address, once; raises SignInNeeded, Temporary or Misconfigured."""
        plain = {key: answer[key] for key in ("code", "state") if key in answer}
        flow, self._flow = self._flow, {}
        with self._translated():
            return self._signed_in(self._app.acquire_token_by_auth_code_flow(flow, plain))

    def adopt(self, refresh_token: str) -> SignIn:
        """
        Redeem a refresh token that another program was given, with one request; the answer says whose it is.

        Raises SignInNeeded, Temporary or Misconfigured.
        """
        with self._translated():
            answer = self._app.acquire_token_by_refresh_token(refresh_token, list(self._provider.scopes))
            return self._signed_in(answer)

    def begin_device(self) -> dict[str, Any]:
        """
        Return what a person needs to sign in with a device code: ``user_code``, ``verification_uri``, ``expires_in``.

        Raises SignInNeeded, Temporary or Misconfigured.
        """
        with self._translated():
            self._flow = self._app.initiate_device_flow(scopes=list(self._provider.scopes))
        if "user_code" not in self._flow:
            raise explain.error_for(self._flow, self._situation)
        return {name: self._flow.get(name) for name in ("user_code", "verification_uri", "expires_in")}

    def end_device(self) -> None:
        """End the wait for a device code within seconds, as MSAL documents."""
        self._flow["expires_at"] = 0

    def poll_device(self) -> SignIn:
        """
        Wait until the person has answered; raises as begin_device() does.

        A provider that cannot answer for a while is asked again until the code expires (RFC 8628 §3.5).
        """
        while True:
            try:
                with self._translated():
                    answer = self._app.acquire_token_by_device_flow(self._flow, claims_challenge=self._claims)
                    return self._signed_in(answer)
            except errors.Temporary:
                if time.time() + _DEVICE_PAUSE > float(self._flow.get("expires_at", 0)):
                    raise
            time.sleep(_DEVICE_PAUSE)

    def _signed_in(self, answer: Mapping[str, Any]) -> SignIn:
        if "access_token" not in answer:
            raise explain.error_for(answer, self._situation)
        claims = answer.get("id_token_claims")
        if not isinstance(claims, dict):
            raise self._lacks("ID token, so who signed in cannot be checked", "openid")
        check_claims(claims, self._provider.configuration().get("issuer", ""), self._provider.client_id, self._name)
        if not answer.get("refresh_token"):
            raise self._lacks("refresh token, so the sign-in would last an hour only", "offline_access")
        cache = msal_client.cache_of(self._app, answer)
        ends = self._proof.ends if self._proof else None
        return SignIn(claims, cache, granted(self._provider.scopes, answer.get("scope")), ends)

    def _lacks(self, what: str, permission: str) -> errors.Misconfigured:
        return errors.Misconfigured(
            f"{self._name}: the provider sent no {what}",
            account=self._name,
            remedy=Remedy(f"Ask the administrator of the provider to allow {permission} for this client id"),
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what MSAL raises into our error; its text may hold claims and codes, so only its kind is shown."""
        try:
            yield
        except msal_client.UNEXPECTED as error:
            raise errors.SignInNeeded(
                f"{self._name}: the answer of the provider was not accepted ({type(error).__name__})",
                account=self._name,
                meaning="It does not belong to this attempt, or is not what OAuth describes; nothing was saved",
                remedy=Remedy("Sign in again", errors.login_command(self._name)),
            ) from None


def check_claims(claims: Mapping[str, Any], issuer: str, client_id: str, name: str) -> None:
    """
    Check the ID token's iss, aud and exp (OpenID Connect Core §3.1.3.7); MSAL 1.38 and later only decode it.

    *issuer* is the one that the provider's configuration names, with Entra's ``{tenantid}`` where it serves many
    tenants. The signature need not be checked: the token came from the token endpoint itself, over verified TLS
    (ibid., item 6). Raises SignInNeeded, which names the account *name*.
    """
    issuer = issuer.replace("{tenantid}", str(claims.get("tid", "")))
    audience, expires = claims.get("aud"), claims.get("exp")
    if issuer and claims.get("iss") != issuer:
        fault = f"it was issued by {str(claims.get('iss'))[:_MOST_TEXT]} instead of {issuer[:_MOST_TEXT]}"
    elif client_id not in (audience if isinstance(audience, list) else [audience]):
        fault = "it was issued for another client id"
    elif not isinstance(expires, (int, float)) or not expires + _SKEW >= time.time():  # NaN is neither
        fault = "it has expired; this machine's clock may be wrong"
    else:
        return
    raise errors.SignInNeeded(
        f"The ID token for {name} is not accepted: {fault}",
        account=name,
        meaning="Nothing was saved",
        remedy=Remedy("Sign in again", errors.login_command(name)),
    )


def granted(asked: tuple[str, ...], told: object) -> tuple[str, ...] | None:
    """
    Return which of the permissions *asked* for were granted, by what the answer *told* (RFC 6749 §5.1).

    None if it tells nothing, or in words that are not ours (``.default``): then all were.
    """
    if not isinstance(told, str):
        return None
    ends = {scope.rpartition("/")[2].lower() for scope in told.split()}
    return tuple(scope for scope in asked if scope.rpartition("/")[2].lower() in ends) or None

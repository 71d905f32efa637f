"""Entra's refusals: AADSTS numbers, their OAuth names and words, as JSON and as parameters of a redirect."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from authlib.common.urls import add_params_to_uri
from authlib.consts import default_json_headers
from authlib.oauth2 import OAuth2Error
from flask import request

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = tuple[int, object, list[tuple[str, str]]]


class Words(NamedTuple):
    """The OAuth error name of a number and what Entra says with it."""

    error: str
    text: str
    suberror: str = ""


# Names: RFC 6749 §5.2, OpenID Connect Core §3.1.2.6, RFC 8628 §3.5. Numbers and their sense: Microsoft's
# "Microsoft Entra authentication and authorization error codes" unless another source is named.
WORDS = {
    50011: Words(
        "invalid_request",
        "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured "
        "for the application '{client}'.",
    ),
    50020: Words("invalid_grant", "User account '{person}' does not exist in tenant '{tenant}'."),
    50034: Words("invalid_grant", "The user account {person} does not exist in the {tenant} directory."),
    50057: Words("invalid_grant", "The user account is disabled."),
    50076: Words(
        "interaction_required",
        "Due to a configuration change made by your administrator you must use multi-factor authentication.",
        "basic_action",
    ),
    50089: Words("invalid_grant", "The flow token is expired: start the sign-in again."),
    50105: Words("access_denied", "The signed in user '{person}' is not assigned to a role for '{client}'."),
    50126: Words("invalid_grant", "Error validating credentials due to invalid username or password."),
    50173: Words(
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user "
        "might have changed or reset their password.",
        "bad_token",
    ),
    50196: Words("invalid_grant", "The server terminated an operation because it found a client request loop."),
    501481: Words("invalid_grant", "The Code_Verifier does not match the code_challenge of the authorization request."),
    53000: Words("interaction_required", "The device is not in the required state: it is not compliant."),
    53003: Words("access_denied", "Access has been blocked by Conditional Access policies."),
    530035: Words("access_denied", "Access has been blocked by security defaults."),
    # Microsoft: "Conditional Access: Authentication flows as a condition".
    530036: Words("invalid_grant", "The refresh token is invalid due to an authentication flow checks policy."),
    54005: Words("invalid_grant", "The OAuth2 authorization code was already redeemed, retry with a new valid code."),
    65001: Words(
        "invalid_grant",
        "The user or administrator has not consented to use the application with ID '{client}'.",
        "consent_required",
    ),
    65004: Words("access_denied", "User declined to consent to access the app."),
    70000: Words("invalid_grant", "The provided value for the input parameter 'code' or 'refresh_token' is not valid."),
    70003: Words("unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."),
    70008: Words("invalid_grant", "The provided authorization code or refresh token has expired due to inactivity."),
    70011: Words("invalid_scope", "The provided value for the input parameter 'scope' is not valid: '{scope}'."),
    70016: Words("authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    70018: Words("bad_verification_code", "Invalid verification code: the device code is not recognised."),
    # Azure/azure-cli#22251, Azure/azure-sdk-for-python#32375: not 70019.
    70020: Words("expired_token", "The provided value for 'device_code' is not valid. This device code has expired."),
    70043: Words("invalid_grant", "The refresh token has expired due to sign-in frequency checks.", "token_expired"),
    700005: Words("invalid_grant", "The authorization code is intended to be used against another tenant."),
    700016: Words(
        "unauthorized_client",
        "Application with identifier '{client}' was not found in the directory '{tenant}'.",
    ),
    700022: Words("invalid_scope", "The value of 'scope' is not valid: it contains more than one resource."),
    700025: Words("invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' may be sent."),
    700027: Words(
        "invalid_client", "Client assertion failed signature validation, or its certificate is not registered."
    ),
    700082: Words("invalid_grant", "The refresh token has expired due to inactivity.", "bad_token"),
    # simonrob/email-oauth2-proxy#267: the id that Thunderbird used until 2022.
    7000112: Words("unauthorized_client", "Application '{client}' is disabled."),
    # tarickb/sasl-xoauth2#54.
    7000012: Words("invalid_grant", "The grant was obtained for a different tenant."),
    7000215: Words("invalid_client", "Invalid client secret provided."),
    7000218: Words(
        "invalid_client", "The request body must contain the parameter 'client_assertion' or 'client_secret'."
    ),
    7000222: Words("invalid_client", "The provided client secret keys are expired."),
    # Microsoft's list has no such number; seen in public threads on application permissions.
    7000229: Words(
        "unauthorized_client", "The client application '{client}' is missing service principal in the tenant."
    ),
    90002: Words("invalid_request", "Tenant '{tenant}' not found. Check that you have the correct tenant ID."),
    90033: Words("temporarily_unavailable", "A transient error has occurred. Please try again."),
    90094: Words("access_denied", "Admin consent is required for the permissions that '{client}' asks for."),
    900144: Words("invalid_request", "The request body must contain the following parameter: '{field}'."),
    90038: Words(
        "invalid_request",
        "Tenant '{tenant}' belongs to the National Cloud '{cloud}'. Current cloud instance '{here}' does not federate "
        "with it.",
    ),
    900971: Words("invalid_request", "No reply address provided."),
    # Not in Microsoft's list; that such a request is refused is RFC 6749 §4.1.3.
    500112: Words("invalid_grant", "The reply address does not match the one of the authorization code request."),
}

#: What RFC 8628 §3.5 calls the errors that Entra names differently (Microsoft: "Device authorization grant").
PLAIN_NAMES = {"authorization_declined": "access_denied", "bad_verification_code": "invalid_grant"}


class Refusal(OAuth2Error):
    """A refusal with an AADSTS number, which Authlib carries through as one of its own errors."""

    def __init__(
        self,
        code: int,
        *,
        error: str | None = None,
        redirect_uri: str | None = None,
        extra: Mapping[str, object] | None = None,
        **facts: str,
    ) -> None:
        """Refuse with *code*: *facts* fill in its words, *error* replaces its name, *extra* adds members."""
        words = WORDS.get(code, Words("invalid_grant", "The request was refused."))
        super().__init__(redirect_uri=redirect_uri, error=error or words.error)
        self.code = code
        self.suberror = words.suberror
        self.extra = dict(extra or {})
        self.text = words.text.format_map(defaultdict(lambda: "(none)", facts))
        self.status_code = 401 if self.error == "invalid_client" else 503 if code == 90033 else 400
        self.trace_id = str(uuid.uuid4())
        # Entra repeats the id that the client sent (Microsoft: "client-request-id").
        self.correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
        self.timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")

    @property
    def message(self) -> str:
        """Return number and words, as pages show them."""
        return f"AADSTS{self.code}: {self.text}"

    @property
    def error_description(self) -> str:
        """Return Entra's whole sentence with its ids."""
        reference = f"Trace ID: {self.trace_id} Correlation ID: {self.correlation_id} Timestamp: {self.timestamp}"
        return f"{self.message} {reference}"

    def body(self) -> dict[str, object]:
        """Return the JSON of the token endpoint (Microsoft: "OAuth 2.0 authorization code flow", errors)."""
        body: dict[str, object] = {
            "error": self.error,
            "error_description": self.error_description,
            "error_codes": [self.code],
            "timestamp": self.timestamp,
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "error_uri": f"https://{request.host}/error?code={self.code}",
        }
        return body | ({"suberror": self.suberror} if self.suberror else {}) | self.extra

    def parameters(self) -> list[tuple[str, str]]:
        """Return what a redirect carries (RFC 6749 §4.1.2.1)."""
        pairs = [("error", str(self.error)), ("error_description", self.error_description)]
        return pairs + ([("state", self.state)] if self.state else [])

    def __call__(self, uri: str | None = None) -> Answer:
        """Return status, body and headers: a redirect if there is a place to go, JSON otherwise."""
        if self.redirect_uri:
            return 302, "", [("Location", str(add_params_to_uri(self.redirect_uri, self.parameters())))]
        return self.status_code, self.body() | ({"error_uri": uri} if uri else {}), default_json_headers[:]


def bare(refusal: Refusal) -> dict[str, object]:
    """Return the body of a provider that is not Microsoft: the one member that RFC 6749 §5.2 requires."""
    return {"error": PLAIN_NAMES.get(str(refusal.error), refusal.error)}


def translate(error: OAuth2Error, *, client: str = "", grant: str = "") -> Refusal:
    """Return what Entra says where Authlib's own checks refused with *error*."""
    if isinstance(error, Refusal):
        return error
    codes = {
        "authorization_pending": 70016,
        "slow_down": 70016,
        "expired_token": 70020,
        "invalid_grant": 70000,
        "invalid_scope": 65001,  # wider than what was consented to; unknown scopes were refused before
        "unauthorized_client": 7000218,  # the registration allows no such flow: "app is not a public client"
        "unsupported_grant_type": 70003,
    }
    name = "slow_down" if error.error == "slow_down" else None
    refusal = Refusal(codes.get(error.error, 900144), error=name, client=client, grant=grant, field="code")
    refusal.state, refusal.redirect_uri = error.state, error.redirect_uri
    return refusal

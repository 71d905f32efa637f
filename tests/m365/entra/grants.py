"""The flows, as Authlib's grants: codes with PKCE, refresh tokens, device codes, client credentials."""

from __future__ import annotations

import secrets
import string
import time
from typing import TYPE_CHECKING, Any

from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from flask import request as current

from .records import Code, DeviceCode, RefreshToken
from .refusals import Refusal

if TYPE_CHECKING:
    from .clients import Client
    from .people import Person
    from .provider import Provider

#: One way for all: gate.prove_client.
PROOF = ["entra"]


def asked_tenant(provider: Provider) -> str:
    """Return the tenant of the current path, resolved."""
    return provider.resolve_tenant(str((current.view_args or {}).get("tenant"))) or ""


class Pkce(CodeChallenge):
    """RFC 7636 with Entra's number for a verifier that does not fit."""

    def validate_code_verifier(self, grant: Any, result: Any) -> None:
        """Raise AADSTS501481 where Authlib refuses."""
        try:
            super().validate_code_verifier(grant, result)
        except OAuth2Error as error:
            raise Refusal(501481) from error


class CodeExchange(AuthorizationCodeGrant):
    """RFC 6749 §4.1."""

    TOKEN_ENDPOINT_AUTH_METHODS = PROOF

    def create_authorization_response(self, redirect_uri: str, grant_user: Person | None) -> Any:
        """Send the code; without a person send what Entra says when somebody presses Cancel."""
        if grant_user is None:
            raise Refusal(65004, redirect_uri=redirect_uri)
        return super().create_authorization_response(redirect_uri, grant_user)

    def generate_authorization_code(self) -> str:
        """Return a code as long as Entra's."""
        return f"1.A{secrets.token_urlsafe(1125)}"

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        """Remember what the code is bound to."""
        provider: Provider = self.server.provider
        provider.codes[code] = Code(request.payload.data, request.user, asked_tenant(provider))

    def query_authorization_code(self, code: str, client: Client) -> Code:
        """Return the code's record if it is good: known, fresh, unused, and asked for as it was issued."""
        provider: Provider = self.server.provider
        found = provider.codes.get(code)
        if found is None or found.asked["client_id"] != client.client_id:
            raise Refusal(70000)
        if found.used:
            raise Refusal(54005)
        if time.time() > found.made_at + provider.code_seconds:
            raise Refusal(70008)
        if found.tenant != asked_tenant(provider):
            raise Refusal(700005)
        if found.get_redirect_uri() != self.request.payload.redirect_uri:
            raise Refusal(500112)
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Let it be good once (RFC 6749 §4.1.2); it stays known, so that a second use can be named."""
        authorization_code.used = True

    def authenticate_user(self, authorization_code: Code) -> Person:
        """Return who signed in."""
        return authorization_code.person


class Refresh(RefreshTokenGrant):
    """RFC 6749 §6: every use issues another refresh token (Microsoft: "Refresh tokens", "Token lifetime")."""

    TOKEN_ENDPOINT_AUTH_METHODS = PROOF

    def validate_token_request(self) -> None:
        """Check the scopes first: Entra refuses those that do not exist whatever the token."""
        self.server.validate_requested_scope(self.request.payload.scope)
        super().validate_token_request()

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken:
        """Return its record; a strict provider ends the grant at a second use (RFC 9700 §4.14.2)."""
        provider: Provider = self.server.provider
        found = provider.refresh_tokens.get(refresh_token)
        if found is None:
            raise Refusal(70000)
        if provider.strict and found.rotated:
            found.grant.refusal = found.grant.refusal or 70000
        if found.grant.refusal:
            raise Refusal(found.grant.refusal, client=found.grant.client_id, person=found.grant.person.upn)
        demands = found.grant.person.demands
        if demands and found.grant.claims != demands:
            raise Refusal(50076, extra={"claims": demands})
        if not provider.is_at_home(found.grant.person, asked_tenant(provider)):
            raise Refusal(7000012)
        return found

    def authenticate_user(self, refresh_token: RefreshToken) -> Person:
        """Return who signed in."""
        return refresh_token.grant.person

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Note that it was used."""
        refresh_token.rotated = True


class ClientCredentials(ClientCredentialsGrant):
    """RFC 6749 §4.4, at a tenant of its own only (Microsoft: "OAuth 2.0 client credentials flow")."""

    TOKEN_ENDPOINT_AUTH_METHODS = PROOF

    def validate_token_request(self) -> None:
        """Refuse what names no tenant, or single permissions in the place of ``.default``."""
        provider: Provider = self.server.provider
        if asked_tenant(provider) not in provider.tenants:
            raise Refusal(70003, grant=self.GRANT_TYPE)
        super().validate_token_request()
        if not self.request.client.has_principal:
            raise Refusal(7000229, client=self.request.client.client_id)
        if not (self.request.payload.scope or "").endswith("/.default"):
            raise Refusal(70011, scope=self.request.payload.scope or "")


class DeviceAuthorization(DeviceAuthorizationEndpoint):
    """RFC 8628 §3.1, §3.2."""

    CLIENT_AUTH_METHODS = PROOF

    @property
    def EXPIRES_IN(self) -> int:  # noqa: N802 -- the name is Authlib's
        """Return the life of a device code in seconds."""
        return int(self.server.provider.device_code_seconds)

    @property
    def INTERVAL(self) -> int:  # noqa: N802 -- the name is Authlib's
        """Return how often it may be asked for, in seconds."""
        return int(self.server.provider.interval)

    def create_endpoint_response(self, request: OAuth2Request) -> Any:
        """Leave out what Entra does not send, add its sentence (Microsoft: "Device authorization grant")."""
        status, data, headers = super().create_endpoint_response(request)
        # "verification_uri_complete isn't included or supported at this time."
        del data["verification_uri_complete"]
        if self.server.provider.extras:
            data["message"] = (
                f"To sign in, use a web browser to open the page {data['verification_uri']} "
                f"and enter the code {data['user_code']} to authenticate."
            )
        return status, data, headers

    def generate_user_code(self) -> str:
        """Return nine capitals and digits, as Entra's."""
        return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(9))

    def generate_device_code(self) -> str:
        """Return a code as long as Entra's."""
        return f"{'H' if self.server.provider.extras else 'd'}AQ{secrets.token_urlsafe(180)}"

    def get_verification_uri(self) -> str:
        """Return where codes are typed in, under the name that the server was reached by."""
        return f"https://{current.host}/common/oauth2/deviceauth"

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        """Remember the code."""
        expires_at = time.time() + self.server.provider.device_code_seconds
        record = DeviceCode(data["user_code"], client_id, scope or "", expires_at, data["interval"])
        self.server.provider.device_codes[data["device_code"]] = record


class DeviceExchange(DeviceCodeGrant):
    """RFC 8628 §3.4, §3.5."""

    TOKEN_ENDPOINT_AUTH_METHODS = PROOF

    def query_device_credential(self, device_code: str) -> DeviceCode:
        """Return the code's record; unknown ones are Entra's ``bad_verification_code``."""
        found: DeviceCode | None = self.server.provider.device_codes.get(device_code)
        if found is None:
            raise Refusal(70018)
        if found.used:
            raise Refusal(54005)
        return found

    def query_user_grant(self, user_code: str) -> tuple[Person, bool] | None:
        """Return who answered and that it was yes; raise if it was no."""
        codes: dict[str, DeviceCode] = self.server.provider.device_codes
        found = next(code for code in codes.values() if code.user_code == user_code)
        if found.approved is None or found.person is None:
            return None
        if not found.approved:
            # Microsoft: "Device authorization grant", expected errors; access_denied in RFC 8628 §3.5.
            raise Refusal(65004, error="authorization_declined")
        found.used = True
        return found.person, True

    def should_slow_down(self, _credential: DeviceCode) -> bool:
        """Return False: Entra lets everybody poll as they like (Microsoft: "Device authorization grant", errors)."""
        return False

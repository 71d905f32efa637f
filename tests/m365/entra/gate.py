"""The OAuth server: Authlib's, with Entra's clients, tokens and refusals."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from flask import Response, jsonify, request

from . import tokens
from .clients import check_assertion
from .grants import ClientCredentials, CodeExchange, DeviceAuthorization, DeviceExchange, Pkce, Refresh
from .records import Grant, RefreshToken
from .refusals import Refusal, translate
from .scopes import check_scopes, echo, granted

if TYPE_CHECKING:
    from .clients import Client
    from .people import Person
    from .provider import Provider


class Gate(AuthorizationServer):
    """Authlib's server; all data is in *provider*."""

    def __init__(self, provider: Provider) -> None:
        """Register the flows."""
        super().__init__()
        self.provider = provider
        self.register_token_generator("default", self.issue)
        self.register_client_auth_method("entra", prove_client)
        self.register_grant(CodeExchange, [Pkce(required=False)])
        self.register_grant(Refresh)
        self.register_grant(DeviceExchange)
        self.register_grant(ClientCredentials)
        self.register_endpoint(DeviceAuthorization)

    def query_client(self, client_id: str) -> Client:
        """Return the application; none is AADSTS700016."""
        client = self.provider.clients.get(client_id)
        if client is None:
            raise Refusal(700016, client=client_id, tenant=str((request.view_args or {}).get("tenant", "")))
        return client

    def validate_requested_scope(self, scope: str | None) -> None:
        """Refuse what does not exist."""
        check_scopes(scope)

    def create_oauth2_request(self, request: OAuth2Request | None) -> OAuth2Request:
        """Return the request of an earlier page as it is; otherwise read the current one."""
        return request if isinstance(request, OAuth2Request) else super().create_oauth2_request(request)

    def handle_error_response(self, request: OAuth2Request | None, error: OAuth2Error) -> Response:
        """Redirect to the program if there is a place to go, answer with JSON otherwise."""
        payload = request.payload if request else None
        refusal = translate(error, client=(payload and payload.client_id) or "")
        if refusal.redirect_uri is None:
            return self.refuse(refusal)
        response: Response = self.handle_response(*refusal())
        return response

    def issue(
        self, grant_type: str, client: Client, user: Person | None = None, scope: str | None = None, **_: Any
    ) -> dict[str, object]:
        """Return the part of the answer that every flow has (RFC 6749 §5.1)."""
        life = int(self.provider.access_token_seconds)
        scope = granted(scope, user)
        token: dict[str, object] = {
            "token_type": "Bearer",
            "expires_in": life,
            "access_token": tokens.access_token(self.provider, client, user, scope or ""),
        }
        if self.provider.extras:
            # Microsoft: "OAuth 2.0 client credentials flow", successful response: no scope there.
            token |= {"ext_expires_in": life} | ({} if grant_type == "client_credentials" else {"scope": echo(scope)})
        return token

    def save_token(self, token: dict[str, object], request: OAuth2Request) -> None:
        """Add what belongs to a person if asked for: a refresh token, an ID token, MSAL's account id."""
        person: Person | None = request.user
        if person is None:
            return
        grant = self.grant_of(request)
        asked = grant.scope.split()
        if "offline_access" in asked:
            token["refresh_token"] = value = f"0.A{secrets.token_urlsafe(900)}"  # as long as Entra's
            self.provider.refresh_tokens[value] = RefreshToken(grant)
        if "openid" in asked:
            nonce = request.authorization_code.asked.get("nonce") if request.authorization_code else None
            token["id_token"] = tokens.id_token(self.provider, request.client, person, nonce)
        if self.provider.extras and request.form.get("client_info") == "1":
            token["client_info"] = tokens.client_info(person)

    def grant_of(self, request: OAuth2Request) -> Grant:
        """Return the grant that a request continues, or begin one."""
        if request.refresh_token:
            grant: Grant = request.refresh_token.grant
            return grant
        begun = request.authorization_code or request.credential
        claims = request.authorization_code.asked.get("claims") if request.authorization_code else None
        return Grant(request.user, request.client.client_id, granted(begun.get_scope(), request.user), claims=claims)

    def answer(self, tenant: str, endpoint: str) -> Response:
        """Answer a request for a ``token`` or a ``devicecode``, one after the other."""
        if self.provider.resolve_tenant(tenant) is None:
            return self.refuse(Refusal(90002, tenant=tenant))
        with self.provider.lock:
            response: Response = (
                self.create_token_response()
                if endpoint == "token"
                else self.create_endpoint_response(DeviceAuthorization.ENDPOINT_NAME)
            )
        return response

    def configuration(self, tenant: str) -> Response:
        """Return the OpenID configuration of *tenant*: endpoints at its cloud's host, always below its id."""
        found = self.provider.resolve_tenant(tenant)
        if found is None:
            # Azure/azure-cli#22145: this document's refusal has a name of its own.
            return self.refuse(Refusal(90002, error="invalid_tenant", tenant=tenant))
        region = self.provider.regions.get(found)
        host = region.host if region else request.host
        base = f"https://{host}/{found}"
        document: dict[str, object] = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "issuer": tokens.issuer(found, host),
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            # OpenID Connect Discovery §3.
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
        }
        if self.provider.extras:
            # What only Microsoft's document holds.
            document["tenant_region_scope"] = region.scope if region else None
            document["cloud_instance_name"] = region.instance if region else "microsoftonline.com"
            if region and region.sub_scope:
                document["tenant_region_sub_scope"] = region.sub_scope
        return jsonify(document)

    def refuse(self, refusal: Refusal) -> Response:
        """Answer with *refusal* as JSON: with Entra's body, or with the RFCs' where extras are off."""
        response = jsonify(refusal.body() if self.provider.extras else refusal.bare_body())
        response.status_code = refusal.status_code
        return response


def prove_client(query_client: Any, request: OAuth2Request) -> Client:
    """Return the client of a token request if it proved itself as its registration demands."""
    if not request.payload.client_id:
        raise Refusal(900144, field="client_id")
    client: Client = query_client(request.payload.client_id)
    secret, assertion = request.form.get("client_secret"), request.form.get("client_assertion")
    if client.public:
        if secret or assertion:
            raise Refusal(700025)
        return client
    if not (secret or assertion):
        raise Refusal(7000218)
    if assertion:
        check_assertion(client, assertion, request.form.get("client_assertion_type", ""))
    elif not client.check_client_secret(secret):
        raise Refusal(7000215)
    return client

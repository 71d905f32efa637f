"""What the token endpoint hands out: JWTs as long as real ones, and strings that nobody can read."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from typing import TYPE_CHECKING

import jwt

from .keys import base64url
from .scopes import permissions, resource

if TYPE_CHECKING:
    from .clients import Client
    from .people import Person
    from .provider import Provider

Claims = dict[str, object]


def issuer_of_access_tokens(tenant: str) -> str:
    """Return the *iss* of v1.0 tokens, which Exchange's are (Microsoft: "Access token claims reference")."""
    return f"https://sts.windows.net/{tenant}/"


def access_token(provider: Provider, client: Client, person: Person | None, scope: str) -> str:
    """Return an access token for the mailbox of *person*, or for the application itself."""
    claims = times(provider) | about_client(client, scope)
    if person is None:
        claims |= about_application(provider, client)
        return pad(provider, claims)
    claims |= about_person(person, client)
    claims["scp"] = permissions(scope)
    if person.opaque:
        # Tokens of personal accounts are opaque, "EwB…", and longer than a thousand characters.
        return "EwB" + secrets.token_urlsafe(1020)
    return pad(provider, claims)


def times(provider: Provider) -> Claims:
    """Return when the token is good (RFC 7519 §4.1)."""
    now = int(time.time())
    return {"iat": now, "nbf": now, "exp": now + int(provider.access_token_seconds)}


def about_client(client: Client, scope: str) -> Claims:
    """Return the claims about application and resource (Microsoft: "Access token claims reference")."""
    return {
        "aud": resource(scope),
        "appid": client.client_id,
        "app_displayname": client.name,
        "appidacr": "0" if client.public else "1",
        "uti": base64url(secrets.token_bytes(16)),
        "ver": "1.0",
    }


def about_person(person: Person, client: Client) -> Claims:
    """Return the claims about the person (Microsoft: "Access token claims reference", "Optional claims")."""
    return {
        "iss": issuer_of_access_tokens(person.tenant),
        "tid": person.tenant,
        "oid": person.oid,
        "sub": person.subject(client.client_id),
        "upn": person.upn,
        "unique_name": person.upn,
        "email": person.address,
        "name": person.name,
        "puid": person.puid(),
        "idtyp": "user",
        "acr": "1",
        "amr": ["pwd"],
        "ipaddr": "127.0.0.1",
    }


def about_application(provider: Provider, client: Client) -> Claims:
    """Return the claims of an app-only token: *roles* in place of *scp* (Microsoft: "Access tokens")."""
    oid = str(uuid.uuid5(uuid.NAMESPACE_URL, client.client_id))
    return {
        "iss": issuer_of_access_tokens(provider.tenant),
        "tid": provider.tenant,
        "oid": oid,
        "sub": oid,
        "idtyp": "app",
        "roles": client.roles,
    }


def pad(provider: Provider, claims: Claims) -> str:
    """Return the signed *claims*, made as long by groups as real ones are."""
    token = sign(provider, claims, version="1.0")
    missing = (provider.access_token_bytes - len(token)) * 3 // 4
    if missing <= 0:
        return token
    groups = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(-(-missing // 39))]
    return sign(provider, claims | {"groups": groups}, version="1.0")


def sign(provider: Provider, claims: Claims, *, version: str) -> str:
    """Return *claims* as a JWT (RFC 7519) under the tenant's key."""
    return jwt.encode(claims, provider.key.private, algorithm="RS256", headers=provider.key.header(version=version))


def id_token(provider: Provider, client: Client, person: Person, nonce: str | None) -> str:
    """Return who signed in (OpenID Connect Core §2; Microsoft: "ID token claims reference")."""
    claims: Claims = times(provider) | {
        "iss": provider.issuer_of(person.tenant),
        "aud": client.client_id,
        "sub": person.subject(client.client_id),
        "oid": person.oid,
        "tid": person.tenant,
        "preferred_username": person.upn,
        "name": person.name,
        "uti": base64url(secrets.token_bytes(16)),
        "ver": "2.0",
    }
    claims |= {"nonce": nonce} if nonce else {}
    claims |= provider.id_token_claims_override
    return sign(provider, {name: value for name, value in claims.items() if value is not None}, version="2.0")


def client_info(person: Person) -> str:
    """Return MSAL's home account id: object and tenant (MSAL: token_cache.py, client_info)."""
    return base64url(json.dumps({"uid": person.oid, "utid": person.tenant}).encode())


def refresh_token() -> str:
    """Return about 1,200 characters that say nothing, beginning as Entra's do."""
    return f"0.A{secrets.token_urlsafe(900)}"


def code() -> str:
    """Return an authorisation code: about 1,500 characters."""
    return f"1.A{secrets.token_urlsafe(1125)}"

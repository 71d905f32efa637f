"""What the token endpoint hands out: JWTs as long as real ones, and strings that nobody can read."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import uuid
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import request

from .people import CONSUMERS
from .scopes import permissions, resource

if TYPE_CHECKING:
    from .clients import Client
    from .people import Person
    from .provider import Provider

Claims = dict[str, object]


class Key:
    """An RSA key with its id. Each server has its own unless it is given one."""

    def __init__(self) -> None:
        """Make one (2048 bits, as Entra's)."""
        self.private = generate_private_key(public_exponent=65537, key_size=2048)
        public = self.private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.kid = base64url(hashlib.sha1(der, usedforsecurity=False).digest())
        self.public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def base64url(data: bytes) -> str:
    """Return *data* in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def issuer(tenant: str, host: str = "") -> str:
    """
    Return the issuer of *tenant*'s ID tokens, under the name that the server was reached by.

    That of the aliases holds a placeholder, literally (Microsoft: "OpenID Connect").
    """
    named = {"common": "{tenantid}", "organizations": "{tenantid}", "consumers": CONSUMERS}.get(tenant, tenant)
    return f"https://{host or request.host}/{named}/v2.0"


def issuer_of_access_tokens(tenant: str) -> str:
    """Return the *iss* of v1.0 tokens, which Exchange's are (Microsoft: "Access token claims reference")."""
    return f"https://sts.windows.net/{tenant}/"


def access_token(provider: Provider, client: Client, person: Person | None, scope: str) -> str:
    """
    Return an access token for the mailbox of *person*, or for the application itself.

    Microsoft: "Access token claims reference"; of an application *roles* in place of *scp* ("Access tokens").
    """
    if person and person.opaque:
        # Tokens of personal accounts are opaque, "EwB…", and longer than a thousand characters.
        return "EwB" + secrets.token_urlsafe(1020)
    tenant = person.tenant if person else provider.tenant
    claims = _times(provider) | {
        "aud": resource(scope),
        "iss": issuer_of_access_tokens(tenant),
        "tid": tenant,
        "appid": client.client_id,
        "uti": base64url(secrets.token_bytes(16)),
        "ver": "1.0",
    }
    if person:
        claims |= {
            "idtyp": "user",
            "oid": person.oid,
            "sub": person.subject(client.client_id),
            "upn": person.upn,
            "unique_name": person.upn,
            "name": person.name,
            "scp": permissions(scope),
        }
    else:
        oid = str(uuid.uuid5(uuid.NAMESPACE_URL, client.client_id))
        claims |= {"idtyp": "app", "oid": oid, "sub": oid, "roles": client.roles}
    missing = (provider.access_token_bytes - len(_sign(provider, claims, is_v1=True))) * 3 // 4
    # Groups make the token as long as real ones are.
    groups = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(-(-missing // 39))]
    return _sign(provider, claims | {"groups": groups}, is_v1=True)


def id_token(provider: Provider, client: Client, person: Person, nonce: str | None) -> str:
    """Return who signed in (OpenID Connect Core §2; Microsoft: "ID token claims reference")."""
    claims: Claims = _times(provider) | {
        "iss": issuer(person.tenant),
        "aud": client.client_id,
        "sub": person.subject(client.client_id),
        "oid": person.oid,
        "tid": person.tenant,
        "preferred_username": person.upn,
        "name": person.name,
        "uti": base64url(secrets.token_bytes(16)),
        "ver": "2.0",
        "nonce": nonce,
    }
    claims |= provider.id_token_claims_override
    return _sign(provider, {name: value for name, value in claims.items() if value is not None})


def _times(provider: Provider) -> Claims:
    """Return when the token is good (RFC 7519 §4.1)."""
    now = int(time.time())
    return {"iat": now, "nbf": now, "exp": now + int(provider.access_token_seconds)}


def _sign(provider: Provider, claims: Claims, *, is_v1: bool = False) -> str:
    """Return *claims* as a JWT under the tenant's key, which v1.0 tokens name twice (Microsoft: "Access tokens")."""
    header = {"kid": provider.key.kid, **({"x5t": provider.key.kid} if is_v1 else {})}
    return jwt.encode(claims, provider.key.private, algorithm="RS256", headers=header)


def client_info(person: Person) -> str:
    """Return MSAL's home account id: object and tenant (MSAL: token_cache.py, client_info)."""
    return base64url(json.dumps({"uid": person.oid, "utid": person.tenant}).encode())

"""Registered applications: redirects per client id, public, with a secret or with a certificate."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from flask import request

from .refusals import Refusal
from .tokens import base64url

#: Thunderbird's desktop id (Mozilla: OAuth2Providers.sys.mjs, bug 1685414).
THUNDERBIRD = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: The header that names the certificate by its thumbprint (RFC 7515 §4.1.7, §4.1.8).
_THUMBPRINTS = {"PS256": ("x5t#S256", hashes.SHA256()), "RS256": ("x5t", hashes.SHA1())}


@dataclass(eq=False)
class Client:
    """
    An application registration, in the shape in which Authlib asks for it (its ClientMixin).

    *roles* are the application permissions that an administrator granted, such as ``IMAP.AccessAsApp``. *certificates*
    (PEM) were uploaded to it; *has_principal*: the organisation has an enterprise application of it.
    """

    client_id: str
    redirect_uris: list[str]
    name: str = "An application"
    public: bool = True
    secret: str | None = None
    certificates: list[bytes] = field(default_factory=list)
    has_principal: bool = True
    roles: list[str] = field(default_factory=lambda: ["IMAP.AccessAsApp", "SMTP.SendAsApp"])

    def get_client_id(self) -> str:
        """Return the id."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """Refuse a request without a *redirect_uri*."""
        raise Refusal(900971, client=self.client_id)

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the scopes that this client may have: all that are known, the server has checked them."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return True if *redirect_uri* is registered; raise AADSTS50011 otherwise."""
        if not any(is_same_redirect(known, redirect_uri) for known in self.redirect_uris):
            raise Refusal(50011, client=self.client_id, redirect=redirect_uri)
        return True

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether the secret is right."""
        return self.secret is not None and hmac.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return True: which clients must prove themselves and how is decided in one place, gate.py."""
        return bool(method and endpoint)

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the authorisation endpoint may answer in this way."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the token endpoint may be asked in this way."""
        if grant_type == "client_credentials":
            return not self.public
        return grant_type in {"authorization_code", "refresh_token", DEVICE_CODE}


def is_same_redirect(known: str, asked: str) -> bool:
    """
    Return whether *asked* is the registered redirect *known*.

    ``http://localhost`` stands for every port, everything else is compared exactly (Microsoft: "Redirect URI
    (reply URL) restrictions and limitations", "Localhost exceptions"; RFC 8252 §7.3).
    """
    if known != "http://localhost":
        return known == asked
    parts = urlsplit(asked)
    return (parts.scheme, parts.hostname, parts.path, parts.query) == ("http", "localhost", "", "")


def check_assertion(client: Client, assertion: str, kind: str) -> None:
    """
    Raise AADSTS700027 unless a certificate of *client* signed the *assertion*, for this endpoint, and it is good now.

    Microsoft: "Application authentication certificate credentials": PS256 with the thumbprint ``x5t#S256``, or RS256
    with ``x5t``.
    """
    try:
        header = jwt.get_unverified_header(assertion)
        name, digest = _THUMBPRINTS[header["alg"]]
        thumbprint = header[name].rstrip("=")  # MSAL pads, and Entra takes it
        certificates = map(x509.load_pem_x509_certificate, client.certificates)
        certificate = next(found for found in certificates if base64url(found.fingerprint(digest)) == thumbprint)
        claims = jwt.decode(
            assertion,
            certificate.public_key(),  # type: ignore[arg-type]  # any kind of key; only RSA fits these algorithms
            algorithms=[header["alg"]],
            audience=f"https://{request.host}{request.path}",
            issuer=client.client_id,
            options={"require": ["exp", "sub", "jti"]},
        )
    except (jwt.InvalidTokenError, KeyError, StopIteration) as error:
        raise Refusal(700027) from error
    if kind != _ASSERTION or claims["sub"] != client.client_id:
        raise Refusal(700027)

"""A client that proves itself with its certificate: the assertion that it signed (RFC 7523 §2.2, §3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from flask import request

from .keys import base64url
from .refusals import Refusal

if TYPE_CHECKING:
    from .clients import Client

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: How long an assertion may be good, in seconds; MSAL's are for ten minutes.
_LONGEST = 24 * 3600


def check_assertion(client: Client, assertion: str, kind: str) -> None:
    """
    Raise AADSTS700027 unless a certificate of *client* signed the *assertion*, for this endpoint, and it is good now.

    Microsoft: "Application authentication certificate credentials": PS256 with the thumbprint ``x5t#S256``, or RS256
    with ``x5t``.
    """
    try:
        header = jwt.get_unverified_header(assertion)
        certificate = next(
            found
            for found in map(x509.load_pem_x509_certificate, client.certificates)
            if is_named(found, header) and header.get("alg") in {"PS256", "RS256"}
        )
        claims = jwt.decode(
            assertion,
            certificate.public_key(),  # type: ignore[arg-type]  # any kind of key; only RSA fits these algorithms
            algorithms=[header["alg"]],
            audience=f"https://{request.host}{request.path}",
            issuer=client.client_id,
            options={"require": ["exp", "sub", "jti"]},
        )
    except (jwt.InvalidTokenError, StopIteration) as error:
        raise Refusal(700027) from error
    if kind != _TYPE or claims["sub"] != client.client_id or claims["exp"] > time.time() + _LONGEST:
        raise Refusal(700027)


def is_named(certificate: x509.Certificate, header: dict[str, Any]) -> bool:
    """Return whether the *header* names this *certificate* by a thumbprint (RFC 7515 §4.1.7, §4.1.8)."""
    sha256 = base64url(certificate.fingerprint(hashes.SHA256()))
    sha1 = base64url(certificate.fingerprint(hashes.SHA1()))
    name, expected = ("x5t#S256", sha256) if header.get("alg") == "PS256" else ("x5t", sha1)
    return str(header.get(name, "")).rstrip("=") == expected  # MSAL pads, and Entra takes it

"""
Read a certificate with its private key from PEM or PKCS #12.

Needs ``cryptography``, which MSAL depends on. Sources: RFC 7468 (PEM), RFC 7292 (PKCS #12), RFC 5280 §4.1.2.5
(validity). Entra takes only RSA keys for certificates of applications (entra-docs, certificate-credentials.md).
"""

from __future__ import annotations

import contextlib
import time
import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12


class Unusable(Exception):
    """A certificate that cannot be used: *args* are the reason, as the end of a sentence, and what to do."""


def read(data: bytes, passphrase: str | None) -> tuple[dict[str, str], float]:
    """
    Return key and certificate of a file's *data* in MSAL's form, and when it expires, in seconds since 1970.

    Raises Unusable, which holds nothing secret.
    """
    key, certificate = _open(data, passphrase)
    ends = certificate.not_valid_after_utc
    if time.time() >= ends.timestamp():
        advice = "Make a new one and upload it to the application's registration"
        raise Unusable(f"it expired on {ends:%Y-%m-%d}", advice)
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for_msal = {
        "private_key": plain.decode("ascii"),
        "public_certificate": certificate.public_bytes(pem).decode("ascii"),
        # A name for it (RFC 7515 §4.1.7), not a proof.
        "thumbprint": certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303
    }
    return for_msal, ends.timestamp()


def end(data: bytes) -> float | None:
    """Return when the certificate in *data* expires, in seconds since 1970; None if that cannot be read as it is."""
    try:
        return _open(data, None)[1].not_valid_after_utc.timestamp()
    except Unusable:
        return None


def _open(data: bytes, passphrase: str | None) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    is_pem = b"-----BEGIN " in data
    is_encrypted = b"ENCRYPTED" in data if is_pem else data.startswith(b"\x30")  # DER, which may be
    secret = passphrase.encode() if is_encrypted and passphrase is not None else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about serial numbers, and encodings that are not strict DER
            if is_pem:
                key: object = serialization.load_pem_private_key(data, secret)
                certificates = x509.load_pem_x509_certificates(data)
            else:
                key, own, others = pkcs12.load_key_and_certificates(data, secret)
                certificates = [certificate for certificate in (own, *others) if certificate is not None]
    except Exception:  # noqa: BLE001 - its text may hold parts of the key
        if not is_encrypted:
            advice = "Put both into one file: cat KEY CERTIFICATE >FILE"
            raise Unusable("it holds no key with its certificate, in PEM or PKCS #12 (PFX)", advice) from None
        advice = "Check what the command of --certificate-passphrase-command prints"
        raise Unusable(f"its private key needs {'another' if secret else 'a'} passphrase", advice) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unusable("it holds no RSA key, and Microsoft takes no other", "Make one with an RSA key of 2048 bits")
    for certificate in certificates:
        with contextlib.suppress(UnsupportedAlgorithm, ValueError):  # of a chain, with a key of another kind
            if certificate.public_key() == key.public_key():
                return key, certificate
    raise Unusable("it holds no certificate for its key", "Put the key and the certificate made for it into the file")

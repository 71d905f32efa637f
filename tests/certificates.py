"""
Certificates of applications, as an administrator makes them: keys, PEM and PFX files, good and bad ones.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = "open sesame"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@functools.cache
def rsa_key(_number: int = 0) -> rsa.RSAPrivateKey:
    """Return a key that is made once for each number, since that is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a key of a kind that Entra does not take."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate(key: Key, *, begins: float = -1, ends: float = 365) -> x509.Certificate:
    """Return a certificate for *key*, good from *begins* to *ends*, in days from now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backup")])
    now = dt.datetime.now(dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=begins))
        .not_valid_after(now + dt.timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )


def key_pem(key: Key, passphrase: str | None = None, *, is_old: bool = False) -> bytes:
    """Return *key* in PEM, encrypted if there is a *passphrase*; *is_old*: as OpenSSL wrote it before PKCS #8."""
    kind = serialization.PrivateFormat.TraditionalOpenSSL if is_old else serialization.PrivateFormat.PKCS8
    cipher = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, cipher)


def certificate_pem(found: x509.Certificate) -> bytes:
    """Return a certificate in PEM."""
    return found.public_bytes(serialization.Encoding.PEM)


def with_unknown_key(found: x509.Certificate) -> bytes:
    """Return a certificate in PEM whose key is of a kind that no library knows."""
    rsa_encryption, unknown = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d010163")
    data = found.public_bytes(serialization.Encoding.DER).replace(rsa_encryption, unknown, 1)
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data) + b"-----END CERTIFICATE-----\n"


def pfx(key: Key, found: x509.Certificate | None, passphrase: str | None = None) -> bytes:
    """Return both as PKCS #12."""
    cipher = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"backup", key, found, None, cipher)


def write(path: Path, data: bytes | str, mode: int = 0o600) -> Path:
    """Write a file of this *mode*; return its path."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(mode)
    return path

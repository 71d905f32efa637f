"""
Read a certificate with its private key from PEM or PKCS #12.

Needs ``cryptography``, which MSAL depends on. Sources: RFC 7468 (PEM), RFC 7292 (PKCS #12), RFC 5280 §4.1.2.5
(validity). Entra takes only RSA keys for certificates of applications (entra-docs, certificate-credentials.md).
"""

from __future__ import annotations

import dataclasses
import time
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

_PEM = b"-----BEGIN "


class Unusable(Exception):
    """A certificate that cannot be used: *args[0]* is the reason as the end of a sentence, *advice* what to do."""

    def __init__(self, reason: str, advice: str = "") -> None:
        """Store the parts."""
        super().__init__(reason)
        self.advice = advice


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, both as PEM, and when that expires, in seconds since 1970."""

    key: str = dataclasses.field(repr=False)
    certificate: str = dataclasses.field(repr=False)
    thumbprint: str
    ends: float


def read(data: bytes, passphrase: str | None) -> KeyPair:
    """Return key and certificate of a file's *data*; raises Unusable, which holds nothing secret."""
    key, certificates = _from_pem(data, passphrase) if _PEM in data else _from_pfx(data, passphrase)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unusable(
            "its key is not RSA, and Microsoft takes no other", "Make a new one with an RSA key of 2048 bits"
        )
    numbers = key.public_key().public_numbers()
    own = next((certificate for certificate in certificates if _numbers(certificate) == numbers), None)
    if own is None:
        raise Unusable(
            "its certificate is for another key", "Put the key and the certificate made for it into the file"
        )
    begins, ends = own.not_valid_before_utc.timestamp(), own.not_valid_after_utc.timestamp()
    now = time.time()
    if now < begins:
        raise Unusable(f"it is not valid before {_date(begins)}", "Wait until then, or set this machine's clock")
    if now >= ends:
        raise Unusable(f"it expired on {_date(ends)}", "Make a new one and upload it to the application's registration")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(
        plain.decode("ascii"),
        own.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        own.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - a name for it (RFC 7515 §4.1.7), not a proof
        ends,
    )


def end(data: bytes) -> float | None:
    """Return when the certificate in *data* expires, in seconds since 1970; None if a passphrase is needed to look."""
    try:
        certificates = _certificates(data) if _PEM in data else _open_pfx(data, None)[1]
    except ValueError:
        return None
    return certificates[0].not_valid_after_utc.timestamp() if certificates else None


def _from_pem(data: bytes, passphrase: str | None) -> tuple[object, list[x509.Certificate]]:
    if b"PRIVATE KEY-----" not in data:
        raise Unusable("it holds no private key", "Append the private key in PEM: cat KEY >>FILE")
    try:
        certificates = _certificates(data)
    except ValueError:
        raise Unusable("it holds no certificate", "Append the certificate in PEM: cat CERTIFICATE >>FILE") from None
    is_encrypted = b"ENCRYPTED" in data
    if is_encrypted and passphrase is None:
        raise _locked()
    try:
        secret = passphrase.encode() if is_encrypted and passphrase is not None else None
        return serialization.load_pem_private_key(data, secret), certificates
    except Exception as error:  # noqa: BLE001 - its text may hold parts of the key
        if is_encrypted and isinstance(error, ValueError):
            raise _wrong_passphrase() from None
        raise Unusable(f"its private key cannot be read ({type(error).__name__})") from None


def _certificates(data: bytes) -> list[x509.Certificate]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about serial numbers
        return x509.load_pem_x509_certificates(data)


def _from_pfx(data: bytes, passphrase: str | None) -> tuple[object, list[x509.Certificate]]:
    try:
        key, certificates = _open_pfx(data, passphrase)
    except ValueError:
        if not data.startswith(b"\x30"):  # not DER
            raise Unusable("it is neither PEM nor PKCS #12 (PFX)") from None
        raise (_locked() if passphrase is None else _wrong_passphrase()) from None
    if key is None or not certificates:
        raise Unusable(f"it holds no {'certificate' if key else 'private key'}", "Export both into one file")
    return key, certificates


def _open_pfx(data: bytes, passphrase: str | None) -> tuple[object, list[x509.Certificate]]:
    """Return what a PKCS #12 file holds; without a passphrase an empty one is tried. Raises ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about encodings that are not strict DER
        key, own, others = pkcs12.load_key_and_certificates(data, None if passphrase is None else passphrase.encode())
    return key, [certificate for certificate in (own, *others) if certificate is not None]


def _locked() -> Unusable:
    return Unusable(
        "its private key needs a passphrase", "Add the command that prints it: --certificate-passphrase-command CMD"
    )


def _wrong_passphrase() -> Unusable:
    return Unusable("the passphrase is wrong", "Check what the command of --certificate-passphrase-command prints")


def _numbers(certificate: x509.Certificate) -> object:
    public = certificate.public_key()
    return public.public_numbers() if isinstance(public, rsa.RSAPublicKey) else None


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))

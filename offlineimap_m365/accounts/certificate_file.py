"""
A certificate with its private key, read out of PEM or PKCS #12 and found fit to sign with.

Needs ``cryptography``, which MSAL itself depends on: no further dependency. Sources: RFC 7468 (PEM), RFC 7292
(PKCS #12), RFC 5280 §4.1.2.5 (validity); Entra takes RSA keys for certificates of applications (entra-docs,
certificate-credentials.md: RS256 and PS256).
"""

from __future__ import annotations

import dataclasses
import re
import time
import warnings
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

#: A block of PEM, with no other one begun within it: else many beginnings without an end would take very long.
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(?:(?!-----BEGIN ).)+?-----END \1-----", re.DOTALL)
_PEM = b"-----BEGIN "


class Unusable(Exception):
    """What is wrong with a certificate: *args[0]* is half a sentence, *remedy* what helps."""

    def __init__(self, what: str, remedy: str = "") -> None:
        """Say *what* is wrong."""
        super().__init__(what)
        self.remedy = remedy


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, both as PEM, and when that ends, in seconds since 1970."""

    key: str = dataclasses.field(repr=False)
    certificate: str = dataclasses.field(repr=False)
    thumbprint: str
    ends: float


def read(data: bytes, passphrase: str | None) -> KeyPair:
    """Return key and certificate of a file's *data*; raises Unusable, which never holds anything of it."""
    key, certificates = _from_pem(data, passphrase) if _PEM in data else _from_pfx(data, passphrase)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unusable(
            "its key is not RSA, and Microsoft takes no other", "Make a new one with an RSA key of 2048 bits"
        )
    numbers = key.public_key().public_numbers()
    own = [found for found in certificates if _numbers(found) == numbers]
    if not own:
        raise Unusable("its key and its certificate do not belong together", "Put the key and its certificate into it")
    begins, ends = validity(own[0])
    now = time.time()
    if now < begins:
        raise Unusable(f"it is not valid before {_date(begins)}", "Use it from then on, or set this machine's clock")
    if now >= ends:
        raise Unusable(
            f"it expired on {_date(ends)}", "Make a new one, and upload it to the application's registration"
        )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(
        plain.decode("ascii"),
        own[0].public_bytes(serialization.Encoding.PEM).decode("ascii"),
        own[0].fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - a name for it (RFC 7515 §4.1.7), not a proof
        ends,
    )


def end(data: bytes) -> float | None:
    """Return when the certificate in *data* ends, in seconds since 1970; None if a passphrase is needed to tell."""
    try:
        found = _certificates(data) if _PEM in data else _open_pfx(data, None)[1]
        return min(validity(one)[1] for one in found[:1])
    except ValueError:
        return None


def _from_pem(data: bytes, passphrase: str | None) -> tuple[object, list[x509.Certificate]]:
    keys = [block[0] for block in _BLOCK.finditer(data) if block[1].endswith(b"PRIVATE KEY")]
    if not keys:
        raise Unusable("it holds no private key", "Append the private key in PEM: cat KEY >>FILE")
    try:
        certificates = _certificates(data)
    except ValueError:
        certificates = []
    if not certificates:
        raise Unusable("it holds no certificate", "Append the certificate in PEM: cat CERTIFICATE >>FILE")
    is_encrypted = b"ENCRYPTED" in keys[0]
    if is_encrypted and passphrase is None:
        raise _locked()
    try:
        secret = passphrase.encode() if is_encrypted and passphrase is not None else None
        return serialization.load_pem_private_key(keys[0] + b"\n", secret), certificates
    except (ValueError, TypeError):
        raise (_wrong() if is_encrypted else Unusable("its private key cannot be read")) from None
    except Exception as error:  # noqa: BLE001 - UnsupportedAlgorithm and what bindings raise; its words may hold data
        raise Unusable(f"its private key cannot be read ({type(error).__name__})") from None


def _certificates(data: bytes) -> list[x509.Certificate]:
    blocks = [block[0] for block in _BLOCK.finditer(data) if block[1] == b"CERTIFICATE"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of serial numbers that are not as they should be
        return [x509.load_pem_x509_certificate(block + b"\n") for block in blocks]


def _from_pfx(data: bytes, passphrase: str | None) -> tuple[object, list[x509.Certificate]]:
    try:
        key, certificates = _open_pfx(data, passphrase)
    except ValueError:
        if not data.startswith(b"\x30"):  # no DER at all
            raise Unusable("it is neither PEM nor PKCS #12 (PFX)") from None
        raise (_locked() if passphrase is None else _wrong()) from None
    if key is None or not certificates:
        raise Unusable(f"it holds no {'certificate' if key else 'private key'}", "Export both into one file")
    return key, certificates


def _open_pfx(data: bytes, passphrase: str | None) -> tuple[object, list[x509.Certificate]]:
    """Return what a PKCS #12 file holds; without a passphrase an empty one is tried too. Raises ValueError."""
    secrets = [None, b""] if passphrase is None else [passphrase.encode()]
    for secret in secrets:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of encodings that are not DER in each detail
                key, own, others = pkcs12.load_key_and_certificates(data, secret)
        except ValueError:
            continue
        return key, [found for found in (own, *others) if found is not None]
    raise ValueError("not PKCS #12, or another passphrase")


def _locked() -> Unusable:
    return Unusable("its private key wants a passphrase", "Name what prints it: --certificate-passphrase-command CMD")


def _wrong() -> Unusable:
    return Unusable(
        "the passphrase does not open it", "Look at what the command of --certificate-passphrase-command prints"
    )


def _numbers(certificate: x509.Certificate) -> object:
    public = certificate.public_key()
    return public.public_numbers() if isinstance(public, rsa.RSAPublicKey) else None


def validity(certificate: x509.Certificate) -> tuple[float, float]:
    """
    Return from when to when it is good, in seconds since 1970.

    cryptography before 42 has times without a zone, which are UTC.
    """
    names = ("not_valid_before", "not_valid_after")
    found: list[datetime] = []
    for name in names:
        aware = f"{name}_utc"
        value = getattr(certificate, aware) if hasattr(certificate, aware) else getattr(certificate, name)
        found.append(value if value.tzinfo else value.replace(tzinfo=timezone.utc))
    return found[0].timestamp(), found[1].timestamp()


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))

"""
Which certificates are trusted here, and what is wrong with one that a server shows.

A certificate that was refused is looked at over a second connection that verifies nothing and sends nothing: the
handshake is all, and no token ever goes that way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ssl
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from offlineimap_m365.accounts import certificate_file
from offlineimap_m365.base import environment, errors
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.mail import reachability
from offlineimap_m365.doctor.mail.reachability import Trouble
from offlineimap_m365.mail import server_text
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

#: The check of what is trusted, which all that speaks TLS depends on.
NAME = "certificates"
#: Results of a verification (X509_STORE_CTX_get_error(3)); those of the last line say that nobody trusted issued it.
_NOT_YET, _EXPIRED, _NAME, _ADDRESS = 9, 10, 62, 64
_SELF_SIGNED, _FOREIGN = 18, frozenset({2, 18, 19, 20, 21})
_LONGEST = 80  # characters of a name that a certificate holds


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a certificate says: who it is for (*names*), who issued it, from when to when it is good (since 1970)."""

    names: tuple[str, ...]
    issuer: str
    begins: float
    ends: float


@dataclasses.dataclass(frozen=True)
class Peer:
    """
    Whose TLS is looked at: *host*, over what *connect* returns, which may raise OSError.

    *again* is the command to run once somebody else has mended something; *rename* the one that corrects the host's
    name, None for Microsoft's own hosts, whose names and certificates are right.
    """

    host: str
    connect: Callable[[], socket.socket]
    again: str
    rename: str | None = None


def examine() -> Check:
    """Return the check of the trusted certificates themselves."""
    try:
        trusted_certificates.context()
    except errors.M365Error as error:
        fewer = next((names for names in _fewer() if _loads(names)), None)
        remedy = _unset(fewer) if fewer else "Install the system's certificates anew. Run: sudo update-ca-certificates"
        return Check(NAME, ok=False, meaning=error.fact, remedy=remedy)
    path = trusted_certificates.find()
    return Check(NAME, ok=True, meaning=f"Trusted are the certificates of {path} ({trusted_certificates.origin(path)})")


def find_trouble(peer: Peer) -> Trouble | None:
    """
    Shake hands with *peer*, and tell what is wrong; None if its certificate is trusted.

    Raises OSError if there is no connection, Misconfigured without certificates.
    """
    context, plain = trusted_certificates.context(), peer.connect()
    try:
        _shake_hands(plain, context, peer.host)
    except ssl.SSLCertVerificationError as error:
        return _explain(peer, error)
    except TimeoutError:
        return Trouble(
            f"{peer.host} did not finish the TLS handshake in time",
            f"Try another network; if that helps, something in this one holds it back. Run: {peer.again}",
        )
    except OSError as error:  # all of ssl's are
        reason = errors.printable(getattr(error, "reason", None) or type(error).__name__)
        return Trouble(
            f"{peer.host}, or something before it, broke off the TLS handshake ({reason})",
            "Sign in to this network if it wants that (a captive portal), or ask whoever runs it what it does to"
            f" encrypted connections. Run: {peer.again}",
        )
    return None


def find_trouble_if_any(peer: Peer) -> Trouble | None:
    """Return the same, and None as well where there is no connection or nothing to verify it with."""
    try:
        return find_trouble(peer)
    except (OSError, errors.M365Error):
        return None


def shown(peer: Peer) -> Shown | None:
    """Return the certificate that *peer* shows, trusted or not; None if there is none that can be read."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # to read the certificate, and for nothing else
    try:
        der = _shake_hands(peer.connect(), blind, peer.host)
    except (OSError, ValueError):
        return None
    try:
        return _read(der) if der else None
    except Exception:  # noqa: BLE001 - for each oddity cryptography has an exception of its own, without a common base
        return None


def _shake_hands(plain: socket.socket, context: ssl.SSLContext, host: str) -> bytes | None:
    """
    Shake hands, hang up, and return the certificate.

    The time-out of *plain* holds for the whole handshake (CPython's _ssl.c computes a deadline from it).
    """
    with plain, context.wrap_socket(plain, server_hostname=host) as encrypted:
        return encrypted.getpeercert(binary_form=True)


def _read(der: bytes) -> Shown:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of serial numbers that are not as they should be
        certificate = x509.load_der_x509_certificate(der)
        names: list[str] = []
        with contextlib.suppress(x509.ExtensionNotFound):
            alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names += alternative.get_values_for_type(x509.DNSName)
            names += map(str, alternative.get_values_for_type(x509.IPAddress))
        begins, ends = certificate_file.validity(certificate)
    subject = ", ".join(str(part.value) for part in certificate.subject)
    return Shown(tuple(names) or (subject or "nobody",), reachability.issuer_of(der), begins, ends)


def _explain(peer: Peer, error: ssl.SSLCertVerificationError) -> Trouble:
    """Put into words why the certificate of *peer* was refused."""
    seen, code, host = shown(peer), error.verify_code, peer.host
    if code in (_NAME, _ADDRESS):
        names = ", ".join(server_text.cited(name[:_LONGEST]) for name in seen.names[:3]) if seen else "another host"
        return Trouble(
            f"{host} showed a certificate for {names}, so somebody else answers in its place, or its name is wrong",
            "Sign in to this network if it wants that (a captive portal)"
            f"{', or correct the name' if peer.rename else ''}. Run: {peer.rename or peer.again}",
        )
    if code == _NOT_YET:
        begins = f" before {_date(seen.begins)}" if seen else ""
        today = _date(time.time())
        return Trouble(
            f"{host} showed a certificate that is not valid{begins}, and this machine's clock says {today}",
            f"Set this machine's clock. Run: {set_clock()}",
            "validity",
        )
    if code == _EXPIRED:
        return _expired(peer, seen)
    if code in _FOREIGN:
        return _foreign(peer, code, seen)
    return Trouble(
        f"{host} showed a certificate that is not accepted ({errors.printable(error.verify_message)}), issued by"
        f" {seen.issuer if seen else 'an authority that cannot be read'}",
        f"Ask whoever runs {host} for one that is. Run: {peer.again}",
    )


def _expired(peer: Peer, seen: Shown | None) -> Trouble:
    now = time.time()
    which = f"a certificate that expired on {_date(seen.ends)}" if seen and seen.ends <= now else "an expired one"
    meaning = f"{peer.host} showed {which}, and this machine's clock says {_date(now)}"
    if peer.rename is None:
        remedy = f"Microsoft renews its certificates in time: set this machine's clock. Run: {set_clock()}"
        return Trouble(meaning, remedy, "validity")
    return Trouble(
        meaning,
        f"If that is not today's date, set the clock ({set_clock()}); otherwise ask whoever runs {peer.host} to renew"
        f" the certificate. Run: {peer.again}",
        "validity",
    )


def _foreign(peer: Peer, code: int, seen: Shown | None) -> Trouble:
    """Name who issued what *peer* showed, and how to trust that."""
    issuer = seen.issuer if seen else "an authority that cannot be read"
    path = trusted_certificates.find()
    who = "itself" if code == _SELF_SIGNED else issuer
    meaning = (
        f"{peer.host} showed a certificate that was issued by {who}, which is not among those that are trusted here:"
        f" {path} ({trusted_certificates.origin(path)})"
    )
    fewer = next((names for names in _fewer() if _is_trusted(peer, names)), None)
    if fewer:
        return Trouble(meaning, f"Without what the environment names it is trusted. {_unset(fewer)}", "every issuer")
    variable = environment.certificates_variable()
    variable = variable if variable == "REQUESTS_CA_BUNDLE" else "SSL_CERT_FILE"
    command = f"export {variable}=CERTIFICATE.pem"
    if Path(path).is_file():
        together = _unused("~/trusted-certificates")
        command = f"cat {errors.quoted(path)} CERTIFICATE.pem >{together} && export {variable}={together}"
    return Trouble(
        meaning,
        # without the issuer's name, which anybody may choose: what stands here is done
        "If that is your own company, which looks into encrypted connections, or your virus scanner, get its"
        " certificate as a file in PEM, and set the variable wherever mail is fetched, cron included."
        f" Run: {command}",
        f"issuer {issuer}",
    )


def _unused(stem: str) -> str:
    """Return the name of a file that is not there yet."""
    names = (f"{stem}{number or ''}.pem" for number in range(1000))
    return next(name for name in names if not Path(name).expanduser().exists())


def _fewer() -> Iterator[tuple[str, ...]]:
    """Yield which variables could be unset: the one in force, then also the one that would be, and so on."""
    names: tuple[str, ...] = ()
    while variable := environment.certificates_variable(*names):
        names = (*names, variable)
        yield names


def _loads(without: tuple[str, ...]) -> bool:
    try:
        trusted_certificates.context(*without)
    except errors.M365Error:
        return False
    return True


def _is_trusted(peer: Peer, without: tuple[str, ...]) -> bool:
    try:
        _shake_hands(peer.connect(), trusted_certificates.context(*without), peer.host)
    except (OSError, errors.M365Error):
        return False
    return True


def _unset(variables: tuple[str, ...]) -> str:
    return f"Run: unset {' '.join(variables)}"


def set_clock() -> str:
    """Return the command that sets this machine's clock (timedatectl(1); Apple's sntp(1))."""
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "timedatectl set-ntp true"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))

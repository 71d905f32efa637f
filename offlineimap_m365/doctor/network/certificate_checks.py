"""
Which certificates are trusted here, and what is wrong with one that was refused.

To name who issued it, it is read over a second connection that verifies nothing and sends nothing: the handshake is
all, and no token is ever sent that way.
"""

from __future__ import annotations

import dataclasses
import ssl
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from offlineimap_m365.base import environment, errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Trouble
from offlineimap_m365.mail import server_text
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from offlineimap_m365.doctor.check import Check, Subject

#: The check of what is trusted, which all TLS connections depend on.
NAME = "certificates"
#: Results of a verification (X509_STORE_CTX_get_error(3)): not valid yet; by time; by name; by its issuer.
_NOT_YET, _WRONG_TIME, _WRONG_NAME = 9, frozenset({9, 10}), frozenset({62, 64})
_NOT_TRUSTED = frozenset({2, 18, 19, 20, 21})


@dataclasses.dataclass(frozen=True)
class Peer:
    """
    A server whose certificate was refused: *host*, over what *connect* returns, which may raise OSError.

    *again* is the command that checks again; *rename* the one that corrects the host's name, None for Microsoft's own
    hosts, whose names and certificates are right.
    """

    host: str
    connect: Callable[[], socket.socket]
    again: str
    rename: str | None = None


def examine(machine: Subject) -> Check:
    """Return the check of the trusted certificates themselves."""
    try:
        trusted_certificates.context()
    except errors.M365Error as error:
        fewer = next((names for names in _fewer_variables() if _loads(names)), None)
        install = Remedy("Install the system's certificates anew", "sudo update-ca-certificates")
        return machine.bad(NAME, error.fact, _unset(fewer) if fewer else install)
    path = trusted_certificates.find()
    return machine.good(NAME, f"Trusted are the certificates of {path} ({trusted_certificates.origin(path)})")


def tls_trouble(peer: Peer, error: ssl.SSLError) -> Trouble:
    """Return why a TLS handshake with *peer* ended with *error*, and what helps."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _refused(peer, error)
    reason = errors.printable(error.reason or type(error).__name__)
    return Trouble(
        f"{peer.host}, or a program between here and there, ended the TLS handshake ({reason})",
        Remedy("If this network wants a sign-in of its own (a captive portal), open any page in a browser", peer.again),
    )


def _refused(peer: Peer, error: ssl.SSLCertVerificationError) -> Trouble:
    """Return why the certificate of *peer* was refused."""
    if error.verify_code in _NOT_TRUSTED:
        return _not_trusted(peer)
    fact = f"{peer.host} showed a certificate that is refused ({errors.printable(error.verify_message)})"
    if error.verify_code in _WRONG_NAME:
        advice = "If this network wants a sign-in of its own (a captive portal), open any page in a browser"
        advice += "; else correct the name of the host" if peer.rename else ""
        return Trouble(fact, Remedy(advice, peer.rename or peer.again))
    if error.verify_code in _WRONG_TIME:
        meaning = f"{fact}; this machine's clock says {time.strftime('%Y-%m-%d', time.gmtime())}"
        if peer.rename is None or error.verify_code == _NOT_YET:
            return Trouble(meaning, Remedy("Set this machine's clock", set_clock()), ("clock",))
        renew = Remedy(f"If the clock is right, ask the administrator of {peer.host} to renew it", peer.again)
        return Trouble(meaning, renew, ("clock",))
    return Trouble(fact, Remedy(f"Ask the administrator of {peer.host} for one that is valid", peer.again))


def _not_trusted(peer: Peer) -> Trouble:
    """Return who issued the certificate of *peer*, and how to trust them."""
    issuer, path = _issuer(peer), trusted_certificates.find()
    causes = (f"issuer {issuer}",)
    meaning = (
        f"{peer.host} showed a certificate that was issued by {issuer}, which is not among those that are trusted here:"
        f" {path} ({trusted_certificates.origin(path)})"
    )
    fewer = next((names for names in _fewer_variables() if _is_trusted(peer, names)), None)
    if fewer:
        return Trouble(f"{meaning}; it is trusted without that variable", _unset(fewer), causes)
    variable = environment.certificates()[0]
    variable = variable if variable == "REQUESTS_CA_BUNDLE" else "SSL_CERT_FILE"
    command = f"export {variable}=CERTIFICATE.pem"
    if Path(path).is_file():
        bundle = _unused("~/trusted-certificates")
        command = f"cat {errors.quoted(path)} CERTIFICATE.pem >{bundle} && export {variable}={bundle}"
    advice = (  # without the issuer's name, which anybody may choose: what is written here is done
        "If your organisation or virus scanner inspects encrypted connections, get its certificate as a file in PEM,"
        " and set the variable everywhere mail is fetched, cron included"
    )
    return Trouble(meaning, Remedy(advice, command), causes)


def _issuer(peer: Peer) -> str:
    """Return who issued the certificate that *peer* shows, as it says itself."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # to read the certificate, and for nothing else
    try:
        name = x509.load_der_x509_certificate(_shake_hands(peer.connect(), blind, peer.host) or b"").issuer
        kinds = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        parts = [str(part.value) for kind in kinds for part in name.get_attributes_for_oid(kind)[:1]]
    except Exception:  # noqa: BLE001 - for each oddity cryptography has an exception of its own, without a common base
        parts = []
    text = ", ".join(dict.fromkeys(parts))
    return server_text.cited(text) if server_text.clean(text) else "an authority that cannot be read"


def _shake_hands(plain: socket.socket, context: ssl.SSLContext, host: str) -> bytes | None:
    """
    Shake hands, hang up, and return the certificate.

    The time-out of *plain* holds for the whole handshake (CPython's _ssl.c computes a deadline from it).
    """
    with plain, context.wrap_socket(plain, server_hostname=host) as encrypted:
        return encrypted.getpeercert(binary_form=True)


def _is_trusted(peer: Peer, without: tuple[str, ...]) -> bool:
    """Is the certificate of *peer* trusted without these variables?"""
    try:
        _shake_hands(peer.connect(), trusted_certificates.context(*without), peer.host)
    except (OSError, errors.M365Error):
        return False
    return True


def _fewer_variables() -> Iterator[tuple[str, ...]]:
    """Yield which variables could be unset: the one in force, then also the one that would be, and so on."""
    names: tuple[str, ...] = ()
    while variable := environment.certificates(*names)[0]:
        names = (*names, variable)
        yield names


def _loads(without: tuple[str, ...]) -> bool:
    try:
        trusted_certificates.context(*without)
    except errors.M365Error:
        return False
    return True


def _unset(variables: tuple[str, ...]) -> Remedy:
    return Remedy("", f"unset {' '.join(variables)}")


def _unused(stem: str) -> str:
    """Return the name of a file that is not there yet."""
    names = (f"{stem}{number or ''}.pem" for number in range(1000))
    return next(name for name in names if not Path(name).expanduser().exists())


def set_clock() -> str:
    """Return the command that sets this machine's clock (timedatectl(1); Apple's sntp(1))."""
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "timedatectl set-ntp true"

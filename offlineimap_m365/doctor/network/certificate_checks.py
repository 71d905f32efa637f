"""
Which certificates are trusted here, and what is wrong with one that was refused.

To name who issued it, it is read over a second connection that verifies nothing and sends nothing: the handshake is
all, and no token is ever sent that way.
"""

from __future__ import annotations

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
    from collections.abc import Callable

    from offlineimap_m365.doctor.check import Check, Subject

#: The check of what is trusted, which all TLS connections depend on.
NAME = "certificates"
#: Results of a verification (X509_STORE_CTX_get_error(3)): not yet or no longer valid; not trusted for its issuer.
_WRONG_TIME, _NOT_TRUSTED = frozenset({9, 10}), frozenset({2, 18, 19, 20, 21})


def examine(machine: Subject) -> Check:
    """Return the check of the trusted certificates themselves."""
    variable = environment.certificates()[0]
    try:
        trusted_certificates.context()
    except errors.M365Error as error:
        install = Remedy("Install the system's certificates anew", "sudo update-ca-certificates")
        return machine.bad(NAME, error.fact, Remedy("", f"unset {variable}") if variable else install)
    path = trusted_certificates.find()
    return machine.good(NAME, f"Trusted are the certificates of {path} ({trusted_certificates.origin(path)})")


def refused(
    host: str, error: ssl.SSLCertVerificationError, again: str, connect: Callable[[], socket.socket]
) -> Trouble:
    """
    Return why the certificate of *host* was refused; *again* is the command that checks once more.

    *connect* returns a connection that is ready for a TLS handshake, or raises OSError.
    """
    if error.verify_code in _NOT_TRUSTED:
        return _not_trusted(host, connect)
    fact = f"{host} showed a certificate that is refused ({errors.printable(error.verify_message)})"
    if error.verify_code in _WRONG_TIME:
        meaning = f"{fact}; this machine's clock says {time.strftime('%Y-%m-%d', time.gmtime())}"
        advice = f"If the clock is right, ask the administrator of {host} for another certificate; else set the clock"
        return Trouble(meaning, Remedy(advice, set_clock()))
    advice = "If this network wants a sign-in of its own (a captive portal), open any page in a browser; else"
    return Trouble(fact, Remedy(f"{advice} ask the administrator of {host} for a certificate that is valid", again))


def _not_trusted(host: str, connect: Callable[[], socket.socket]) -> Trouble:
    """Return who issued the certificate of *host*, and how to trust them."""
    path, variable = trusted_certificates.find(), environment.certificates()[0]
    meaning = (
        f"{host} showed a certificate that was issued by {_issuer(host, connect)}, which is not among those that are"
        f" trusted here: {path} ({trusted_certificates.origin(path)})"
    )
    if variable and _is_trusted(host, connect, variable):
        return Trouble(f"{meaning}; it is trusted without that variable", Remedy("", f"unset {variable}"))
    variable = variable if variable == "REQUESTS_CA_BUNDLE" else "SSL_CERT_FILE"
    command = f"export {variable}=CERTIFICATE.pem"
    if Path(path).is_file():
        names = (f"~/trusted-certificates{number or ''}.pem" for number in range(1000))
        bundle = next(name for name in names if not Path(name).expanduser().exists())
        command = f"cat {errors.quoted(path)} CERTIFICATE.pem >{bundle} && export {variable}={bundle}"
    advice = (  # without the issuer's name, which anybody may choose: what is written here is done
        "If your organisation or virus scanner inspects encrypted connections, get its certificate as a file in PEM,"
        " and set the variable everywhere mail is fetched, cron included"
    )
    return Trouble(meaning, Remedy(advice, command))


def _issuer(host: str, connect: Callable[[], socket.socket]) -> str:
    """Return who issued the certificate that *host* shows, as it says itself."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # to read the certificate, and for nothing else
    try:
        name = x509.load_der_x509_certificate(_shake_hands(connect(), blind, host) or b"").issuer
        kinds = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        parts = [str(part.value) for kind in kinds for part in name.get_attributes_for_oid(kind)[:1]]
    except Exception:  # noqa: BLE001 - for each oddity cryptography has an exception of its own, without a common base
        parts = []
    text = ", ".join(dict.fromkeys(parts))
    return server_text.cited(text) if server_text.clean(text) else "an authority that cannot be read"


def _is_trusted(host: str, connect: Callable[[], socket.socket], without: str) -> bool:
    """Is the certificate of *host* trusted if the variable *without* is not set?"""
    try:
        _shake_hands(connect(), trusted_certificates.context(without), host)
    except (OSError, errors.M365Error):
        return False
    return True


def _shake_hands(plain: socket.socket, context: ssl.SSLContext, host: str) -> bytes | None:
    """
    Shake hands, hang up, and return the certificate.

    The time-out of *plain* holds for the whole handshake (CPython's _ssl.c computes a deadline from it).
    """
    with plain, context.wrap_socket(plain, server_hostname=host) as encrypted:
        return encrypted.getpeercert(binary_form=True)


def set_clock() -> str:
    """Return the command that sets this machine's clock (timedatectl(1); Apple's sntp(1))."""
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "timedatectl set-ntp true"

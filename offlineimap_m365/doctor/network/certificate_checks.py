"""
Which certificates are trusted here, and what helps against one that is refused.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Trouble
from offlineimap_m365.provider import trusted_certificates

if TYPE_CHECKING:
    import ssl

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
    return machine.good(NAME, f"Trusted are the certificates of {_trusted()}")


def refused(host: str, error: ssl.SSLCertVerificationError, again: str) -> Trouble:
    """Return why the certificate of *host* was refused; *again* is the command that checks once more."""
    fact = f"{host} showed a certificate that is refused ({errors.printable(error.verify_message)})"
    if error.verify_code in _NOT_TRUSTED:
        return Trouble(f"{fact}; trusted here are those of {_trusted()}", _trust())
    if error.verify_code in _WRONG_TIME:
        meaning = f"{fact}; this machine's clock says {time.strftime('%Y-%m-%d', time.gmtime())}"
        advice = f"If the clock is right, ask the administrator of {host} for another certificate; else set the clock"
        return Trouble(meaning, Remedy(advice, set_clock()))
    advice = "If this network wants a sign-in of its own (a captive portal), open any page in a browser; else"
    return Trouble(fact, Remedy(f"{advice} ask the administrator of {host} for a certificate that is valid", again))


def _trusted() -> str:
    """Return the place of the trusted certificates, and why it is that one."""
    path = trusted_certificates.find()
    return f"{path} ({trusted_certificates.origin(path)})"


def _trust() -> Remedy:
    """Return how to trust who issued a certificate, or to stop trusting the wrong file only."""
    path, variable = trusted_certificates.find(), environment.certificates()[0]
    inspected = "If your organisation or virus scanner inspects encrypted connections, get its certificate in PEM and"
    if variable:
        return Remedy(f"{inspected} add it to {path}. If {path} is the wrong file, stop using it", f"unset {variable}")
    command, bundle = "export SSL_CERT_FILE=CERTIFICATE.pem", "~/trusted-certificates.pem"
    if Path(path).is_file():
        command = f"cat {errors.quoted(path)} CERTIFICATE.pem >{bundle} && export SSL_CERT_FILE={bundle}"
    return Remedy(f"{inspected} set the variable everywhere mail is fetched, cron included", command)


def set_clock() -> str:
    """Return the command that sets this machine's clock (timedatectl(1); Apple's sntp(1))."""
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "timedatectl set-ntp true"

"""
Why a mail server cannot be reached, or is not believed: its name, the network's ports, its certificate.

Nothing but a handshake is sent to anybody here.
"""

from __future__ import annotations

import dataclasses
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365 import certificates, data, dial, errors, heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.accounts import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: Seconds for a port that is only asked whether it answers.
_GLANCE = 3.0
_HTTPS = 443
#: What OpenSSL says of a certificate (openssl-verification-options(1), x509_vfy.h): its time, its name.
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


@dataclasses.dataclass(frozen=True)
class Trouble:
    """
    What is wrong, as a sentence without an end stop, and what helps.

    *cause* is the same for all that one cause does, empty where that is nothing else.
    """

    meaning: str
    remedy: str
    cause: str = ""


#: Connects, does the TLS handshake as a context says, leaves, and returns the server's certificate (DER).
Handshake = Callable[[ssl.SSLContext], bytes]


def find_trouble(account: Account, host: str, port: int, shake: Handshake) -> Trouble | None:
    """Return why *host* cannot be reached on *port*, or is not believed; None if that cannot be seen any more."""
    return _on_the_way(account, host, port) or _in_the_handshake(host, port, shake)


def no_address(account: Account, which: str) -> Trouble:
    """Return that what is kept as the address of the server *which* (``imap``, ``smtp``) is none."""
    return Trouble(
        f"What is kept as the address of the mail server is none: {getattr(account, which)}",
        f"Run: {errors.login_command(account.name)} --{which} {_server(account, which)}",
    )


def without_xoauth2(account: Account, which: str, offered: Sequence[str]) -> Trouble:
    """Return that the server *which* (``imap``, ``smtp``) takes no token, and who would."""
    server = getattr(account, which)
    ways = ", ".join(offered) or "nothing"
    meaning = f"{server} lets nobody sign in with a token: it offers {ways}, and no XOAUTH2"
    if account.cloud is not None and server.lower() != _server(account, which).lower():
        right = f"{errors.login_command(account.name)} --{which} {_server(account, which)}"
        return Trouble(meaning, f"It is not the mail server of this cloud. Run: {right}")
    return Trouble(meaning, "Ask whoever runs it to offer XOAUTH2")


def check(subject: Subject, name: str, trouble: Trouble, again: str) -> Check:
    """Return the failed check *name*, unless its cause was named already; *again* is what one does in the end."""
    if trouble.cause in subject.causes:
        return subject.untold(name, "not told, since a check above has failed for the same reason")
    subject.causes |= {trouble.cause} - {""}
    has_command = "Run: " in trouble.remedy or "In PowerShell: " in trouble.remedy
    return subject.bad(name, trouble.meaning, trouble.remedy if has_command else f"{trouble.remedy}. Run: {again}")


def of_error(subject: Subject, name: str, error: errors.M365Error, again: str) -> Check:
    """Return the check *name* that met what may pass, or what nobody expected."""
    fact = error.fact.removeprefix(f"{subject.name}: ")
    if isinstance(error, errors.Misconfigured):
        return subject.untold(name, f"not tried: {fact}")
    wait = getattr(error, "retry_after", 0.0)
    pause = f"wait {wait:.0f} s" if wait > errors.Temporary.retry_after else "wait a little"
    return subject.bad(name, fact, f"This can pass by itself: {pause}, then look again. Run: {again}")


def look_again(subject: Subject, mailbox: str) -> str:
    """Return the command that examines the account, and *mailbox* if it is not its own, once more."""
    own = mailbox.lower() in ("", subject.name.lower())
    also = "" if own else f" --mailbox {errors.quoted(mailbox)}"
    return f"{errors.COMMAND} doctor {errors.quoted(subject.name)}{also}"


def _server(account: Account, which: str) -> str:
    """Return the server *which* of the account's cloud."""
    clouds = data.load("clouds")
    if account.is_personal:
        return str(clouds["consumers"][which])
    return str(clouds["clouds"][account.cloud if account.cloud in clouds["clouds"] else "global"][which])


def unanswered_family(host: str, port: int, used: int) -> str:
    """Return ``IPv6`` or ``IPv4`` if *host* has such addresses but does not answer there, unlike those *used*."""
    other = socket.AF_INET if used == socket.AF_INET6 else socket.AF_INET6
    try:
        if not any(found[0] == other for found in dial.addresses(host, port)):
            return ""
        dial.dial(host, port, other, timeout=_GLANCE).close()
    except TimeoutError:
        return "IPv6" if other == socket.AF_INET6 else "IPv4"
    except OSError:  # no such network here, which every program notices at once
        return ""
    return ""


def _on_the_way(account: Account, host: str, port: int) -> Trouble | None:
    """Return what the name or the network does not allow."""
    try:
        dial.dial(host, port).close()
    except socket.gaierror:
        return Trouble(
            f"The name of the mail server cannot be found: {host}",
            "Correct the name, or this machine's network",
            f"name {host}",
        )
    except OSError as error:
        return _blocked(account, host, port, _what_happened(error))
    return None


def _blocked(account: Account, host: str, port: int, how: str) -> Trouble:
    """Return what it means that *host* does not answer on *port*, by what answers elsewhere."""
    login = urlsplit(account.authority)
    if _answers(host, _HTTPS):
        return Trouble(
            f"This network blocks port {port}: {host} {how} there, while it answers on port {_HTTPS}",
            f"Ask whoever runs this network to open port {port} to {host}, or use another one (a VPN, a phone)",
        )
    if login.hostname and _answers(login.hostname, login.port or _HTTPS):
        return Trouble(
            f"This network blocks port {port}, or the server is down: {host} {how} there, while"
            f" {login.hostname} answers",
            f"Ask whoever runs this network to open port {port} to {host}, or use another one (a VPN, a phone);"
            " if the server is down, wait",
            f"host {host}",
        )
    return Trouble(
        f"No connection: {host} {how} on port {port}, and nothing else answers", "Connect to a network", "offline"
    )


def _answers(host: str, port: int) -> bool:
    try:
        dial.dial(host, port, timeout=_GLANCE).close()
    except OSError:
        return False
    return True


def _what_happened(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "gives no answer"
    return "refuses connections" if isinstance(error, ConnectionRefusedError) else "cannot be reached"


def _in_the_handshake(host: str, port: int, shake: Handshake) -> Trouble | None:
    """Return what is wrong with the certificate of *host*, or that it speaks no TLS."""
    try:
        shake(certificates.context())
    except ssl.SSLCertVerificationError as error:
        return _of_certificate(error, host, _issuer(shake))
    except ssl.SSLError:
        return Trouble(
            f"{host} does not speak TLS on port {port}: another service answers there, or somebody in between",
            "Correct the name and the port, or ask whoever runs this network who answers there",
        )
    except (OSError, errors.M365Error):
        return None
    return None


def _issuer(shake: Handshake) -> str:
    """Return who issued the certificate that is not trusted; nothing is sent over the connection that shows it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return issuer_of(shake(context))
    except (OSError, errors.M365Error):
        return "somebody"


def _of_certificate(error: ssl.SSLCertVerificationError, host: str, issuer: str) -> Trouble:
    """Return what the *error* of a handshake with *host* means, whose certificate *issuer* made."""
    code = error.verify_code
    if code in (_NOT_YET, _EXPIRED):
        when = "is not valid yet" if code == _NOT_YET else "has expired"
        return Trouble(
            f"The certificate of {host} {when}, by this machine's clock",
            f"If the clock is right, tell whoever runs {host}",
        )
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return Trouble(
            f"The certificate is not that of {host}: another server answers there, or the name is wrong",
            f"Correct the name, or ask whoever runs this network who answers for {host}",
        )
    return Trouble(
        f"The certificate of {host} was issued by {issuer}, which is not trusted here: so do organisations and virus"
        " scanners that look into connections, and attackers",
        f"If whoever runs this network says that this is right, add the certificate of that issuer to {_trusted()}",
        f"issuer {issuer}",
    )


def _trusted() -> str:
    try:
        return errors.quoted(certificates.find())
    except errors.Misconfigured:
        return "the trusted ones"


def issuer_of(der: bytes) -> str:
    """Return who issued a certificate, as it says itself."""
    from cryptography import x509  # noqa: PLC0415 - only a certificate that is not trusted pays for it
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    try:
        name = x509.load_der_x509_certificate(der).issuer
        kinds = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        parts = [str(found.value) for kind in kinds for found in name.get_attributes_for_oid(kind)[:1]]
    except ValueError:
        parts = []
    return heard.clean(", ".join(dict.fromkeys(parts))) or "somebody without a name"

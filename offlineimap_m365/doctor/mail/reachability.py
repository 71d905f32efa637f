"""
Why a mail server cannot be reached: its name, the network's ports. Nothing is sent to anybody here.
"""

from __future__ import annotations

import dataclasses
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables
from offlineimap_m365.mail import server_text, tcp_connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject

#: Seconds for a port that is only asked whether it answers.
_GLANCE = 3.0
_HTTPS = 443
#: Ways to sign in that are named: no server has more.
_MOST = 12


@dataclasses.dataclass(frozen=True)
class Trouble:
    """
    What is wrong, as a sentence without an end stop, and what helps.

    *cause* is the same for all that one cause does, empty where that is nothing else. Its first word is the kind: what
    has ``every KIND`` among its causes has each of them.
    """

    meaning: str
    remedy: str
    cause: str = ""


def find_trouble(account: Account, host: str, port: int) -> Trouble | None:
    """Return what the name or the network does not allow; None if *host* answers on *port*."""
    try:
        tcp_connect.dial(host, port).close()
    except socket.gaierror:
        return Trouble(
            f"The name of the mail server cannot be found: {host}",
            "Correct the name, or this machine's network",
            f"name {host}",
        )
    except OSError as error:
        return _blocked(account, host, port, _what_happened(error))
    return None


def no_address(account: Account, which: str) -> Trouble:
    """Return that what is kept as the address of the server *which* (``imap``, ``smtp``) is none."""
    return Trouble(
        f"What is kept as the address of the mail server is none: {getattr(account, which)}",
        f"Run: {errors.login_command(account.name)} --{which} {_server(account, which)}",
    )


def without_xoauth2(account: Account, which: str, offered: Sequence[str]) -> Trouble:
    """Return that the server *which* (``imap``, ``smtp``) takes no token, and who would."""
    server = getattr(account, which)
    ways = ", ".join(offered[:_MOST]) or "nothing"
    meaning = f"{server} lets nobody sign in with a token: it offers {ways}, and no XOAUTH2"
    if account.cloud is not None and server.lower() != _server(account, which).lower():
        right = f"{errors.login_command(account.name)} --{which} {_server(account, which)}"
        return Trouble(meaning, f"It is not the mail server of this cloud. Run: {right}")
    return Trouble(meaning, "Ask whoever runs it to offer XOAUTH2")


def check(subject: Subject, name: str, trouble: Trouble, again: str) -> Check:
    """Return the failed check *name*, unless its cause was named already; *again* is what one does in the end."""
    kind = trouble.cause.partition(" ")[0]
    if {trouble.cause, f"every {kind}"} & subject.causes:
        return subject.untold(name, "Not told, since a check before it has failed for the same reason")
    subject.causes |= {trouble.cause} - {""}
    has_command = "Run: " in trouble.remedy or "In PowerShell: " in trouble.remedy
    return subject.bad(name, trouble.meaning, trouble.remedy if has_command else f"{trouble.remedy}. Run: {again}")


def of_error(subject: Subject, name: str, error: errors.M365Error, again: str) -> Check:
    """Return the check *name* that met what may pass, or what nobody expected."""
    fact = error.fact.removeprefix(f"{subject.name}: ")
    if isinstance(error, errors.Misconfigured):
        return subject.untold(name, f"Not tried: {fact}")
    wait = getattr(error, "retry_after", 0.0)
    pause = f"wait {wait:.0f} s" if wait > errors.Temporary.retry_after else "wait a little"
    return subject.bad(name, fact, f"This can pass by itself: {pause}, then look again. Run: {again}")


def look_again(subject: Subject, mailbox: str) -> str:
    """Return the command that examines the account, and *mailbox* if it is not its own, once more."""
    own = mailbox.lower() in ("", subject.name.lower())
    also = "" if own else f" --mailbox {errors.quoted(mailbox)}"
    return f"{errors.COMMAND} doctor {errors.quoted(subject.name)}{also}"


def rename(account: Account, which: str) -> str | None:
    """Return the command that names another server *which*; None for that of the account's cloud, which is right."""
    if account.cloud is not None and getattr(account, which).lower() == _server(account, which).lower():
        return None
    return f"{errors.login_command(account.name)} --{which} HOST:PORT"


def _server(account: Account, which: str) -> str:
    """Return the server *which* of the account's cloud."""
    clouds = tables.load("clouds")
    if account.is_personal:
        return str(clouds["consumers"][which])
    return str(clouds["clouds"][account.cloud if account.cloud in clouds["clouds"] else "global"][which])


def silent_family(host: str, port: int, used: int) -> str:
    """
    Return ``IPv6`` or ``IPv4`` if programs that try *host* over that first get no answer, unlike over that *used*.

    One that says at once that there is no way costs nobody time, so it is not told.
    """
    try:
        family, *_, (address, *_) = tcp_connect.addresses(host, port)[0]
    except (OSError, IndexError):
        return ""
    if family == used:
        return ""
    try:
        tcp_connect.dial(address, port, family, timeout=_GLANCE).close()
    except TimeoutError:
        return "IPv6" if family == socket.AF_INET6 else "IPv4"
    except OSError:
        return ""
    return ""


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
        tcp_connect.dial(host, port, timeout=_GLANCE).close()
    except OSError:
        return False
    return True


def _what_happened(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "gives no answer"
    return "refuses connections" if isinstance(error, ConnectionRefusedError) else "cannot be reached"


def issuer_of(der: bytes) -> str:
    """Return who issued a certificate, in quotation marks, as it says itself."""
    from cryptography import x509  # noqa: PLC0415 - only a certificate that is not trusted pays for it
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    try:
        name = x509.load_der_x509_certificate(der).issuer
        kinds = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        parts = [str(found.value) for kind in kinds for found in name.get_attributes_for_oid(kind)[:1]]
    except Exception:  # noqa: BLE001 - each oddity has an exception of its own, without a common base
        parts = []
    said = ", ".join(dict.fromkeys(parts))
    return server_text.cited(said) if server_text.clean(said) else "somebody without a name"

"""
Why a mail server cannot be used before anybody signs in: its name, the network's ports, TLS, no XOAUTH2.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from offlineimap_m365.base import errors, time_words
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Trouble
from offlineimap_m365.doctor.network import certificate_checks
from offlineimap_m365.knowledge import tables
from offlineimap_m365.mail import bounded_socket
from offlineimap_m365.mail import mailbox as mailboxes
from offlineimap_m365.mail.submission import Submission
from offlineimap_m365.provider import request_failure

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.check import Check, Subject
    from offlineimap_m365.doctor.mail.server_attempt import Attempt

#: Seconds for a port that is only asked whether it answers.
_GLANCE = 3.0
_HTTPS = 443
#: Ways to sign in that are named: no server has more.
_MOST = 12


def again(subject: Subject, mailbox: str = "") -> str:
    """Return the command that checks the account, and *mailbox* if it is not its own, once more."""
    own = mailbox.lower() in ("", subject.name.lower())
    also = "" if own else f" --mailbox {errors.quoted(mailbox)}"
    return f"{errors.COMMAND} doctor {errors.quoted(subject.name)}{also}"


def check(subject: Subject, attempt: Attempt, which: str) -> Check:
    """Return the check at which an *attempt* at the server *which* (``imap``, ``smtp``) ended, before a refusal."""
    account, name = subject.profile, attempt.stage
    if attempt.error is None:
        is_plain = name == "smtp-starttls"
        return subject.fail(name, _without_starttls(account) if is_plain else _without_xoauth2(account, which, attempt))
    trouble = _trouble(account, which, attempt.error, again(subject)) if name in _BEFORE else None
    return subject.fail(name, trouble) if trouble else passing(subject, name, attempt.error)


#: Stages at which the network or TLS can be the cause.
_BEFORE = ("imap-connect", "smtp-connect", "smtp-starttls")


def passing(subject: Subject, name: str, error: errors.M365Error) -> Check:
    """Return the failed check *name* that met what may pass by itself."""
    wait = getattr(error, "retry_after", 0.0)
    pause = f"Wait {time_words.duration(wait)}" if wait > errors.Temporary.retry_after else "Wait a little"
    remedy = Remedy(f"This may pass by itself. {pause}, then check again", again(subject))
    return subject.bad(name, error.fact, remedy)


def _trouble(account: Account, which: str, error: errors.M365Error, command: str) -> Trouble | None:
    """Return what the address, the network or TLS does not allow; None if the server did not behave."""
    host, port = mailboxes.split(getattr(account, which))
    if not port:
        name = f"{errors.login_command(account.name)} --{which} {_server(account, which)}"
        meaning = f"The saved address of the mail server is not one: {getattr(account, which)}"
        return Trouble(meaning, Remedy("", name))
    tls_error = next((cause for cause in request_failure.causes(error) if isinstance(cause, ssl.SSLError)), None)
    if tls_error is not None:
        peer = certificate_checks.Peer(
            host, lambda: _connect(account.name, host, port, which), command, _rename(account, which)
        )
        return certificate_checks.tls_trouble(peer, tls_error)
    try:
        bounded_socket.dial(host, port).close()
    except socket.gaierror:
        advice = "Correct the name, or this machine's network"
        causes = ("network", f"name {host}")
        return Trouble(f"The name of the mail server cannot be resolved: {host}", Remedy(advice, command), causes)
    except OSError as failure:
        return _blocked(account, host, port, failure, command)
    return None


def _connect(account: str, host: str, port: int, which: str) -> socket.socket:
    """Return a connection that is ready for a TLS handshake."""
    if which == "imap":
        return bounded_socket.dial(host, port)
    return Submission(host, port, account).hand_over()


def _blocked(account: Account, host: str, port: int, failure: OSError, command: str) -> Trouble:
    """Return what it means that *host* does not answer on *port*, by what answers elsewhere."""
    how = "refuses connections" if isinstance(failure, ConnectionRefusedError) else "does not answer"
    login = urlsplit(account.authority)
    elsewhere = ((host, _HTTPS), (login.hostname or "", login.port or _HTTPS))
    if not any(_answers(*address) for address in elsewhere):
        meaning = f"No connection: {host} {how} on port {port}, and nothing else answers"
        return Trouble(meaning, Remedy("Connect to a network", command), ("network", f"host {host}"))
    advice = f"Ask the administrator of this network to open port {port}, or use another one (a VPN, a phone)"
    meaning = f"This network blocks port {port}, or the server is down: {host} {how}, while the network is there"
    return Trouble(meaning, Remedy(advice, command), (f"host {host}",))


def _answers(host: str, port: int) -> bool:
    try:
        bounded_socket.dial(host, port, timeout=_GLANCE).close()
    except OSError:
        return False
    return True


def _without_xoauth2(account: Account, which: str, attempt: Attempt) -> Trouble:
    """Return that the server *which* does not take tokens, and which server would."""
    server = getattr(account, which)
    ways = ", ".join(attempt.mechanisms[:_MOST]) or "nothing"
    meaning = f"{server} does not let programs sign in with a token: it offers {ways}, and no XOAUTH2"
    if account.cloud is not None and server.lower() != _server(account, which).lower():
        right = f"{errors.login_command(account.name)} --{which} {_server(account, which)}"
        return Trouble(meaning, Remedy("It is not the mail server of this cloud", right))
    look = f"{errors.COMMAND} doctor {errors.quoted(account.name)}"
    return Trouble(meaning, Remedy("Ask its administrator to offer XOAUTH2", look))


def _without_starttls(account: Account) -> Trouble:
    host, port = mailboxes.split(account.smtp)
    meaning = (
        f"{host} does not offer STARTTLS on port {port}, so no token is sent there: a program in between removes it,"
        " or it is another server"
    )
    advice = "Use another network, or ask the administrator of this one what changes the traffic of mail programs"
    return Trouble(meaning, Remedy(advice, f"{errors.COMMAND} doctor {errors.quoted(account.name)}"))


def _rename(account: Account, which: str) -> str | None:
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

"""
What templates are filled in with: an account's names, hosts, certificates and the command that prints its token.

Nothing here is quoted for a program yet; only commands are, for the shell that runs them.
"""

from __future__ import annotations

import re
import shlex
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offlineimap_m365.accounts.profiles import Account

#: Where systems keep their trusted certificates in one file: Debian, Red Hat, SUSE, Alpine and OpenBSD, Homebrew.
CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
)


def of(account: Account, mailboxes: Sequence[str]) -> list[dict[str, str]]:
    """
    Return for each of *mailboxes* what templates are filled in with, by name.

    *mailbox* is who the IMAP user and the sender is, *user* who signs in to send: for a shared mailbox the account
    itself, for an application the mailbox (Microsoft's page on XOAUTH2). *account* is who a token is asked for,
    *login* the same for a shell. *section* is a short name for the mailbox, fit for sections and directories.
    """
    sections = _sections(mailboxes)
    return [_values(account, mailbox, sections[mailbox]) for mailbox in mailboxes]


def token_command(name: str) -> str:
    """Return the shell command that prints an access token of the account *name*, in any environment."""
    place = stub.place()
    return shlex.join([*(["env", place] if place else []), *stub.command(), "token", name])


def certificates() -> str | None:
    """Return the file of trusted certificates: the one that the environment names for all of us, else the system's."""
    found = [environment.certificates(), *CERTIFICATES, ssl.get_default_verify_paths().cafile]
    return next((path for path in found if path and Path(path).is_file()), None)


def _values(account: Account, mailbox: str, section: str) -> dict[str, str]:
    imap_host, _, imap_port = account.imap.rpartition(":")
    smtp_host, _, smtp_port = account.smtp.rpartition(":")
    return {
        "account": account.name,
        "user": mailbox if account.is_app_only else account.name,
        "login": shlex.quote(account.name),
        "mailbox": mailbox,
        "section": section,
        "pythonfile": str(stub.stub_path()),
        "maildir": f"~/Mail/{section}",
        "imap_host": imap_host,
        "imap_port": imap_port,
        "smtp_host": smtp_host,
        "smtp_port": smtp_port,
        "certificates": certificates() or "",
        "token_command": token_command(account.name),
    }


def _sections(mailboxes: Sequence[str]) -> dict[str, str]:
    """Return a short name for each mailbox: what stands before the @, the whole address where that is not unique."""
    short = [_plain(mailbox.partition("@")[0]) for mailbox in mailboxes]
    found: dict[str, str] = {}
    for mailbox, name in zip(mailboxes, short, strict=True):
        wanted = name if short.count(name) == 1 else _plain(mailbox)
        while wanted in found.values():
            wanted += "-2"
        found[mailbox] = wanted
    return found


def _plain(text: str) -> str:
    """Return *text* as a name that every program takes for a section and every shell for a directory."""
    return re.sub(r"[^a-z0-9._-]", "-", text.lower()).strip("-.") or "m365"

"""
What to put into a mail program's configuration: one template per program, filled in for an account.
"""

from __future__ import annotations

import os
import re
import shlex
import ssl
import string
from pathlib import Path

from offlineimap_m365 import home, installation
from offlineimap_m365.accounts import Account  # noqa: TC001 - part of the interface

#: The programs, with what their snippet is.
PROGRAMS = {
    "offlineimap": "fetches mail into a Maildir: ~/.offlineimaprc",
    "msmtp": "sends mail: ~/.msmtprc",
}
#: Where systems keep their trusted certificates in one file: Debian, Red Hat, SUSE, Alpine and OpenBSD, Homebrew.
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
)


def render(program: str, account: Account, mailboxes: list[str]) -> str:
    """
    Return the snippet of *program* for *account*, one per mailbox (none: the account's own).

    The values are quoted for the program; commands are absolute, and name the store's place where an empty
    environment would look elsewhere.
    """
    return "\n".join(_fill(program, values(account, mailbox)) for mailbox in mailboxes or [account.name])


def values(account: Account, mailbox: str) -> dict[str, str]:
    """Return what the templates are filled in with, by name."""
    imap_host, _, imap_port = account.imap.rpartition(":")
    smtp_host, _, smtp_port = account.smtp.rpartition(":")
    section = re.sub(r"[^A-Za-z0-9._-]", "-", mailbox.partition("@")[0]) or "m365"
    is_own = mailbox.lower() == account.name.lower()
    return {
        "account": account.name,
        "mailbox": mailbox,
        "section": section,
        "asked": '"%(remoteuser)s"' if is_own else '"' + account.name.replace("%", "%%") + '"',
        "pythonfile": str(installation.stub_path()),
        "maildir": f"~/Mail/{section}",
        "imap_host": imap_host,
        "imap_port": imap_port,
        "smtp_host": smtp_host,
        "smtp_port": smtp_port,
        "certificates": certificates(),
        "token_command": token_command(account.name),
    }


def token_command(name: str) -> str:
    """Return the shell command that prints an access token of the account *name*, in any environment."""
    words = [*installation.command(), "token", name]
    default = Path(os.path.expanduser("~/.local/share/offlineimap-m365"))  # noqa: PTH111 - as home.directory() does
    if Path(home.directory()) != default:
        words = ["env", f"OFFLINEIMAP_M365_HOME={home.directory()}", *words]
    return shlex.join(words)


def certificates() -> str:
    """Return the file of this system's trusted certificates."""
    found = [ssl.get_default_verify_paths().cafile, *_CERTIFICATES]
    return next((path for path in found if path and Path(path).is_file()), "OS-DEFAULT")


def _fill(program: str, found: dict[str, str]) -> str:
    template = (Path(__file__).parent / f"{program}.txt").read_text(encoding="utf-8")
    if program == "msmtp":
        found = {**found, "token_command": found["token_command"].replace("\\", "\\\\").replace('"', '\\"')}
    return string.Template(template).substitute(found)

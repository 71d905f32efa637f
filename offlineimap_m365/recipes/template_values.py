"""
Templates and their values: an account's names, hosts, folders and certificates, and the command that prints its token.

A template is ``NAME.txt`` beside this module. For a program that can have several mailboxes it is the head of the file,
and ``NAME-mailbox.txt`` follows once for each. Values are not yet quoted for a program; commands are quoted for the
shell that runs them.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import ssl
import string
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors, paths
from offlineimap_m365.knowledge import tables
from offlineimap_m365.plugin import stub

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

Values = Mapping[str, str]

#: Where systems have their trusted certificates in one file: Debian, Red Hat, SUSE, Alpine and OpenBSD, Homebrew.
CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
)
#: The names of folders in work and in personal mailboxes (MailKit#1282).
WORK_FOLDERS = {"inbox": "INBOX", "sent": "Sent Items", "trash": "Deleted Items", "junk": "Junk Email"}
PERSONAL_FOLDERS = {"inbox": "Inbox", "sent": "Sent", "trash": "Deleted", "junk": "Junk"}
#: The values of the shipped sample: what differs per user is in chevrons.
CHEVRONS = {
    **WORK_FOLDERS,
    "account": "<you@example.org>",
    "login": "<you@example.org>",
    "section": "<work>",
    "mailbox": "<you@example.org>",
    "pythonfile": "<~/.local/share/offlineimap-m365/pythonfile.py>",
    "maildir": "<~/Mail/work>",
    "imap_host": "outlook.office365.com",
    "imap_port": "993",
    "certificates": CERTIFICATES[0],
}


@dataclasses.dataclass(frozen=True)
class Program:
    """
    A program by its *name*, its *purpose*, and the *file* in which its configuration belongs.

    *is_private*: the file must not be readable by others. *has_many*: one file can have several mailboxes. *quote*
    returns the values of one mailbox as they are written in the file, *head* those of its head from all mailboxes.
    """

    name: str
    purpose: str
    file: str
    is_private: bool = True
    has_many: bool = False
    quote: Callable[[Values], dict[str, str]] = dict
    head: Callable[[Sequence[Values]], dict[str, str]] = lambda quoted: dict(quoted[0])

    def fill(self, mailboxes: Sequence[Values], *, is_addition: bool = False) -> str:
        """Return the configuration for *mailboxes*: their values, not yet quoted. Raises WrongUsage, Misconfigured."""
        quoted = [self.quote(values) for values in mailboxes]
        parts = [fill(f"{self.name}-addition" if is_addition else self.name, self.head(quoted))]
        parts += [fill(f"{self.name}-mailbox", values) for values in quoted if self.has_many]
        return "\n".join(parts)


def fill(template: str, values: Values) -> str:
    """Return the *template* with its names replaced by *values*."""
    text = (Path(__file__).parent / f"{template}.txt").read_text(encoding="utf-8")
    return string.Template(text).substitute(values)


def of(account: Account, mailboxes: Sequence[str], existing: str | None = None) -> list[dict[str, str]]:
    """
    Return the values for each of *mailboxes*, by the names that templates use.

    *mailbox* is the IMAP user and the sender; *user* who signs in to send: for a shared mailbox the account, for an
    application the mailbox (Microsoft's page on XOAUTH2). *account* is the one whose token is used, *login* the same
    for a shell. *section* is a short name for the mailbox, fit for sections and directories; it is in no section of the
    *existing* configuration.
    """
    imap_host, _, imap_port = account.imap.rpartition(":")
    smtp_host, _, smtp_port = account.smtp.rpartition(":")
    is_personal = account.is_personal or tables.is_consumer(account.name)
    common = {
        **(PERSONAL_FOLDERS if is_personal else WORK_FOLDERS),
        "account": account.name,
        "login": shlex.quote(account.name),
        "pythonfile": str(stub.stub_path()),
        "imap_host": imap_host,
        "imap_port": imap_port,
        "smtp_host": smtp_host,
        "smtp_port": smtp_port,
        "certificates": certificates() or "",
        "token_command": token_command(account.name),
    }
    sections = _sections(mailboxes, set(re.findall(r"(?m)^\[Account (.+)\]", existing or "")))
    users = {mailbox: mailbox if account.is_app_only else account.name for mailbox in mailboxes}
    return [
        {**common, "mailbox": mailbox, "user": users[mailbox], "section": section, "maildir": f"~/Mail/{section}"}
        for mailbox, section in sections.items()
    ]


def token_command(name: str) -> str:
    """Return the shell command that prints an access token of the account *name* in any environment."""
    return shlex.join(command_words("token", name))


def command_words(*arguments: str) -> list[str]:
    """
    Return our absolute command with *arguments*; ``env`` sets the home where an empty environment looks elsewhere.

    Raises Misconfigured for a path with a control character, which no configuration file can hold.
    """
    home = home_assignment()
    words = [*(["env", home] if home else []), *stub.command(), *arguments]
    bad = next((word for word in words if not word.isprintable()), None)
    if bad is not None:
        raise errors.Misconfigured(
            f"This path has a line break or another control character: {bad}",
            remedy=errors.Remedy("Move it to a path that a configuration file can hold"),
        )
    return words


def home_assignment() -> str:
    """Return ``OFFLINEIMAP_M365_HOME=…``, empty if cron and systemd find the home without it."""
    return "" if paths.directory() == usual_home() else f"OFFLINEIMAP_M365_HOME={paths.directory()}"


def usual_home() -> str:
    """Return where the home is in an environment that says nothing about it."""
    usual = "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/share"
    return str(Path(usual, "offlineimap-m365").expanduser())


def certificates() -> str | None:
    """Return the file of trusted certificates: the one that the environment names, else the system's."""
    candidates = [environment.certificates()[1], *CERTIFICATES, ssl.get_default_verify_paths().cafile]
    return next((path for path in candidates if path and Path(path).is_file()), None)


def _sections(mailboxes: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Return a short name for each mailbox: the part before the @, or the whole address where that is not unique."""
    short = [_plain(mailbox.partition("@")[0]) for mailbox in mailboxes]
    sections: dict[str, str] = {}
    for mailbox, name in zip(mailboxes, short, strict=True):
        section = name if short.count(name) == 1 and name not in taken else _plain(mailbox)
        while section in taken:
            section += "-2"
        taken.add(section)
        sections[mailbox] = section
    return sections


def _plain(text: str) -> str:
    """Return *text* as a name that every program takes for a section and every shell for a directory."""
    return re.sub(r"[^a-z0-9._-]", "-", text.lower()).strip("-.") or "m365"

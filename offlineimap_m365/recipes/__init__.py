"""
What to put into a mail program's configuration: one template per program, filled in for an account.

The shipped sample is the recipe of OfflineIMAP with chevrons for the values; it is written by
``python -c 'from offlineimap_m365 import recipes; print(recipes.sample(), end="")' >sample-offlineimaprc``.
"""

from __future__ import annotations

import re
import shlex
import ssl
import string
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import environment, errors, installation
from offlineimap_m365.recipes import unattended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offlineimap_m365.accounts import Account

#: The programs, with what their snippet is for and the file it belongs into.
PROGRAMS = {
    "offlineimap": ("fetches mail into a Maildir", "~/.offlineimaprc"),
    "msmtp": ("sends mail", "~/.msmtprc"),
    **unattended.PROGRAMS,
}
#: How many mailboxes are synced at the same time: more only share this machine's connection, and Exchange throttles.
_AT_ONCE = 4
#: Where systems keep their trusted certificates in one file: Debian, Red Hat, SUSE, Alpine and OpenBSD, Homebrew.
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
)
#: What msmtp 1.8 puts something else in place of in ``from``; it has no way to quote them (its manual, "from").
_MSMTP_PATTERNS = re.compile(r"%[UHCM]")


def render(program: str, account: Account, mailboxes: Sequence[str] = ()) -> str:
    """
    Return the snippet of *program* for *account*, for its own mailbox or all of *mailboxes*.

    The values are quoted for the program; commands are absolute, and name the store's place where an empty
    environment would look elsewhere. Raises WrongUsage for an address that the program cannot be told.
    """
    wanted = list(dict.fromkeys(mailboxes)) or [account.name]
    if account.is_app_only and not mailboxes and "@" not in account.name:
        raise errors.WrongUsage(
            f"{account.name} is app-only, so it has no mailbox of its own",
            remedy=f"Name them: {errors.COMMAND} config {shlex.quote(account.name)} {program} --mailbox @FILE",
        )
    quote = {"offlineimap": _quote_for_offlineimap, "msmtp": _quote_for_msmtp}[program]
    sections = _sections(wanted)
    filled = [quote(_values(account, mailbox, sections[mailbox])) for mailbox in wanted]
    many = "" if len(wanted) == 1 else f"\n# So many mailboxes at once.\nmaxsyncaccounts = {min(len(wanted), _AT_ONCE)}"
    head = {**filled[0], "sections": ", ".join(sections[mailbox] for mailbox in wanted), "many": many}
    return "\n".join([_fill(program, head), *(_fill(f"{program}-mailbox", found) for found in filled)])


def sample() -> str:
    """Return the shipped ``sample-offlineimaprc``: OfflineIMAP's recipe with what differs per user in chevrons."""
    values = {
        "login": "<you@example.org>",
        "section": "<work>",
        "sections": "<work>",
        "many": "",
        "mailbox": "<you@example.org>",
        "asked": '"%(remoteuser)s"',
        "pythonfile": "<~/.local/share/offlineimap-m365/pythonfile.py>",
        "maildir": "<~/Mail/work>",
        "imap_host": "outlook.office365.com",
        "imap_port": "993",
        "certificates": _CERTIFICATES[0],
    }
    return "\n".join([_fill("offlineimap", values), _fill("offlineimap-mailbox", values)])


def token_command(name: str) -> str:
    """Return the shell command that prints an access token of the account *name*, in any environment."""
    place = installation.place()
    return shlex.join([*(["env", place] if place else []), *installation.command(), "token", name])


def certificates() -> str | None:
    """Return the file of trusted certificates: the one that the environment names for all of us, else the system's."""
    found = [environment.certificates(), *_CERTIFICATES, ssl.get_default_verify_paths().cafile]
    return next((path for path in found if path and Path(path).is_file()), None)


def _values(account: Account, mailbox: str, section: str) -> dict[str, str]:
    """Return what the templates are filled in with, by name, not yet quoted for any program."""
    imap_host, _, imap_port = account.imap.rpartition(":")
    smtp_host, _, smtp_port = account.smtp.rpartition(":")
    return {
        "account": account.name,
        "user": mailbox if account.is_app_only else account.name,
        "login": shlex.quote(account.name),
        "mailbox": mailbox,
        "section": section,
        "pythonfile": str(installation.stub_path()),
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


def _quote_for_offlineimap(values: Mapping[str, str]) -> dict[str, str]:
    """Return *values* for Python's ConfigParser, which OfflineIMAP reads its file with; *asked* is Python in it."""
    name = values["account"]
    literal = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    is_own = values["mailbox"].lower() == name.lower() and literal == f'"{name}"'
    found = {key: value if key == "login" else value.replace("%", "%%") for key, value in values.items()}
    found["asked"] = '"%(remoteuser)s"' if is_own else literal.replace("%", "%%")
    found["certificates"] = found["certificates"] or "OS-DEFAULT"
    return found


def _quote_for_msmtp(values: Mapping[str, str]) -> dict[str, str]:
    """Return *values* for msmtp, which takes one pair of quotes round a value away and knows no escapes."""
    pattern = _MSMTP_PATTERNS.search(values["mailbox"])
    if pattern:
        raise errors.WrongUsage(
            f"{values['mailbox']} cannot be msmtp's from: it puts something else in place of {pattern[0]}",
            remedy="Leave that line out, and give msmtp the address with -f",
        )
    quoted = ("account", "user", "mailbox", "certificates")
    found = {key: f'"{value}"' if key in quoted and '"' in value else value for key, value in values.items()}
    found["certificates"] = found["certificates"] or "system"
    return found


def _fill(template: str, values: Mapping[str, str]) -> str:
    text = (Path(__file__).parent / f"{template}.txt").read_text(encoding="utf-8")
    return string.Template(text).substitute(values)

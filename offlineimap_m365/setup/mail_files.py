"""
The configuration files of OfflineIMAP and msmtp, new ones and what to add to one that exists; and the first sync.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.base import process, safe_file
from offlineimap_m365.doctor import offlineimaprc
from offlineimap_m365.doctor.offlineimaprc import reader
from offlineimap_m365.doctor.offlineimaprc.document import unified_diff
from offlineimap_m365.recipes import template_values

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from offlineimap_m365.doctor.offlineimaprc.document import Document

#: What OfflineIMAP logs of a session that Exchange ended (imaplib2 3.6). Of Exchange's reason, which is
#: AccessTokenExpired, it shows nothing while a message is fetched.
_CUT = re.compile(rb"AccessTokenExpired|connection (terminated|closed)|socket error")
#: What it logs while another one syncs the same account (accounts.py of 7.3 to 8.0.3).
_RUNS = re.compile(rb"Could not lock account")


class End(enum.Enum):
    """How a sync ended."""

    DONE = "done"
    CUT = "cut, as by an expired token"
    RUNS_ALREADY = "another OfflineIMAP syncs this account"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class MailFile:
    """
    A configuration file: its *path*, and the *text* of a new one or, if it *exists*, of what to add.

    *text* is None if it exists and cannot be read as a configuration. *has_account*: nothing is to be added.
    *section* and *maildir* are the account's in OfflineIMAP's file; *pythonfile* is one there that is not ours.
    """

    path: Path
    text: str | None
    exists: bool = False
    has_account: bool = False
    section: str = ""
    maildir: str = ""
    pythonfile: str = ""


def command(program: str) -> str | None:
    """Return the absolute path of an installed *program*: on the PATH, or in this environment (pipx inject)."""
    return shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))


def user_config() -> Path:
    """Return the directory of a user's configuration files (XDG base directories)."""
    path = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return path if path.is_absolute() else Path("~/.config").expanduser()


def msmtp(account: Account) -> MailFile:
    """Return msmtp's file for *account*. Raises WrongUsage, Misconfigured."""
    paths = [Path("~/.msmtprc").expanduser(), user_config() / "msmtp/config"]
    path = next(filter(os.path.lexists, paths), paths[0])
    existing = _text(path)
    sender = re.search(rf"(?im)^\s*from\s+{re.escape(account.name)}\s*$", existing or "")
    return MailFile(path, recipes.render("msmtp", account), existing is not None, sender is not None)


def offlineimap(account: Account, maildir: str = "") -> MailFile:
    """Return OfflineIMAP's file for *account*, whose mail goes to *maildir*. Raises WrongUsage, Misconfigured."""
    path = offlineimaprc.usual_file() or Path("~/.offlineimaprc").expanduser()
    existing = _text(path)
    recipes.check_address(account.name)
    values = template_values.of(account, [account.name], existing)[0]
    values["maildir"] = maildir or values["maildir"]
    file = MailFile(path, None, existing is not None, False, values["section"], values["maildir"])
    recipe = recipes.PROGRAMS["offlineimap"]
    if existing is None:
        return dataclasses.replace(file, text=recipe.fill([values]))
    faults: list[object] = []
    document = reader.read(existing, lambda *fault: faults.append(fault))
    section = _section_of(account, document)
    if section is not None:
        return dataclasses.replace(file, has_account=True, section=section)
    quoted = recipe.quote(values)
    before = None if faults else _add(document, quoted)
    if before is None:
        return file
    block = template_values.fill("offlineimap-mailbox", quoted)
    text = unified_diff(str(path), existing, f"{document.text().rstrip()}\n\n{block}")
    return dataclasses.replace(file, text=text, pythonfile="" if before == quoted["pythonfile"] else before)


def _section_of(account: Account, document: Document) -> str | None:
    """Return the name that *account* has in OfflineIMAP's file, None if it is not in it."""
    for name in document.named("Account"):
        local = document.section(f"Account {name}")
        remote = document.section(f"Repository {document.get(local, 'remoterepository')}") if local else None
        user = document.get(remote, "remoteuser") if remote else None
        if user and user.strip().lower() == account.name.lower():
            return name
    return None


def _add(document: Document, quoted: template_values.Values) -> str | None:
    """
    Add what [general] needs for the account with these *quoted* values; return its ``pythonfile``.

    None for a file that names no accounts: the doctor explains it.
    """
    general = document.section("general")
    accounts = general.option("accounts") if general else None
    if general is None or accounts is None or not accounts.raw:
        return None
    general.write("accounts", f"{accounts.raw.rstrip(',')}, {quoted['section']}")
    if general.option("pythonfile") is None:
        general.write("pythonfile", quoted["pythonfile"])
    return document.get(general, "pythonfile") or ""


def sync_words(file: MailFile) -> list[str]:
    """Return the command that syncs once."""
    return ["offlineimap", "-o", "-a", file.section]


def sync(file: MailFile) -> End:
    """
    Sync once and return how it ended.

    OfflineIMAP belongs to this job of the terminal, so that Ctrl-C and the end of the terminal reach it, too. What it
    prints goes to standard error.
    """
    program, *options = sync_words(file)
    with tempfile.NamedTemporaryFile(prefix="offlineimap-m365-") as log:
        words = [command(program) or program, *options, "-u", "basic", "-l", log.name]
        if process.run_in_foreground(words) == 0:
            return End.DONE
        text = log.read()
    if _RUNS.search(text):
        return End.RUNS_ALREADY
    return End.CUT if _CUT.search(text) else End.FAILED


def _text(path: Path) -> str | None:
    """Return the text of a file, None if there is none. Raises Misconfigured for one that cannot be read."""
    try:
        return safe_file.read(str(path)).decode("utf-8", "replace")
    except FileNotFoundError:
        return None

"""
The configuration files of the mail programs, new ones and what to add where there is one already; and the first sync.
"""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import enum
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365 import recipes
from offlineimap_m365.base import environment, errors, process, safe_file
from offlineimap_m365.plugin import stub
from offlineimap_m365.recipes import template_values
from offlineimap_m365.recipes.template_values import fill

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account

#: A line of a section that continues the option above it.
_CONTINUED = re.compile(r"[ \t]+\S")
#: The longest first sync, in seconds: a large mailbox takes hours.
_SECONDS = 7 * 86_400.0
#: How Exchange ends a session whose token has expired (learn.microsoft.com; facts about OfflineIMAP 8.0.2: it then
#: ends with 100).
_EXPIRED = b"AccessTokenExpired"
#: Bytes at the end of the log in which that is looked for.
_TAIL = 65_536


class End(enum.Enum):
    """How a sync ended."""

    DONE = "done"
    CUT = "cut by an expired token"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class MailFile:
    """
    A configuration file: its *path* and the *text* of a new one.

    *existing* is the text of the file that is there, None if there is none. *has_account*: it is set up already.
    *section* and *maildir* are the account's in OfflineIMAP's file.
    """

    path: Path
    text: str
    existing: str | None = None
    has_account: bool = False
    section: str = ""
    maildir: str = ""

    @property
    def directory(self) -> Path | None:
        """The directory above the Maildir, which OfflineIMAP does not make."""
        return Path(self.maildir).expanduser().parent if self.maildir else None


def command(program: str) -> str | None:
    """Return the absolute path of an installed *program*: on the PATH, or in this environment (pipx inject)."""
    return shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))


def offlineimap(account: Account, maildir: str | None = None) -> MailFile:
    """Return OfflineIMAP's file for *account*, whose mail goes to *maildir*. Raises WrongUsage, Misconfigured."""
    path = _first([Path(environment.user_config()) / "offlineimap/config", Path("~/.offlineimaprc").expanduser()])
    existing = _text(path)
    recipes.check_address(account.name)
    values = template_values.of(account, [account.name], existing)[0]
    values["maildir"] = maildir or values["maildir"]
    text = _with_learned(recipes.PROGRAMS["offlineimap"].fill([values]), account)
    there = _section_in(existing, account)
    section = there or values["section"]
    return MailFile(path, text, existing, there is not None, section, values["maildir"])


def msmtp(account: Account) -> MailFile:
    """Return msmtp's file for *account*. Raises WrongUsage, Misconfigured."""
    path = _first([Path("~/.msmtprc").expanduser(), Path(environment.user_config()) / "msmtp/config"], default=0)
    text, existing = recipes.render("msmtp", account), _text(path)
    sender = re.compile(rf"(?im)^\s*from\s+{re.escape(account.name)}\s*$")
    return MailFile(path, text, existing, bool(existing and sender.search(existing)))


def addition(account: Account, file: MailFile) -> str | None:
    """
    Return a unified diff that adds *account* to the existing *file* of OfflineIMAP, None if that cannot be read.

    Only the two options of [general] that must change are touched, and sections are added at the end.
    """
    existing = file.existing or ""
    parser = _parsed(existing)
    if parser is None or not parser.get("general", "accounts", fallback="").strip():
        return None
    values = {**template_values.of(account, [account.name], existing)[0], "maildir": file.maildir}
    block = fill("offlineimap-mailbox", recipes.PROGRAMS["offlineimap"].quote(values))
    lines = existing.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip().lower() == "[general]")
    first = next(n for n in range(start + 1, len(lines)) if re.match(r"accounts\s*[=:]", lines[n]))
    last = first
    while last + 1 < len(lines) and _CONTINUED.match(lines[last + 1]):
        last += 1
    lines[last] = f"{lines[last].rstrip().rstrip(',')}, {values['section']}"
    if not parser.get("general", "pythonfile", fallback=""):
        lines.insert(last + 1, f"pythonfile = {stub.stub_path()}")
    new = "\n".join([*lines, "", _with_learned(block, account).rstrip("\n")])
    name = str(file.path)
    diff = difflib.unified_diff(existing.splitlines(), new.splitlines(), name, name, lineterm="")
    return "\n".join(diff)


def other_pythonfile(existing: str) -> str | None:
    """Return the ``pythonfile`` of an *existing* configuration if it is not ours; there can be only one."""
    parser = _parsed(existing)
    path = parser.get("general", "pythonfile", fallback="") if parser else ""
    return path if path and Path(path).expanduser() != stub.stub_path() else None


def sync_words(file: MailFile) -> list[str]:
    """Return the command that syncs once."""
    return ["offlineimap", "-o", "-a", file.section, *(["-c", str(file.path)] if file.path.name == "config" else [])]


def sync(file: MailFile) -> End:
    """Sync once and return how it ended."""
    descriptor, log = tempfile.mkstemp(prefix="offlineimap-m365-")
    os.close(descriptor)
    try:
        program, *options = sync_words(file)
        argv = [command(program) or program, *options, "-u", "basic", "-l", log]
        result = process.run(argv, seconds=_SECONDS, output=2)
        if result.is_success:
            return End.DONE
        return End.CUT if _EXPIRED in Path(log).read_bytes()[-_TAIL:] else End.FAILED
    finally:
        Path(log).unlink(missing_ok=True)


def _with_learned(text: str, account: Account) -> str:
    """Return the configuration *text* with the filter that knows the mailbox of *account*."""
    name = f'"{account.name}"'.replace("%", "%%")
    learned = f"folderfilter = make_folderfilter(account={name}, mailbox={name})"
    return text.replace("\nfolderfilter = folderfilter\n", f"\n{learned}\n") if account.mailboxes else text


def _section_in(existing: str | None, account: Account) -> str | None:
    """Return the name that *account* has in an *existing* configuration of OfflineIMAP, None if it is not in it."""
    parser = _parsed(existing or "")
    for name in parser.sections() if parser else []:
        remote = parser.get(name, "remoterepository", fallback="") if parser else ""
        user = parser.get(f"Repository {remote}", "remoteuser", fallback="") if parser else ""
        if user.strip().lower() == account.name.lower():
            return name.removeprefix("Account ")
    return None


def _parsed(text: str) -> configparser.RawConfigParser | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return parser


def _first(paths: list[Path], default: int = -1) -> Path:
    """Return the first of *paths* that exists, else the one at *default*."""
    return next((path for path in paths if path.is_symlink() or _text(path) is not None), paths[default])


def _text(path: Path) -> str | None:
    """Return the text of a file, None if there is none. Raises Misconfigured for one that cannot be read."""
    try:
        return safe_file.read(str(path)).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def quoted_home(path: Path) -> str:
    """Return *path* as a person writes it, quoted for a shell: with ``~`` for the home."""
    home = str(Path.home())
    text = str(path)
    return f"~/{errors.quoted(text[len(home) + 1 :])}" if text.startswith(f"{home}/") else errors.quoted(text)

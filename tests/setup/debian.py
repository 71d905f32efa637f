"""Debian's and Ubuntu's packages: what the tests need, what is missing, and how it gets there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.setup import process
from tests.setup.report import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What the demonstration and the tests both need.
FOR_TRYING = (
    "ca-certificates",
    "dovecot-imapd",
    "dovecot-submissiond",
    "msmtp",
    "python3-venv",
)
#: The tests want the distribution's OfflineIMAP too, and an old MSAL that a foreign interpreter must not use.
FOR_TESTING = (
    *FOR_TRYING,
    "offlineimap3",
    "python3-msal",
    # A real browser with what gives it a certificate authority to trust, and a font to draw the pages with.
    "chromium",
    "fonts-dejavu-core",
    "libnss3-tools",
    # A desktop's keyring, and the bus on which it is asked.
    "dbus",
    "gnome-keyring",
    # What the store "gpg" and mutt_oauth2.py encrypt with.
    "gnupg",
    # Its systemd-analyze looks at the units that config prints; without systemd-sysv it is nobody's init.
    "systemd",
    # Mail programs that config has a recipe for, what mbsync signs in with, and what git send-email cannot do without.
    "fetchmail",
    "getmail6",
    "git-email",
    "isync",
    "libmailtools-perl",
    "libsasl2-modules-kdexoauth2",
    # What the README installs with.
    "pipx",
    # What shows man pages, and looks for mistakes in them.
    "groff-base",
    "man-db",
    # The shells that complete our commands.
    "bash",
    "fish",
    "zsh",
    # Programs that people read mail with, run with what config prints for them, and what aerc shows a mail in.
    "aerc",
    "emacs-nox",
    "less",
    "mu4e",
    "mutt",
    "neomutt",
)

_ROOT = Path(__file__).resolve().parents[2]


def missing(packages: Sequence[str]) -> list[str]:
    """Return those of *packages* that are not installed; all of them where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return list(packages)
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def install(packages: Sequence[str], environ: Mapping[str, str]) -> str:
    """
    Install what is missing of *packages*, no service started, and return a note.

    Raises: StepError, with the command that an administrator has to type where we may not.
    """
    wanted = missing(packages)
    if not wanted:
        return "all there"
    become = _become_root()
    if become is None or shutil.which("apt-get") is None:
        raise StepError(
            "These packages of Debian or Ubuntu are missing, and they cannot be installed from here:\n"
            f"  {' '.join(wanted)}\n"
            "Run as root or where sudo asks for no password, or have an administrator install them\n"
            "(installed by hand, dovecot-core starts a server; afterwards: systemctl disable --now dovecot)."
        )
    python = [sys.executable, "-B", "-E", "-s", "-S", "-m", "tests.setup.install"]
    given = [f"{name}={value}" for name, value in environ.items()]
    process.run([*become, "env", *given, *python, *wanted], environ=environ, cwd=_ROOT)
    return f"installed {' '.join(wanted)}"


def _become_root() -> list[str] | None:
    """Return what makes a command root's; None where sudo is not there or asks for a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None

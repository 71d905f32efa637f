"""
Debian's and Ubuntu's packages that the tests need, installed with no service started.

dovecot-core's postinst starts a server on all addresses. invoke-rc.d(8) asks ``policy-rc.d`` first, and 101 means
forbidden; where systemd runs, the units are masked as well, or the next boot would start them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What the demonstration needs.
FOR_TRYING = ("ca-certificates", "dovecot-imapd", "msmtp", "python3-venv")
#: What the tests need as well.
FOR_TESTING = (
    *FOR_TRYING,
    *("offlineimap3", "python3-msal"),  # the distribution's build, and an MSAL that a foreign interpreter must not use
    *("chromium", "fonts-dejavu-core", "libnss3-tools"),  # a browser, a font, a certificate authority for it
    *("dbus", "gnome-keyring", "gnupg"),  # the stores
    "systemd",  # its systemd-analyze checks the units that config prints
    *("fetchmail", "getmail6", "git-email", "isync", "libmailtools-perl", "libsasl2-modules-kdexoauth2"),
    *("aerc", "emacs-nox", "less", "mu4e", "mutt", "neomutt"),
    *("bash", "fish", "zsh", "groff-base", "man-db"),  # completions and man pages
    "pipx",  # the README installs with it
)
_POLICY = Path("/usr/sbin/policy-rc.d")
_UNITS = ("dovecot.service", "dovecot.socket")


def missing(packages: Sequence[str]) -> list[str]:
    """Return those of *packages* that are not installed; all of them where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return list(packages)
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages]
    shown = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def can_install() -> bool:
    """Tell whether this user may install packages: root with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str]) -> None:
    """Install *packages* as root; raises SystemExit if that fails."""
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "mask", *_UNITS], check=True)
    with _no_services():
        # The lists may be missing or old: update them and try again.
        if not _apt("install", *packages) and not (_apt("update") and _apt("install", *packages)):
            raise SystemExit(f"These packages could not be installed: {' '.join(packages)}")


def _apt(*arguments: str) -> bool:
    fixed = ["--yes", "--quiet", "--no-install-recommends", "--option", "DPkg::Lock::Timeout=600"]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["apt-get", *fixed, *arguments], env=environ, check=False).returncode == 0


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Forbid every start of a service; an administrator's own policy is put back."""
    saved = _POLICY.with_name("policy-rc.d.before-m365-tests")
    if _POLICY.exists() and not saved.exists():
        _POLICY.rename(saved)
    _POLICY.write_text("#!/bin/sh\nexit 101\n", "ascii")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
        if saved.exists():
            saved.rename(_POLICY)

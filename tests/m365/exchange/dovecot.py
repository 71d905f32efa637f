"""Dovecot as the store: for each connection an IMAP process on a pipe, whose user is signed in already (PREAUTH)."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATH = os.defpath + ":/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_SETTINGS = """{series}
mail_fsync = never
namespace inbox {{
  inbox = yes
  separator = /
}}
"""
#: The settings that have another name in another version (doc.dovecot.org/2.3 and 2.4).
_SERIES = {
    "2.3": "mail_location = maildir:~/Maildir:LAYOUT=fs",
    "2.4": "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
    "mail_driver = maildir\nmail_path = ~/Maildir\nmailbox_list_layout = fs",
}


class Dovecot:
    """Mailboxes in *directory*; no daemon runs."""

    def __init__(self, directory: Path) -> None:
        """Write the configuration for the version that is installed."""
        self._directory = directory
        self._configuration = directory / "dovecot.conf"
        self._configuration.write_text(_SETTINGS.format(series=_SERIES[_series()]), encoding="ascii")

    def command(self, address: str) -> str:
        """Return the shell command that speaks IMAP for the mailbox *address* on standard input and output."""
        home = self._directory / "mail" / quote(address.lower(), safe="@")
        home.mkdir(parents=True, exist_ok=True)
        imap = [_program("doveadm"), "-c", str(self._configuration), "exec", "imap"]
        words = ["env", "-i", f"HOME={home}", "USER=somebody", *imap]
        return f"exec {shlex.join(words)} 2>>{shlex.quote(str(self._directory / 'dovecot.log'))}"

    @contextlib.contextmanager
    def imap(self, address: str) -> Iterator[socket.socket]:
        """Start the process for the mailbox *address*; yield what is connected with it, and end it at last."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(self.command(address), shell=True, stdin=theirs.fileno(), stdout=theirs.fileno())
        try:
            yield ours
        finally:
            process.kill()
            process.wait()


@functools.cache
def _series() -> str:
    """Return the key of _SERIES for the version that is installed."""
    version = subprocess.run([_program("dovecot"), "--version"], check=True, capture_output=True, text=True).stdout
    return "2.3" if version.startswith("2.3.") else "2.4"


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if not found:
        raise RuntimeError(f"{name} is missing. Install: dovecot-imapd")
    return found

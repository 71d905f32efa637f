"""
The ordinary user who runs the tests: as root, modes, EACCES and foreign owners cannot fail.

A user of its own rather than nobody: Dovecot, gpg and OfflineIMAP look their user up, and what belongs to
nobody belongs to everybody.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.setup import process

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "m365-tests"


@dataclass(frozen=True)
class User:
    """Whom to become; only root makes one of these."""

    name: str
    uid: int
    gid: int


def ordinary_user(environ: Mapping[str, str]) -> User | None:
    """Return the user to drop to, made if missing; None when we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        home = f"/var/lib/{NAME}"
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--create-home",
            "--home-dir",
            home,
            "--shell",
            "/bin/sh",
        ]
        process.run([*command, NAME], environ=environ)
        entry = pwd.getpwnam(NAME)
    return User(NAME, entry.pw_uid, entry.pw_gid)


def is_needed() -> bool:
    """Tell whether a user would have to be made."""
    return os.geteuid() == 0 and NAME not in {entry.pw_name for entry in pwd.getpwall()}


def give(path: Path, user: User | None) -> None:
    """Make *path* and all below it belong to *user*; nothing to do for None."""
    if user is None:
        return
    os.chown(path, user.uid, user.gid)
    for folder, names, files in os.walk(path):
        for name in (*names, *files):
            os.chown(Path(folder, name), user.uid, user.gid, follow_symlinks=False)

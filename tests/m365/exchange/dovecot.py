"""Dovecot in the foreground, configured for one test and run as the user who runs the tests."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import string
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HERE = Path(__file__).parent
_PATH = os.defpath + ":/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
#: Seconds for a start, which takes a quarter of a second on an idle machine.
_PATIENCE = 15.0
#: 108 bytes are the most for a socket's path (unix(7)); Dovecot appends up to 40.
_LONGEST_RUN_DIRECTORY = 60


class Dovecot:
    """
    One Dovecot with directories of its own.

    *directory* keeps configuration and log; sockets, keys and mail live in a directory with a short name, which
    Dovecot's users can reach even if *directory* is root's alone, and which :meth:`stop` removes.
    """

    def __init__(self, directory: Path, *, issuers: Sequence[str], keys: Mapping[str, bytes]) -> None:
        """Prepare a Dovecot that accepts tokens of *issuers* signed with *keys* (kid to public key as PEM)."""
        self.directory = directory
        self.log = directory / "dovecot.log"
        self.configuration = directory / f"dovecot-{_series()}.conf"
        self._run = _short_directory()
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {
            **_users(),
            "directory": str(directory),
            "run": str(self._run),
            "issuers": " ".join(issuers),
        }
        for name in ("base", "state", "mail", "keys/default/RS256"):
            (self._run / name).mkdir(parents=True)
        for kid, pem in keys.items():
            (self._run / "keys/default/RS256" / kid).write_bytes(pem)
        self._open_to_dovecots_users()

    def start(self) -> tuple[str, int]:
        """Start and return where IMAP listens, once it does; try another port if one was taken."""
        for _ in range(5):
            port = _free_port()
            self._configure(port)
            if self._launch(port):
                return "127.0.0.1", port
        raise RuntimeError(f"Dovecot does not start: {self._last_words()}")

    def imap(self, user: str) -> list[str]:
        """Return the command that speaks IMAP for *user* on its standard input and output."""
        return [_program("doveadm"), "-c", str(self.configuration), "exec", "imap", "-u", user]

    def _processes(self) -> list[int]:
        """Return the ids of all living processes of this Dovecot (proc(5): state and session)."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat") if self._process else ():
            with contextlib.suppress(OSError):
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX" and self._process and int(session) == self._process.pid:
                    found.append(int(stat.parent.name))
        return found

    def stop(self) -> None:
        """End all processes and remove what is not in *directory*."""
        self._end()
        shutil.rmtree(self._run, ignore_errors=True)

    def _configure(self, port: int) -> None:
        settings = {**self._settings, "imap_port": str(port)}
        for name in (self.configuration.name, "dovecot-oauth2.conf"):
            template = string.Template((_HERE / name).read_text())
            (self.directory / name).write_text(template.substitute(settings))

    def _launch(self, port: int) -> bool:
        """Return whether Dovecot came up on *port*."""
        with (self.directory / "dovecot.out").open("ab") as out:
            self._process = subprocess.Popen(
                [_program("dovecot"), "-F", "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env={"PATH": _PATH},
                start_new_session=True,
            )
        end = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < end:
            if _greets(port):
                return True
            time.sleep(0.02)
        self._end()
        return False

    def _end(self) -> None:
        if self._process is None:
            return
        # SIGKILL: an orderly end takes a second and saves nothing that is read again.
        end = time.monotonic() + 5
        while (living := self._processes()) and time.monotonic() < end:
            for process in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._process.wait()

    def _last_words(self) -> str:
        return "".join(file.read_text()[-1000:] for file in (self.directory / "dovecot.out", self.log) if file.exists())

    def _open_to_dovecots_users(self) -> None:
        """Make keys and mail readable to Dovecot's users, who are others if root starts it, whatever the umask is."""
        for path in [self._run, *self._run.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.chown(self._run / "mail", int(self._settings["mail_uid"]), int(self._settings["mail_gid"]))


def _users() -> dict[str, str]:
    """Return the users of Dovecot's processes: its package's and nobody if root starts it, else the current user."""
    me = pwd.getpwuid(os.getuid())
    if me.pw_uid == 0:
        mail = pwd.getpwnam("nobody")
        internal, login = pwd.getpwnam("dovecot"), "dovenull"
    else:
        mail, internal, login = me, me, me.pw_name
    return {
        "internal_user": internal.pw_name,
        "internal_group": grp.getgrgid(internal.pw_gid).gr_name,
        "login_user": login,
        "mail_uid": str(mail.pw_uid),
        "mail_gid": str(mail.pw_gid),
    }


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if not found:
        raise RuntimeError(f"{name} is missing. Install: dovecot-imapd")
    return found


def _series() -> str:
    """Return the version that has a template, 2.3 or 2.4: their configurations differ."""
    version = subprocess.run(
        [_program("dovecot"), "--version"], check=True, capture_output=True, text=True, env={"PATH": _PATH}
    ).stdout
    match = re.match(r"2\.(\d+)", version)
    if not match or int(match[1]) < 3:
        raise RuntimeError(f"Dovecot {version.strip()} is too old; 2.3 or 2.4 is needed")
    return "2.3" if match[1] == "3" else "2.4"


def _short_directory() -> Path:
    directory = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="m365-", dir=directory if len(directory) < _LONGEST_RUN_DIRECTORY else "/tmp"))


def _free_port() -> int:
    """Return a port of 127.0.0.1 that is free now; Dovecot cannot choose its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _greets(port: int) -> bool:
    """Return whether an IMAP server greets on *port*."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.recv(4) == b"* OK"
    return False

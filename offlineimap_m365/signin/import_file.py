"""
The file that ``import`` is given: read with bounds, decrypted by gpg where it must be, and never changed.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

from offlineimap_m365.base import environment, errors
from offlineimap_m365.console import prompt
from offlineimap_m365.signin import paste

#: More than this is no token file, in bytes: an MSAL cache of a hundred accounts has half of it.
MOST = 1 << 20
#: M365-IMAP's config.py has ten lines.
_MOST_CONFIG = 1 << 16
#: Seconds for gpg where nobody can be asked, and where somebody types a passphrase.
_UNATTENDED, _ATTENDED = 20.0, 120.0
#: Seconds for somebody to paste a token.
_PATIENCE = 900.0
#: What looks like a token and not like the name of a file: long, and in one piece.
_TOKEN = re.compile(r"[A-Za-z0-9!$%&*+.:=?@^_|~-]{60,}")
#: OpenPGP packets that an encrypted message begins with (RFC 9580 §5): session keys, encrypted data.
_ENCRYPTED = frozenset({1, 3, 9, 18, 20})


#: What the system says of a name that is no file's.
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})
#: A longer name is not repeated, in characters: it may be the content of a file.
_LONGEST_NAME = 255


#: What gpg says where it would have to ask for a passphrase, or cannot reach who keeps the key (GnuPG's doc/DETAILS).
_NEEDS_SOMEBODY = re.compile(r"^(?:\[GNUPG:\] NEED_PASSPHRASE|gpg: .*\bagent\b)", re.MULTILINE)
#: With which error it failed to decrypt; libgpg-error's code stands in the low 16 bits, and these two mean that the
#: secret is not here (measured with 2.4.7; 2.2 says nothing of the kind).
_FAILED = re.compile(r"^\[GNUPG:\] ERROR pkdecrypt_failed (\d+)", re.MULTILINE)
_NO_SECRET_KEY = frozenset({17, 119})


@dataclasses.dataclass(frozen=True)
class Origin:
    """What was given: its *data* in clear, *name* for messages, the *path* if it is a file, and *config* beside it."""

    data: bytes = dataclasses.field(repr=False)
    name: str
    path: Path | None = None
    mode: int = 0
    config: str | None = dataclasses.field(default=None, repr=False)

    @property
    def readers(self) -> str:
        """Who else may read the file, as words; empty if nobody."""
        found = [who for who, bit in (("its group", 0o040), ("everybody", 0o004)) if self.mode & bit]
        return found[-1] if found else ""


def read(file: str) -> Origin:
    """
    Return what *file* holds (``-``: standard input).

    Raises WrongUsage for a token in the place of a file and for a file that is not there, Misconfigured or Temporary
    for one that cannot be read, is too large or cannot be decrypted.
    """
    if file == "-":
        return Origin(_decrypted(_standard_input(), "Standard input"), "Standard input")
    path = Path(file).expanduser()
    if not os.path.lexists(path) and _TOKEN.fullmatch(file):
        raise errors.WrongUsage(
            "What was given in the place of FILE looks like a token, and there is no file of that name",
            meaning="A command line can be read by every program on this machine, and lies in your shell's history now:"
            " treat that token as known to others",
            remedy=f"Put it into a file that only you can read, or hand it over by {errors.COMMAND} import ACCOUNT -",
        )
    data, mode = _file(path)
    return Origin(_decrypted(data, str(path)), str(path), path, mode, _config_beside(path))


def _file(path: Path) -> tuple[bytes, int]:
    """Return what is in a file, and its mode if it is a regular one; a pipe will do (``<(pass show mail)``)."""
    try:
        # without waiting for a writer of a named pipe; with one, the read waits for what it has to say
        with open(path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            os.set_blocking(file.fileno(), True)
            data = file.read(MOST + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None  # the original may hold what was taken for a name
    _refuse_large(data, str(path))
    return data, stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else 0


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _unreadable(path: Path, error: OSError | ValueError) -> errors.M365Error:
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    if isinstance(error, ValueError) or number in _NO_FILE:
        name = str(path) if len(str(path)) <= _LONGEST_NAME else "What was given in the place of FILE"
        return errors.WrongUsage(
            f"{name} cannot be read ({os.strerror(number or 0)})",
            remedy="Give the file that holds the refresh token; - reads standard input",
        )
    return errors.for_oserror(error)(
        f"{path} cannot be read ({error.strerror})", remedy=f"Look at: ls -l {errors.quoted(str(path))}"
    )


def _refuse_large(data: bytes, name: str) -> None:
    if len(data) > MOST:
        raise errors.Misconfigured(
            f"{name} is larger than {MOST >> 20} MB, so it is none of the files that import knows",
            remedy="Give the file that holds the refresh token",
        )


def _config_beside(path: Path) -> str | None:
    """Return the text of M365-IMAP's config.py in the same directory, None if there is none that could be one."""
    try:
        with (path.parent / "config.py").open("rb") as file:
            data = file.read(_MOST_CONFIG + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        return data.decode("utf-8-sig") if len(data) <= _MOST_CONFIG else None
    except (OSError, UnicodeDecodeError):
        return None


def _standard_input() -> bytes:
    """Return all of standard input; what is pasted at a terminal is not shown."""
    if sys.stdin is None:
        raise errors.WrongUsage("Standard input is closed", remedy="Give the file that holds the refresh token")
    if sys.stdin.isatty():
        return _pasted()
    data = sys.stdin.buffer.read(MOST + 1)
    _refuse_large(data, "Standard input")
    return data


def _pasted() -> bytes:
    prompt.say("Paste the refresh token, or the text of the file, and press Enter. It will not be shown.")
    with prompt.ended_by_signals(), paste.Pasted() as pasted:
        text = pasted.poll(_PATIENCE)
    if not text:
        raise errors.WrongUsage("Nothing was pasted", remedy="Give the file that holds the refresh token")
    return text.encode("utf-8", "surrogateescape")


def _decrypted(data: bytes, name: str) -> bytes:
    """Return *data* in clear; the user's own gpg decrypts what mutt_oauth2.py had it encrypt."""
    if not _is_encrypted(data):
        return data
    attended = prompt.is_there()
    # Not python-gnupg: one call of a program that whoever has such a file has, and no dependency.
    asking = [] if attended else ["--no-tty", "--pinentry-mode", "error"]
    command = ["gpg", "--batch", *asking, "--status-fd", "2", "--max-output", str(MOST), "--decrypt"]
    environ = environment.for_child() | {"LC_ALL": "C"}
    if attended:
        environ["GPG_TTY"] = os.ttyname(sys.stdin.fileno())
    try:
        done = subprocess.run(
            command,
            input=data,
            env=environ,
            capture_output=True,
            timeout=_ATTENDED if attended else _UNATTENDED,
            check=False,
        )
    except FileNotFoundError as error:
        raise errors.Misconfigured(
            f"{name} is encrypted with OpenPGP, and there is no gpg command here",
            remedy="Install GnuPG, or decrypt the file elsewhere and hand it over by standard input",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise _waits(name) from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace")
    is_locked = any(int(code) & 0xFFFF not in _NO_SECRET_KEY for code in _FAILED.findall(said))
    if "DECRYPTION_KEY" not in said and (is_locked or _NEEDS_SOMEBODY.search(said)):
        raise _waits(name)
    if "NO_SECKEY" in said:
        raise errors.Misconfigured(
            f"{name} is encrypted for a key that is not here",
            remedy="Decrypt it where that key is, and hand it over by standard input",
        )
    last = next((line for line in reversed(said.splitlines()) if line.startswith("gpg: ")), "gpg: no reason given")
    raise errors.Misconfigured(
        f"{name} cannot be decrypted ({last.removeprefix('gpg: ')})",
        remedy=f"Try: gpg --decrypt {errors.quoted(name)} | {errors.COMMAND} import ACCOUNT -",
    )


def _waits(name: str) -> errors.Temporary:
    return errors.Temporary(
        f"{name} cannot be decrypted now: gpg would have to ask for a passphrase",
        remedy=f"Run it on a terminal, or unlock the key before: gpg --decrypt {errors.quoted(name)} >/dev/null",
    )


def _is_encrypted(data: bytes) -> bool:
    """Is it an OpenPGP message, armoured (RFC 9580 §6.2) or binary (§4.2)?"""
    if data.lstrip().startswith(b"-----BEGIN PGP MESSAGE-----"):
        return True
    if not data or not data[0] & 0x80 or _is_text(data):
        return False
    return (data[0] & 0x3F if data[0] & 0x40 else data[0] >> 2 & 0x0F) in _ENCRYPTED


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

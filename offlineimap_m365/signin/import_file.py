"""
Reads the file that ``import`` is given, with a limit on its size; gpg decrypts it where necessary. It is never changed.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from pathlib import Path

from offlineimap_m365.base import errors, safe_file
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import prompt
from offlineimap_m365.signin import paste
from offlineimap_m365.stores import gpg

#: The limit in bytes: an MSAL cache of a hundred accounts has half of it.
MOST_BYTES = 1 << 20
#: M365-IMAP's config.py has ten lines.
_MOST_CONFIG = 1 << 16
#: Seconds for somebody to paste a token.
_PASTE_SECONDS = 900.0
#: What looks like a token and not like the name of a file: long, and in one piece.
_TOKEN = re.compile(r"[A-Za-z0-9!$%&*+.:=?@^_|~-]{60,}")
#: A longer name is not repeated, in characters: it may be the content of a file.
_LONGEST_NAME = 255
_GIVE_FILE = Remedy("Give the file that holds the refresh token; - reads standard input")


@dataclasses.dataclass(frozen=True)
class Origin:
    """
    What was given: *data*, decrypted; its *name* for messages; a file's *path*; the *config* beside it.

    *readers*: who else may read the file, in words.
    """

    data: bytes = dataclasses.field(repr=False)
    name: str
    path: Path | None = None
    readers: str = ""
    config: str | None = dataclasses.field(default=None, repr=False)


def read(file: str) -> Origin:
    """
    Return what *file* holds (``-``: standard input).

    Raises WrongUsage for a token in the place of a file and for a file that is not there, Misconfigured or Temporary
    for one that cannot be read, is no regular file, is too large or cannot be decrypted.
    """
    if file == "-":
        return Origin(_decrypted(_standard_input(), "Standard input"), "Standard input")
    path = Path(file).expanduser()
    if not os.path.lexists(path) and _TOKEN.fullmatch(file):
        raise errors.WrongUsage(
            "What was given as FILE looks like a token, and there is no file of that name",
            meaning="Every program on this machine can read a command line, and your shell's history has it now:"
            " treat that token as known to others",
            remedy=Remedy("Put it into a file that only you can read, or paste it after giving - as FILE"),
        )
    name = str(path) if len(str(path)) <= _LONGEST_NAME else "What was given as FILE"
    modes: list[int] = []
    try:
        data = safe_file.read(str(path), most_bytes=MOST_BYTES, judge=lambda state: modes.append(state.st_mode))
    except (FileNotFoundError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
        raise errors.WrongUsage(f"{name} cannot be read ({reason})", remedy=_GIVE_FILE) from None
    except errors.M365Error as error:
        if name != str(path):
            raise errors.WrongUsage(f"{name} cannot be read", remedy=_GIVE_FILE) from None
        raise error.replaced(remedy=error.remedy if error.remedy.command else _GIVE_FILE) from error
    readers = [who for who, bit in (("everybody", 0o004), ("its group", 0o040), ("", 0)) if modes[0] & bit == bit]
    return Origin(_decrypted(data, name), name, path, readers[0], _config_beside(path))


def _config_beside(path: Path) -> str | None:
    """Return the text of M365-IMAP's config.py in the same directory, None if there is none that can be read."""
    try:
        return safe_file.read(str(path.parent / "config.py"), most_bytes=_MOST_CONFIG).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, errors.M365Error):
        return None


def _standard_input() -> bytes:
    """Return all of standard input; what is pasted at a terminal is not shown."""
    if sys.stdin is None:
        raise errors.WrongUsage("Standard input is closed", remedy=_GIVE_FILE)
    if sys.stdin.isatty():
        prompt.say("Paste the refresh token, or the text of the file, and press Enter. It will not be shown.")
        with prompt.ended_by_signals(), paste.pasting() as pasted:
            text = pasted.poll(_PASTE_SECONDS)
        if not text:
            raise errors.WrongUsage("Nothing was pasted", remedy=_GIVE_FILE)
        return text.encode("utf-8", "surrogateescape")
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise errors.Misconfigured(f"Standard input is larger than {MOST_BYTES} bytes", remedy=_GIVE_FILE)
    return data


def _decrypted(data: bytes, name: str) -> bytes:
    """Return *data* in clear; the user's own gpg decrypts what mutt_oauth2.py let it encrypt."""
    # An OpenPGP message is armoured (RFC 9580 §6.2), or begins with a byte that no text begins with (§4.2).
    is_binary = bool(data) and data[0] & 0x80 and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))
    if not is_binary and not data.lstrip().startswith(b"-----BEGIN PGP MESSAGE-----"):
        return data
    answer = gpg.run(["--decrypt"], data, None, may_ask=prompt.is_there())
    if answer.code == 0:
        return answer.out
    command = f"gpg --decrypt {errors.quoted(name)} >/dev/null"
    if answer.is_locked() or answer.has("NEED_PASSPHRASE") or answer.has("NEED_PASSPHRASE_SYM"):
        raise errors.Temporary(
            f"{name} cannot be decrypted now: gpg would have to ask for a passphrase",
            remedy=Remedy("Use a terminal, or unlock the key first", command),
        )
    raise errors.Misconfigured(
        f"{name} cannot be decrypted ({answer.reason()})", remedy=Remedy("Look at what gpg says", command)
    )

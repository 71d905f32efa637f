"""
What ``config`` was asked for: whose account, which program, which mailboxes.
"""

from __future__ import annotations

import codecs
import difflib
from pathlib import Path

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import tables
from offlineimap_m365.recipes import PROGRAMS

#: Other names of a program: its package's or its project's, and what Emacs calls its part.
_ALSO = {
    "auth-source": "emacs",
    "getmail6": "getmail",
    "git": "git-send-email",
    "isync": "mbsync",
    "offlineimap3": "offlineimap",
    "smtpmail": "emacs",
}


def account_and_program(words: list[str]) -> tuple[str | None, str]:
    """
    Return the account's name (None: it was left out) and the program in ``[ACCOUNT] [PROGRAM]``.

    Raises WrongUsage for a program without a recipe, naming the closest ones.
    """
    rest = [*words[:-2], "git-send-email"] if words[-2:] == ["git", "send-email"] else list(words)
    program = rest.pop() if rest and (rest[-1] in PROGRAMS or rest[-1] in _ALSO) else "offlineimap"
    name = profiles.clean_name(rest.pop(0)) if rest and is_account(rest[0]) else None
    if rest:
        close = _close_to(rest[0].lower())
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        raise errors.WrongUsage(
            f"There is no recipe for {rest[0]}", remedy=f"{hint}See the list: {errors.COMMAND} config --list"
        )
    return name, _ALSO.get(program, program)


def _close_to(word: str) -> list[str]:
    """Return the programs that may have been meant, the most likely first: none or up to three."""
    if word in PROGRAMS:
        return [word]
    longer = [name for name in PROGRAMS if word and word in name]
    return longer[:3] or difflib.get_close_matches(word, PROGRAMS, cutoff=0.4)


def is_account(word: str) -> bool:
    """Does *word* name an account: an address, or any name that is signed in?"""
    return ("@" in word and " " not in word) or word.strip().lower() in (name.lower() for name in profiles.names())


def defaults(name: str) -> profiles.Account:
    """Return what a recipe is filled in with for somebody who never signed in: the hosts that go with the address."""
    table = tables.load("clouds")
    cloud = table["consumers"] if profiles.is_consumer(name) else table["clouds"]["global"]
    return profiles.Account(
        name, client_id="", authority="", scopes=(), imap=cloud["imap"], smtp=cloud["smtp"], redirect_uri=""
    )


def mailboxes(given: list[str]) -> list[str]:
    """
    Return the addresses in *given*, those in a file for ``@FILE``: one a line, ``#`` begins a comment.

    Raises WrongUsage for a file that cannot be read or has none, and for what is no address.
    """
    found = []
    for text in given:
        found += _in_file(text[1:]) if text.startswith("@") else [profiles.clean_name(text)]
    return found


def _in_file(path: str) -> list[str]:
    try:
        content = Path(path).expanduser().read_bytes()
        lines = content.decode(_encoding(content)).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise errors.WrongUsage(
            f"The list of mailboxes {path} cannot be read: {why}",
            remedy="Give a file with one address on each line: --mailbox @FILE",
        ) from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    found = [_address(path, number, line) for number, line in numbered if line and not line.startswith("#")]
    if not found:
        raise errors.WrongUsage(f"The list of mailboxes {path} names none", remedy="Put one address on each line")
    once: dict[str, str] = {}
    for address in found:
        once.setdefault(address.lower(), address)
    return list(once.values())


def _encoding(content: bytes) -> str:
    """Return how a list is written: Windows PowerShell's ``>`` writes UTF-16, its Export-Csv may begin with a mark."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _address(path: str, number: int, line: str) -> str:
    """Return the address on a *line*; a list as CSV has it in quotes."""
    try:
        return profiles.clean_name(line.strip('"'))
    except errors.M365Error as error:
        raise errors.WrongUsage(
            f"Line {number} of the list of mailboxes {path} is no address: {errors.printable(line)[:80]}",
            remedy="Put one address on each line, and nothing else",
        ) from error

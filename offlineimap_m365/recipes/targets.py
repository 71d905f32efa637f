"""
What ``config`` was asked for: which account, which program, which mailboxes.
"""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from offlineimap_m365 import recipes
from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, safe_file
from offlineimap_m365.knowledge import tables

#: Other names of a program: those of its package or project, and Emacs's name for its part.
_ALIASES = {
    "auth-source": "emacs",
    "getmail6": "getmail",
    "git": "git-send-email",
    "isync": "mbsync",
    "offlineimap3": "offlineimap",
    "smtpmail": "emacs",
}
#: The most bytes that a list of mailboxes can have.
_LARGEST_LIST = 10_000_000
_ONE_A_LINE = errors.Remedy("Give a file with one address on each line: --mailbox @FILE")


def account_and_program(words: Sequence[str]) -> tuple[str | None, str]:
    """
    Return the account's name (None: not given) and the program from *words*, an account and a program in any order.

    Raises WrongUsage for a word that is neither, with the most similar programs.
    """
    rest = [*words[:-2], "git-send-email"] if list(words[-2:]) == ["git", "send-email"] else list(words)
    program = _take(rest, _program, last=True)
    account = _take(rest, lambda word: profiles.clean_name(word) if is_account(word) else None, last=False)
    if rest:
        similar = _similar_programs(rest[0])
        raise errors.WrongUsage(
            f"{rest[0]!r} is neither an account nor a program with a recipe",
            remedy=errors.Remedy(
                f"Did you mean {' or '.join(similar)}?" if similar else "", f"{errors.COMMAND} config --list"
            ),
        )
    return account, program or "offlineimap"


def _take(words: list[str], read: Callable[[str], str | None], *, last: bool) -> str | None:
    """Remove from *words* the first word, or the *last*, that *read* understands; return what it understood."""
    for index in sorted(range(len(words)), reverse=last):
        understood = read(words[index])
        if understood is not None:
            del words[index]
            return understood
    return None


def _program(word: str) -> str | None:
    name = _ALIASES.get(word, word)
    return name if name in recipes.PROGRAMS else None


def _similar_programs(word: str) -> list[str]:
    """Return up to three programs that may have been meant, the most similar first."""
    lower = word.lower()
    longer = [name for name in recipes.PROGRAMS if lower and lower in name]
    return longer[:3] or difflib.get_close_matches(lower, recipes.PROGRAMS, cutoff=0.4)


def is_account(word: str) -> bool:
    """Is *word* the name of an account: an address, or any name that is signed in?"""
    return ("@" in word and " " not in word) or word.strip().lower() in (name.lower() for name in profiles.names())


def defaults(name: str) -> profiles.Account:
    """Return the account *name* as it is before the first login: with the hosts that belong to the address."""
    table = tables.load("clouds")
    cloud = table["consumers"] if profiles.is_consumer(name) else table["clouds"]["global"]
    return profiles.Account(
        name, client_id="", authority="", scopes=(), imap=cloud["imap"], smtp=cloud["smtp"], redirect_uri=""
    )


def mailboxes(given: Sequence[str]) -> list[str]:
    """
    Return the addresses in *given*; for ``@FILE`` those in the file.

    A file has an address on each line; ``#`` begins a comment. It can also be a CSV file with a header, as PowerShell's
    Export-Csv writes it. Raises WrongUsage for a file that cannot be read or names no mailbox, and for a wrong address.
    """
    addresses: list[str] = []
    for text in given:
        addresses += _in_file(text[1:]) if text.startswith("@") else [profiles.clean_name(text)]
    return addresses


def _in_file(path: str) -> list[str]:
    try:
        content = safe_file.read(str(Path(path).expanduser()), most_bytes=_LARGEST_LIST)
        lines = content.decode(_encoding(content)).splitlines()
    except (FileNotFoundError, UnicodeDecodeError, errors.M365Error) as error:
        missing = "there is no such file" if isinstance(error, FileNotFoundError) else "it is not UTF-8"
        reason = error.fact if isinstance(error, errors.M365Error) else missing
        raise errors.WrongUsage(f"The list of mailboxes {path} cannot be read: {reason}", remedy=_ONE_A_LINE) from error
    rows = [(number, _cells(line)) for number, line in enumerate(lines, 1) if line.strip() and line.strip()[0] != "#"]
    is_header = len(rows) > 1 and not any("@" in cell for cell in rows[0][1])
    addresses = [_address(path, number, cells) for number, cells in rows[is_header:]]
    if not addresses:
        raise errors.WrongUsage(f"The list of mailboxes {path} names none", remedy=_ONE_A_LINE)
    unique: dict[str, str] = {}
    for address in addresses:
        unique.setdefault(address.lower(), address)
    return list(unique.values())


def _cells(line: str) -> list[str]:
    """Return the cells of a line of CSV, whose separator is a comma, or a semicolon in some countries."""
    return next(csv.reader([line.strip()], delimiter="," if "," in line else ";"))


def _address(path: str, number: int, cells: list[str]) -> str:
    """Return the address among the *cells* of a line."""
    text = next((cell for cell in cells if "@" in cell), cells[0] if cells else "")
    try:
        address = profiles.clean_name(text)
        recipes.check_address(address)
    except errors.M365Error as error:
        raise errors.WrongUsage(
            f"Line {number} of the list of mailboxes {path} has no address: {text[:80]}", remedy=_ONE_A_LINE
        ) from error
    return address


def _encoding(content: bytes) -> str:
    """Return the encoding: Windows PowerShell's ``>`` writes UTF-16, its Export-Csv may write a byte order mark."""
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"

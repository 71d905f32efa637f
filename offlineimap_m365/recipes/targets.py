"""
What ``config`` was asked for: which account, which program, which mailboxes.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterator, Sequence
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
#: An address alone on its line or in a cell of a CSV file, "Smith, Ann";a@b.org (its length: RFC 5321 §4.5.3.1).
_CELL = re.compile(r'(?:^|[",;])\s*([^\s",;@]{1,64}@[^\s",;@]{1,255})\s*(?:$|[",;])')
#: The most bytes that a list of mailboxes can have.
_LARGEST_LIST = 10_000_000
_ONE_A_LINE = errors.Remedy("Give a file with one address on each line: --mailbox @FILE")


def account_and_program(words: Sequence[str]) -> tuple[str | None, str]:
    """
    Return the account's name (None: not given) and the program from *words*, an account and a program in any order.

    Raises WrongUsage for a word that is neither, with the most similar programs.
    """
    rest = [*words[:-2], "git-send-email"] if list(words[-2:]) == ["git", "send-email"] else list(words)
    rest = [_ALIASES.get(word, word) for word in rest]
    program = next((word for word in reversed(rest) if word in recipes.PROGRAMS), None)
    if program:
        rest.remove(program)
    account = next(filter(is_account, rest), None)
    if account is not None:
        rest.remove(account)
    if rest:
        similar = difflib.get_close_matches(rest[0].lower(), recipes.PROGRAMS)
        raise errors.WrongUsage(
            f"{rest[0]!r} is neither an account nor a program with a recipe",
            remedy=errors.Remedy(
                f"Did you mean {' or '.join(similar)}?" if similar else "", f"{errors.COMMAND} config --list"
            ),
        )
    return None if account is None else profiles.clean_name(account), program or "offlineimap"


def is_account(word: str) -> bool:
    """Is *word* the name of an account: an address, or any name that is signed in?"""
    return ("@" in word and " " not in word) or word.strip().lower() in (name.lower() for name in profiles.names())


def defaults(name: str) -> profiles.Account:
    """Return the account *name* as it is before the first login: with the hosts that belong to the address."""
    table = tables.load("clouds")
    cloud = table["consumers"] if tables.is_consumer(name) else table["clouds"]["global"]
    return profiles.Account(
        name, client_id="", authority="", scopes=(), imap=cloud["imap"], smtp=cloud["smtp"], redirect_uri=""
    )


def mailboxes(given: Sequence[str]) -> list[str]:
    """
    Return the addresses in *given*, each once; for ``@FILE`` those in the file.

    A file has an address on each line; ``#`` begins a comment. It can also be a CSV file with a header, as PowerShell's
    Export-Csv writes it. Raises WrongUsage for a file that cannot be read or names no mailbox, and for a wrong address.
    """
    unique: dict[str, str] = {}
    for text in given:
        for address in _in_file(text[1:]) if text.startswith("@") else [profiles.clean_name(text)]:
            unique.setdefault(address.lower(), address)
    return list(unique.values())


def _in_file(path: str) -> Iterator[str]:
    """Yield the addresses in the file *path*."""
    rows = [(number, line.strip()) for number, line in enumerate(_lines(path), 1)]
    rows = [(number, line) for number, line in rows if line and not line.startswith("#")]
    if len(rows) > 1 and "@" not in rows[0][1]:
        rows = rows[1:]  # the header of a CSV file
    if not rows:
        raise errors.WrongUsage(f"The list of mailboxes {path} names none", remedy=_ONE_A_LINE)
    for number, line in rows:
        match = _CELL.search(line)
        try:
            address = profiles.clean_name(match[1] if match else "")
            recipes.check_address(address)
        except errors.M365Error as error:
            raise errors.WrongUsage(
                f"Line {number} of the list of mailboxes {path} has no address: {line[:80]}", remedy=_ONE_A_LINE
            ) from error
        yield address


def _lines(path: str) -> list[str]:
    try:
        content = safe_file.read(str(Path(path).expanduser()), most_bytes=_LARGEST_LIST)
        # Windows PowerShell's ``>`` writes UTF-16, its Export-Csv may write a byte order mark.
        is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if is_utf16 else "utf-8-sig").splitlines()
    except (OSError, ValueError, errors.M365Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.WrongUsage(f"The list of mailboxes {path} cannot be read: {reason}", remedy=_ONE_A_LINE) from error

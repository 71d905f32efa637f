"""
``refresh``: each account has a fresh token afterwards; nothing on stdout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Refresh all accounts, or those named; the worst exit code counts."""
    names = [profiles.clean_name(name) for name in options.accounts] or _all_signed_in()
    if not names:
        raise profiles.not_signed_in("you@example.org", "Nobody is signed in")
    return max(_refresh_one(name, verbose=options.verbose) for name in names)


def _all_signed_in() -> list[str]:
    """Return the accounts that a cron job is about: who signed out did so on purpose, who is broken shall be told."""
    return [name for name in profiles.names() if not _is_signed_out(name)]


def _is_signed_out(name: str) -> bool:
    try:
        account = profiles.load(name)
    except errors.M365Error:
        return False
    return account is not None and not account.is_signed_in


def _refresh_one(name: str, *, verbose: bool) -> int:
    try:
        engine.access_token(name, engine.Wanted(impatient=prompt.waits_for_answer()))
    except errors.M365Error as error:
        return prompt.tell(error, verbose=verbose)
    return 0

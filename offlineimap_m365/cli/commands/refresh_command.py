"""
``refresh``: each account has a fresh token afterwards; nothing on stdout.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.tokens import engine

#: Exit codes from the gravest on.
_GRAVEST = (70, 78, 77, 75, 2, 0)


def run(options: argparse.Namespace) -> int:
    """Refresh all accounts, or those named; the gravest exit code counts."""
    names = list(dict.fromkeys(profiles.clean_name(name) for name in options.accounts))
    names = names or [name for name in profiles.names() if not _is_signed_out(name)]
    if not names:
        raise profiles.not_signed_in("you@example.org", "Nobody is signed in")
    codes = [_refresh_one(name, quiet=options.quiet, verbose=options.verbose) for name in names]
    return min(codes, key=_GRAVEST.index)


def _is_signed_out(name: str) -> bool:
    """Was the account logged out? One with a broken profile was not, so that it is reported."""
    try:
        account = profiles.load(name)
    except errors.M365Error:
        return False
    return account is not None and not account.is_signed_in


def _refresh_one(name: str, *, quiet: bool, verbose: bool) -> int:
    """Refresh one account and return its exit code; no failure of whatever kind stops the others."""
    try:
        engine.access_token(name, engine.Wanted(impatient=prompt.waits_for_answer()))
    except errors.Temporary as error:
        return error.exit_code if quiet else prompt.tell(error, verbose=verbose)
    except errors.M365Error as error:
        return prompt.tell(error, verbose=verbose)
    except ImportError:
        raise  # this installation is broken, and so it is for every account
    except Exception as error:  # noqa: BLE001 - a bug, which must not stop the other accounts
        return prompt.tell(prompt.bug(error), verbose=verbose)
    return 0

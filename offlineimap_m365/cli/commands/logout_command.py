"""
``logout``: forget a sign-in, and say where Microsoft can revoke it.
"""

from __future__ import annotations

import argparse
import contextlib

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.console.prompt import say
from offlineimap_m365.knowledge import tables
from offlineimap_m365.tokens import logout

#: Where a person revokes all refresh tokens.
_PERSONAL = "https://account.live.com/consent/Manage"
_WORK = "https://mysignins.microsoft.com (Sign out everywhere), or ask your administrator"


def run(options: argparse.Namespace) -> int:
    """Forget the tokens, with ``--all`` the profile as well; raises M365Error."""
    name, account = profiles.clean_name(options.account), None
    with contextlib.suppress(errors.M365Error):  # sign_out meets the same error, and explains it
        account = profiles.load(name)
    if not logout.sign_out(name, everything=options.all):
        say(f"{name} is not signed in; nothing to forget in {paths.directory()}")
        return 0
    say(f"The tokens of {name} were removed from this machine.")
    if account and account.credential:
        say("The application's own secret or certificate was not changed.")
    say("Microsoft was not told: a copy of an access token stays valid for about an hour.")
    if account and account.is_app_only:
        say("To end the application's access, remove its secret or certificate in Microsoft Entra.")
    else:
        is_personal = account.is_personal if account else tables.is_consumer(name)
        where = _PERSONAL if is_personal else _WORK
        say(f"A copy of the refresh token stays valid for longer. To revoke all of them: {where}")
    return 0

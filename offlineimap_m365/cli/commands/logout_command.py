"""
``logout``: forget a sign-in, and say what only Microsoft can revoke.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, paths
from offlineimap_m365.console.prompt import say
from offlineimap_m365.tokens import logout

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Forget the secrets, with ``--all`` the profile, too; raises M365Error."""
    name = profiles.clean_name(options.account)
    account = _account(name)
    if not logout.sign_out(name, everything=options.all):
        say(f"{name} is not signed in; nothing to forget in {paths.directory()}")
        return 0
    say(f"The tokens of {name} are gone from this machine.")
    if account and account.credential:
        say("The application's own secret or certificate was not changed.")
    if account and account.is_app_only:
        say("Microsoft was not told: copies of a token stay good for about an hour. To end the application's access,")
        say("remove its secret or certificate in its registration, in Microsoft Entra.")
        return 0
    say("Microsoft was not told: copies elsewhere stay good, an access token for about an hour, others for longer.")
    say("To revoke them all: https://mysignins.microsoft.com (Sign out everywhere), for a personal account")
    say("https://account.live.com/consent/Manage, or ask your administrator.")
    return 0


def _account(name: str) -> profiles.Account | None:
    try:
        return profiles.load(name)
    except errors.M365Error:
        return None  # sign_out meets the same error, and explains it

"""
``logout``: forget a sign-in, and say what only Microsoft can revoke.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, home, logout
from offlineimap_m365.person import say

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Forget the secrets, with ``--all`` the profile, too; raises M365Error."""
    name = accounts.clean_name(options.account)
    if not logout.sign_out(name, everything=options.all):
        say(f"{name} is not signed in; nothing to forget in {home.directory()}")
        return 0
    say(f"The tokens of {name} are gone from this machine.")
    say("Microsoft was not told: copies elsewhere stay good, an access token for about an hour, others for longer.")
    say("To revoke them all: https://mysignins.microsoft.com (Sign out everywhere), for a personal account")
    say("https://account.live.com/consent/Manage, or ask your administrator.")
    return 0

"""
``store``: move the tokens of an account to another store, and say who can read them there.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.accounts import profiles
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import move_store

#: Who can read the tokens in a store, by its kind.
_READERS = {
    "file": "You, root and backups of your home can read them there; it works in cron and over ssh.",
    "keyring": "Your programs can read them there while the keyring is unlocked, and only then.",
    "gpg": "Anyone with your gpg key and its passphrase can read them.",
}


def run(options: argparse.Namespace) -> int:
    """Move the tokens; raises M365Error, and then they are where they were."""
    name = profiles.clean_name(options.account)
    with prompt.ended_by_signals():
        account, before = move_store.move(name, options.to, may_ask=prompt.is_there())
    moved = "were already" if before == account.store else f"moved from the store {before} and are now"
    say(f"The tokens of {account.name} {moved} in the store {account.store}. {_READERS[selection.kind(account.store)]}")
    return 0

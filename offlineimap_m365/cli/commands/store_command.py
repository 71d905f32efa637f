"""
``store``: the secrets of an account move to another store, and who can read them there is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.stores import selection
from offlineimap_m365.tokens import move_store

if TYPE_CHECKING:
    import argparse

#: Who can read what lies in a store, by its kind.
_READERS = {
    "file": "in a closed file: readable by you, by root, and in backups of your home; it works in cron and over ssh",
    "keyring": "in the desktop's keyring: readable by your programs while it is unlocked, and only then",
    "gpg": "encrypted to your key: readable while gpg-agent knows its passphrase, and only then",
}


def run(options: argparse.Namespace) -> int:
    """Move the secrets; raises M365Error, and then they are where they were."""
    name = profiles.clean_name(options.account)
    with prompt.ended_by_signals():
        account, before = move_store.move(name, options.to, may_ask=prompt.is_there())
    now = "were already" if before == account.store else f"have moved from the store {before}; they are"
    readers = _READERS[selection.kind(account.store)]
    say(errors.printable(f"The secrets of {account.name} {now} in the store {account.store},"))
    say(f"{readers}.")
    return 0

"""
``token``: an access token on stdout, or XOAUTH2's base64; with hidden options what a foreign interpreter asks for.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from offlineimap_m365 import accounts, person, tokens, warm

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print a token; raises M365Error."""
    name = None if options.account is None else accounts.clean_name(options.account)
    if options.what:
        return warm.hand_out(_other_value(name, options.what))
    is_demand = options.min_validity is not None
    wish = warm.MARGIN if options.prefer_validity is None else options.prefer_validity
    wanted = tokens.Wanted(
        seconds=options.min_validity if is_demand else wish,
        demand=is_demand,
        impatient=person.waits_for_answer(),
        may_ask=person.is_there(),
    )
    mailbox = None if options.mailbox is None else accounts.clean_name(options.mailbox)
    found = tokens.access_token(name, wanted).value
    if options.format == "xoauth2":
        user = mailbox or accounts.get(name).name
        found = base64.b64encode(f"user={user}\x01auth=Bearer {found}\x01\x01".encode()).decode("ascii")
    return warm.hand_out(found)


def _other_value(name: str | None, what: str) -> str:
    if what == "refresh-token":
        return tokens.refresh_token(name)
    return tokens.client_secret(name) if what == "client-secret" else accounts.get(name).client_id

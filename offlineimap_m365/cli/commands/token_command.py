"""
``token``: an access token on stdout, or XOAUTH2's base64; with hidden options what a foreign interpreter asks for.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import fresh_token
from offlineimap_m365.console import prompt
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print a token; raises M365Error."""
    name = None if options.account is None else profiles.clean_name(options.account)
    if options.what:
        return fresh_token.hand_out(_other_value(name, options.what))
    is_demand = options.min_validity is not None
    wish = fresh_token.MARGIN if options.prefer_validity is None else options.prefer_validity
    wanted = engine.Wanted(
        seconds=options.min_validity if is_demand else wish,
        demand=is_demand,
        impatient=prompt.waits_for_answer(),
        may_ask=prompt.is_there(),
    )
    mailbox = None if options.mailbox is None else profiles.clean_name(options.mailbox)
    found = engine.access_token(name, wanted).value
    if options.format == "xoauth2":
        user = mailbox or profiles.get(name).name
        found = base64.b64encode(f"user={user}\x01auth=Bearer {found}\x01\x01".encode()).decode("ascii")
    return fresh_token.hand_out(found)


def _other_value(name: str | None, what: str) -> str:
    if what == "refresh-token":
        return engine.refresh_token(name)
    return engine.client_secret(name) if what == "client-secret" else profiles.get(name).client_id

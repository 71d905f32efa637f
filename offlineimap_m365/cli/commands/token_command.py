"""
``token``: print an access token, or base64 for XOAUTH2; with hidden options, other values for a foreign interpreter.
"""

from __future__ import annotations

import argparse
import base64

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.console import prompt
from offlineimap_m365.tokens import engine


def run(options: argparse.Namespace) -> int:
    """Print a token; raises M365Error."""
    name = None if options.account is None else profiles.clean_name(options.account)
    if options.what:
        return fresh_token.hand_out(_other_value(name, options.what))
    user = _xoauth2_user(name, options.mailbox) if options.format == "xoauth2" else None
    is_demand = options.min_validity is not None
    preferred = fresh_token.MARGIN if options.prefer_validity is None else options.prefer_validity
    wanted = engine.Wanted(
        seconds=options.min_validity if is_demand else preferred,
        demand=is_demand,
        impatient=prompt.waits_for_answer(),
        may_ask=prompt.is_there(),
    )
    token = engine.access_token(name, wanted).value
    if user is None:
        return fresh_token.hand_out(token)
    message = f"user={user}\x01auth=Bearer {token}\x01\x01"  # learn.microsoft.com: SASL XOAUTH2
    return fresh_token.hand_out(base64.b64encode(message.encode()).decode("ascii"))


def _xoauth2_user(name: str | None, mailbox: str | None) -> str:
    """Return the IMAP user: the mailbox, else the account. Raises WrongUsage for an application without one."""
    if mailbox is not None:
        return profiles.clean_name(mailbox)
    account = profiles.get(name)
    if account.is_app_only:
        command = f"{errors.COMMAND} token {errors.quoted(account.name)} --format xoauth2 --mailbox ADDRESS"
        raise profiles.no_mailbox(account, command)
    return account.name


def _other_value(name: str | None, value: str) -> str:
    if value == "refresh-token":
        return engine.refresh_token(name)
    return engine.client_secret(name) if value == "client-secret" else profiles.get(name).client_id

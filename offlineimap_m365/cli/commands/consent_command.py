"""
``consent``: a letter that asks an administrator to approve the client id; no request.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.signin import consent_letter, login_options, login_request


def run(options: argparse.Namespace) -> int:
    """Print the letter with the address in it; nothing but a remark for a personal account."""
    typed = login_options.typed(options)
    before = _account(options.account)
    name = before.name if before else profiles.clean_name(options.account or "you@example.org")
    plan = login_request.make(name, typed, before, defaults=options.defaults, may_ask=False)
    if plan.is_personal and not plan.chosen.get("tenant"):
        say(f"{name} is a personal account: nobody has to approve anything but you, when you sign in.")
        say(f"Run: {errors.login_command(name)}")
        return 0
    is_application = bool(plan.chosen.get("app_only")) or (before is not None and before.kind == "app-only")
    text = consent_letter.letter_for_application(plan) if is_application else consent_letter.letter(plan)
    code = fresh_token.hand_out(text.rstrip("\n"))
    for remark in consent_letter.remarks(plan):
        prompt.say(errors.printable(remark))
    return code


def _account(name: str | None) -> profiles.Account | None:
    """Return the account that is meant, None if it never signed in; raises WrongUsage if it could be several."""
    if name is not None:
        return profiles.load(name)
    return profiles.get(None) if profiles.names() else None

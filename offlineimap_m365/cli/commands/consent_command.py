"""
``consent``: a letter that asks an administrator to approve the client id; no request.
"""

from __future__ import annotations

import argparse

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.console.prompt import say
from offlineimap_m365.signin import consent_letter, login_options, login_request


def run(options: argparse.Namespace) -> int:
    """Print the letter with the address in it; nothing but a remark for a personal account."""
    before = profiles.load(options.account) if options.account else None
    if not options.account and profiles.names():
        before = profiles.get(None)
    name = before.name if before else profiles.clean_name(options.account or "you@example.org")
    plan = login_request.make(name, login_options.typed(options), before, defaults=options.defaults, may_ask=False)
    if plan.is_personal and not plan.chosen.get("tenant"):
        say(f"{name} is a personal account: nobody has to approve anything but you, when you sign in.")
        say("Run:", errors.login_command(name))
        return 0
    is_application = bool(plan.chosen.get("app_only")) or (before is not None and before.is_app_only)
    text = consent_letter.letter_for_application(plan) if is_application else consent_letter.letter(plan)
    code = fresh_token.hand_out(text.rstrip("\n"))
    for remark in consent_letter.remarks(plan):
        say(remark)
    return code

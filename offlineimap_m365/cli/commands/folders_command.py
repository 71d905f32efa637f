"""
``folders``: a mailbox's folders, what the filter does with each and why; ``--learn`` stores what was learned.
"""

from __future__ import annotations

import argparse
import dataclasses
import json

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.learn import classify, folder_table, look
from offlineimap_m365.mail import mail_server
from offlineimap_m365.tokens import engine


def run(options: argparse.Namespace) -> int:
    """List the folders, and store what was learned if that is wanted; raises M365Error."""
    account = profiles.get(None if options.account is None else profiles.clean_name(options.account))
    if account.is_app_only and options.mailbox is None and "@" not in account.name:
        raise profiles.no_mailbox(account, f"{errors.COMMAND} folders {errors.quoted(account.name)} --mailbox ADDRESS")
    mailbox = profiles.clean_name(options.mailbox) if options.mailbox is not None else account.name
    token = engine.access_token(account.name, engine.Wanted(impatient=prompt.waits_for_answer())).value
    view = look.look(account, mailbox, token, folder_filter.load_table())
    finding = view.finding
    before = account.mailboxes.get(learned.key(mailbox))
    stored = classify.keep(account, mailbox, finding) if options.learn else before
    rows = folder_table.rows(view.folders, finding, stored, view.counts, is_personal=account.is_personal)
    lines = folder_table.lines(account.name, mailbox, is_learnt=stored is not None, is_personal=account.is_personal)
    if options.json:
        document = {
            "schema": 1,
            "account": account.name,
            "mailbox": mailbox,
            "languages": finding.languages,
            "learnt_at": stored["learnt_at"] if stored else None,
            "folders": [dataclasses.asdict(row) for row in rows],
            "warnings": finding.warnings,
            "lines": lines,
        }
        code = fresh_token.hand_out(json.dumps(document, indent=2))
    else:
        code = fresh_token.hand_out("\n".join(folder_table.as_table(rows, lines)))
    separators = {folder.separator for folder in view.folders} - {"/", None}
    if separators:
        say(f"This server puts {min(map(str, separators))} between folders; the filter expects /")
    for warning in finding.warnings:
        say(warning)
    languages = ", ".join(" or ".join(group) for group in finding.languages) or "unknown"
    if options.learn and stored:
        say(f"Learned of {mailbox}: {len(stored['not_mail'])} folders hold no mail; language: {languages}.")
        if before and before.get("names") != stored["names"]:
            say("Some folders have other local names than before: with nametrans they are downloaded again.")
    elif stored is None:
        say(f"Language: {languages}. To let the filter know this mailbox, run: {_learn(account.name, mailbox)}")
    elif classify.changed(finding, stored):
        say(f"The folders changed since {stored['learnt_at']}. Run: {_learn(account.name, mailbox)}")
    return code


def _learn(account: str, mailbox: str) -> str:
    option = mail_server.mailbox_option(account, mailbox)
    return f"{errors.COMMAND} folders {errors.quoted(account)}{option} --learn"

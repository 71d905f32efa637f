"""
``folders``: a mailbox's folders, what the filter does with each and why; ``--learn`` keeps what was found out.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.console import prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.folders import folder_filter, learned
from offlineimap_m365.learn import classify, folder_table
from offlineimap_m365.mail.mailbox import Mailbox
from offlineimap_m365.tokens import engine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from offlineimap_m365.learn.classify import Evidence, Finding
    from offlineimap_m365.mail.folder_list import Folder

#: Seconds in which messages are looked at, and in how many folders at most: more would be no small sample.
_LOOK, _MOST_FOLDERS = 20.0, 60


def run(options: argparse.Namespace) -> int:
    """List the folders, and keep what was found out if that is wanted; raises M365Error."""
    table = _table()
    account = profiles.get(None if options.account is None else profiles.clean_name(options.account))
    mailbox = profiles.clean_name(options.mailbox) if options.mailbox is not None else account.name
    token = engine.access_token(account.name, engine.Wanted(impatient=prompt.waits_for_answer())).value
    with Mailbox(account.imap, account.name) as box:
        box.sign_in(mailbox, token)
        found = box.folders()
        counts = box.count(found)
        evidence = _look(box, classify.worth_a_look(table, found), counts)
    finding = classify.find_out(table, found, evidence)
    before = account.mailboxes.get(learned.key(mailbox))
    kept = classify.keep(account, mailbox, finding) if options.learn else before
    rows = folder_table.rows(found, finding, kept, counts)
    lines = folder_table.lines(account.name, mailbox, is_learnt=kept is not None)
    if options.json:
        document = {
            "schema": 1,
            "account": account.name,
            "mailbox": mailbox,
            "languages": finding.languages,
            "learnt_at": kept["learnt_at"] if kept else None,
            "folders": [dataclasses.asdict(row) for row in rows],
            "warnings": finding.warnings,
            "lines": lines,
        }
        code = fresh_token.hand_out(json.dumps(document, indent=2))
    else:
        code = fresh_token.hand_out("\n".join(folder_table.as_table(rows, lines)))
    _say_warnings(finding, found)
    spoken = ", ".join(" or ".join(group) for group in finding.languages) or "not known"
    if options.learn and kept:
        say(f"Learnt of {mailbox}: {len(kept['not_mail'])} folders hold no mail; language: {spoken}.")
        if before and before.get("names") != kept["names"]:
            say("Some folders are called otherwise here than before: with nametrans they are downloaded again.")
    elif kept is None:
        say(f"Language: {spoken}. To let the filter know this mailbox: {_learn(account.name, mailbox)}")
    elif classify.changed(finding, kept):
        say(f"The folders changed since {kept['learnt_at']}. Run: {_learn(account.name, mailbox)}")
    return code


def _table() -> dict[str, Any]:
    """Return the table in use; here, unlike in a sync, one that cannot be used is an error."""
    own = folder_filter.own_table()
    try:
        return folder_filter.load_table(own)
    except (OSError, ValueError) as error:
        raise errors.Misconfigured(
            f"The data file {own} cannot be used: {error}",
            remedy=f"Correct it, or remove it so that the shipped table counts: rm {errors.quoted(str(own))}",
        ) from error


def _look(box: Mailbox, wanted: Sequence[Folder], counts: Mapping[str, int]) -> dict[str, Evidence]:
    """Return what a small sample of headers tells of the folders *wanted*, as far as the time goes."""
    deadline = time.monotonic() + _LOOK
    evidence: dict[str, Evidence] = {}
    for folder in wanted:
        if len(evidence) == _MOST_FOLDERS or time.monotonic() > deadline:
            break
        if counts.get(folder.name, 1):
            evidence[folder.name] = classify.weigh(box.sample(folder))
    return evidence


def _say_warnings(finding: Finding, found: Sequence[Folder]) -> None:
    separators = {folder.separator for folder in found} - {"/", None}
    if separators:
        say(errors.printable(f"This server puts {min(map(str, separators))} between folders; the filter expects /"))
    for warning in finding.warnings:
        say(errors.printable(warning))


def _learn(account: str, mailbox: str) -> str:
    also = "" if mailbox.lower() == account.lower() else f" --mailbox {errors.quoted(mailbox)}"
    return f"{errors.COMMAND} folders {errors.quoted(account)}{also} --learn"

"""
What ``explain`` is asked: about which account, and which code, page or remembered failure; and the answer.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import error_text, explain
from offlineimap_m365.provider import next_step
from offlineimap_m365.recipes.targets import is_account
from offlineimap_m365.signin import browser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Question:
    """A *text* to explain, the last failure if it is empty; for *account*, called *name*, if one is meant."""

    text: str
    name: str | None
    account: profiles.Account | None


def read(words: Sequence[str], standard_input: Callable[[], str]) -> Question:
    """
    Read ``[ACCOUNT] [CODE|TEXT|-]``; without ACCOUNT the only one there is, if there is exactly one.

    Raises WrongUsage if there is nothing to explain.
    """
    rest = list(words)
    name = profiles.clean_name(rest.pop(0)) if rest and is_account(rest[0]) else None
    known = profiles.names()
    if name is None and len(known) == 1:
        name = known[0]
    text = standard_input() if rest == ["-"] else " ".join(rest)
    account = profiles.load(name) if name else None
    if not rest and account is None:
        raise errors.WrongUsage(
            "There is nothing to explain",
            remedy=f"Give a code ({errors.COMMAND} explain AADSTS50076) or paste a page ({errors.COMMAND} explain -)",
        )
    return Question(text if rest else "", name, account)


def answer(question: Question) -> list[str]:
    """Return the lines that explain; raises WrongUsage if nothing in the text is known."""
    account = question.account
    if account is not None and not question.text.strip():
        return _last_failure(account)
    here = browser.is_there()
    way = next_step.Way.of_account(account) if account else _usual(question.name, has_browser=here)
    tenant = account.tenant if account else None
    is_personal = account.is_personal if account else profiles.is_consumer(question.name or "")
    situation = explain.Situation(question.name, way.client_id, tenant, way.redirect_uri, is_personal)
    found = explain.explain(question.text, situation)
    if found is None:
        raise _unknown(question.text)
    facts = [
        found.code,
        f"correlation id {found.correlation_id}" if found.correlation_id else "",
        found.time or "",
    ]
    first = ", ".join(part for part in facts if part)
    tried = account_state.tried(account.folder, account.client_id) if account else ()
    named = error_text.find_named(question.text)
    remedy = next_step.next_step(found.code.removeprefix("AADSTS"), named, way, tried, has_browser=here)
    return [line for line in (first, found.meaning, remedy or found.remedy) if line]


def _last_failure(account: profiles.Account) -> list[str]:
    """Return what failed and was not made good since; else what leads to what failed before, if anything did."""
    failure = account_state.last_failure(account.folder)
    if failure is not None:
        return failure.lines()
    lines = [f"{account.name}: nothing has failed since it worked last"]
    if any(event.get("what") == "failed" for event in account_state.events(account.folder)):
        lines.append(f"What failed before that: {errors.COMMAND} status -v {errors.quoted(account.name)}")
    return lines


def _usual(name: str | None, *, has_browser: bool) -> next_step.Way:
    """Return how somebody who never signed in would: as a login without options does."""
    scopes = ("IMAP.AccessAsUser.All", "SMTP.Send")
    return next_step.Way.usual(name or "ACCOUNT", "browser" if has_browser else "paste", scopes)


def _unknown(text: str) -> errors.WrongUsage:
    """Return the error about a *text* in which nothing is known; nothing of it is repeated but a code."""
    codes = explain.find_codes(text)
    if codes:
        return errors.WrongUsage(
            f"AADSTS{codes[0]} is not known to this release",
            remedy=f"Microsoft explains it: https://login.microsoftonline.com/error?code={codes[0]}",
        )
    return errors.WrongUsage(
        "Nothing in it is known: no code such as AADSTS50076, and no sentence of a page",
        remedy=f"Paste the whole page: {errors.COMMAND} explain -",
    )

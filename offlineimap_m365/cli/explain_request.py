"""
What ``explain`` is asked: about which account, and which code, page or remembered failure; and the answer.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import error_text, explain, next_step, tables
from offlineimap_m365.provider.provider import way_of
from offlineimap_m365.recipes.targets import is_account
from offlineimap_m365.signin import browser

if TYPE_CHECKING:
    from offlineimap_m365.base.errors import M365Error
    from offlineimap_m365.knowledge.explain import Explanation, Situation


@dataclasses.dataclass(frozen=True)
class Question:
    """A *text* to explain, the last failure if it is empty; for *account*, called *name*, if one is meant."""

    text: str
    name: str | None
    account: profiles.Account | None


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is printed: *lines*, then the *remedy*, then a *letter* to the help desk, each of which may be missing."""

    lines: list[str]
    remedy: errors.Remedy | None = None
    letter: str = ""


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
        advice = f"Give a code, such as AADSTS50076, or paste a page: {errors.COMMAND} explain -"
        raise errors.WrongUsage("There is nothing to explain", remedy=errors.Remedy(advice))
    if text.strip().isdigit():
        text = f"AADSTS{text.strip()}"
    return Question(text if rest else "", name, account)


def answer(question: Question) -> Answer:
    """Return what explains the question; raises WrongUsage if nothing in the text is recognised."""
    has_browser, account = browser.is_there(), question.account
    way = way_of(account) if account else _usual(question.name, has_browser=has_browser)
    tenant = account.tenant if account else None
    is_personal = account.is_personal if account else profiles.is_consumer(question.name or "")
    situation = explain.Situation(question.name, way.client_id, tenant, way.redirect_uri, is_personal)
    if account and not question.text.strip():
        return _last_failure(account, situation)
    explanation = explain.explain(question.text, situation)
    if explanation is None:
        doctor = (
            f"{errors.COMMAND} doctor {errors.quoted(question.name)}" if question.name else f"{errors.COMMAND} doctor"
        )
        raise errors.WrongUsage(
            "Nothing in this text is recognised: no code such as AADSTS50076, and no known sentence of Microsoft's",
            remedy=errors.Remedy("Paste the whole page or message, or let doctor look for the cause", doctor),
        )
    reference = [explanation.code, explanation.correlation_id and f"correlation id {explanation.correlation_id}"]
    first = ", ".join(filter(None, [*reference, explanation.time]))
    named = error_text.find_named(question.text)
    remedy = next_step.next_step(explanation.topic, named, way, has_browser=has_browser) or explanation.remedy
    return Answer([line for line in (first, explanation.meaning) if line], remedy, _letter(explanation, situation))


def _last_failure(account: profiles.Account, situation: Situation) -> Answer:
    """Return what failed and was not made good since; else what leads to what failed before, if anything did."""
    failure = account_state.last_failure(account.folder)
    if failure is not None:
        lines = [line for line in failure.lines() if line != failure.remedy.text]
        return Answer(lines, failure.remedy, _letter_about(failure, situation))
    lines = [f"{account.name}: nothing has failed since it worked last"]
    if any(event.get("what") == "failed" for event in account_state.events(account.folder)):
        lines.append(f"What failed before that: {errors.COMMAND} status -v {errors.quoted(account.name)}")
    return Answer(lines)


def _letter_about(failure: M365Error, situation: Situation) -> str:
    """Return the letter about a remembered *failure*, nothing where a help desk is not the first to ask."""
    explanation = explain.explain(failure.code, situation) if failure.code else None
    if explanation is None:
        return ""
    about = dataclasses.replace(explanation, correlation_id=failure.correlation_id, time=failure.time)
    return _letter(about, situation)


def _letter(explanation: Explanation, situation: Situation) -> str:
    """Return the letter to the help desk, an empty text where it is not the first to ask."""
    if not explanation.ask:
        return ""
    template = string.Template(Path(__file__).with_name("help_desk.txt").read_text(encoding="utf-8"))
    number = explanation.code.removeprefix("AADSTS")
    values = {
        **dataclasses.asdict(situation),
        **dataclasses.asdict(explanation),
        "page": f"{explain.PAGE_OF_CODE}{number}" if number.isdigit() else "",
    }
    return template.substitute({name: errors.printable(str(value or "(not known)")) for name, value in values.items()})


def _usual(name: str | None, *, has_browser: bool) -> next_step.Way:
    """Return how somebody who never signed in would: as a login without options does."""
    scopes = ("IMAP.AccessAsUser.All", "SMTP.Send")
    flow, clients = "browser" if has_browser else "paste", tables.load("clients")
    client_id = clients["default"]
    redirect_uri, is_personal = clients["clients"][client_id][flow], profiles.is_consumer(name or "")
    return next_step.Way(name or "ACCOUNT", flow, client_id, redirect_uri, scopes, is_personal=is_personal)

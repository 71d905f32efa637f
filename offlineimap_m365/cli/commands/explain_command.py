"""
``explain``: what a code or the text of an error page means, for an account if one is meant; no request.
"""

from __future__ import annotations

import argparse
import dataclasses
import string
import sys
from pathlib import Path

from offlineimap_m365.accounts import account_state, profiles
from offlineimap_m365.base import errors, fresh_token
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.console import output, prompt
from offlineimap_m365.console.prompt import say
from offlineimap_m365.knowledge import error_text, explain, next_step, tables
from offlineimap_m365.knowledge.explain import Explanation, Situation
from offlineimap_m365.provider.provider import situation_of
from offlineimap_m365.recipes.targets import is_account
from offlineimap_m365.signin import browser

#: How many bytes of standard input are read; the longest page has a tenth of that.
_MOST_TEXT = 1 << 20


def run(options: argparse.Namespace) -> int:
    """Print the explanation, then the remedy, then a letter to the help desk; raises WrongUsage."""
    name, text = _question(options.words)
    account = profiles.load(name) if name else None
    if not text.strip() and (account is None or "-" in options.words):
        advice = f"Give a code, such as AADSTS50076, or paste a page: {errors.COMMAND} explain -"
        raise errors.WrongUsage("There is nothing to explain", remedy=Remedy(advice))
    has_browser = browser.is_there()
    situation = situation_of(account) if account else _usual_way(name, "browser" if has_browser else "paste")
    if account and not text.strip():
        return _explain_last_failure(account, situation)
    explanation = explain.explain(text, situation)
    if explanation is None:
        raise errors.WrongUsage(
            "Nothing in this text is recognised: no code such as AADSTS50076, and no known sentence of Microsoft's",
            remedy=Remedy(
                "Paste the whole page or message, or let doctor look for the cause",
                f"{errors.COMMAND} doctor{f' {errors.quoted(name)}' if name else ''}",
            ),
        )
    correlation_id = explanation.correlation_id and f"correlation id {explanation.correlation_id}"
    first = ", ".join(filter(None, [explanation.code, correlation_id, explanation.time]))
    named = error_text.find_named(text)
    remedy = next_step.next_step(explanation.topic, named, situation, has_browser=has_browser) or explanation.remedy
    return _print([first, explanation.meaning], remedy, _letter(explanation, situation))


def _question(words: list[str]) -> tuple[str | None, str]:
    """Return the account's name, without ACCOUNT that of the only one there is, and the text to explain."""
    name, known = None, profiles.names()
    if words and is_account(words[0]):
        name, *words = profiles.clean_name(words[0]), *words[1:]
    elif len(known) == 1:
        name = known[0]
    text = " ".join(words)
    if text == "-":
        if prompt.is_there():
            say("Paste the page's text, then press Enter and Ctrl-D:")
        text = sys.stdin.buffer.read(_MOST_TEXT).decode(errors="replace") if sys.stdin else ""
    return name, f"AADSTS{text.strip()}" if text.strip().isdigit() else text


def _usual_way(name: str | None, flow: str) -> Situation:
    """Return how a login without options signs in somebody who never did."""
    clients = tables.load("clients")
    redirect_uri = clients["clients"][clients["default"]][flow]
    scopes, is_personal = ("IMAP.AccessAsUser.All", "SMTP.Send"), tables.is_consumer(name or "")
    return Situation(name, clients["default"], None, redirect_uri, is_personal, flow, scopes)


def _explain_last_failure(account: profiles.Account, situation: Situation) -> int:
    """Explain what failed and has not worked since; else name the command that lists earlier failures, if any."""
    failure = account_state.last_failure(account.folder)
    if failure is None:
        lines = [f"{account.name}: the last request succeeded; there is no error to explain"]
        if any(event.get("what") == "failed" for event in account_state.events(account.folder)):
            lines.append(f"What failed before that: {errors.COMMAND} status -v {errors.quoted(account.name)}")
        return _print(lines)
    explanation = explain.explain(failure.code, situation) if failure.code else None
    if explanation is not None:
        explanation = dataclasses.replace(explanation, correlation_id=failure.correlation_id, time=failure.time)
    lines = [line for line in failure.lines() if line != failure.remedy.text]
    return _print(lines, failure.remedy, _letter(explanation, situation))


def _letter(explanation: Explanation | None, situation: Situation) -> list[str]:
    """Return the lines of the letter to the help desk, none where it is not the first to ask."""
    if explanation is None or not explanation.ask:
        return []
    template = string.Template(Path(__file__).parent.with_name("help_desk.txt").read_text(encoding="utf-8"))
    number = explanation.code.removeprefix("AADSTS")
    page = f"{explain.PAGE_OF_CODE}{number}" if number.isdigit() else ""
    values = {**dataclasses.asdict(situation), **dataclasses.asdict(explanation), "page": page}
    text = template.substitute({name: errors.printable(str(value or "(not known)")) for name, value in values.items()})
    return ["", *text.splitlines()]


def _print(texts: list[str], remedy: Remedy | None = None, letter: list[str] | None = None) -> int:
    lines = [line for text in texts if text for line in output.wrapped(text, sys.stdout)]
    if remedy and remedy.text:
        lines += output.wrapped(remedy.lead, sys.stdout, command=remedy.command)
    return fresh_token.hand_out("\n".join(output.spelled(line, sys.stdout) for line in [*lines, *(letter or [])]))

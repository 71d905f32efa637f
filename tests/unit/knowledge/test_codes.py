"""Every code of the table, thrown by the look-alike where it is seen, and what is then said."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import explain, tables
from offlineimap_m365.provider import msal_client
from offlineimap_m365.provider.provider import Provider
from offlineimap_m365.signin.attempt import Attempt
from offlineimap_m365.signin.redirect_response import read_answer
from tests.m365.entra import THUNDERBIRD
from tests.m365.person import Browser
from tests.named_commands import commands_in, parse
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, TOKEN, attempt, describe

if TYPE_CHECKING:
    from offlineimap_m365.accounts.profiles import Account
    from tests.m365.entra import Entra
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

TABLE = tables.load("aadsts")
#: Code: what the table says of it.
CODES = {code: {**TABLE["explanations"][entry["is"]], **entry} for code, entry in TABLE["codes"].items()}
#: Code, class, whether it can be met (yes, rarely, no): Microsoft's pages and public repositories, read once.
_FACTS = (Path(__file__).parents[2] / "data" / "aadsts_facts.tsv").read_text(encoding="utf-8")
FACTS = [line.split("\t") for line in _FACTS.splitlines()[1:]]
MET = {code for code, _, can_be_met in FACTS if can_be_met == "yes"}
SITUATION = explain.Situation(ALICE, THUNDERBIRD, redirect_uri="https://localhost")
#: Where a device code's answers come from: all others are met before there is one.
POLLED = {"70016", "70018", "70019", "70020", "7000218"}


def seen(place: str) -> list[str]:
    """Return the codes that can be met and are seen at *place*."""
    return [code for code, row in CODES.items() if code in MET and place in row["seen"]]


def check(error: errors.M365Error, code: str, exit_code: int) -> None:
    """Check that *error* says all that a person needs about *code*."""
    row = CODES[code]
    assert type(error) is errors.for_exit_code(exit_code)
    assert error.code == f"AADSTS{code}"
    assert ALICE in error.fact
    assert error.correlation_id
    assert error.correlation_id in "\n".join(error.lines())
    assert (error.time or "").endswith("Z")
    assert error.meaning == explained(f"AADSTS{code}").meaning
    about = (row.get("place", False), row.get("prompt"), row.get("topic", ""))
    assert (error.place, error.prompt, error.topic) == about
    assert len(error.lines()) <= 6
    assert ALICE in (error.remedy.command or ALICE)


def explained(text: str, situation: explain.Situation = SITUATION) -> explain.Explanation:
    """Return what explain says of the text, which must be something."""
    explanation = explain.explain(text, situation)
    assert explanation is not None, text
    return explanation


def throw(code: str, place: str, entra: Entra, browser: Browser, *, account: Account, cache: bytes) -> None:
    """Let the account meet *code* at *place*; raises the error that it becomes."""
    answer: dict[str, Any] = {"code": int(code), "status": 400}  # a 5xx is explained before anybody reads its body
    entra.forget()
    if place == "token":
        entra.fail_next(TOKEN, **answer)
        msal_client.refresh(account, cache)
        return
    tried = Attempt(Provider.of(account), ALICE)
    address = tried.begin("https://localhost", "a state", hint=ALICE)
    if place == "device" and code in POLLED:
        tried.begin_device()
        tried.end_device()
        entra.fail_next("device_code", 5, **answer)
        tried.poll_device()
    elif place == "device":
        entra.fail_next("devicecode", **answer)
        tried.begin_device()
    else:
        entra.fail_next("authorize", code=int(code), status=302 if place == "redirect" else None)
        landing = browser.sign_in(address, ALICE, PASSWORD)
        assert (landing.address is None) == (place == "page")
        read_answer(landing.address or landing.text or "", "a state", SITUATION)


@pytest.mark.parametrize("place", ["token", "page", "redirect", "device"])
def test_a_code_is_explained_where_it_is_seen(
    world: World, entra: Entra, subtests: pytest.Subtests, place: str
) -> None:
    """
    It becomes the error of its class, with code, correlation id, time and a command that can be run.

    On a page that is pasted, or in the last address, it is 77.
    """
    account, cache = describe(entra), attempt(entra).cache
    with Browser(entra.ca_file) as browser:
        for code in seen(place):
            with subtests.test(code):
                with pytest.raises(errors.M365Error) as caught:
                    throw(code, place, entra, browser, account=account, cache=cache)

                is_on_page = place in {"page", "redirect"}
                check(caught.value, code, 77 if is_on_page else tables.EXIT_CODES[CODES[code]["class"]])


def test_each_code_that_can_be_met_is_explained() -> None:
    """Each has its class, a source, and a place where the test above throws it; 9002326 is another program's."""
    classes = {code: klass for code, klass, can_be_met in FACTS if can_be_met != "no"}

    assert {code: CODES[code]["class"] for code in classes} == classes
    assert set(CODES) - set(classes) == {"9002326"}
    assert {*seen("token"), *seen("page"), *seen("redirect"), *seen("device")} == MET
    assert {row["source"] for row in CODES.values() if len(row["source"]) < 2} <= set(TABLE["sources"])


SITUATIONS = {
    "work": SITUATION,
    "personal": dataclasses.replace(SITUATION, is_personal=True),
    "own client id": dataclasses.replace(SITUATION, client_id="an-id"),
}
TEXTS = [*(f"AADSTS{code}" for code in CODES), *TABLE["errors"], *TABLE["replies"], *TABLE["pages"]]
#: What no sentence has: it shouts, it begs, it has words that only programmers know, or something left open.
NOT_PLAIN = re.compile(r"[!{]|please (?!report)|authority(?! out)|\bfresh|\bstale", re.IGNORECASE)


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_each_command_of_a_remedy_can_be_run(situation: explain.Situation) -> None:
    """The real parser takes each, a remedy is two and a half lines of a terminal at most, and its words are plain."""
    commands = set()
    for text in TEXTS:
        explanation = explained(text, situation)
        remedy = explanation.remedy
        assert explanation.exit_code in {75, 77, 78}, text
        assert len(f"{remedy.advice} {remedy.command}") <= 240, text
        assert not NOT_PLAIN.search(f"{explanation.meaning} {remedy.advice}{remedy.command}"), text
        commands |= {tuple(words) for words in commands_in(remedy.advice)}
        if remedy.command and remedy.where == "shell" and remedy.command != "offlineimap":
            commands.add(tuple(shlex.split(remedy.command)[1:]))

    for words in commands:
        assert parse(list(words)).command == words[0]


def test_a_personal_account_is_told_nothing_of_tenants() -> None:
    """People with outlook.com have no organisation to name and no help desk to write to."""
    for text in TEXTS:
        explanation = explained(text, SITUATIONS["personal"])

        words = f"{explanation.meaning} {explanation.remedy.text}".replace("--tenant consumers", "")
        assert "tenant" not in words.lower(), text
        assert explanation.ask == "", text

"""Every code of the table, thrown by the look-alike where it is seen, and what is then said."""

from __future__ import annotations

import dataclasses
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import explain, tables
from offlineimap_m365.provider import msal_client as door
from offlineimap_m365.signin.attempt import Attempt
from offlineimap_m365.signin.redirect_response import read_answer
from tests.m365.entra import THUNDERBIRD, Entra
from tests.m365.person import Browser
from tests.named_commands import commands_in, parse
from tests.sign_in import PASSWORD
from tests.signed_in_accounts import ALICE, TOKEN, attempt, describe, provider
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

    from offlineimap_m365.accounts.profiles import Account

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

DATA = Path(__file__).parents[2] / "data"
TABLE = tables.load("aadsts")
#: Code: what the table says of it.
CODES = {code: {**TABLE["explanations"][entry["is"]], **entry} for code, entry in TABLE["codes"].items()}
#: Code, class, whether it can be met (yes, rarely, no): Microsoft's pages and public repositories, read once.
FACTS = [line.split("\t") for line in (DATA / "aadsts_facts.tsv").read_text(encoding="utf-8").splitlines()[1:]]
MET = {code for code, _, can_be_met in FACTS if can_be_met == "yes"}
LAST_PAGE = "https://localhost"
ID, TIME = "019827f4-372b-7726-8110-db46f130cd8f", "2026-01-09 02:02:12Z"
SITUATION = explain.Situation(ALICE, THUNDERBIRD, redirect_uri=LAST_PAGE)
#: Where a device code's answers come from: all others are met before there is one.
POLLED = {"70016", "70018", "70019", "70020", "7000218"}


def seen(place: str) -> list[str]:
    """Return the codes that can be met and are seen at *place*."""
    return [code for code, row in CODES.items() if code in MET and place in row["seen"]]


@dataclasses.dataclass
class Stage:
    """One look-alike for all codes, somebody who signed in once, and a browser."""

    entra: Entra
    account: Account
    cache: bytes
    browser: Browser

    def attempt(self) -> tuple[Attempt, str]:
        """Return a new attempt to sign in, and its address."""
        tried = Attempt(provider(self.entra), ALICE)
        return tried, tried.begin(LAST_PAGE, "a state", hint=ALICE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA) -> Iterator[Stage]:
    """Sign alice in once; every test throws one code."""
    root, before = tmp_path_factory.mktemp("world"), dict(os.environ)
    ca.cert_pem.write_to_path(str(root / "ca.pem"))
    World.make(root, root / "ca.pem").enter()
    with Entra(tmp_path_factory.mktemp("entra"), ca) as entra, Browser(entra.ca_file) as browser:
        entra.add_person(ALICE, PASSWORD)
        cache = attempt(entra).cache
        yield Stage(entra, describe(entra), cache, browser)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _calm(stage: Stage) -> Iterator[None]:
    """Leave no order and no session to the next test."""
    yield
    stage.entra.forget()


def check(error: errors.M365Error, code: str, *, exit_code: int | None = None) -> None:
    """Look whether *error* says all that a person needs about *code*."""
    row = CODES[code]
    text = "\n".join(error.lines())
    assert error.code == f"AADSTS{code}"
    assert error.exit_code == (exit_code or tables.EXIT_CODES[row["class"]])
    assert ALICE in error.fact
    assert error.correlation_id, text
    assert error.correlation_id in text
    assert error.time, text
    assert error.time.endswith("Z")
    assert error.meaning == explained(f"AADSTS{code}").meaning
    assert (error.place, error.prompt, error.topic) == (
        row.get("place", False),
        row.get("prompt"),
        row.get("topic", ""),
    )
    assert len(error.lines()) <= 6
    assert error.remedy.command or error.remedy.advice
    if error.remedy.command:
        assert parse(shlex.split(error.remedy.command)[1:])
        assert ALICE in error.remedy.command


def explained(text: str, situation: explain.Situation = SITUATION) -> explain.Explanation:
    """Return what explain says of the text, which must be something."""
    explanation = explain.explain(text, situation)
    assert explanation is not None, text
    return explanation


@pytest.mark.parametrize("code", seen("token"))
def test_a_code_of_the_token_endpoint(stage: Stage, code: str) -> None:
    """At a refresh it becomes the error of its class, with code, correlation id, time and a command that can be run."""
    stage.entra.fail_next(TOKEN, code=int(code), status=400)  # a 5xx is explained before anybody reads its body

    with pytest.raises(errors.M365Error) as caught:
        door.refresh(stage.account, stage.cache)

    assert type(caught.value) is errors.for_exit_code(tables.EXIT_CODES[CODES[code]["class"]])
    check(caught.value, code)


def test_a_request_loop_waits_for_five_minutes_and_asks_for_a_report(stage: Stage) -> None:
    """AADSTS50196 is a fault of this program: 75, Microsoft is left alone, and we want to know of it."""
    stage.entra.fail_next(TOKEN, code=50196, status=400)

    with pytest.raises(errors.Temporary) as caught:
        door.refresh(stage.account, stage.cache)

    assert caught.value.retry_after == 300
    assert "report" in caught.value.remedy.advice


@pytest.mark.once
@pytest.mark.parametrize("code", seen("token"))
def test_a_code_at_the_redemption(stage: Stage, code: str) -> None:
    """While signing in, after the browser came back, it says the same."""
    tried, address = stage.attempt()
    landing = stage.browser.sign_in(address, ALICE, PASSWORD)
    stage.entra.fail_next(TOKEN, code=int(code))

    with pytest.raises(errors.M365Error) as caught:
        tried.redeem(dict(parse_qsl(urlsplit(landing.address or "").query)))

    assert caught.value.code == f"AADSTS{code}"
    assert caught.value.exit_code == tables.EXIT_CODES[CODES[code]["class"]]
    assert caught.value.remedy.text


@pytest.mark.once
@pytest.mark.parametrize("code", seen("page"))
def test_a_code_of_a_page(stage: Stage, code: str) -> None:
    """The page's text, pasted where the last address is awaited, is refused with 77 and explained; explain agrees."""
    _, address = stage.attempt()
    stage.entra.fail_next("authorize", code=int(code))
    landing = stage.browser.sign_in(address, ALICE, PASSWORD)

    with pytest.raises(errors.SignInNeeded) as caught:
        read_answer(landing.text or "", "a state", SITUATION)
    found = explained(landing.text or "")

    assert landing.address is None
    check(caught.value, code, exit_code=77)
    assert (found.code, found.meaning) == (caught.value.code, caught.value.meaning)
    assert found.remedy.advice in caught.value.remedy.advice
    assert found.exit_code == tables.EXIT_CODES[CODES[code]["class"]]


@pytest.mark.parametrize("code", seen("redirect"))
def test_a_code_in_the_last_address(stage: Stage, code: str) -> None:
    """Microsoft sends the browser back with an error: 77, explained, and its own words are not repeated."""
    _, address = stage.attempt()
    stage.entra.fail_next("authorize", code=int(code), status=302)
    landing = stage.browser.sign_in(address, ALICE, PASSWORD)

    with pytest.raises(errors.SignInNeeded) as caught:
        read_answer(landing.address or "", "a state", SITUATION)

    assert f"AADSTS{code}" in (landing.address or "")
    check(caught.value, code, exit_code=77)


@pytest.mark.parametrize("code", seen("device"))
def test_a_code_of_the_device_flow(stage: Stage, code: str) -> None:
    """In the place of a device code, or while that waits, it is the error of its class."""
    tried, _ = stage.attempt()
    if code in POLLED:
        tried.begin_device()
        tried.end_device()
        stage.entra.fail_next("device_code", 5, code=int(code))
    else:
        stage.entra.fail_next("devicecode", code=int(code))

    with pytest.raises(errors.M365Error) as caught:
        tried.poll_device() if code in POLLED else tried.begin_device()

    assert caught.value.code == f"AADSTS{code}"
    assert caught.value.exit_code == tables.EXIT_CODES[CODES[code]["class"]]
    assert caught.value.correlation_id


def test_each_code_that_can_be_met_is_explained() -> None:
    """Each has its class, a meaning, a remedy, where it is seen, and a source; 9002326 is another program's."""
    classes = {code: klass for code, klass, can_be_met in FACTS if can_be_met != "no"}

    assert {code: CODES[code]["class"] for code in classes} == classes
    assert set(CODES) - set(classes) == {"9002326"}
    for code, row in CODES.items():
        assert row["meaning"], code
        assert row["remedy"], code
        assert row["source"] in TABLE["sources"] or len(row["source"]) > 1, code
        assert row["seen"], code
        assert set(row["seen"]) <= {"page", "redirect", "device", "token"}, code


def test_each_code_that_is_met_is_thrown_somewhere() -> None:
    """The tests above miss none of those that users really see."""
    assert set(seen("token")) | set(seen("page")) | set(seen("redirect")) | set(seen("device")) == MET


SITUATIONS = {
    "work": SITUATION,
    "personal": dataclasses.replace(SITUATION, is_personal=True),
    "own client id": dataclasses.replace(SITUATION, client_id="an-id"),
}
TEXTS = [*(f"AADSTS{code}" for code in CODES), *TABLE["errors"], *TABLE["replies"], *TABLE["pages"]]


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_each_command_of_a_remedy_can_be_run(situation: explain.Situation) -> None:
    """The real parser takes each, a remedy is two and a half lines of a terminal at most, and nothing is left open."""
    for text in TEXTS:
        explanation = explained(text, situation)
        remedy = explanation.remedy
        assert len(f"{remedy.advice} {remedy.command}") <= 240, text
        assert "{" not in f"{explanation.meaning}{remedy.advice}{remedy.command}", text
        ours = remedy.command if remedy.where == "shell" and remedy.command != "offlineimap" else None
        for words in [*commands_in(remedy.advice), *([shlex.split(ours)[1:]] if ours else [])]:
            assert parse(words).command == words[0], text


def test_a_personal_account_is_told_nothing_of_tenants() -> None:
    """People with outlook.com have no organisation to name and no help desk to write to."""
    for text in TEXTS:
        explanation = explained(text, SITUATIONS["personal"])

        words = f"{explanation.meaning} {explanation.remedy.text}".replace("--tenant consumers", "")
        assert "tenant" not in words.lower(), text
        assert explanation.ask == "", text


def test_what_depends_on_the_place_says_that_it_is_tried_again() -> None:
    """Nobody needs to do anything once the place is another."""
    places = {code for code, row in CODES.items() if row.get("place")}

    assert places >= {"53003", "50131", "530034", "53011", "500021"}
    assert all("tries again" in explained(f"AADSTS{code}").remedy.advice for code in places)


@pytest.mark.parametrize("code", ["50057", "50105", "53000", "53001", "530003", "530033", "50131"])
def test_what_only_the_help_desk_can_change_leads_there_first(code: str) -> None:
    """The error's command prints the letter, with what a help desk needs to find the sign-in."""
    answer = {"error": "access_denied", "error_codes": [int(code)], "correlation_id": ID, "timestamp": TIME}

    error = explain.error_for(answer, SITUATION)

    assert "help desk" in error.remedy.advice or "administrator" in error.remedy.advice
    assert error.remedy.command == f"offlineimap-m365 explain {ALICE} AADSTS{code} {ID} 2026-01-09T02:02:12Z"

"""Every code of the table, thrown by the look-alike where it is seen, and what is then said."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.knowledge import explain, tables
from offlineimap_m365.provider import msal_client as door
from offlineimap_m365.signin.redirect_response import read_answer
from tests.kept import ALICE, TOKEN, attempt, describe, provider
from tests.m365.entra import THUNDERBIRD, Entra
from tests.m365.person import Browser
from tests.remedies import commands_in, parse
from tests.sign_in import PASSWORD
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

    from offlineimap_m365.accounts.profiles import Account

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

CODES = tables.load("aadsts")["codes"]
LAST_PAGE = "https://localhost"
SITUATION = explain.Situation(ALICE, THUNDERBIRD, redirect_uri=LAST_PAGE)
#: Where a device code's answers come from: all others are met before there is one.
POLLED = {"70016", "70018", "70019", "70020", "7000218"}


def seen(place: str) -> list[str]:
    """Return the codes that are seen at *place*."""
    return [code for code, row in CODES.items() if place in row["seen"]]


@dataclasses.dataclass
class Stage:
    """One look-alike for all codes, somebody who signed in once, and a browser."""

    entra: Entra
    account: Account
    cache: bytes
    browser: Browser

    def attempt(self) -> tuple[door.Attempt, str]:
        """Return a new attempt to sign in, and its address."""
        tried = door.Attempt(provider(self.entra), ALICE)
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
    stage.entra.script.clear()
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
    assert error.meaning == SITUATION.fill(row["meaning"])
    assert (error.place, error.prompt) == (row.get("place", False), row.get("prompt"))
    assert len(error.lines()) <= 6
    for words in commands_in(error.remedy):
        assert parse(words)
        assert ALICE in words or words == ["refresh"]


@pytest.mark.parametrize("code", seen("token"))
def test_a_code_of_the_token_endpoint(stage: Stage, code: str) -> None:
    """At a refresh it becomes the error of its class, with code, correlation id, time and a command that can be run."""
    stage.entra.fail_next(TOKEN, code=int(code), status=400)  # a 5xx is explained before anybody reads its body

    with pytest.raises(errors.M365Error) as caught:
        door.refresh(stage.account, stage.cache)

    assert type(caught.value) is errors.for_exit_code(tables.EXIT_CODES[CODES[code]["class"]])
    check(caught.value, code)


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
    assert caught.value.remedy


@pytest.mark.once
@pytest.mark.parametrize("code", seen("page"))
def test_a_code_of_a_page(stage: Stage, code: str) -> None:
    """The page's text, pasted where the last address is awaited, is refused with 77 and explained; explain agrees."""
    _, address = stage.attempt()
    stage.entra.fail_next("authorize", code=int(code))
    landing = stage.browser.sign_in(address, ALICE, PASSWORD)

    with pytest.raises(errors.SignInNeeded) as caught:
        read_answer(landing.text or "", "a state", SITUATION)
    found = explain.explain(landing.text or "", SITUATION)

    assert landing.address is None
    check(caught.value, code, exit_code=77)
    assert found is not None
    assert (found.code, found.meaning, found.remedy) == (caught.value.code, caught.value.meaning, caught.value.remedy)
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


@pytest.mark.parametrize("code", [code for code in seen("device") if code not in POLLED])
def test_a_code_in_the_place_of_a_device_code(stage: Stage, code: str) -> None:
    """Who asks for a device code and is refused gets the error of its class."""
    tried, _ = stage.attempt()
    stage.entra.fail_next("devicecode", code=int(code))

    with pytest.raises(errors.M365Error) as caught:
        tried.begin_device()

    assert caught.value.code == f"AADSTS{code}"
    assert caught.value.exit_code == tables.EXIT_CODES[CODES[code]["class"]]
    assert caught.value.correlation_id


@pytest.mark.parametrize("code", sorted(POLLED))
def test_a_code_while_a_device_code_waits(stage: Stage, code: str) -> None:
    """It ends the wait with the error of its class; one that only says "not yet" when the wait is given up."""
    tried, _ = stage.attempt()
    device = tried.begin_device()
    tried.stop(device)
    stage.entra.fail_next("device_code", 5, code=int(code))

    with pytest.raises(errors.M365Error) as caught:
        tried.poll_device(device)

    assert "device" in CODES[code]["seen"]
    assert caught.value.code == f"AADSTS{code}"
    assert caught.value.exit_code == tables.EXIT_CODES[CODES[code]["class"]]


ROWS = [
    (section, key, is_personal)
    for section in ("codes", "errors", "suberrors", "replies")
    for key in tables.load("aadsts")[section]
    for is_personal in (False, True)
]


@pytest.mark.parametrize(("section", "key", "is_personal"), ROWS)
def test_every_command_of_a_remedy_can_be_run(section: str, key: str, *, is_personal: bool) -> None:
    """The real parser takes each, a remedy is two lines of a terminal at most, and speaks calmly."""
    situation = explain.Situation(ALICE, THUNDERBIRD, redirect_uri=LAST_PAGE, is_personal=is_personal)
    row = situation.suit(tables.load("aadsts")[section][key])

    remedy = situation.fill(row["remedy"])

    assert all(parse(words).command == words[0] for words in commands_in(remedy))
    assert remedy.count(errors.COMMAND) == len(commands_in(remedy))
    assert len(remedy) <= 160
    assert "\n" not in remedy


def test_every_code_is_seen_somewhere_and_says_on_what_ground() -> None:
    """The column is one of the four places, and what it rests on is spelt out or a thread."""
    sources = tables.load("aadsts")["sources"]

    for code, row in CODES.items():
        assert set(row["seen"]) <= {"page", "redirect", "device", "token"}, code
        assert row["seen"], code
        assert row["seen_source"] in sources or "#" in row["seen_source"] or len(row["seen_source"]) > 3, code


def test_what_depends_on_the_place_says_that_it_is_tried_again() -> None:
    """Nobody needs to do anything once the place is another."""
    places = [row for row in CODES.values() if row.get("place")]

    assert {code for code, row in CODES.items() if row.get("place")} >= {"53003", "50131", "530034", "53011", "500021"}
    assert all("tried again" in row["remedy"] for row in places)


def test_a_demanded_device_is_said_not_to_be_supported_yet() -> None:
    """Class DEVICE names no command that cannot help, but what to ask the help desk, and with what."""
    for code, row in CODES.items():
        if row["class"] == "DEVICE":
            assert "not supported yet" in row["remedy"], code
            assert "correlation id and the time" in row["remedy"], code

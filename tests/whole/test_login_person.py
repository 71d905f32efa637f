"""Who signed in: somebody else than asked for, and ID tokens that are not what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from tests.in_process import asked_for, run, sign_in
from tests.sign_in import PASSWORD, options
from tests.whole.terminal import Terminal, files_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.person import Browser
    from tests.world import World

ALICE, BOB, UPN = "alice@example.org", "bob@example.org", "c999@uni.example.org"


def test_somebody_else_is_refused_without_a_terminal(world: World, entra: Entra) -> None:
    """Who signed in is named, with the option that would keep them; 77, nothing kept."""
    done = sign_in(entra, BOB, "login", ALICE, *options(entra))

    assert (done.code, done.out, files_of(world)) == (77, "", [])
    assert f"{BOB} signed in, but this sign-in is for {ALICE}\n" in done.err
    again = next(line for line in done.err.splitlines() if f"offlineimap-m365 login {ALICE} " in line)
    assert f" --identity {BOB}" in again
    assert " --authority " in again


def test_somebody_else_can_be_kept(world: World, entra: Entra) -> None:
    """Kept by choice, that person is the one who is meant from now on, also for the hint on Microsoft's page."""
    first = sign_in(entra, BOB, "login", ALICE, *options(entra), is_terminal=True, stdin="k\n")
    second = sign_in(entra, BOB, "login", ALICE)
    third = sign_in(entra, ALICE, "login", ALICE)

    assert [done.code for done in (first, second, third)] == [0, 0, 77], (first, second, third)
    assert f"{ALICE} is signed in as {BOB}." in first.err
    assert asked_for(second)["login_hint"] == asked_for(third)["login_hint"] == BOB


def test_trying_again_shows_the_account_chooser(user: World, entra: Entra, browser: Browser) -> None:
    """Who tries again gets a new address with prompt=select_account, and may sign in as who was meant."""
    with Terminal(user, "login", ALICE, "--paste", *options(entra)) as terminal:
        first = terminal.address
        terminal.type(f"{browser.sign_in(first, BOB, PASSWORD).address}\r")
        terminal.wait_for("(Enter: abort): ")
        terminal.type("t\r")
        terminal.wait_for("paste its text here.", times=2)
        terminal.wait_until_taken_over()
        second = [line for line in terminal.screen.splitlines() if line.startswith("https://")][-1]
        terminal.type(f"{browser.sign_in(second, ALICE, PASSWORD).address}\r")
        done = terminal.end()

    assert done.code == 0, done.err
    assert "prompt=select_account" in second
    assert "prompt=" not in first
    assert profiles.get(ALICE).identity == ALICE


def test_the_identity_is_kept_for_the_account(world: World, entra: Entra) -> None:
    """With --identity the UPN may be another name than the mail address; the next login needs no option."""
    entra.add_person("carol@example.org", PASSWORD, upn=UPN)

    first = sign_in(entra, UPN, "login", "carol@example.org", "--identity", UPN, *options(entra))
    second = sign_in(entra, UPN, "login", "carol@example.org")

    assert (first.code, second.code) == (0, 0), first.err + second.err


def test_later_logins_go_by_the_persons_ids(world: World, entra: Entra) -> None:
    """Somebody who was renamed is the same person; somebody else who got the old name is not."""
    sign_in(entra, ALICE, "login", ALICE, *options(entra))
    alice = entra.find_person(ALICE)
    assert alice is not None
    alice.upn = "alice.married@example.org"
    renamed = sign_in(entra, alice.upn, "login", ALICE)
    entra.add_person("alice2@example.org", PASSWORD, upn=ALICE)
    usurper = sign_in(entra, ALICE, "login", ALICE)

    assert (renamed.code, usurper.code) == (0, 77), renamed.err + usurper.err
    assert "this sign-in is for alice.married@example.org" in usurper.err


@pytest.mark.matrix
@pytest.mark.parametrize("strict", [True, False])
def test_a_generic_provider_is_enough(world: World, entra: Entra, *, strict: bool) -> None:
    """Without client_info, error_codes, scope and Entra's claims everything works, refreshes included."""
    entra.extras, entra.strict = False, strict
    entra.id_token_claims_override = {"tid": None, "oid": None}
    first = sign_in(entra, ALICE, "login", ALICE, *options(entra))
    entra.access_token_seconds = 3600
    world.age(ALICE)
    refreshed = run("refresh", ALICE)
    second = sign_in(entra, ALICE, "login", ALICE)

    assert [done.code for done in (first, refreshed, second)] == [0, 0, 0], (first, refreshed, second)


def test_what_a_name_holds_does_not_reach_the_terminal(world: World, entra: Entra) -> None:
    """Controls and bidirectional characters in a claim are replaced wherever it is shown."""
    entra.id_token_claims_override = {"preferred_username": "x\x1b[2J\u202e@evil", "upn": ALICE}
    done = sign_in(entra, ALICE, "login", ALICE, *options(entra))
    shown = done.err + run("status").out + run("status", "--json").out

    assert done.code == 0, done.err
    assert "x\ufffd[2J\ufffd@evil" in done.err
    assert not {"\x1b", "\u202e"} & set(shown)

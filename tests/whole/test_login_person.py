"""Who signed in, what a login remembers of the last one, and what a failed one leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from tests.in_process import asked_for, run, sign_in
from tests.sign_in import PASSWORD, options
from tests.signed_in_accounts import ALICE, SCOPES
from tests.whole.terminal import files_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

BOB, UPN = "bob@example.org", "c999@uni.example.org"


def test_somebody_else_is_refused_without_a_terminal(world: World, entra: Entra) -> None:
    """Who signed in is named, with the option that would keep them; 77, nothing kept."""
    done = sign_in(entra, BOB, "login", ALICE, *options(entra))

    assert (done.code, done.out, files_of(world)) == (77, "", [])
    assert f"{BOB} signed in, but this sign-in is for {ALICE}\n" in done.err
    again = next(line for line in done.err.splitlines() if f"offlineimap-m365 login {ALICE} " in line)
    assert f" --identity {BOB}" in again
    assert " --authority " in again


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


# What a login remembers of the last one, and what a failed one leaves


def test_a_login_without_options_does_what_the_last_one_did(world: World, entra: Entra) -> None:
    """Client id, redirect, identity, scopes, authority and mail hosts are remembered."""
    entra.add_client("my-client", ["http://localhost/mine"])
    chosen = ["--client-id", "my-client", "--redirect-uri", "http://localhost/mine", "--scope", "imap"]
    first = sign_in(entra, ALICE, "login", ALICE, *chosen, *options(entra, 1993, 1587))
    second = sign_in(entra, ALICE, "login", ALICE)
    again, account = asked_for(second), profiles.get(ALICE)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert (again["client_id"], again["redirect_uri"]) == ("my-client", "http://localhost/mine")
    assert SCOPES[0] in again["scope"]
    assert "SMTP" not in again["scope"]
    assert (account.authority, account.imap) == (entra.authority, "localhost:1993")
    assert set(account.chosen) == {"flow", "client_id", "redirect_uri", "scope", "authority", "imap", "smtp"}


def test_what_can_never_work_is_wrong_usage(world: World, subtests: pytest.Subtests) -> None:
    """Options that contradict each other or themselves are 2, with the command that helps."""
    for words in (
        ["--authority", "https://localhost/t", "--tenant", "t"],
        ["--authority", "https://localhost/t", "--cloud", "usgov"],
        ["--authority", "http://localhost/t"],
        ["--paste", "--device"],
        ["--port", "0"],
        ["--timeout", "-1"],
    ):
        with subtests.test(" ".join(words)):
            done = run("login", ALICE, *words)

            assert (done.code, done.out, files_of(world)) == (2, "", [])
            assert len(done.err.splitlines()) <= 6


def test_a_login_that_fails_leaves_the_earlier_one(world: World, entra: Entra) -> None:
    """Whatever ends a later login, the sign-in before it stays as it was and works; what to try again is login."""
    sign_in(entra, ALICE, "login", ALICE, *options(entra))
    files = [world.folder(ALICE) / name for name in ("cache.json", "profile.json")]
    before = [file.read_bytes() for file in files]

    failed = [
        sign_in(entra, BOB, "login", ALICE),
        run("login", ALICE, "--paste"),
        run("login", ALICE, "--authority", entra.authority_for("nobody.example.org")),
    ]
    entra.fail_next("authorization_code", status=503)
    failed.append(sign_in(entra, ALICE, "login", ALICE))

    assert [done.code for done in failed] == [77, 77, 78, 75]
    assert [file.read_bytes() for file in files] == before
    assert f"offlineimap-m365 login {ALICE}" in failed[-1].err
    assert " refresh " not in failed[-1].err
    assert run("token", ALICE).code == 0

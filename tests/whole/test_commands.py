"""Every command but login, as the contract describes it: answers, exit codes and words."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.cli import arguments
from tests.in_process import run, sign_in
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, invent, keep
from tests.whole.terminal import files_of
from tests.world import Outcome

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

BOB, NOBODY = "bob@example.org", "nobody@example.org"


@pytest.fixture
def alice(world: World, entra: Entra) -> World:
    """Return Alice, signed in, whose tokens live for an hour."""
    entra.access_token_seconds = 3600
    keep(entra, chosen={"authority": entra.authority})
    return world


def status(*names: str) -> list[dict[str, object]]:
    """Return the accounts in ``status --json``."""
    document = json.loads(run("status", "--json", *names).out)
    assert document["schema"] == 1
    found: list[dict[str, object]] = document["accounts"]
    return found


# Which account


@pytest.mark.parametrize(
    ("command", "code"),
    [("token", 77), ("refresh", 77), ("folders", 77), ("doctor", 77), ("status", 1), ("config", 0), ("logout", 0)],
)
def test_an_account_that_nobody_knows(world: World, command: str, code: int) -> None:
    """Each command says so in its own way; "not signed in" names the directory that was searched."""
    invent()

    done = run(command, NOBODY)

    assert done.code == code
    assert f"{NOBODY} is not signed in" in done.err
    if code == 77:
        assert f"Searched in {world.home}" in done.err
        assert f"Run: offlineimap-m365 login {NOBODY}" in done.err
    assert len(done.err.splitlines()) <= 6


@pytest.mark.parametrize(
    ("command", "none", "several"), [("token", 77, 2), ("config", 0, 2), ("explain", 2, 2), ("login", 2, 2)]
)
def test_an_account_left_out(world: World, command: str, none: int, several: int) -> None:
    """With none it is not signed in (config shows the defaults); with several they are listed."""
    nobody = run(command)
    for name in (ALICE, BOB):
        invent(name)
    two = run(command)

    assert (nobody.code, two.code) == (none, several)
    assert command == "explain" or {ALICE, BOB} <= set(two.err.replace(",", " ").split())


@pytest.mark.parametrize(
    "name", ["Alice@Example.ORG", "mu\u0308ller@example.org", "o'neil%x@example.org", ".dot@example.org"]
)
def test_names_of_any_kind(world: World, entra: Entra, name: str) -> None:
    """Upper case, decomposed accents, per cent signs, leading dots: found again by every spelling."""
    done = sign_in(entra, BOB, "login", name, "--identity", BOB, *options(entra))

    assert done.code == 0, done.err
    assert [run("token", spelling).code for spelling in (name, name.upper(), name.lower())] == [0, 0, 0]
    assert len(status()) == 1
    assert run("logout", name.upper(), "--all").code == 0
    assert status() == []


# token


def test_xoauth2_is_what_a_server_wants(world: World) -> None:
    """It is base64 on one line; the user is the account, or a mailbox that cannot end the user's field early."""
    invent()
    for user, words in ((ALICE, []), (BOB, ["--mailbox", BOB])):
        out = run("token", "--format", "xoauth2", *words).out

        assert out.count("\n") == 1
        assert base64.b64decode(out).decode() == f"user={user}\x01auth=Bearer a-made-up-access-token\x01\x01"
    assert run("token", "--format", "xoauth2", "--mailbox", "a\x01b@example.org").code == 2


def test_min_validity_is_a_demand(alice: World, entra: Entra) -> None:
    """It is met, or it fails with 75, in an outage too; without it a token that lives for 30 s more is handed out."""
    codes = [run("token", "--min-validity", seconds).code for seconds in ("0", "3000", "3700", "x", "-5")]
    alice.age(ALICE, left=30)
    entra.fail_next("refresh_token", times=9, status=503)
    wish, demand = run("token", ALICE), run("token", ALICE, "--min-validity", "60")

    assert codes == [0, 0, 75, 2, 2]
    assert (wish.code, wish.out.count("."), demand.code, demand.out) == (0, 2, 75, "")
    assert "HTTP 503" in run("explain", ALICE).out


# refresh, status, logout


def test_refresh_and_status_tell_who_must_sign_in(alice: World, entra: Entra) -> None:
    """One refused account is 77 of refresh and 1 of status, with code and command; the other has its token, and 0."""
    keep(entra, BOB)
    for name in (ALICE, BOB):
        alice.age(name)
    entra.revoke(ALICE)
    refreshed, every, one = run("refresh"), run("status"), run("status", BOB)
    alices, bobs = status()

    assert (refreshed.code, refreshed.out, every.code, one.code) == (77, "", 1, 0)
    assert "AADSTS50173" in refreshed.err
    assert (alices["state"], alices["code"], bobs["state"]) == ("needs-login", "AADSTS50173", "ok")
    assert alices["correlation_id"]
    assert f"offlineimap-m365 login {ALICE}" in every.err
    assert (run("refresh", BOB), entra.count("refresh_token")) == (Outcome(0, "", ""), 2)


def test_logout_forgets_the_secrets_and_keeps_the_choice(alice: World, entra: Entra) -> None:
    """No token is left; the profile stays for the next login, unless --all; Microsoft was not told, which it says."""
    secrets = alice.secrets(ALICE)
    done = run("logout", ALICE)

    assert (done.code, done.out) == (0, "")
    assert "Microsoft was not told" in done.err
    assert not [secret for secret in secrets if secret in alice.text_of_all_files()]
    assert run("token", ALICE).code == 77
    assert sign_in(entra, ALICE, "login", ALICE).code == 0
    assert run("logout", ALICE, "--all").code == 0
    assert files_of(alice) == ["pythonfile.py"]


# config


def test_config_changes_nothing(world: World) -> None:
    """Whatever it is asked, no file is written; it says so, on stderr. Before a login it shows the defaults."""
    defaults = run("config", ALICE)
    assert (defaults.code, world.home.exists()) == (0, False)
    assert "remotehost = outlook.office365.com" in defaults.out

    invent()
    run("config", "--pythonfile")  # writes the stub where there is none yet
    before = {name: (world.home / name).read_bytes() for name in files_of(world)}
    done = [run("config", *words) for words in ([], ["msmtp"], [ALICE, "offlineimap"], ["--list"], ["--pythonfile"])]

    assert [outcome.code for outcome in done] == [0] * 5, done
    assert {name: (world.home / name).read_bytes() for name in files_of(world)} == before
    assert "Nothing was changed" in done[0].err
    assert "offlineimap" in done[3].out
    assert done[4].out == f"{world.home}/pythonfile.py\n"


# Everywhere


@pytest.mark.matrix
@pytest.mark.parametrize("columns", ["200", "30"])
def test_help_is_everywhere(world: World, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """``--help`` of every command is an answer: stdout, 0, on the narrowest terminal, too."""
    monkeypatch.setenv("COLUMNS", columns)

    done = [run(command, "--help") for command in arguments.COMMANDS]

    assert {(outcome.code, outcome.err) for outcome in done} == {(0, "")}
    assert all(outcome.out.startswith("usage: offlineimap-m365") for outcome in done)

"""Every command but login, as the contract describes it: answers, exit codes and words."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.in_process import asked_for, run, sign_in
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, invent, keep
from tests.whole.terminal import files_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World

BOB, CAROL, NOBODY = "bob@example.org", "carol@example.org", "nobody@example.org"
COMMANDS = ("login", "token", "refresh", "status", "explain", "config", "logout")
FIELDS = {
    *("account", "identity", "tenant", "kind", "client_id", "store", "state", "expires_in", "last_refresh"),
    *("signed_in_at", "unused_days", "reason", "code", "correlation_id"),
}


@pytest.fixture
def alice(world: World, entra: Entra) -> World:
    """Return Alice, signed in, whose tokens live for an hour."""
    entra.access_token_seconds = 3600
    keep(entra, chosen={"authority": entra.authority})
    return world


@pytest.fixture
def both(alice: World, entra: Entra) -> World:
    """Return Alice and Bob, signed in in the same home, whose tokens need a refresh."""
    keep(entra, BOB)
    for name in (ALICE, BOB):
        alice.age(name)
    return alice


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


@pytest.mark.parametrize(("command", "none", "several"), [("token", 77, 2), ("config", 0, 2), ("explain", 2, 2)])
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


def test_what_is_no_name_is_wrong_usage(world: World) -> None:
    """A name that cannot be one is 2 for every command."""
    names = ("", " ", "a b@example.org", "a\nb@example.org")
    commands = ("login", "token", "refresh", "status", "logout")

    codes = {(command, name): run(command, name).code for command in commands for name in names}

    assert codes == dict.fromkeys(codes, 2)


def test_login_asks_for_the_account_on_a_terminal(alice: World, entra: Entra) -> None:
    """It offers the only one there is; without a terminal and with none it is wrong usage."""
    other = sign_in(entra, BOB, "login", *options(entra), is_terminal=True, stdin=f"{BOB}\n")
    run("logout", BOB, "--all")
    again = sign_in(entra, ALICE, "login", is_terminal=True, stdin="\n")
    run("logout", ALICE, "--all")
    nobody = run("login")

    assert f"Mail address ({ALICE}): " in other.err
    assert asked_for(other)["login_hint"] == BOB
    assert asked_for(again)["login_hint"] == ALICE
    assert (nobody.code, nobody.out) == (2, "")


# token


def test_xoauth2_is_what_a_server_wants(alice: World) -> None:
    """``--format xoauth2`` is base64 on one line; the user is the account, or the mailbox."""
    token = run("token", ALICE).out.strip()
    own, shared = (run("token", "--format", "xoauth2", *also).out for also in ([], ["--mailbox", BOB]))

    assert base64.b64decode(own).decode() == f"user={ALICE}\x01auth=Bearer {token}\x01\x01"
    assert base64.b64decode(shared).decode() == f"user={BOB}\x01auth=Bearer {token}\x01\x01"
    assert own.count("\n") == 1


@pytest.mark.parametrize("mailbox", ["a\x01b@example.org", "a b@example.org", ""])
def test_a_mailbox_that_is_none_is_refused(world: World, mailbox: str) -> None:
    """A mailbox with a control character could end the user's field early: 2, before any token."""
    invent()

    done = run("token", ALICE, "--format", "xoauth2", "--mailbox", mailbox)

    assert (done.code, done.out) == (2, "")


def test_min_validity_is_a_demand(alice: World, entra: Entra) -> None:
    """It is met, or it fails: 75 if tokens never live that long, 2 for what is no number."""
    for seconds, code in (("0", 0), ("3000", 0), ("3700", 75), ("x", 2), ("-5", 2)):
        done = run("token", ALICE, "--min-validity", seconds)

        assert (done.code, bool(done.out)) == (code, code == 0), done.err


def test_min_validity_fails_while_it_cannot_be_met(alice: World, entra: Entra) -> None:
    """In an outage a demand is 75; without one a token that lives for 30 s more is handed out. explain tells of it."""
    nothing = run("explain", ALICE)
    alice.age(ALICE, left=30)
    entra.fail_next("refresh_token", times=9, status=503)
    wish, demand = run("token", ALICE), run("token", ALICE, "--min-validity", "60")
    explained = run("explain", ALICE)

    assert (wish.code, wish.out.count(".")) == (0, 2)
    assert (demand.code, demand.out) == (75, "")
    assert (nothing.code, explained.code) == (0, 0)
    assert "the last request succeeded" in nothing.out
    assert "HTTP 503" in explained.out


# refresh, status, logout


def test_refresh_makes_all_fresh_and_says_nothing(both: World, entra: Entra) -> None:
    """One request per account that needs it, none for the others; not a word."""
    first, second = run("refresh"), run("refresh")

    assert first == second
    assert (first.code, first.out, first.err) == (0, "", "")
    assert entra.count("refresh_token") == 2


def test_status_has_the_fields_that_programs_rely_on(alice: World) -> None:
    """The JSON of the contract, for one account that is well."""
    (row,) = status()

    assert set(row) >= FIELDS
    assert (row["account"], row["identity"], row["kind"], row["store"]) == (ALICE, ALICE, "delegated", "file")
    assert (row["state"], row["unused_days"], row["reason"], row["code"]) == ("ok", 0, None, None)
    assert 3000 < int(str(row["expires_in"])) <= 3600
    assert str(row["signed_in_at"]).endswith("Z")


def test_refresh_and_status_tell_who_must_sign_in(both: World, entra: Entra) -> None:
    """One refused account is 77 of refresh and 1 of status, with code and command; the other has its token, and 0."""
    entra.revoke(ALICE)
    refreshed, every, one = run("refresh"), run("status"), run("status", BOB)
    alice, bob = status()

    assert (refreshed.code, refreshed.out, every.code, one.code) == (77, "", 1, 0)
    assert "AADSTS50173" in refreshed.err
    assert (alice["state"], alice["code"], bob["state"]) == ("needs-login", "AADSTS50173", "ok")
    assert alice["correlation_id"]
    assert f"offlineimap-m365 login {ALICE}" in every.err


def test_status_of_nobody(world: World) -> None:
    """With no account it says where it looked and what to do, and --json is an empty list."""
    plain = run("status")

    assert (plain.code, plain.out, status()) == (0, "", [])
    assert f"Nobody is signed in (searched in {world.home})" in plain.err


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


def test_config_changes_nothing(alice: World) -> None:
    """Whatever it is asked, no file is written; it says so, on stderr."""
    run("config", "--pythonfile")  # writes the stub where there is none yet
    before = {name: (alice.home / name).read_bytes() for name in files_of(alice)}
    done = [run("config", *words) for words in ([], ["msmtp"], [ALICE, "offlineimap"], ["--list"], ["--pythonfile"])]

    assert [outcome.code for outcome in done] == [0] * 5, done
    assert {name: (alice.home / name).read_bytes() for name in files_of(alice)} == before
    assert "Nothing was changed" in done[0].err
    assert "offlineimap" in done[3].out
    assert done[4].out == f"{alice.home}/pythonfile.py\n"


def test_config_before_a_login(world: World) -> None:
    """The defaults, and a line that says so; the home is not made for it."""
    done = run("config", ALICE)

    assert done.code == 0
    assert "remotehost = outlook.office365.com" in done.out
    assert f"{ALICE} is not signed in: these are the defaults" in done.err
    assert not world.home.exists()


def test_config_for_many_mailboxes(alice: World) -> None:
    """One section per mailbox, all named once in accounts; the account in quotes where the mailbox is another's."""
    (alice.root / "boxes").write_text("# ours\ninfo@example.org\n\ninfo@example.com\n", encoding="utf-8")
    done = run("config", ALICE, "--mailbox", ALICE, "--mailbox", f"@{alice.root}/boxes")

    assert done.code == 0, done.err
    assert "accounts = alice, info-example.org, info-example.com\n" in done.out
    assert done.out.count("[general]") == 1
    assert done.out.count(f'get_access_token("{ALICE}", 1800)') == 2


# Everywhere


@pytest.mark.matrix
@pytest.mark.parametrize("columns", ["200", "30"])
def test_help_is_everywhere(world: World, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """``--help`` of every command is an answer: stdout, 0, on the narrowest terminal, too."""
    monkeypatch.setenv("COLUMNS", columns)

    done = [run(command, "--help") for command in COMMANDS]

    assert {(outcome.code, outcome.err) for outcome in done} == {(0, "")}
    assert all(outcome.out.startswith("usage: offlineimap-m365") for outcome in done)

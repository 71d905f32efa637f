"""Every command but login, as the contract describes it: answers, exit codes, words, and no secret anywhere."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.sign_in import options, sign_in
from tests.whole.mail_user import sign_in_quickly
from tests.whole.terminal import Terminal, files_of, product, secrets_of

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import Outcome, World

ALICE, BOB, NOBODY = "alice@example.org", "bob@example.org", "nobody@example.org"
COMMANDS = ("login", "token", "refresh", "status", "explain", "config", "logout")
FIELDS = {
    "account",
    "identity",
    "tenant",
    "kind",
    "client_id",
    "store",
    "state",
    "expires_in",
    "last_refresh",
    "signed_in_at",
    "unused_days",
    "reason",
    "code",
    "correlation_id",
}


@pytest.fixture
def user(world: World) -> World:
    """Return somebody with this package who is not signed in."""
    return product(world)


@pytest.fixture
def alice(user: World, entra: Entra) -> World:
    """Return Alice, signed in."""
    entra.access_token_seconds = 3600
    sign_in_quickly(user, entra)
    return user


@pytest.fixture
def both(alice: World, entra: Entra) -> World:
    """Return Alice and Bob, signed in in the same home."""
    sign_in_quickly(alice, entra, BOB)
    return alice


def status(user: World, *names: str) -> list[dict[str, object]]:
    """Return the accounts in ``status --json``."""
    document = json.loads(user.run("status", "--json", *names).out)
    assert document["schema"] == 1
    found: list[dict[str, object]] = document["accounts"]
    return found


# Which account


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["token", NOBODY], 77),
        (["refresh", NOBODY], 77),
        (["status", NOBODY], 1),
        (["config", NOBODY], 0),
        (["logout", NOBODY], 0),
    ],
)
def test_an_account_that_nobody_knows(alice: World, words: list[str], code: int) -> None:
    """Each command says so in its own way; "not signed in" names the directory that was searched."""
    done = alice.run(*words)

    assert done.code == code
    assert f"{NOBODY} is not signed in" in done.err
    if code == 77:
        assert f"Searched in {alice.home}" in done.err
        assert f"Run: offlineimap-m365 login {NOBODY}" in done.err
    assert len(done.err.splitlines()) <= 6


@pytest.mark.parametrize(("command", "none", "several"), [("token", 77, 2), ("config", 0, 2), ("explain", 2, 2)])
def test_an_account_left_out(user: World, entra: Entra, command: str, none: int, several: int) -> None:
    """With none it is not signed in (config shows the defaults); with several they are listed."""
    nobody = user.run(command)
    for name in (ALICE, BOB):
        sign_in(user, entra, name, *options(entra))
    two = user.run(command)

    assert (nobody.code, two.code) == (none, several)
    if command != "explain":
        assert ALICE in two.err
        assert BOB in two.err


def test_one_account_may_be_left_out_for_any_command(alice: World) -> None:
    """Where there is exactly one it is meant."""
    done = [alice.run(command) for command in ("token", "refresh", "status", "config", "explain")]

    assert [outcome.code for outcome in done] == [0] * 5, done
    assert f"remoteuser = {ALICE}" in done[3].out


@pytest.mark.parametrize(
    "name", ["Alice@Example.ORG", "mu\u0308ller@example.org", "o'neil%x@example.org", ".dot@example.org"]
)
def test_names_of_any_kind(user: World, entra: Entra, name: str) -> None:
    """Upper case, decomposed accents, per cent signs, leading dots: found again by every spelling."""
    entra.add_person("carol@example.org", "correct horse battery staple")
    done = sign_in(user, entra, name, "--identity", "carol@example.org", *options(entra), upn="carol@example.org")
    spellings = (name, name.upper(), name.lower())

    assert done.code == 0, done.err
    assert [user.run("token", spelling).code for spelling in spellings] == [0, 0, 0]
    assert len(status(user)) == 1
    assert user.run("logout", name.upper(), "--all").code == 0
    assert status(user) == []


@pytest.mark.parametrize("name", ["", " ", "a b@example.org", "a\nb@example.org"])
def test_what_is_no_name_is_wrong_usage(user: World, name: str) -> None:
    """A name that cannot be one is 2 for every command."""
    codes = [user.run(command, name).code for command in ("login", "token", "refresh", "status", "logout")]

    assert codes == [2] * 5


# refresh, status, logout


def test_refresh_makes_all_fresh_and_says_nothing(both: World, entra: Entra) -> None:
    """One request per account that needs it, none for the others; not a word."""
    both.age(ALICE)
    both.age(BOB)
    entra.forget()
    first, second = both.run("refresh"), both.run("refresh")

    assert first == second
    assert (first.code, first.out, first.err) == (0, "", "")
    assert entra.count("refresh_token") == 2


def test_status_has_the_fields_that_programs_rely_on(alice: World) -> None:
    """The JSON of the contract, for one account that is well."""
    row = status(alice)[0]

    assert set(row) >= FIELDS
    assert (row["account"], row["identity"], row["kind"], row["store"]) == (ALICE, ALICE, "delegated", "file")
    assert (row["state"], row["unused_days"], row["reason"], row["code"]) == ("ok", 0, None, None)
    assert 3500 < int(str(row["expires_in"])) <= 3600
    assert str(row["signed_in_at"]).endswith("Z")


def test_refresh_and_status_tell_who_must_sign_in(both: World, entra: Entra) -> None:
    """One refused account is 77 of refresh and 1 of status, with code and command; the other has its token, and 0."""
    both.age(ALICE)
    both.age(BOB)
    entra.revoke(ALICE)
    refreshed = both.run("refresh")
    all_, one = both.run("status"), both.run("status", BOB)
    alice, bob = status(both)

    assert (refreshed.code, refreshed.out, all_.code, one.code) == (77, "", 1, 0)
    assert "AADSTS50173" in refreshed.err
    assert (alice["state"], alice["code"], bob["state"]) == ("needs-login", "AADSTS50173", "ok")
    assert alice["correlation_id"]
    assert f"offlineimap-m365 login {ALICE}" in all_.err


def test_status_of_nobody(user: World) -> None:
    """With no account it says where it looked and what to do, and --json is an empty list."""
    plain, document = user.run("status"), status(user)

    assert (plain.code, plain.out, document) == (0, "", [])
    assert f"Nobody is signed in (searched in {user.home})" in plain.err


def test_logout_forgets_the_secrets_and_keeps_the_choice(alice: World, entra: Entra) -> None:
    """No token is left anywhere; the profile stays for the next login; Microsoft was not told, which it says."""
    secrets = alice.secrets(ALICE)
    done = alice.run("logout", ALICE)

    assert (done.code, done.out) == (0, "")
    assert "Microsoft was not told" in done.err
    assert not [secret for secret in secrets if secret in alice.text_of_all_files()]
    assert alice.run("token", ALICE).code == 77
    assert sign_in(alice, entra, ALICE).code == 0


def test_logout_of_everything(alice: World) -> None:
    """With --all the profile is gone, too."""
    done = alice.run("logout", ALICE, "--all")

    assert done.code == 0
    assert files_of(alice) == ["pythonfile.py"]


# Everywhere


@pytest.mark.matrix
@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_everywhere(user: World, command: str) -> None:
    """``--help`` of every command is an answer: stdout, 0, on the narrowest terminal, too."""
    for columns in ("200", "30"):
        done = user.run(command, "--help", environ=user.environ | {"COLUMNS": columns})

        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("usage: offlineimap-m365")


@pytest.mark.parametrize(
    "command", [f"token {ALICE}", "status", "--help", "config --list", "completion bash", "status --json"]
)
def test_a_reader_that_stops_early_is_no_error(alice: World, command: str) -> None:
    """``| head -c1`` prints no traceback, and the command ends with 0."""
    ours = shlex.join([*alice.command, *command.split()])

    done = alice.execute(["bash", "-c", f"set -o pipefail; {ours} | head -c1"])

    assert (done.code, done.err, len(done.out)) == (0, "", 1)


def all_commands(user: World) -> list[Outcome]:
    """Run everything that can say something about Alice, in good and in bad times."""
    words = [
        ["status"],
        ["status", "--json"],
        ["explain"],
        ["explain", ALICE, "50076"],
        ["config"],
        ["config", "msmtp"],
        ["refresh"],
        ["token", "--min-validity", "9999"],
        ["token", NOBODY],
        ["--help"],
    ]
    return [user.run(*before, *rest) for rest in words for before in ([], ["-v"])]


def test_no_secret_is_ever_shown(alice: World, entra: Entra) -> None:
    """Neither a token nor a code is in the output of any command but token, with -v, before and after a failure."""
    outcomes = all_commands(alice)
    entra.revoke(ALICE)
    alice.age(ALICE, left=-5)
    secrets = [*alice.secrets(ALICE), *secrets_of(entra)]
    outcomes += [*all_commands(alice), alice.run("-v", "token", ALICE), alice.run("-v", "logout", ALICE)]
    shown = "".join(done.out + done.err for done in outcomes)

    assert len(secrets) > 3
    assert not [secret for secret in secrets if secret in shown]
    assert max(len(done.err.splitlines()) for done in all_commands(alice)[::2]) <= 6


def test_login_asks_for_the_account_on_a_terminal(alice: World, entra: Entra) -> None:
    """It offers the only one there is; without a terminal that one is taken, and with none it is wrong usage."""
    with Terminal(alice, "login", "--paste") as terminal:
        terminal.wait_for(f"Mail address ({ALICE}): ")
        terminal.type("bob@example.org\r")
        address = terminal.address
    with Terminal(alice, "login", "--paste") as terminal:
        terminal.wait_for(f"Mail address ({ALICE}): ")
        terminal.type("\r")
        again = terminal.address
    alice.run("logout", ALICE, "--all")
    nobody = alice.run("login")

    assert "login_hint=bob%40example.org" in address
    assert "login_hint=alice%40example.org" in again
    assert again.startswith(entra.authority)
    assert (nobody.code, nobody.out) == (2, "")

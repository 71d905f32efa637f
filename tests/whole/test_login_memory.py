"""What a login remembers of the last one, what it replaces, and what a failed one leaves."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sign_in import Login, options, sign_in
from tests.whole.terminal import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import Outcome, World

ALICE, BOB = "alice@example.org", "bob@example.org"
IMAP = "https://outlook.office.com/IMAP.AccessAsUser.All"


def asked(user: World, *arguments: str) -> dict[str, str]:
    """Return what the address of a login asks for; the login is not finished."""
    with Login(user, *arguments) as login:
        query = parse_qs(urlsplit(login.address).query)
    return {name: values[0] for name, values in query.items()}


def test_a_login_without_options_does_what_the_last_one_did(user: World, entra: Entra) -> None:
    """Client id, redirect, identity, scopes, authority and mail hosts are remembered."""
    entra.add_client("my-client", ["http://localhost/mine"])
    chosen = ["--client-id", "my-client", "--redirect-uri", "http://localhost/mine", "--scope", "imap"]
    first = sign_in(user, entra, ALICE, *chosen, *options(entra, 1993, 1587))
    second = sign_in(user, entra, ALICE)
    again = asked(user, ALICE)
    profile = json.loads((user.folder(ALICE) / "profile.json").read_text(encoding="utf-8"))

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert (again["client_id"], again["redirect_uri"]) == ("my-client", "http://localhost/mine")
    assert IMAP in again["scope"]
    assert "SMTP" not in again["scope"]
    assert (profile["authority"], profile["imap"]) == (entra.authority, "localhost:1993")
    assert set(profile["chosen"]) == {"flow", "client_id", "redirect_uri", "scope", "authority", "imap", "smtp"}


WRONG = {
    "an authority and a tenant": ["--authority", "https://localhost/t", "--tenant", "t"],
    "an authority without TLS": ["--authority", "http://localhost/t"],
    "two ways at once": ["--paste", "--device"],
    "a port that is none": ["--port", "0"],
    "a time that is none": ["--timeout", "-1"],
}


@pytest.mark.parametrize("options_", WRONG.values(), ids=WRONG)
def test_what_can_never_work_is_wrong_usage(user: World, options_: list[str]) -> None:
    """Options that contradict each other or themselves are 2, with the command that helps."""
    done = user.run("login", ALICE, *options_)

    assert (done.code, done.out, files_of(user)) == (2, "", [])
    assert len(done.err.splitlines()) <= 6


def failures(user: World, entra: Entra) -> Iterator[Outcome]:
    """Let Alice's login fail in several ways."""
    yield sign_in(user, entra, ALICE, upn=BOB)
    yield user.run("login", ALICE, "--paste")
    yield user.run("login", ALICE, "--authority", entra.authority_for("nobody.example.org"))
    entra.fail_next("authorization_code", status=503)
    yield sign_in(user, entra, ALICE)


def test_a_login_that_fails_leaves_the_earlier_one(user: World, entra: Entra) -> None:
    """Whatever ends a later login, the sign-in before it stays as it was and works."""
    sign_in(user, entra, ALICE, *options(entra))
    names = ("cache.json", "profile.json")
    before = {name: (user.folder(ALICE) / name).read_bytes() for name in names}
    codes = [failed.code for failed in failures(user, entra)]
    after = {name: (user.folder(ALICE) / name).read_bytes() for name in names}

    assert codes == [77, 77, 78, 75]
    assert before == after
    assert user.run("token", ALICE).code == 0


def test_a_passing_trouble_names_login_as_what_to_try(user: World, entra: Entra) -> None:
    """Nobody is signed in yet, so trying again means login, not refresh; the account is named: 75."""
    entra.fail_next("authorization_code", code=90033)
    refused = sign_in(user, entra, ALICE, *options(entra))
    away = user.run("login", ALICE, "--authority", "https://localhost:9/t")

    assert (refused.code, away.code) == (75, 75), refused.err
    for done in (refused, away):
        assert f"offlineimap-m365 login {ALICE}" in done.err
        assert " refresh " not in done.err
        assert ALICE in next(line for line in done.err.splitlines() if line.startswith("offlineimap-m365: "))


def unwritable(path: Path) -> None:
    """Let nobody write into a directory."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o500)


@pytest.mark.parametrize("where", ["", "accounts", f"accounts/{ALICE}"])
def test_a_store_that_cannot_be_written_troubles_nobody(user: World, entra: Entra, where: str) -> None:
    """Before an address is shown it is known that nothing could be kept: 78, with the command that looks."""
    assert os.geteuid() != 0, "modes do not hold for root"
    unwritable(user.home / where)
    done = user.run("login", ALICE, *options(entra))
    (user.home / where).chmod(0o700)

    assert (done.code, done.out) == (78, "")
    assert "Permission denied" in done.err
    assert "ls -ld" in done.err
    assert "oauth2/v2.0/authorize" not in done.err


def test_the_stub_is_written_and_only_for_its_owner(user: World, entra: Entra) -> None:
    """After a login the pythonfile is there; directories are 0700 and files 0600, whatever the umask."""
    sign_in(user, entra, ALICE, *options(entra))
    modes = {path.stat().st_mode & 0o777 for path in user.home.rglob("*") if path.is_dir()}
    files = {path.stat().st_mode & 0o777 for path in user.home.rglob("*") if path.is_file()}

    assert (user.home / "pythonfile.py").read_text(encoding="utf-8").startswith("# OfflineIMAP's")
    assert (modes, files) == ({0o700}, {0o600})

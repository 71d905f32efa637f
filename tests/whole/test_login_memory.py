"""What a login remembers of the last one, what it replaces, and what a failed one leaves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from tests.in_process import asked_for, run, sign_in
from tests.sign_in import options
from tests.signed_in_accounts import ALICE, SCOPES
from tests.whole.terminal import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.m365.entra import Entra
    from tests.world import Outcome, World


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


def failures(entra: Entra) -> Iterator[Outcome]:
    """Let Alice's login fail in several ways."""
    yield sign_in(entra, "bob@example.org", "login", ALICE)
    yield run("login", ALICE, "--paste")
    yield run("login", ALICE, "--authority", entra.authority_for("nobody.example.org"))
    entra.code_seconds = -1
    yield sign_in(entra, ALICE, "login", ALICE)
    entra.code_seconds = 600
    entra.fail_next("authorization_code", status=503)
    yield sign_in(entra, ALICE, "login", ALICE)


def test_a_login_that_fails_leaves_the_earlier_one(world: World, entra: Entra) -> None:
    """Whatever ends a later login, the sign-in before it stays as it was and works; what to try again is login."""
    sign_in(entra, ALICE, "login", ALICE, *options(entra))
    files = [world.folder(ALICE) / name for name in ("cache.json", "profile.json")]
    before = [file.read_bytes() for file in files]

    failed = list(failures(entra))

    assert [done.code for done in failed] == [77, 77, 78, 77, 75]
    assert [file.read_bytes() for file in files] == before
    assert f"offlineimap-m365 login {ALICE}" in failed[-1].err
    assert " refresh " not in failed[-1].err
    assert run("token", ALICE).code == 0


def test_a_store_that_cannot_be_written_troubles_nobody(world: World, entra: Entra, subtests: pytest.Subtests) -> None:
    """Before an address is shown it is known that nothing could be kept: 78, with the command that looks."""
    assert os.geteuid() != 0, "modes do not hold for root"
    for where in (world.home, world.home / "accounts", world.folder(ALICE)):
        with subtests.test(str(where.relative_to(world.root))):
            where.mkdir(mode=0o700, parents=True)
            where.chmod(0o500)
            done = run("login", ALICE, *options(entra))
            where.chmod(0o700)

            assert (done.code, done.out) == (78, "")
            assert "Permission denied" in done.err
            assert "ls -ld" in done.err
            assert "oauth2/v2.0/authorize" not in done.err

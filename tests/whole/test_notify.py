"""``notify``: a person is told once, whoever finds out first, and nobody else waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sign_in import options, sign_in
from tests.signed_in_accounts import ALICE, age, keep
from tests.whole import many_processes
from tests.whole.mail_user import MailUser, sign_in_quickly

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import World


@pytest.fixture
def alice(user: World, entra: Entra) -> World:
    """Return Alice, signed in, whose token has expired."""
    entra.access_token_seconds = 3600
    sign_in_quickly(user, entra)
    user.age(ALICE, left=-10)
    return user


def set_command(user: World, more: str = ":") -> None:
    """Let the command write a line for each run, and do *more*."""
    done = user.run("notify", "--command", f'echo "$M365_ACCOUNT $M365_REASON" >>"{log(user)}"; {more}')
    assert (done.code, done.out) == (0, ""), done.err


def log(user: World) -> Path:
    """Return the file that the command writes."""
    return user.root / "log"


def runs(user: World, least: int = 1) -> list[str]:
    """Return what the command wrote; its *least* lines may come after our own program's end."""
    MailUser.wait_until(lambda: log(user).exists() and log(user).read_text().count("\n") >= least)
    return log(user).read_text().splitlines()


def test_token_and_refresh_tell_once(alice: World, entra: Entra) -> None:
    """
    A sign-in that was taken back is told by whoever meets it first; a new login, and it is told again.

    Neither the command's environment nor its arguments hold a token, or anything that Microsoft said.
    """
    seen = alice.root / "seen"
    set_command(alice, f'{{ env; cat /proc/$$/cmdline; }} >>"{seen}"; echo seen >>"{log(alice)}"')
    secrets = alice.secrets(ALICE)
    entra.revoke(ALICE)
    done = [alice.run(*words) for words in (["refresh"], ["token"], ["refresh", ALICE], ["token", ALICE])]
    first = runs(alice, 2)
    assert sign_in(alice, entra, ALICE, *options(entra)).code == 0
    alice.age(ALICE, left=-10)
    entra.refuse(ALICE, 700082)
    alice.run("token")

    assert [outcome.code for outcome in done] == [77] * 4
    assert first == [f"{ALICE} login", "seen"]
    assert runs(alice, 4) == first * 2
    assert "M365_REASON=login" in seen.read_text()
    assert [secret for secret in (*secrets, "AADSTS") if secret in seen.read_text()] == []


def test_nobody_waits_for_a_slow_command(alice: World, entra: Entra) -> None:
    """
    ``token`` ends before the command does, for whoever reads its stderr to the end, too; the command goes on.

    A ``token`` within the command fails as ever, and runs nothing.
    """
    go = alice.root / "go"
    inner = f'{" ".join(alice.command)} token {ALICE}; echo "inner $?" >>"{log(alice)}"'
    set_command(alice, f'{inner}; while ! [ -e "{go}" ]; do sleep 0.1; done; echo words; echo done >>"{log(alice)}"')
    entra.refuse(ALICE, 53000)

    done = alice.run("token")
    before = runs(alice, 2)
    go.touch()

    assert (done.code, done.out) == (77, "")
    assert before == [f"{ALICE} policy", "inner 77"]
    assert runs(alice, 3) == [*before, "done"]


@many_processes.sizes(8, 200)
def test_many_who_fail_at_once_tell_once(user: World, entra: Entra, number: int) -> None:
    """So many processes find the sign-in taken back: one asks, and one tells."""
    set_command(user)
    age(keep(entra), -10)
    entra.revoke(ALICE)

    outcomes = many_processes.at_once(user, number)

    assert {(outcome.code, outcome.out) for outcome in outcomes} == {(77, "")}
    assert runs(user) == [f"{ALICE} login"]
    assert len(entra.requests) == 1

"""``notify``: a person is told once, whoever finds out first, and nobody else waits for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.sign_in import options, sign_in
from tests.signed_in_accounts import ALICE, age, keep
from tests.whole import builds, many_processes
from tests.whole.mail_user import sign_in_quickly
from tests.whole.terminal import product
from tests.world import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.whole.sync import Sync
    from tests.world import World


@pytest.fixture
def user(world: World) -> World:
    """Return somebody with this package."""
    return product(world)


@pytest.fixture
def alice(user: World, entra: Entra) -> World:
    """Return Alice, signed in, whose command writes a line for each run."""
    entra.access_token_seconds = 3600
    sign_in_quickly(user, entra)
    set_command(user)
    return user


def set_command(user: World, more: str = "") -> None:
    """Let the command write a line for each run, and do *more*."""
    done = user.run("notify", "--command", f'echo "$M365_ACCOUNT $M365_REASON" >>"{log(user)}"; {more or ":"}')
    assert (done.code, done.out) == (0, ""), done.err


def log(user: World) -> Path:
    """Return the file that the command writes."""
    return user.root / "log"


def runs(user: World, least: int = 1) -> list[str]:
    """Return what the command wrote; on a busy machine its *least* lines may come after our own program's end."""
    end = time.monotonic() + PATIENCE
    while True:
        found = log(user).read_text().splitlines() if log(user).exists() else []
        if len(found) >= least or time.monotonic() > end:
            return found
        time.sleep(0.1)


def test_it_is_set_shown_tried_and_switched_off(user: World) -> None:
    """Without an option it shows what is set; --test runs it and says how it ended; --off ends it."""
    before = user.run("notify")
    user.run("notify", "--command", 'echo "said $M365_ACCOUNT $M365_REASON"; exit "$CODE"')
    shown = user.run("notify")
    good, bad = (user.run("notify", "--test", environ=user.environ | {"CODE": code}) for code in "07")
    off = user.run("notify", "--off")
    after, untried = user.run("notify"), user.run("notify", "--test")

    assert (before.code, before.out, "No command is set" in before.err) == (0, "", True)
    assert shown.out == 'echo "said $M365_ACCOUNT $M365_REASON"; exit "$CODE"\n'
    assert (good.code, good.out, "said you@example.org login" in good.err) == (0, "", True)
    assert (bad.code, "ended with exit code 7" in bad.err) == (78, True)
    assert (off.code, after.out, untried.code) == (0, "", 2)


@pytest.mark.parametrize("words", [["--command", ""], ["--command", " "], ["--off", "--test"], ["x"], ["--command"]])
def test_wrong_usage(user: World, words: list[str]) -> None:
    """An empty command, two options at once, and what is no option are 2."""
    assert user.run("notify", *words).code == 2


def test_token_and_refresh_tell_once(alice: World, entra: Entra) -> None:
    """A sign-in that was taken back is told by whoever meets it first; a new login, and it is told again."""
    alice.age(ALICE, left=-10)
    entra.revoke(ALICE)
    done = [alice.run(*words) for words in (["refresh"], ["token"], ["refresh", ALICE], ["token", ALICE])]
    first = runs(alice)
    assert sign_in(alice, entra, ALICE, *options(entra)).code == 0
    alice.age(ALICE, left=-10)
    entra.expire(ALICE)
    alice.run("token")

    assert [outcome.code for outcome in done] == [77] * 4
    assert first == [f"{ALICE} login"]
    assert runs(alice, 2) == [f"{ALICE} login"] * 2


def waits_for(path: Path) -> str:
    """Return a command that goes on when *path* is there."""
    return f'while ! [ -e "{path}" ]; do sleep 0.1; done'


def test_nobody_waits_for_a_slow_command(alice: World, entra: Entra) -> None:
    """``token`` ends before the command does, for whoever reads its stderr to the end, too; the command goes on."""
    go = alice.root / "go"
    set_command(alice, f'{waits_for(go)}; echo words; echo done >>"{log(alice)}"')
    alice.age(ALICE, left=-10)
    entra.revoke(ALICE)

    done = alice.run("token")
    before = runs(alice)
    go.touch()

    assert done.code == 77
    assert before == [f"{ALICE} login"]
    assert runs(alice, 2) == [f"{ALICE} login", "done"]


def test_its_words_go_to_stderr_and_its_failure_is_nobodys(alice: World, entra: Entra) -> None:
    """What it says is passed on, in a line each; that it fails is one line more; the exit code stays ours."""
    set_command(alice, "echo hello; exit 3")
    alice.age(ALICE, left=-10)
    entra.revoke(ALICE)

    done, again = alice.run("token"), alice.run("token")

    assert (done.code, done.out, again.code) == (77, "", 77)
    assert "hello" in done.err
    assert "ended with 3" in done.err
    assert "hello" not in again.err


def test_a_command_that_wants_a_token_starts_no_other(alice: World, entra: Entra) -> None:
    """Within the command ``token`` and ``refresh`` fail as ever, and run nothing."""
    ours = " ".join(alice.command)
    set_command(alice, f'{ours} token {ALICE}; echo "inner $?" >>"{log(alice)}"')
    alice.age(ALICE, left=-10)
    entra.refuse(ALICE, 53000)

    done = alice.run("token")

    assert done.code == 77
    assert runs(alice, 2) == [f"{ALICE} policy", "inner 77"]


def test_no_secret_reaches_it(alice: World, entra: Entra) -> None:
    """Neither its environment nor its arguments hold a token, or anything that Microsoft said."""
    set_command(alice, f'env >>"{log(alice)}"; cat /proc/$$/cmdline >>"{log(alice)}"')
    secrets = alice.secrets(ALICE)
    alice.age(ALICE, left=-10)
    entra.revoke(ALICE)

    alice.run("token")

    said = "\n".join(runs(alice, 5))
    assert "M365_REASON=login" in said
    assert "AADSTS" not in said
    assert [secret for secret in secrets if secret in said] == []


@pytest.mark.matrix
@builds.each_python
def test_offlineimap_tells_once(sync: Sync) -> None:
    """On every build, whichever Python runs it: two runs that are refused, one notification, and no wait."""
    user, entra = sync.world, sync.entra
    sync.exchange.add_mailbox(ALICE)
    sync.sign_in()
    sync.configure()
    go = user.root / "go"
    set_command(user, waits_for(go))
    user.age(ALICE, left=-10)
    entra.revoke(ALICE)

    done = [sync.run() for _ in range(2)]
    go.touch()

    assert all(outcome.code != 0 for outcome in done)
    assert runs(user) == [f"{ALICE} login"]


@many_processes.sizes(8, 200)
def test_many_who_fail_at_once_tell_once(user: World, entra: Entra, number: int) -> None:
    """So many processes find the sign-in taken back: one asks, and one tells."""
    set_command(user)
    account = keep(entra)
    age(account, -10)
    entra.revoke(ALICE)

    processes = [many_processes.start(user) for _ in range(number)]
    outcomes = [many_processes.finish(process) for process in processes]

    assert {(outcome.code, outcome.out) for outcome in outcomes} == {(77, "")}
    assert runs(user) == [f"{ALICE} login"]
    assert len(entra.requests) == 1

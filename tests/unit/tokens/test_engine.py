"""What ``tokens`` promises of one process: contract §5, with a real Entra at the other end."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import account_lock, errors, fresh_token
from offlineimap_m365.stores.file import FileStore
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, TOKEN, age, cache_of, invent, keep, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


def test_a_fresh_token_asks_nobody(world: World, entra: Entra) -> None:
    """What lives for more than five minutes is handed out without a request, from the store and from memory."""
    account = keep(entra)
    age(account, 400)

    first, second, shown = engine.access_token(ALICE), engine.access_token(ALICE), engine.peek(account)

    assert shown == dataclasses.replace(first, value="")  # status has no secret to show
    assert first.value == second.value == next(iter(cache_of(account)["AccessToken"].values()))["secret"]
    assert entra.requests == []


@pytest.mark.parametrize("name", [ALICE, None])
def test_a_warm_token_costs_few_stats(world: World, name: str | None) -> None:
    """A token in memory costs at most three ``os.stat``, and no file is opened."""
    invent()
    engine.access_token(name)

    with mock.patch.object(os, "stat", wraps=os.stat) as stat, mock.patch.object(os, "open") as opened:
        engine.access_token(name)

    assert 1 <= stat.call_count <= 3
    assert opened.call_count == 0


def test_memory_is_of_one_account(world: World) -> None:
    """Of several accounts in memory each gets its own token, as it is in its store; no name at all gets none."""
    for number in (1, 2):
        for name in (ALICE, "bob@example.org"):
            token = {"secret": f"token-{number}-of-{name}", "cached_at": "1", "expires_on": str(2**33)}
            put(invent(name), {"AccessToken": {"at": token}})

        for name in ("bob@example.org", ALICE, "ALICE@example.org"):
            assert engine.access_token(name).value == f"token-{number}-of-{name.lower()}"
    with pytest.raises(errors.WrongUsage):
        engine.access_token()


@pytest.mark.parametrize(("life", "wanted"), [(200, 300), (300, 300), (700, 7200)])
def test_short_lived_tokens_cause_one_refresh_a_minute(
    world: World, entra: Entra, set_clock: Callable[[float], None], life: int, wanted: int
) -> None:
    """
    If tokens never live as long as is wished for, a young one is good enough, for a minute or half of its life.

    Each refresh shows the refresh token of the last answer: the provider ends a grant when one comes twice.
    """
    entra.strict, entra.access_token_seconds = True, life
    age(keep(entra), -10)

    requests = []
    for ahead in (0, 1, 30, 90, 300, 370):
        set_clock(ahead)
        assert engine.access_token(ALICE, engine.Wanted(wanted)).is_good(0, time.time())
        requests.append(entra.count(TOKEN))

    assert requests == ([1, 1, 1, 2, 3, 4] if life <= 300 else [1, 1, 1, 1, 1, 2])


def test_a_demand_that_no_token_meets_is_75(world: World, entra: Entra, set_clock: Callable[[float], None]) -> None:
    """``--min-validity`` of more than tokens ever live is 75; a token of the last minute shows it without a request."""
    keep(entra)
    requests = []
    for ahead in (0, 1, 30, 90, -100):
        set_clock(ahead)
        with pytest.raises(errors.Temporary):
            engine.access_token(ALICE, engine.Wanted(7200, demand=True))
        requests.append(entra.count(TOKEN))

    assert requests == [0, 0, 0, 1, 2]


def test_a_refusal_is_remembered_until_another_sign_in(world: World, entra: Entra) -> None:
    """
    Who was refused learns so at once, with Microsoft's code, correlation id and time, although the token lives.

    A refused refresh token is not shown again for 15 min; one of a new login is, at once.
    """
    age(keep(entra), 200)
    entra.revoke(ALICE)
    for _ in range(3):
        with pytest.raises(errors.SignInNeeded) as caught:
            engine.access_token(ALICE)
    asked = entra.count(TOKEN)

    age(keep(entra), -10)
    token = engine.access_token(ALICE)

    assert asked == 1
    assert caught.value.code == "AADSTS50173"
    assert caught.value.correlation_id
    assert caught.value.time
    assert token.is_good(200, time.time())


@pytest.mark.parametrize(("issued", "written", "requests"), [(-60, -60, 0), (-60, -3560, 1), (600, 600, 1)])
def test_a_wrong_clock(world: World, entra: Entra, issued: int, written: int, requests: int) -> None:
    """A token of another machine's, that was issued later than its file was written, or of the future: one refresh."""
    account = keep(entra)
    now = time.time()
    age(account, 3540, issued=now + issued)
    os.utime(Path(account.folder) / "cache.json", (now + written,) * 2)

    assert (fresh_token.find(ALICE) is None) == bool(requests)
    assert len({engine.access_token(ALICE).value for _ in range(2)}) == 1
    assert entra.count(TOKEN) == requests


def test_refresh_token_is_given_to_who_insists(world: World) -> None:
    """``get_refresh_token`` gives what is kept; none is 77, and of an app-only account 78 with what to use instead."""
    account = invent()
    token = engine.refresh_token(ALICE)
    put(account, {"AccessToken": {}})
    with pytest.raises(errors.SignInNeeded):
        engine.refresh_token(ALICE)
    invent(kind="app-only")
    with pytest.raises(errors.Misconfigured, match="app-only") as caught:
        engine.refresh_token(ALICE)

    assert token == "a-made-up-refresh-token"
    assert caught.value.remedy.command == f'oauth2_access_token_eval = get_access_token("{ALICE}", 1800)'


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        (200, engine.Wanted()),
        (299, engine.Wanted(300)),
        (1799, engine.Wanted(1800)),
        (1000, engine.Wanted(3000, demand=True)),
    ],
)
def test_too_little_life_is_one_request(world: World, entra: Entra, left: int, wanted: engine.Wanted) -> None:
    """A token that lives for less than is wished for or demanded costs one request, discovery and all."""
    entra.access_token_seconds = 3600
    age(keep(entra), left)

    with mock.patch.object(account_lock, "held", wraps=account_lock.held) as held:
        token = engine.access_token(ALICE, wanted)

    assert 0 < held.call_args.args[2] <= account_lock.WAIT
    assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]
    assert token.is_good(3500, time.time())
    assert token.value in world.secrets(ALICE)


@pytest.mark.parametrize(
    ("left", "wanted", "is_bridged"),
    [(90, engine.Wanted(), True), (-1, engine.Wanted(), False), (200, engine.Wanted(250, demand=True), False)],
)
def test_an_outage_is_bridged_by_a_living_token(  # noqa: PLR0917 - fixtures and the columns of a table
    world: World, entra: Entra, heard: list[str], left: int, wanted: engine.Wanted, is_bridged: bool
) -> None:
    """During an outage what lives is handed out with one line, unless more is demanded; what expired never is."""
    age(keep(entra), left)
    entra.fail_next(TOKEN, status=503)

    if is_bridged:
        assert engine.access_token(ALICE, wanted).is_good(left - 10, time.time())
        assert [bool(re.search(r"HTTP 503.* another [5-9]\d s", line)) for line in heard] == [True]
    else:
        with pytest.raises(errors.Temporary):
            engine.access_token(ALICE, wanted)


@pytest.mark.parametrize("can_tell", [True, False])
def test_memory_ends_with_the_sign_in(world: World, monkeypatch: pytest.MonkeyPatch, can_tell: bool) -> None:
    """A token whose store was emptied is not handed out from memory, nor if the store cannot tell its changes."""
    account = invent()
    with monkeypatch.context() as patch:
        if not can_tell:
            patch.setattr(FileStore, "generation", lambda _: None)
        engine.access_token(ALICE)
    (Path(account.folder) / "cache.json").unlink()

    for _ in range(2):
        with pytest.raises(errors.SignInNeeded, match="no longer in its store"):
            engine.access_token(ALICE)


def test_renew_replaces_a_fresh_token(world: World, entra: Entra) -> None:
    """It asks once although the token is fresh and a failure is remembered; what came of it is returned, not raised."""
    entra.access_token_seconds = 3600
    keep(entra)
    before = engine.access_token(ALICE)
    entra.fail_next(TOKEN, status=503)

    first, second = engine.renew(ALICE), engine.renew(ALICE)

    assert isinstance(first, engine.Failed)
    assert isinstance(first.error, errors.Temporary)
    assert isinstance(second, engine.Obtained)
    assert second.unsaved is None
    assert second.token != before
    assert entra.count(TOKEN) == 2
    assert engine.access_token(ALICE) == second.token

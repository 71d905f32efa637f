"""Many threads and processes at once, and logins beside refreshes: one request, one answer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import account_lock, atomic_file, errors
from offlineimap_m365.tokens import engine, token_cache
from tests.signed_in_accounts import ALICE, TOKEN, age, cache_of, keep, made_up, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from offlineimap_m365.accounts.profiles import Account
    from tests.m365.entra import Entra
    from tests.world import World

pytestmark = pytest.mark.matrix


def tokens_of_threads(number: int) -> list[str]:
    """Ask for an access token in so many threads at once, and return what they got."""
    with futures.ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda _: engine.access_token(ALICE).value, range(number)))


@contextlib.contextmanager
def one_who_waits(account: Account, wanted: engine.Wanted | None = None) -> Iterator[list[str | errors.M365Error]]:
    """Hold the lock while a thread asks for a token; what it got, a token or an error, is in the list afterwards."""
    outcome: list[str | errors.M365Error] = []
    waits = threading.Event()

    def ask() -> None:
        try:
            outcome.append(engine.access_token(account.name, wanted or engine.Wanted()).value)
        except errors.M365Error as error:
            outcome.append(error)

    def noted(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    waiting, clock = threading.Thread(target=ask), mock.Mock(wraps=time, sleep=noted)
    with account_lock.held(account.folder, account.name), mock.patch.object(account_lock, "time", clock):
        waiting.start()
        assert waits.wait(60)
        yield outcome
    waiting.join()


def test_threads_share_one_refresh(world: World, entra: Entra) -> None:
    """Sixteen threads with a dead token and a strict provider: one request, one answer."""
    entra.strict, entra.delay = True, 0.1
    age(keep(entra), -10)

    tokens = tokens_of_threads(16)

    assert len(tokens) == 16
    assert len(set(tokens)) == 1
    assert entra.count(TOKEN) == 1


@pytest.mark.parametrize("life", [50, 305])
def test_who_waited_takes_what_came(
    entra: Entra, expired: Account, set_clock: Callable[[float], None], life: int
) -> None:
    """A token that was obtained while the lock was waited for is good enough, whatever its life."""
    with one_who_waits(expired, engine.Wanted(1800)) as outcome:
        set_clock(20)  # as if the wait were that long
        age(expired, life - 10, issued=time.time() - 10)

    assert outcome == [next(iter(cache_of(expired)["AccessToken"].values()))["secret"]]
    assert entra.count(TOKEN) == 0


@pytest.mark.parametrize("is_other", [True, False])
def test_who_wants_another_token_takes_no_other(entra: Entra, expired: Account, is_other: bool) -> None:
    """Who waited for a token instead of the one that is there takes one that came, but not the same again."""
    age(expired, 3000)
    known = token_cache.read(expired).access_token
    with one_who_waits(expired, engine.Wanted(instead_of=known)) as outcome:
        cache = cache_of(expired)
        cache["AccessToken"] = made_up()["AccessToken"] if is_other else cache["AccessToken"]
        put(expired, cache)

    assert (outcome == ["a-made-up-access-token"]) == is_other
    assert len(outcome) == 1
    assert entra.count(TOKEN) == (0 if is_other else 1)


def test_a_login_while_waiting_counts(entra: Entra, expired: Account) -> None:
    """Who waited for the lock refreshes with the client id of the login that came first, not with the old one."""
    entra.add_client("another", ["https://localhost"])

    with one_who_waits(expired) as outcome:
        for name in ("profile.json", "cache.json"):  # whole, as a login does: who waits may read at any moment
            path = Path(expired.folder) / name
            atomic_file.write_whole(path, path.read_bytes().replace(expired.client_id.encode(), b"another"))

    assert [getattr(error, "code", "") for error in outcome] == ["AADSTS70000"]  # its refresh token is Thunderbird's
    assert [request.client_id for request in entra.requests] == ["another"]


def test_secrets_of_another_client_id_are_no_use(entra: Entra, expired: Account) -> None:
    """A login that was killed before it wrote its profile leaves 77 and the command, without a request."""
    profile = Path(expired.folder) / "profile.json"
    profile.write_text(profile.read_text().replace(expired.client_id, "another"))

    with pytest.raises(errors.SignInNeeded, match="no longer in its store"):
        engine.access_token(ALICE)

    assert entra.requests == []


def test_without_flock_each_process_refreshes_for_itself(
    world: World, entra: Entra, expired: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has no flock, threads still share one refresh, and another process is not waited for."""
    monkeypatch.setattr(fcntl, "flock", mock.Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))

    tokens = tokens_of_threads(4)

    assert len(tokens) == 4
    assert set(tokens) <= set(world.secrets(ALICE))
    assert entra.count(TOKEN) == 1

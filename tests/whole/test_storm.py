"""Many processes and threads that find a stale token at the same moment, and a provider that forgives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.signed_in_accounts import TOKEN, age, keep
from tests.whole import many_processes

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.world import World


@many_processes.sizes(12, 200)
def test_all_share_one_refresh(world: World, entra: Entra, number: int) -> None:
    """So many processes, one of them with 64 threads: one request, and all get the same token."""
    entra.strict, entra.access_token_seconds = True, 3600
    account = keep(entra)
    age(account, -10)

    processes = [
        many_processes.start(world, many_processes.with_threads(64)),
        *(many_processes.start(world) for _ in range(number)),
    ]
    outcomes = [many_processes.finish(process) for process in processes]

    assert [(outcome.code, outcome.err) for outcome in outcomes] == [(0, "")] * (number + 1)
    found = [line for outcome in outcomes for line in outcome.out.splitlines()]
    assert len(found) == 64 + number
    assert len(set(found)) == 1
    assert [request.path.endswith(TOKEN) for request in entra.requests] == [True]
    assert many_processes.litter(account.folder) == []


@many_processes.sizes(12, 200)
def test_all_share_one_failure(world: World, entra: Entra, number: int) -> None:
    """A provider that is down is asked once, however many want a token: all are told 75 at once."""
    account = keep(entra)
    age(account, -10)
    entra.fail_next(TOKEN, times=number, status=503)

    processes = [many_processes.start(world) for _ in range(number)]
    outcomes = [many_processes.finish(process) for process in processes]

    assert {(outcome.code, outcome.out) for outcome in outcomes} == {(75, "")}
    assert len(entra.requests) == 1

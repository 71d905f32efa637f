"""
A refresh in a new process, the provider 40 ms away: ours against MSAL's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.pairs import HEADINGS, compare, table, timed
from tests.signed_in_accounts import age

if TYPE_CHECKING:
    from tests.bench.place import Place

RUNS = 20
#: How far away a provider is, in seconds.
AWAY = 0.04


def msal_program(here: Place, *, force: bool) -> str:
    """Return what MSAL's documentation shows: read the cache, ask silently, write the cache."""
    account, path = here.account, str(here.cache)
    return (
        "import msal\n"
        "cache = msal.SerializableTokenCache()\n"
        f"cache.deserialize(open({path!r}).read())\n"
        f"app = msal.PublicClientApplication({account.client_id!r}, authority={account.authority!r},\n"
        "    instance_discovery=False, token_cache=cache)\n"
        f"found = app.acquire_token_silent({list(account.scopes)!r}, app.get_accounts()[0], force_refresh={force})\n"
        f"if cache.has_state_changed: open({path!r}, 'w').write(cache.serialize())\n"
        "print(found['access_token'])\n"
    )


def cold(here: Place) -> str:
    """Return the table of a `token` that must refresh."""
    requests: dict[str, set[int]] = {"ours": set(), "theirs": set()}
    counting = ""

    def prepare(who: str) -> None:
        nonlocal counting
        if counting:
            requests[counting].add(len(here.entra.requests))
        counting = who
        age(here.account, -10)
        here.entra.forget()

    here.entra.latency = AWAY
    theirs = [here.python, "-c", msal_program(here, force=True)]
    pair = compare(
        timed(here.world, here.token, lambda: prepare("ours")),
        timed(here.world, theirs, lambda: prepare("theirs")),
        RUNS,
    )
    here.entra.latency = 0.0
    assert requests == {"ours": {1}, "theirs": {2}}, requests
    rows = [["MSAL, `instance_discovery=False`, a cache file", *pair.cells(), "1 against 2"]]
    return table(["`token`, refreshing, provider 40 ms away, against", *HEADINGS, "requests"], rows)

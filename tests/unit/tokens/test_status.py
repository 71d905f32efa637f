"""What ``status`` reports of an account without asking anybody."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import account_state
from offlineimap_m365.base import errors
from offlineimap_m365.tokens import move_store, status
from tests.kept import ALICE, invent, made_up, put
from tests.unit import ring

if TYPE_CHECKING:
    from tests.world import World

_FIELDS = [
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
    "certificate_ends",
]


def only(name: str = ALICE) -> status.Report:
    """Return the report of one account."""
    return status.report([name])[0]


def test_the_fields_are_those_of_the_contract(world: World) -> None:
    """``status --json`` has these fields and no secret."""
    invent(identity="alice@corp.example", tenant="a tenant")

    found = only().as_dict()

    assert list(found) == _FIELDS
    assert found["identity"] == "alice@corp.example"
    assert "made-up" not in json.dumps(found)


def test_a_fresh_token_is_ok(world: World) -> None:
    """An account with a fresh token is ok, and says for how long, in seconds."""
    put(invent(), made_up(1000, issued=time.time() - 2600))

    found = only()

    assert found.state == "ok"
    assert found.expires_in in (999, 1000)
    assert found.unused_days == 0
    assert not found.needs_somebody


def test_an_old_token_is_stale(world: World) -> None:
    """An account whose next use refreshes is stale; that needs nobody."""
    put(invent(), made_up(-86_400 * 3, issued=time.time() - 86_400 * 3 - 3600))

    found = only()

    assert (found.state, found.expires_in, found.unused_days) == ("stale", 0, 3)
    assert not found.needs_somebody


def test_ninety_days_are_the_end(world: World) -> None:
    """What was not used for 90 days needs a sign-in."""
    put(invent(), made_up(-86_400 * 91, issued=time.time() - 86_400 * 91))

    found = only()

    assert found.state == "needs-login"
    assert "91 days" in str(found.reason)


@pytest.mark.parametrize(
    ("days", "state", "command"),
    [(75, "stale", None), (76, "stale", "refresh"), (89, "stale", "refresh"), (90, "needs-login", "login")],
)
def test_the_days_of_the_ninety_are_counted(world: World, days: int, state: str, command: str | None) -> None:
    """Two weeks before a sign-in ends for want of use, and after that, the command is named that helps."""
    put(invent(), made_up(-86_400 * days, issued=time.time() - 86_400 * days - 60))

    found = only()

    assert (found.state, found.unused_days) == (state, days)
    assert (f"offlineimap-m365 {command} {ALICE}" in found.reason) if found.reason else command is None


def test_an_outage_does_not_hide_the_end(world: World) -> None:
    """Who could not be refreshed for want of a network is told of the days that are left as well."""
    account = invent()
    put(account, made_up(-86_400 * 80, issued=time.time() - 86_400 * 80 - 60))
    account_state.remember(account.folder, errors.Temporary("No network"), "x")

    found = only()

    assert found.state == "waiting"
    assert "No network" in str(found.reason)
    assert "80 of 90 days" in str(found.reason)


def test_an_application_does_not_age(world: World) -> None:
    """What has no refresh token has no days to count."""
    put(invent(kind="app-only"), made_up(-86_400 * 100, issued=time.time() - 86_400 * 101))

    found = only()

    assert (found.unused_days, found.state) == (None, "stale")


@pytest.mark.parametrize(
    ("kind", "state", "needs"),
    [
        (errors.Temporary, "waiting", False),
        (errors.SignInNeeded, "needs-login", True),
        (errors.Misconfigured, "broken", True),
    ],
)
def test_the_last_failure_counts(world: World, kind: type[errors.M365Error], state: str, needs: bool) -> None:
    """A stale account is what its last failure was, with code and correlation id."""
    account = invent()
    put(account, made_up(100, issued=time.time() - 3500))
    account_state.remember(account.folder, kind("It failed", code="AADSTS1", correlation_id="0-0"), "x")

    found = only()

    assert (found.state, found.code, found.correlation_id) == (state, "AADSTS1", "0-0")
    assert found.needs_somebody is needs


def test_who_never_signed_in_needs_to(world: World) -> None:
    """An unknown account is reported, not an error."""
    found = only("nobody@example.org")

    assert found.state == "needs-login"
    assert "is not signed in" in str(found.reason)


def test_who_signed_out_is_shown(world: World) -> None:
    """A profile without a sign-in stays visible."""
    invent(signed_in_at=None)

    assert only().reason == f"{ALICE} signed out. Run: offlineimap-m365 login {ALICE}"


@pytest.mark.parametrize("name", ["profile.json", "cache.json"])
def test_a_broken_account_stands_beside_a_good_one(world: World, name: str) -> None:
    """A broken file makes its account broken, and no other; nothing is moved."""
    invent("bob@example.org")
    path = Path(invent().folder) / name
    path.write_bytes(b"{")

    found = status.report([])

    assert [(report.account, report.state) for report in found] == [(ALICE, "broken"), ("bob@example.org", "ok")]
    assert path.read_bytes() == b"{"


def test_what_a_file_says_is_made_fit_to_show(world: World) -> None:
    """Control and bidirectional characters of a file reach no terminal."""
    invent(identity="eve\u202e\x1b[2J", tenant="\x07", client_id="\x9b")

    found = only()

    assert (found.identity, found.tenant, found.client_id) == ("eve\ufffd\ufffd[2J", "\ufffd", "\ufffd")


@pytest.mark.parametrize(("hours", "state"), [(0, "waiting"), (23, "waiting"), (25, "needs-login")])
def test_a_refusal_that_depends_on_the_place_waits_for_a_day(
    world: World, monkeypatch: pytest.MonkeyPatch, hours: int, state: str
) -> None:
    """It is tried again by itself, so nobody must act; after a day of it somebody must."""
    assert world
    account = invent(life=-10)
    error = errors.SignInNeeded("Refused", code="AADSTS53003")
    error.place = True
    plain = time.time
    account_state.remember(account.folder, error, "x")
    monkeypatch.setattr(time, "time", lambda: plain() + 3600 * hours)
    account_state.remember(account.folder, error, "x")

    [found] = status.report([])

    assert (found.state, found.needs_somebody) == (state, state == "needs-login")
    assert found.code == "AADSTS53003"


def test_a_locked_store_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that is locked now needs nobody to sign in: it waits, and says what unlocks it."""
    keys = ring.install(monkeypatch)
    invent()
    move_store.move(ALICE, "keyring")
    keys.is_locked = True

    found = only()

    assert (found.state, found.needs_somebody, found.store) == ("waiting", False, "keyring")
    assert "locked" in (found.reason or "")
    assert world

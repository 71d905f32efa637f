"""What ``status`` reports of an account without asking anybody."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import account_state
from offlineimap_m365.base import errors
from offlineimap_m365.console import status
from offlineimap_m365.tokens import move_store
from tests import certificates
from tests.signed_in_accounts import ALICE, invent, made_up, put

if TYPE_CHECKING:
    from tests.unit.fake_keyring import FakeKeyring
    from tests.world import World

pytestmark = pytest.mark.usefixtures("world")


def only(name: str = ALICE) -> status.Report:
    """Return the report of one account."""
    return status.report([name])[0]


@pytest.mark.parametrize(
    ("kind", "days", "left", "state", "unused", "command"),
    [
        ("delegated", 0, 1000, "ok", 0, None),
        ("delegated", 3, -1, "stale", 3, None),
        ("delegated", 75, -1, "stale", 75, None),
        ("delegated", 76, -1, "stale", 76, "refresh"),
        ("delegated", 89, -1, "stale", 89, "refresh"),
        ("delegated", 90, -1, "needs-login", 90, "login"),
        ("app-only", 0, 1000, "ok", None, None),
        ("app-only", 101, -1, "stale", None, None),
    ],
)
def test_the_age_of_a_token_is_the_state(  # noqa: PLR0917 - the columns of a table
    kind: str, days: int, left: int, state: str, unused: int | None, command: str | None
) -> None:
    """A sign-in ends after 90 days without use, and two weeks before it names what helps; an application's does not."""
    begun = time.time()
    put(invent(kind=kind), made_up(left, issued=begun - 86_400 * days - 60))

    report = only()

    passed = time.time() - begun
    assert (report.state, report.unused_days) == (state, unused)
    assert report.expires_in is not None
    # Both times are stored in whole seconds.
    assert max(0, left - passed - 2) <= report.expires_in <= max(0, left)
    assert report.needs_somebody is (state == "needs-login")
    assert (f"offlineimap-m365 {command} {ALICE}" in report.reason) if report.reason else command is None


PLACE = errors.SignInNeeded("It failed", code="AADSTS1", correlation_id="0-0")
PLACE.place = True


@pytest.mark.parametrize(
    ("failure", "life", "state", "parts"),
    [
        (errors.Temporary, 100, "waiting", ["It failed"]),
        (errors.Temporary, -86_400 * 80, "waiting", ["It failed", "80 of 90 days"]),
        (PLACE, 100, "waiting", ["It failed"]),  # a refusal that another place may not meet
        (errors.SignInNeeded, 100, "needs-login", ["It failed"]),
        (errors.Misconfigured, 100, "broken", ["It failed"]),
    ],
)
def test_the_last_failure_counts(failure: Any, life: float, state: str, parts: list[str]) -> None:
    """A stale account is what its last failure was, with its ids; an outage does not hide the days that are left."""
    account = invent()
    put(account, made_up(life, issued=time.time() + life - 3600))
    error = failure if failure is PLACE else failure("It failed", code="AADSTS1", correlation_id="0-0")
    account_state.remember(account.folder, error, "x")

    report = only()

    assert (report.state, report.code, report.correlation_id) == (state, "AADSTS1", "0-0")
    assert report.needs_somebody is (state != "waiting")
    for part in parts:
        assert part in str(report.reason)


@pytest.mark.parametrize("name", ["profile.json", "cache.json"])
def test_a_broken_account_stands_beside_a_good_one(name: str) -> None:
    """A broken file makes its account broken, and no other; nothing is moved."""
    invent("bob@example.org")
    path = Path(invent().folder) / name
    path.write_bytes(b"{")

    reports = status.report([])

    assert [(report.account, report.state) for report in reports] == [(ALICE, "broken"), ("bob@example.org", "ok")]
    assert path.read_bytes() == b"{"


def test_a_locked_store_waits(keys: FakeKeyring) -> None:
    """A keyring that is locked now needs nobody to sign in: it waits, and says what unlocks it."""
    invent()
    move_store.move(ALICE, "keyring")
    keys.is_locked = True

    report = only()

    assert (report.state, report.needs_somebody, report.store) == ("waiting", False, "keyring")
    assert "locked" in (report.reason or "")


def test_the_fields_are_those_of_the_contract() -> None:
    """``status --json`` has these fields, no secret, and no control or bidirectional characters of a file."""
    invent(identity="eve\u202e\x1b[2J", tenant="\x07", client_id="\x9b")

    fields = dataclasses.asdict(only())

    assert list(fields) == [
        "account", "identity", "tenant", "kind", "client_id", "store", "state", "expires_in", "last_refresh",
        "signed_in_at", "unused_days", "reason", "code", "correlation_id", "certificate_ends",
    ]  # fmt: skip
    assert (fields["identity"], fields["tenant"], fields["client_id"]) == ("eve\ufffd\ufffd[2J", "\ufffd", "\ufffd")
    assert "made-up" not in json.dumps(fields)


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [(31.5, "ok", ""), (30.5, "ok", "ends in 30 days"), (29.5, "ok", "ends in 29 days"), (-0.5, "broken", "ended on")],
)
def test_status_tells_of_a_certificates_end(world: World, days: float, state: str, words: str) -> None:
    """Thirty days before a certificate ends the report says so; once it has ended, the account is broken."""
    key = certificates.rsa_key()
    pem = certificates.certificate_pem(certificates.certificate(key, begins=-100, ends=days))
    path = certificates.write(world.root / "backup.pem", certificates.key_pem(key) + pem)
    invent(kind="app-only", credential={"certificate": str(path)})

    report = only()

    assert (report.state, report.unused_days, bool(report.certificate_ends)) == (state, None, True)
    assert words in str(report.reason)
    assert (str(path) in str(report.reason)) == bool(words)


def test_a_secret_that_is_gone_is_broken(world: World) -> None:
    """The file of a client's secret is looked at, and no command is run."""
    invent(credential={"client_secret_file": str(world.root / "gone")})
    before = only()
    invent(credential={"client_secret_command": f"touch {world.root / 'asked'}"})

    assert (before.state, only().state) == ("broken", "ok")
    assert not (world.root / "asked").exists()

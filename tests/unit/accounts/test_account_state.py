"""What is remembered of failures and events, and that it never gets in the way."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts import account_state
from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Anything that JSON can hold.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
_LISTS = ("events", "demand", "notified", "failing_since", "worked_at")
_FIELDS = ["exit_code", "fact", "account", "meaning", "remedy", "code", "correlation_id", "time", "until"]


def refusal(**demands: Any) -> errors.SignInNeeded:
    """Return a refusal with everything that one may have, and what it demands of the next sign-in."""
    error = errors.SignInNeeded(
        "Microsoft refused",
        account="alice@example.org",
        meaning="The password changed",
        remedy=errors.Remedy("Sign in", "login alice", "file"),
        code="AADSTS50173",
        correlation_id="0000",
        time="2026-01-01T00:00:00Z",
    )
    for name, value in demands.items():
        setattr(error, name, value)
    return error


def test_a_failure_comes_back_as_it_was(tmp_path: Path) -> None:
    """It has its class and every part, counts for the same refresh token only, and that token is not in the file."""
    error = refusal(place=True)
    account_state.remember(str(tmp_path), error, "a refresh token")

    result = account_state.last_failure(str(tmp_path), "a refresh token")

    assert type(result) is errors.SignInNeeded
    assert result.replaced(meaning=error.meaning).lines() == error.lines()
    assert "(in 14 min)" in result.meaning
    assert (result.remedy.command, result.remedy.where) == ("login alice", "file")
    assert (result.account, result.place) == ("alice@example.org", True)
    assert account_state.last_failure(str(tmp_path), "another") is None
    assert account_state.last_failure(str(tmp_path)) is not None
    assert "a refresh token" not in (tmp_path / "state.json").read_text()
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(errors.Temporary("No network"), 5), (errors.SignInNeeded("No", code="AADSTS50173"), 900)],
)
def test_each_failure_has_its_time(
    tmp_path: Path, error: errors.M365Error, seconds: float, set_clock: Callable[[float], None]
) -> None:
    """No connection counts for 5 s, a refusal for 15 min."""
    account_state.remember(str(tmp_path), error, "x")

    result = []
    for ahead in (seconds - 1, seconds + 1):
        set_clock(ahead)
        result.append(account_state.last_failure(str(tmp_path), "x") is not None)

    assert result == [True, False]


@pytest.mark.parametrize(("code", "is_remembered"), [(None, False), ("AADSTS7000222", True)])
def test_an_error_of_this_machine_is_over_once_repaired(
    tmp_path: Path, code: str | None, *, is_remembered: bool
) -> None:
    """A configuration error counts for later refreshes only if the provider met it."""
    account_state.remember(str(tmp_path), errors.Misconfigured("Wrong", code=code), "x")

    assert (account_state.last_failure(str(tmp_path), "x") is not None) == is_remembered


def test_a_clock_that_was_wrong_blocks_nobody(tmp_path: Path, set_clock: Callable[[float], None]) -> None:
    """A failure of a clock's far future does not count once the clock is right."""
    set_clock(86_400)
    account_state.remember(str(tmp_path), refusal(), "x")
    set_clock(0)

    assert account_state.last_failure(str(tmp_path), "x") is None


def test_success_ends_it(tmp_path: Path) -> None:
    """After a success there is no failure, and the last 20 events are told."""
    for _ in range(15):
        account_state.remember(str(tmp_path), refusal(), "x")
        account_state.succeeded(str(tmp_path), "refresh")

    result = account_state.events(str(tmp_path))
    assert account_state.last_failure(str(tmp_path)) is None
    assert len(result) == 20
    assert [event["what"] for event in result[-2:]] == ["failed", "refresh"]
    assert result[-2]["code"] == "AADSTS50173"


def test_what_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A folder that is gone costs the memory only."""
    account_state.remember(str(tmp_path / "gone"), refusal(), "x")
    account_state.succeeded(str(tmp_path / "gone"), "refresh")

    assert account_state.events(str(tmp_path / "gone")) == []


@pytest.mark.once
@settings(database=None, deadline=None, max_examples=60)
@example(b"")
@example(b"\xff\xfe")
@example(b"[" * 100_000)
@example(b'{"failure": {"until": 1e999}}')
@given(
    JSON
    | st.fixed_dictionaries(
        {"failure": st.fixed_dictionaries(dict.fromkeys(_FIELDS, JSON)), **dict.fromkeys(_LISTS, JSON)}
    )
)
def test_whatever_is_in_the_file(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    """A file to which anything happened gives an error of ours or nothing, and can be written again."""
    folder = tmp_path_factory.getbasetemp() / "fuzz-history"
    folder.mkdir(exist_ok=True)
    if isinstance(content, dict) and isinstance(content.get("failure"), dict):
        content["failure"]["refresh_token"] = account_state.fingerprint("x")
    (folder / "state.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())

    result = [account_state.last_failure(str(folder)), account_state.last_failure(str(folder), "x")]
    error = refusal(place=True)
    may_pass, demand = account_state.may_pass(str(folder), error), account_state.demand(str(folder))
    unused, notified = account_state.unused_seconds(str(folder)), account_state.notified(str(folder))
    account_state.refused_login(str(folder), refusal())
    account_state.succeeded(str(folder), "refresh")

    assert all(error is None or isinstance(error, errors.M365Error) for error in result)
    assert may_pass in (True, False)
    assert unused is None or unused >= 0
    assert all(isinstance(subject, str) for subject in notified.values())
    assert demand.claims is None or isinstance(json.loads(demand.claims), dict)
    assert account_state.events(str(folder))[-1]["what"] == "refresh"


CLAIMS = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'


def test_what_a_refusal_demands_is_kept_until_a_success(tmp_path: Path) -> None:
    """Claims and prompt of several refusals add up, outlive one that demands nothing, and end with a success."""
    folder = str(tmp_path)
    for error in (refusal(claims=CLAIMS), refusal(prompt="login"), refusal()):
        account_state.remember(folder, error, "x")

    before = account_state.demand(folder)
    account_state.succeeded(folder, "login")

    assert before == account_state.Demand(CLAIMS, "login")
    assert account_state.demand(folder) == account_state.Demand()


@pytest.mark.parametrize(
    "claims", ["no JSON", "[]", '"text"', "[" * 9000, '{"x": "' + "y" * 9000 + '"}', "{\u202e}", ""]
)
def test_claims_that_cannot_be_sent_are_not_kept(tmp_path: Path, claims: str) -> None:
    """Only a JSON object of a sane size is passed on."""
    account_state.remember(str(tmp_path), refusal(claims=claims), "x")

    assert account_state.demand(str(tmp_path)) == account_state.Demand()
    assert claims == "" or claims not in (tmp_path / "state.json").read_text(encoding="utf-8")


def test_consent_is_asked_for_once(tmp_path: Path) -> None:
    """If the sign-in that asked for consent was refused, the next one does not ask; a demand to sign in anew stays."""
    folder = str(tmp_path)
    account_state.remember(folder, refusal(prompt="consent", claims=CLAIMS), "x")
    account_state.refused_login(folder, refusal())
    after = account_state.demand(folder)
    account_state.remember(folder, refusal(prompt="login"), "x")
    account_state.refused_login(folder, refusal())

    assert after == account_state.Demand(CLAIMS, None)
    assert account_state.demand(folder) == account_state.Demand(CLAIMS, "login")


def test_the_end_of_a_certificate_outlives_a_success(tmp_path: Path) -> None:
    """It is remembered until another is used or none, and the file is not written again for the same one."""
    folder, path = str(tmp_path), tmp_path / "state.json"
    account_state.note_certificate(folder, 5e9)
    before = path.stat().st_ino
    account_state.note_certificate(folder, 5e9)
    is_same = path.stat().st_ino == before
    account_state.succeeded(folder, "refresh")
    ends = account_state.certificate_ends(folder)
    account_state.note_certificate(folder, None)

    assert (is_same, ends, account_state.certificate_ends(folder)) == (True, 5e9, None)


@pytest.mark.parametrize(("ago", "seconds"), [(3600.0, 3600.0), (-3600.0, 0.0), (-1e18, None)])
def test_how_long_nothing_succeeded(tmp_path: Path, ago: float, seconds: float | None) -> None:
    """It is counted from the last success; one in this clock's future counts as now, an impossible one as none."""
    (tmp_path / "state.json").write_text(json.dumps({"worked_at": time.time() - ago}))

    assert account_state.unused_seconds(str(tmp_path)) == (None if seconds is None else pytest.approx(seconds, abs=60))


@pytest.mark.parametrize(
    ("steps", "may_pass"),
    [
        ({0: "refused", 23: "refused"}, True),
        ({0: "refused", 25: "refused"}, False),
        ({0: "refused", 12: "temporary", 25: "refused"}, False),
        ({0: "temporary", 25: "refused"}, True),
        ({0: "refused", 12: "success", 25: "refused"}, True),
    ],
)
def test_what_depends_on_the_place_may_pass_for_a_day(
    tmp_path: Path, set_clock: Callable[[float], None], steps: dict[int, str], may_pass: bool
) -> None:
    """A day counts from the first refusal in a row: a temporary failure neither begins nor ends it, a success does."""
    folder = str(tmp_path)
    error = refusal(place=True)
    for hours, step in steps.items():
        set_clock(3600 * hours)
        if step == "success":
            account_state.succeeded(folder, "refresh")
        else:
            account_state.remember(folder, error if step == "refused" else errors.Temporary("No network"), "x")

    assert account_state.may_pass(folder, error) == may_pass
    assert not account_state.may_pass(folder, refusal())

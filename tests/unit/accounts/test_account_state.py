"""What is remembered of failures and events, and that it never gets in the way."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts import account_state
from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Few characters, since all of Unicode takes Hypothesis a second.
_TEXT = st.text("a1 -{\n\x00\u00e9\u202e\ud800\U0001f600")
#: Anything that JSON can hold.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=10,
)
_LISTS = ("events", "demand", "notified", "failing_since", "worked_at")
_FIELDS = ["exit_code", "fact", "account", "meaning", "remedy", "code", "correlation_id", "time", "until"]


@pytest.fixture
def stop_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that stops the clock so many seconds after the beginning of the test."""
    begin = float(int(time.time()))
    return lambda later: monkeypatch.setattr(time, "time", lambda: begin + later)


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
    assert json.loads((tmp_path / "state.json").read_bytes())["version"] == 1
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state.json").chmod(0o602)
    assert account_state.last_failure(str(tmp_path)) is None  # others may have written it


@pytest.mark.parametrize(
    ("error", "asked_for", "seconds"),
    [
        (errors.Temporary("No network"), 5.0, 5),
        (errors.Temporary("Busy"), 99_999.0, 3600),
        (errors.SignInNeeded("No", code="AADSTS50173"), None, 900),
        (errors.Misconfigured("The provider's", code="AADSTS7000222"), None, 900),
        (errors.Misconfigured("This machine's"), None, 0),
    ],
)
def test_each_failure_has_its_time(
    tmp_path: Path, error: errors.M365Error, asked_for: float | None, seconds: int, stop_clock: Callable[[float], None]
) -> None:
    """No connection counts for 5 s, a busy provider for an hour at most, a refusal for 15 min, our own trouble not."""
    if asked_for and isinstance(error, errors.Temporary):
        error.retry_after = asked_for
    stop_clock(0)
    account_state.remember(str(tmp_path), error, "x")

    counts = []
    for later in (-86_400, 0, seconds - 1, seconds, 3601):  # the first: the clock was wrong when it was met
        stop_clock(later)
        counts.append(account_state.last_failure(str(tmp_path), "x") is not None)

    assert counts == [False, seconds > 0, seconds > 0, False, False]


def test_success_ends_it(tmp_path: Path) -> None:
    """After a success there is no failure, and the last 20 events are told."""
    for _ in range(11):
        account_state.remember(str(tmp_path), refusal(), "x")
        account_state.succeeded(str(tmp_path), "refresh")

    result = account_state.events(str(tmp_path))
    assert account_state.last_failure(str(tmp_path)) is None
    assert len(result) == 20
    assert [event["what"] for event in result[-2:]] == ["failed", "refresh"]
    assert result[-2]["code"] == "AADSTS50173"


def test_what_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A folder that is gone costs the memory only."""
    gone = str(tmp_path / "gone")
    account_state.remember(gone, refusal(), "x")
    account_state.succeeded(gone, "refresh")

    assert account_state.events(gone) == []
    assert not account_state.note_notified(gone, "login", "")
    assert account_state.note_notified(str(tmp_path), "login", "")


@pytest.mark.once
@mock.patch.object(os, "fsync", new=str)
@settings(max_examples=30)
@example(b"")
@example(b"\xff\xfe")
@example(b"[" * 100_000)
@example([])
@example(b'{"failure": {"until": 1e999}}')
@given(
    st.fixed_dictionaries(
        {}, optional={"failure": JSON | st.dictionaries(st.sampled_from(_FIELDS), JSON), **dict.fromkeys(_LISTS, JSON)}
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


def test_claims_that_cannot_be_sent_are_not_kept(tmp_path: Path) -> None:
    """Only a JSON object of a sane size is passed on."""
    for claims in ("no JSON", "[]", '"text"', "[" * 9000, '{"x": "' + "y" * 9000 + '"}', "{\u202e}", ""):
        account_state.remember(str(tmp_path), refusal(claims=claims), "x")
        assert account_state.demand(str(tmp_path)) == account_state.Demand(), claims[:9]
        assert claims == "" or claims not in (tmp_path / "state.json").read_text(encoding="utf-8")


def test_consent_is_asked_for_once(tmp_path: Path) -> None:
    """If the sign-in that asked for consent was refused, the next one does not ask; a demand to sign in anew stays."""
    folder = str(tmp_path)
    account_state.refused_login(folder, refusal())
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


def test_how_long_nothing_succeeded(tmp_path: Path, stop_clock: Callable[[float], None]) -> None:
    """It is counted from the last success; one in this clock's future counts as now, an impossible one as none."""
    stop_clock(0)
    now, last = time.time(), 253_402_300_799
    for worked_at, seconds in (
        *((now - 3600, 3600.0), (now + 3600, 0.0), (0.5, now - 0.5), (last, 0.0)),
        *((0, None), (-0.5, None), (last + 1, None), ("1", None)),
    ):
        (tmp_path / "state.json").write_text(json.dumps({"worked_at": worked_at}))
        assert account_state.unused_seconds(str(tmp_path)) == seconds, worked_at

    assert (account_state.LONGEST_UNUSED, account_state.UNUSED_SOON) == (90, 14)  # Microsoft's; what status shows


def test_the_first_failure_counts_until_a_success(tmp_path: Path, stop_clock: Callable[[float], None]) -> None:
    """It is noted once, and the file is not written again for it."""
    firsts, files = [], []
    for later in (0, 100, 200):
        stop_clock(later)
        firsts.append(account_state.first_failure(str(tmp_path)) - time.time())
        files.append((tmp_path / "state.json").stat().st_ino)
    account_state.succeeded(str(tmp_path), "refresh")

    assert firsts == [0, -100, -200]
    assert len(set(files)) == 1
    assert account_state.first_failure(str(tmp_path)) == time.time()


@pytest.mark.parametrize(
    ("steps", "may_pass"),
    [
        ({0: "refused", 86_399: "refused"}, True),
        ({0: "refused", 86_400: "refused"}, False),
        ({0: "refused", 50_000: "temporary", 86_400: "refused"}, False),
        ({0: "temporary", 90_000: "refused"}, True),
        ({0: "refused", 50_000: "success", 90_000: "refused"}, True),
    ],
)
def test_what_depends_on_the_place_may_pass_for_a_day(
    tmp_path: Path, stop_clock: Callable[[float], None], steps: dict[int, str], may_pass: bool
) -> None:
    """A day counts from the first refusal in a row: a temporary failure neither begins nor ends it, a success does."""
    folder = str(tmp_path)
    error = refusal(place=True)
    for later, step in steps.items():
        stop_clock(later)
        if step == "success":
            account_state.succeeded(folder, "refresh")
        else:
            account_state.remember(folder, error if step == "refused" else errors.Temporary("No network"), "x")

    assert account_state.may_pass(folder, error) == may_pass
    assert not account_state.may_pass(folder, refusal())

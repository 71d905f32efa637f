"""What is remembered of failures and events, and that it never gets in the way."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offlineimap_m365 import errors, history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Anything that JSON can hold.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
_FIELDS = ["exit_code", "fact", "account", "meaning", "remedy", "code", "correlation_id", "time", "until"]


def refusal() -> errors.SignInNeeded:
    """Return a refusal with everything that one may have."""
    return errors.SignInNeeded(
        "Microsoft refused",
        account="alice@example.org",
        meaning="The password changed",
        remedy="Run: login",
        code="AADSTS50173",
        correlation_id="0000",
        time="2026-01-01T00:00:00Z",
    )


def test_a_failure_comes_back_as_it_was(tmp_path: Path) -> None:
    """What is remembered has the class and every part of the failure."""
    history.remember(str(tmp_path), refusal(), "a refresh token")

    found = history.last_failure(str(tmp_path), "a refresh token")

    assert type(found) is errors.SignInNeeded
    assert found.lines() == refusal().lines()
    assert found.account == "alice@example.org"


def test_it_counts_for_the_same_refresh_token_only(tmp_path: Path) -> None:
    """Another refresh token is tried at once; who asks without one still learns what happened last."""
    history.remember(str(tmp_path), refusal(), "a refresh token")

    assert history.last_failure(str(tmp_path), "another") is None
    assert history.last_failure(str(tmp_path)) is not None


def test_no_secret_is_kept(tmp_path: Path) -> None:
    """Of a refresh token only its SHA-256 lies in the file."""
    history.remember(str(tmp_path), refusal(), "a refresh token")

    assert "a refresh token" not in (tmp_path / "state.json").read_text()
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("make", "seconds"),
    [(lambda: errors.Temporary("No network"), 5), (lambda: errors.SignInNeeded("No", code="AADSTS50173"), 900)],
)
def test_each_failure_has_its_time(
    tmp_path: Path, make: Callable[[], errors.M365Error], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection counts for 5 s, a refusal for 15 min."""
    plain = time.time
    history.remember(str(tmp_path), make(), "x")

    found = []
    for later in (seconds - 1, seconds + 1):
        monkeypatch.setattr(time, "time", lambda later=later: plain() + later)
        found.append(history.last_failure(str(tmp_path), "x") is not None)

    assert found == [True, False]


def test_a_clock_that_was_wrong_blocks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of a clock's far future does not count once the clock is right."""
    plain = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: plain() + 86_400)
        history.remember(str(tmp_path), refusal(), "x")

    assert history.last_failure(str(tmp_path), "x") is None


def test_success_ends_it(tmp_path: Path) -> None:
    """After a success there is no failure, and the last 20 events are told."""
    for _ in range(15):
        history.remember(str(tmp_path), refusal(), "x")
        history.succeeded(str(tmp_path), "refresh")

    found = history.events(str(tmp_path))
    assert history.last_failure(str(tmp_path)) is None
    assert len(found) == 20
    assert [event["what"] for event in found[-2:]] == ["failed", "refresh"]
    assert found[-2]["code"] == "AADSTS50173"


def test_what_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A folder that is gone costs the memory only."""
    history.remember(str(tmp_path / "gone"), refusal(), "x")
    history.succeeded(str(tmp_path / "gone"), "refresh")

    assert history.events(str(tmp_path / "gone")) == []


def test_half_a_character_is_no_error(tmp_path: Path) -> None:
    """Text from the network that is no Unicode at all is remembered like any other."""
    history.remember(str(tmp_path), errors.SignInNeeded("x\ud800", account="\ud800", code="y\udfff"), "x")

    found = history.last_failure(str(tmp_path))

    assert found is not None
    assert found.fact == "x\ufffd"


@settings(database=None, deadline=None, max_examples=60)
@given(JSON | st.fixed_dictionaries({"failure": st.fixed_dictionaries(dict.fromkeys(_FIELDS, JSON)), "events": JSON}))
def test_whatever_is_in_the_file(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    """A file to which anything happened gives an error of ours or nothing, and can be written again."""
    folder = tmp_path_factory.getbasetemp() / "fuzz-history"
    folder.mkdir(exist_ok=True)
    if isinstance(content, dict) and isinstance(content.get("failure"), dict):
        content["failure"]["refresh_token"] = history.fingerprint("x")
    (folder / "state.json").write_text(json.dumps(content))

    found = [history.last_failure(str(folder)), history.last_failure(str(folder), "x")]
    history.succeeded(str(folder), "refresh")

    assert all(error is None or isinstance(error, errors.M365Error) for error in found)
    assert history.events(str(folder))[-1]["what"] == "refresh"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b'{"failure": {"until": 1e999}}'])
def test_nonsense_in_the_file(tmp_path: Path, content: bytes) -> None:
    """What is no JSON, or too deep, counts as nothing."""
    (tmp_path / "state.json").write_bytes(content)

    assert history.last_failure(str(tmp_path), "x") is None

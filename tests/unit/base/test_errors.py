"""Errors as people, OfflineIMAP and logs see them."""

from __future__ import annotations

import errno
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy


def created() -> errors.SignInNeeded:
    """Return an error with every part."""
    return errors.SignInNeeded(
        "Microsoft refused to sign in alice@example.org",
        account="alice@example.org",
        meaning="The password changed",
        remedy=Remedy("", "offlineimap-m365 login alice@example.org"),
        code="AADSTS50173",
        correlation_id="0-0",
        time="2026-01-01T00:00:00Z",
    )


def test_one_line_for_offlineimap() -> None:
    """The text of the exception is one line: fact, code, meaning, remedy."""
    assert str(created()) == (
        "Microsoft refused to sign in alice@example.org (AADSTS50173). The password changed."
        " Run: offlineimap-m365 login alice@example.org"
    )


def test_a_few_lines_for_a_terminal() -> None:
    """The command shows fact, references, meaning and remedy on lines of their own."""
    assert created().lines() == [
        "Microsoft refused to sign in alice@example.org",
        "AADSTS50173, correlation id 0-0, 2026-01-01T00:00:00Z",
        "The password changed",
        "Run: offlineimap-m365 login alice@example.org",
    ]


@settings(database=None, deadline=None, max_examples=50)
@given(st.text(), st.text(), st.text())
def test_no_text_breaks_its_line(fact: str, meaning: str, code: str) -> None:
    """Whatever comes from the network, no part breaks a line, moves a cursor, turns text round or fails to encode."""
    error = errors.M365Error(fact, meaning=meaning, code=code)

    for line in [str(error), *error.lines()]:
        assert len(line.splitlines()) <= 1
        assert errors.printable(line) == line
        assert line.encode("utf-8") is not None
    assert len(error.lines()) <= 6


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.WrongUsage, 2),
        (errors.Temporary, 75),
        (errors.SignInNeeded, 77),
        (errors.Misconfigured, 78),
        (errors.M365Error, 70),
    ],
)
def test_exit_codes_and_back(kind: type[errors.M365Error], code: int) -> None:
    """Each class has its exit code, and is found again by it."""
    assert kind.exit_code == code
    assert errors.for_exit_code(code) is kind


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.Temporary),
        (errno.EDQUOT, errors.Temporary),
        (errno.EIO, errors.Temporary),
        (errno.EROFS, errors.Misconfigured),
        (errno.EACCES, errors.Misconfigured),
    ],
)
def test_which_failures_of_a_disk_pass(number: int, kind: type[errors.M365Error]) -> None:
    """A full or failing disk is 75, one that may not be written 78."""
    assert errors.for_oserror(OSError(number, "x")) is kind


def test_errors_travel_between_processes() -> None:
    """An error that is pickled comes back with all its parts."""
    result = pickle.loads(pickle.dumps(created()))

    assert type(result) is errors.SignInNeeded
    assert result.lines() == created().lines()


def test_a_replaced_error_keeps_what_is_not_named() -> None:
    """Other parts or another kind: the rest, and what the next sign-in must do, stay."""
    error = errors.Temporary(
        "Fact", account="a", meaning="m", remedy=Remedy("r"), code="AADSTS1", correlation_id="c", time="t"
    )
    error.claims, error.prompt, error.place, error.named, error.retry_after = (
        "{}",
        "login",
        True,
        frozenset({"smtp"}),
        7,
    )

    same, other = error.replaced(remedy=Remedy("s")), error.replaced(errors.SignInNeeded, fact="Another")

    assert isinstance(same, errors.Temporary)
    assert (same.remedy, same.lines()[:-1], same.retry_after) == (Remedy("s"), error.lines()[:-1], 7)
    assert (type(other), other.fact, other.code, other.remedy) == (
        errors.SignInNeeded,
        "Another",
        "AADSTS1",
        Remedy("r"),
    )
    assert (other.claims, other.prompt, other.place, other.named) == ("{}", "login", True, frozenset({"smtp"}))


def test_a_question_as_advice_gets_no_full_stop() -> None:
    """The command follows a question without a full stop between them."""
    assert Remedy("Did you mean cron?", "x --list").text == "Did you mean cron? Run: x --list"

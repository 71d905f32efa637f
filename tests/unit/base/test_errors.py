"""Errors as people, OfflineIMAP and logs see them."""

from __future__ import annotations

import errno

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


def test_one_line_for_offlineimap_and_a_few_for_a_terminal() -> None:
    """The text of the exception is one line; the command shows fact, references, meaning and remedy on their own."""
    assert str(created()) == (
        "Microsoft refused to sign in alice@example.org (AADSTS50173). The password changed."
        " Run: offlineimap-m365 login alice@example.org"
    )
    assert created().lines() == [
        "Microsoft refused to sign in alice@example.org",
        "AADSTS50173, correlation id 0-0, 2026-01-01T00:00:00Z",
        "The password changed",
        "Run: offlineimap-m365 login alice@example.org",
    ]


def test_what_a_terminal_would_obey_is_replaced() -> None:
    """Ends of lines become spaces; controls, changes of direction and half characters are replaced, all else is not."""
    assert errors.printable("\n\r\t\u2028\u2029") == " " * 5
    assert errors.printable("\0\x1b\x1f\x7f\x9f\u202e\u2066\ud800\udfff") == "\ufffd" * 9
    assert errors.printable(" ~\xa0\xe9\ud7ff\ue000\U0001f600") == " ~\xa0\xe9\ud7ff\ue000\U0001f600"


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


def test_exit_codes_and_back() -> None:
    """Each class has its exit code, and is found again by it."""
    kinds = (errors.WrongUsage, errors.Temporary, errors.SignInNeeded, errors.Misconfigured, errors.M365Error)

    assert [kind.exit_code for kind in kinds] == [2, 75, 77, 78, 70]
    assert tuple(errors.for_exit_code(kind.exit_code) for kind in kinds) == kinds
    assert errors.Temporary.retry_after == 5


def test_which_failures_of_a_disk_pass() -> None:
    """A full or failing disk is 75, one that may not be written 78."""
    for kind, numbers in (
        (errors.Temporary, (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EMFILE)),
        (errors.Misconfigured, (errno.EROFS, errno.EACCES, errno.EPERM)),
    ):
        assert {errors.for_oserror(OSError(number, "x")) for number in numbers} == {kind}


def test_a_replaced_error_keeps_what_is_not_named() -> None:
    """Other parts or another kind: the rest, and what the next sign-in must do, stay."""
    error = created()
    error.claims, error.prompt, error.place, error.named = "{}", "login", True, frozenset({"smtp"})

    same, other = error.replaced(remedy=Remedy("s")), error.replaced(errors.Temporary, fact="Another")

    assert type(same) is errors.SignInNeeded
    assert (same.remedy, same.lines()[:-1]) == (Remedy("s"), error.lines()[:-1])
    assert (type(other), other.fact, other.lines()[1:]) == (errors.Temporary, "Another", error.lines()[1:])
    for result in (same, other):
        assert (result.claims, result.prompt, result.place, result.named) == ("{}", "login", True, frozenset({"smtp"}))


def test_a_question_as_advice_gets_no_full_stop() -> None:
    """The command follows a question without a full stop between them."""
    assert Remedy("Did you mean cron?", "x --list").text == "Did you mean cron? Run: x --list"

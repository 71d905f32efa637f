"""What differs between builds of OfflineIMAP, with modules in their place; tests/whole runs the builds."""

from __future__ import annotations

import shutil
import sys
import types

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.plugin import evals, offlineimap_builds
from tests.signed_in_accounts import invent


class OfflineImapError(Exception):
    """As in offlineimap/error.py."""

    class ERROR:
        """The severities."""

        REPO = 20

    def __init__(self, reason: str, severity: int, errcode: object = None) -> None:
        """Store the parts."""
        super().__init__(reason)
        self.severity, self.errcode = severity, errcode


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> type:
    """Return the class of a build that evaluates once, in a process that is OfflineIMAP."""
    kind = type("IMAPRepository", (), {})
    for name, attributes in (
        ("repository.IMAP", {"IMAPRepository": kind}),
        ("error", {"OfflineImapError": OfflineImapError}),
    ):
        module = types.ModuleType(f"offlineimap.{name}")
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return kind


def test_a_build_is_known_by_its_feature(repository: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it evaluates once is seen in the class; outside OfflineIMAP nothing does."""
    once = offlineimap_builds.evaluates_once()
    repository.getoauth2_access_token_getter = None  # type: ignore[attr-defined]
    each_time = offlineimap_builds.evaluates_once()
    monkeypatch.delitem(sys.modules, "offlineimap.repository.IMAP")

    assert (once, each_time, offlineimap_builds.evaluates_once()) == (True, False, False)


@pytest.mark.usefixtures("repository")
def test_an_error_that_skips_one_account() -> None:
    """It is ours and OfflineIMAP's, with the severity of a repository, and has all parts of ours."""
    error = errors.Temporary("No network", account="a", remedy=errors.Remedy("Wait"))

    both = offlineimap_builds.for_repository(error)

    assert isinstance(both, OfflineImapError)
    assert isinstance(both, errors.Temporary)
    assert (both.severity, both.errcode) == (20, None)
    assert (str(both), both.lines(), both.account) == (str(error), error.lines(), "a")


@pytest.mark.parametrize(
    ("is_old", "function", "arguments", "is_both"),
    [
        (True, "get_access_token", [], True),
        (False, "get_access_token", [], False),
        (True, "get_access_token", ["soon"], True),
        (False, "get_access_token", ["soon"], False),
        (True, "get_client_id", [], True),
        (False, "get_refresh_token", [], True),
    ],
)
@pytest.mark.usefixtures("world")
def test_which_exception_each_function_raises(
    repository: type, is_old: bool, function: str, arguments: list[str], is_both: bool
) -> None:
    """The table of contract §2: plain only for the access token of builds that ask for it each time."""
    if not is_old:
        repository.getoauth2_access_token_getter = None  # type: ignore[attr-defined]

    with pytest.raises(errors.Misconfigured if arguments else errors.SignInNeeded) as caught:
        getattr(evals, function)("alice@example.org", *arguments)

    assert isinstance(caught.value, OfflineImapError) is is_both


@pytest.mark.usefixtures("world", "repository")
def test_a_token_that_cannot_be_renewed_raises_a_plain_error() -> None:
    """While a build that evaluates once connects, an error of severity REPO would not be shown (contract §2)."""
    account = invent()
    token = evals.get_access_token(account.name)
    shutil.rmtree(account.folder)

    with pytest.raises(errors.SignInNeeded) as caught:
        str(token)

    assert not isinstance(caught.value, OfflineImapError)


def test_a_token_that_stays_current() -> None:
    """Formatting it in any way gives a new one; strip() keeps that, and repr() shows none."""
    tokens = iter(["second", "third", "fourth", "fifth"])
    token = offlineimap_builds.current_token("first", lambda: next(tokens)).strip()

    assert [str(token), f"{token}", "%s" % token, format(token, ">6")] == ["second", "third", "fourth", " fifth"]  # noqa: UP031
    assert "first" not in repr(token)

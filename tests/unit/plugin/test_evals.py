"""Tests of plugin outside OfflineIMAP; what it does inside, tests/whole shows on each build."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import offlineimap_m365
from offlineimap_m365.base import errors

if TYPE_CHECKING:
    from tests.world import World


@pytest.mark.parametrize("function", ["get_access_token", "get_refresh_token", "get_client_id", "get_client_secret"])
def test_an_account_that_is_not_signed_in_is_named(world: World, function: str) -> None:
    """Each eval raises the plain class with the account, the directory searched and the command that helps."""
    with pytest.raises(errors.SignInNeeded) as caught:
        getattr(offlineimap_m365, function)("alice@example.org")

    assert type(caught.value) is errors.SignInNeeded
    assert caught.value.account == "alice@example.org"
    assert str(world.home) in str(caught.value)
    assert "Run: offlineimap-m365 login alice@example.org" in str(caught.value)
    assert caught.value.args == (str(caught.value),)


@pytest.mark.parametrize("wish", ["soon", [1800]])
def test_a_wish_that_is_no_number_is_misconfigured(world: World, wish: object) -> None:
    """A slip in an eval gets one of our errors, which costs this account only."""
    with pytest.raises(errors.Misconfigured, match="min_validity is not a number of seconds"):
        offlineimap_m365.get_access_token("alice@example.org", wish)  # type: ignore[arg-type]


@pytest.mark.parametrize("wish", [float("inf"), float("nan"), -5, 0, 1800.5])
def test_any_number_is_a_wish(world: World, wish: float) -> None:
    """A wish is never an error: what is missing here is the sign-in."""
    with pytest.raises(errors.SignInNeeded):
        offlineimap_m365.get_access_token("alice@example.org", wish)


def test_names_that_make_no_filter_are_misconfigured(world: World) -> None:
    """A call in an .offlineimaprc that cannot be used says which argument is wrong."""
    del world

    with pytest.raises(errors.Misconfigured, match="make_folderfilter: keep"):
        offlineimap_m365.make_folderfilter(keep=3)
    with pytest.raises(errors.Misconfigured, match="make_nametrans: "):
        offlineimap_m365.make_nametrans({"a": "c", "b": "c"})


def test_what_was_never_learnt_gives_the_plain_function(world: World) -> None:
    """With an account whose folders were never learnt, the filter is the plain one: never an error."""
    del world

    found = offlineimap_m365.make_folderfilter(account="alice@example.org", drop=["Archive"])

    assert [found("INBOX"), found("Calendar"), found("Archive")] == [True, False, False]


def test_star_import_gives_the_names_of_the_contract() -> None:
    """``from offlineimap_m365 import *`` in a user's own pythonfile brings all that evals need."""
    names = {
        "get_access_token", "get_refresh_token", "get_client_id", "get_client_secret", "folderfilter",
        "make_folderfilter", "nametrans_remote", "nametrans_local", "make_nametrans",
    }  # fmt: skip
    code = "from offlineimap_m365 import *; print(*dir())"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert names <= set(found.split())

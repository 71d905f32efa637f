"""``refresh``: every account is tried, and the gravest exit code counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.tokens import engine
from tests.in_process import run
from tests.signed_in_accounts import invent

if TYPE_CHECKING:
    from tests.world import World

FAILURES: dict[str, Exception | None] = {
    "fine": None,
    "waits": errors.Temporary("no network"),
    "person": errors.SignInNeeded("refused"),
    "wrong": errors.Misconfigured("no such client"),
    "bug": ZeroDivisionError("a secret"),
}


#: Which accounts are refreshed, and the exit code.
CODES = {"fine": 0, "fine waits": 75, "waits person fine": 77, "wrong person waits": 78, "bug wrong fine": 70, "": 70}


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_one_failure_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, quiet: list[str], subtests: pytest.Subtests
) -> None:
    """Each account is tried whatever happens to the others; --quiet prints nothing of what passes (75)."""
    tried: list[str] = []

    def access_token(name: str, _: engine.Wanted) -> None:
        tried.append(name)
        error = FAILURES[name]
        if error:
            raise error

    monkeypatch.setattr(engine, "access_token", access_token)
    for name in FAILURES:
        invent(name)
    for names, code in CODES.items():
        with subtests.test(names):
            tried.clear()
            done = run("refresh", *names.split(), *quiet)

            assert (done.code, done.out) == (code, "")
            assert sorted(tried) == sorted(names.split() or FAILURES)
            assert "a secret" not in done.err
            assert ("no network" in done.err) == ("waits" in tried and not quiet)
            assert ("refused" in done.err) == ("person" in tried)


def test_signed_out_accounts_are_left_alone(world: World) -> None:
    """Without names, an account that was logged out is not tried; a damaged one is, and is reported."""
    invent("out", signed_in_at=None)
    assert run("refresh").code == 77
    invent("damaged")
    (world.folder("damaged") / "profile.json").write_text("{")

    done = run("refresh")

    assert (done.code, "out is" in done.err) == (78, False)
    assert profiles.names() == ["damaged", "out"]

"""``refresh``: every account is tried, and the gravest exit code counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.cli.main import main
from offlineimap_m365.tokens import engine
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


@pytest.fixture
def tried(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let each account fail as its name says; return the names as they are tried."""
    assert world
    names: list[str] = []
    for name in FAILURES:
        invent(name)

    def access_token(name: str, wanted: engine.Wanted) -> None:
        assert wanted
        names.append(name)
        error = FAILURES[name]
        if error:
            raise error

    monkeypatch.setattr(engine, "access_token", access_token)
    return names


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["fine"], 0),
        (["fine", "waits"], 75),
        (["waits", "person", "fine"], 77),
        (["wrong", "person", "waits"], 78),
        (["bug", "wrong", "fine"], 70),
        ([], 70),
    ],
)
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_one_failure_does_not_stop_the_others(
    tried: list[str], capsys: pytest.CaptureFixture[str], names: list[str], code: int, quiet: list[str]
) -> None:
    """Each account is tried whatever happens to the others; --quiet prints nothing of what passes (75)."""
    assert main(["refresh", *names, *quiet]) == code

    output = capsys.readouterr()
    assert sorted(tried) == sorted(names or FAILURES)
    assert output.out == ""
    assert "a secret" not in output.err
    assert ("no network" in output.err) == ("waits" in tried and not quiet)
    assert ("refused" in output.err) == ("person" in tried)


def test_signed_out_accounts_are_left_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Without names, an account that was logged out is not tried; a damaged one is, and is reported."""
    invent("out", signed_in_at=None)
    assert main(["refresh"]) == 77
    invent("damaged")
    (world.folder("damaged") / "profile.json").write_text("{")

    assert main(["refresh"]) == 78
    assert "out is" not in capsys.readouterr().err
    assert profiles.names() == ["damaged", "out"]

"""The command to run again: accepted by the parser, with what was chosen, and without the user's secret commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.cli import arguments, main
from offlineimap_m365.signin import login_options
from offlineimap_m365.signin.login_options import command_line
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World

SECRET = "pass show entra/made-up-secret"
CHOSEN: dict[str, Any] = {
    "flow": "browser",
    "port": 8400,
    "client_id": "my client",
    "redirect_uri": "http://localhost",
    "tenant": "example.org",
    "cloud": "usgov",
    "scope": ["imap", "https://example.org/x"],
    "store": "gpg:me",
    "imap": "localhost:1",
    "smtp": "localhost:2",
    "identity": "x y@example.org",
    "client_secret_command": SECRET,
    "certificate": "/my own.pem",
    "certificate_passphrase_command": SECRET,
    "app_only": True,
}


@pytest.mark.parametrize(("command", "words"), [("login", []), ("import", ["my file"]), ("consent", [])])
def test_it_is_accepted_and_says_what_was_chosen(command: str, words: list[str]) -> None:
    """Every option that the command has is there; what it does not have, and a secret command's text, is not."""
    line = command_line(command, "o'neill@example.org", *words, chosen=CHOSEN)

    options = vars(arguments.parser().parse_args(shlex.split(line)[1:]))
    assert options["account"] == "o'neill@example.org"
    masked = {"client_secret_command": "CMD", "certificate_passphrase_command": "CMD"}
    for name in set(CHOSEN) - {"flow", "port", "app_only"}:
        assert options[name] == {**CHOSEN, **masked}[name]
    assert bool(options.get("app_only")) == (command == "login")
    assert SECRET not in line
    assert set(CHOSEN) <= set(login_options.CHOICES)


@pytest.mark.parametrize("words", [["consent", ALICE], ["logout", ALICE]])
def test_no_command_shows_the_users_secret_command(
    world: World, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """The letter to the administrator and what logout prints say that there is a secret, not how it is read."""
    assert world
    chosen = {"client_id": "mine", "tenant": "t", "client_secret_command": SECRET}
    invent(client_id="mine", credential={"client_secret_command": SECRET}, chosen=chosen)

    code = main.main(words)

    answer = capsys.readouterr()
    assert code == 0
    assert "secret" in answer.out + answer.err
    assert "made-up-secret" not in answer.out + answer.err

"""The command to run again: accepted by the parser, with what was chosen, and without the user's secret commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments
from offlineimap_m365.signin import login_options
from offlineimap_m365.signin.login_options import command_line
from tests.in_process import run
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World

SECRET = "pass show entra/made-up-secret"
CHOSEN: dict[str, Any] = {
    "flow": "browser", "port": 8400, "client_id": "my client", "redirect_uri": "http://localhost", "cloud": "usgov",
    "tenant": "example.org", "scope": ["imap", "https://example.org/x"], "store": "gpg:me", "imap": "localhost:1",
    "smtp": "localhost:2", "identity": "x y@example.org", "client_secret_command": SECRET, "app_only": True,
    "certificate": "/my own.pem", "certificate_passphrase_command": SECRET,
}  # fmt: skip


@pytest.mark.parametrize(("command", "words"), [("login", []), ("import", ["my file"]), ("consent", [])])
def test_it_is_accepted_and_says_what_was_chosen(command: str, words: list[str]) -> None:
    """Every option that the command has is there; what it does not have, and a secret command's text, is not."""
    line = command_line(command, "o'neill@example.org", *words, chosen=CHOSEN)

    options = vars(arguments.parser().parse_args(shlex.split(line)[1:]))
    assert options["account"] == "o'neill@example.org"
    masked = {"client_secret_command": "CMD", "certificate_passphrase_command": "CMD"}
    for name in set(CHOSEN) - {"flow", "port", "app_only"}:
        assert options[name] == {**CHOSEN, **masked}[name]
    assert bool(options.get("app_only")) == (command != "import")
    assert SECRET not in line
    assert set(CHOSEN) <= set(login_options.CHOICES)


@pytest.mark.parametrize("command", ["consent", "logout"])
def test_no_command_shows_the_users_secret_command(world: World, command: str) -> None:
    """The letter to the administrator and what logout prints say that there is a secret, not how it is read."""
    chosen = {"client_id": "mine", "tenant": "t", "client_secret_command": SECRET}
    invent(client_id="mine", credential={"client_secret_command": SECRET}, chosen=chosen)

    done = run(command, ALICE)

    assert done.code == 0
    assert "secret" in done.out + done.err
    assert "made-up-secret" not in done.out + done.err


LOGIN = f"offlineimap-m365 login {ALICE}"
OWN = {"client_id": "mine", "redirect_uri": "http://localhost/x", "client_secret_file": "/s"}
OTHER = {"authority": "https://id.example.org/t", "imap": "localhost:1", "smtp": "localhost:2"}
REPEATED: list[tuple[str, dict[str, Any], str]] = [
    (f"{LOGIN} --browser", OTHER, " --authority https://id.example.org/t --imap localhost:1 --smtp localhost:2"),
    (f"{LOGIN} --tenant TENANT", OTHER, ""),
    (f"{LOGIN} --client-id ID", {**OWN, "tenant": "t"}, " --tenant t"),
    (
        f"{LOGIN} --client-secret-file FILE",
        {"client_id": "mine", "tenant": "t", "app_only": True},
        " --app-only --client-id mine --tenant t",
    ),
    (f"{LOGIN} --scope imap", {"scope": ["imap", "smtp"], "store": "file"}, " --store file"),
    (f"{LOGIN} --defaults", {**OWN, **OTHER}, ""),
    (f"offlineimap-m365 consent {ALICE}", {"client_id": "mine", "flow": "paste"}, " --client-id mine"),
    (f"offlineimap-m365 doctor {ALICE}", OWN, ""),
]


@pytest.mark.parametrize(("command", "typed", "more"), REPEATED)
def test_a_remedys_command_repeats_what_was_typed(command: str, typed: dict[str, Any], more: str) -> None:
    """Of what was typed all is repeated that goes with the remedy's own options, and only for a sign-in."""
    assert login_options.repeat(command, typed) == command + more


@pytest.mark.parametrize(
    "names",
    [
        ["client_secret_file", "certificate"],
        ["client_secret_command", "certificate_passphrase_command"],
        ["certificate_passphrase_command"],
    ],
)
def test_a_client_has_one_credential(names: list[str]) -> None:
    """One secret, or one certificate and what opens it; anything else is wrong usage."""
    with pytest.raises(errors.WrongUsage):
        login_options.credential(dict.fromkeys(names, "x"))

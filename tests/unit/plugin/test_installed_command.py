"""How a foreign interpreter asks the installed command."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.plugin import installed_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World

ALICE = "alice@example.org"
REPAIR = errors.Remedy("Install it again", "pipx install --force it")


def _script(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "offlineimap-m365"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return [str(path)]


def test_the_answer_is_what_it_prints(tmp_path: Path) -> None:
    """A token comes back without the newline, and the arguments reach the command as they are."""
    asked = _script(tmp_path, 'printf "%s|" "$@"; echo')

    assert installed_command.ask(asked, ["token", "a b@example.org"], None, REPAIR) == "token|a b@example.org|"


@pytest.mark.parametrize(
    ("code", "kind", "account", "text"),
    [
        (75, errors.Temporary, ALICE, f"{ALICE} is away. Run: login"),
        (77, errors.SignInNeeded, None, f"{ALICE} is away. Run: login"),
        (78, errors.Misconfigured, "bob", f"bob: {ALICE} is away. Run: login"),
        (70, errors.M365Error, ALICE, f"{ALICE} is away. Run: login"),
    ],
)
def test_the_exit_code_becomes_the_exception(
    tmp_path: Path, code: int, kind: type[errors.M365Error], account: str | None, text: str
) -> None:
    """Its stderr is the message, on one line, after the account if it does not name it."""
    asked = _script(tmp_path, f"echo '{ALICE} is away.' >&2; echo '  Run: login' >&2; exit {code}")

    with pytest.raises(errors.M365Error) as caught:
        installed_command.ask(asked, [], account, REPAIR)

    assert type(caught.value) is kind
    assert (str(caught.value), caught.value.account, caught.value.exit_code) == (text, account, code)


def test_nothing_of_the_calling_interpreter_reaches_it(tmp_path: Path, world: World) -> None:
    """PYTHON*, VIRTUAL_ENV and standard input stay here; the user's own variables go along."""
    world.environ.update({"PYTHONPATH": "/trap", "PYTHONHOME": "/trap", "VIRTUAL_ENV": "/trap", "HTTPS_PROXY": "p"})
    world.enter()
    asked = _script(tmp_path, "env; cat")

    found = installed_command.ask(asked, [], None, REPAIR)

    assert "/trap" not in found
    assert "HTTPS_PROXY=p" in found


@pytest.mark.parametrize(
    ("first_line", "reason"),
    [
        (None, "No such file"),
        ("#!/nowhere/python", "No such file"),
        ("#!/usr/bin/yes", "cannot run"),
        ("#!/usr/bin/python3\nimport offlineimap_m365_that_was_removed", "ModuleNotFoundError"),
    ],
)
def test_a_command_that_cannot_run_is_named_with_its_repair(
    tmp_path: Path, first_line: str | None, reason: str
) -> None:
    """The file is missing, or its interpreter, or its libraries after an upgrade of Python: no traceback is shown."""
    script = tmp_path / "offlineimap-m365"
    if first_line is not None:
        script.write_text(f"{first_line}\n", encoding="utf-8")
        script.chmod(0o755)

    with pytest.raises(errors.Misconfigured) as caught:
        installed_command.ask([str(script)], [], ALICE, REPAIR)

    assert str(caught.value).startswith(f"{ALICE}: {script} cannot run (")
    assert reason in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert caught.value.remedy.command == REPAIR.command


def test_a_command_that_hangs_is_left_to_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killing it in the midst of a refresh could lose the new refresh token, so it goes on alone."""
    monkeypatch.setattr(installed_command, "PATIENCE", 0.1)
    pipe, done = tmp_path / "pipe", tmp_path / "done"
    os.mkfifo(pipe)

    with pytest.raises(errors.Temporary, match=r"^The account: .* did not answer"):
        installed_command.ask(_script(tmp_path, f"cat {pipe}; touch {done}"), [], None, REPAIR)

    pipe.write_text("more")
    end = time.monotonic() + 60
    while not done.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert done.exists()


def test_the_recorded_command_is_read_from_the_stub(tmp_path: Path, world: World) -> None:
    """A pythonfile loaded by its own path asks the command that the last login recorded, if that is still there."""
    asked = _script(tmp_path, "exit 0")
    world.home.mkdir()
    stub = world.home / "pythonfile.py"

    stub.write_text(f"STUB_COMMAND = {asked!r}\n", encoding="utf-8")
    assert installed_command.find() == asked

    stub.write_text("STUB_COMMAND = ['/nowhere/offlineimap-m365']\n", encoding="utf-8")
    assert installed_command.find() == ["offlineimap-m365"]

    for broken in ("oops(", "[]"):
        stub.write_text(f"STUB_COMMAND = {broken}\n", encoding="utf-8")
        assert installed_command.find() == ["offlineimap-m365"]

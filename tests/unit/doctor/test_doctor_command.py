"""The command ``doctor``: what goes where, and the exit code, whatever becomes of the answer."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365 import doctor
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.cli import main
from offlineimap_m365.doctor import offlineimaprc
from offlineimap_m365.doctor.check import Check, Step, Subject
from tests import unified_diff
from tests.signed_in_accounts import ALICE, invent
from tests.unit.terminal_output import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offlineimap_m365.doctor import Order
    from tests.unit.offlineimaprc_file import OfflineimaprcFile
    from tests.world import World

GOOD = Check("clock", ok=True, meaning="The clock is right", account=ALICE)
BAD = Check(
    "refresh",
    ok=False,
    meaning="It failed",
    remedy=Remedy("", "offlineimap-m365 login alice@example.org"),
    account=ALICE,
)
UNTOLD = Check("imap", ok=None, meaning="Not tried", account=ALICE)


def find(monkeypatch: pytest.MonkeyPatch, *checks: Check | BaseException) -> list[Order]:
    """Let the doctor find *checks*, or raise; return what it is asked."""
    asked: list[Order] = []

    def examine(order: Order) -> Iterator[Check]:
        asked.append(order)
        for check in checks:
            if isinstance(check, BaseException):
                raise check
            yield check

    monkeypatch.setattr(doctor, "examine", examine)
    return asked


@pytest.mark.parametrize(("checks", "code"), [([GOOD, UNTOLD], 0), ([GOOD, BAD], 1), ([BAD, GOOD], 1), ([], 0)])
@pytest.mark.parametrize("form", [(), ("--json",), ("--report",)])
def test_the_exit_code_tells_whether_something_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, checks: list[Check], code: int, form: tuple[str, ...]
) -> None:
    """1 for a failure in any form; what could not be told is none."""
    invent()
    find(monkeypatch, *checks)

    assert main.main(["doctor", *form]) == code


def test_json_has_the_fields_of_the_contract(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Schema 1; the fields that each check has, and others only where they say something."""
    find(monkeypatch, GOOD, BAD)

    main.main(["doctor", "--json"])

    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "schema": 1,
        "checks": [
            {"name": "clock", "account": ALICE, "ok": True, "meaning": "The clock is right", "remedy": ""},
            {
                "name": "refresh",
                "account": ALICE,
                "ok": False,
                "meaning": "It failed",
                "remedy": "Run: offlineimap-m365 login alice@example.org",
                "command": "offlineimap-m365 login alice@example.org",
                "where": "shell",
            },
        ],
    }
    assert said.err == ""


def test_the_answer_is_for_stdout(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checks and the last line; nothing on stderr if nobody has to be told of anything else."""
    invent()
    asked = find(monkeypatch, GOOD, BAD)

    code = main.main(["doctor", ALICE, "--mailbox", "info@example.org", "--offline", "-v"])

    said = capsys.readouterr()
    assert (code, said.err) == (1, "")
    assert said.out.splitlines()[-1] == "1 of 2 checks failed. First run: offlineimap-m365 login alice@example.org"
    assert "because of --offline" in said.out
    assert asked[0] == doctor.Order((ALICE,), "info@example.org", offline=True)


@pytest.mark.parametrize("mailbox", ["a\nreboot", "-rf", "a b@example.org", "a\x01auth=x"])
def test_a_mailbox_is_an_address(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mailbox: str
) -> None:
    """What could be no mailbox gets into no command that is shown."""
    invent()
    asked = find(monkeypatch, GOOD)

    code = main.main(["doctor", ALICE, f"--mailbox={mailbox}"])

    assert (code, asked) == (2, [])
    assert "Not the name of an account" in capsys.readouterr().err


def test_a_file_in_the_place_of_an_account_is_explained(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """``doctor FILE`` is wrong usage, and the command that was meant is named."""
    file = world.root / "offlineimaprc"
    file.touch()

    code = main.main(["doctor", str(file)])

    assert code == 2
    assert f"doctor --config {file}" in capsys.readouterr().err


def test_nobody_signed_in_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that is well without any account is not the end of the story."""
    find(monkeypatch, Check("python", ok=True, meaning="It is new enough"))

    code = main.main(["doctor"])

    assert code == 0
    assert "Nobody is signed in" in capsys.readouterr().err


def test_control_c_is_130(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What was found until then was told."""
    find(monkeypatch, GOOD, KeyboardInterrupt())

    code = main.main(["doctor"])

    said = capsys.readouterr()
    assert code == 130
    assert "clock" in said.out
    assert "Traceback" not in said.err


def test_an_answer_that_cannot_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk is 75, said once."""
    find(monkeypatch, *[GOOD] * 9, BAD)
    with contextlib.suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = main.main(["doctor"])
        monkeypatch.undo()

    assert code == 75
    assert capsys.readouterr().err.count("The answer cannot be written") == 1


def test_waiting_is_told_and_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check is told when it ends; the next one is announced if it takes long, until its line comes."""
    stdout, stderr = Screen(), Screen()
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    invent()

    def examine(_: Order) -> Iterator[Check]:
        yield GOOD
        end = time.monotonic() + 20
        while "Checking" not in stderr.text:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert "clock" in stdout.text
        yield UNTOLD

    monkeypatch.setattr(doctor, "examine", examine)
    main.main(["doctor"])

    assert stderr.text == f"\rChecking {ALICE}: at most 20 s for each step (Ctrl-C stops)\r\x1b[K"


@pytest.mark.parametrize("form", [(), ("--json",), ("--report",)])
def test_a_home_that_cannot_be_read_is_a_finding(
    world: World, capsys: pytest.CaptureFixture[str], form: tuple[str, ...]
) -> None:
    """Where nobody can be told from nobody at all the doctor still says why, in every form."""
    invent()
    (world.home / "accounts").chmod(0)

    code = main.main(["doctor", "--offline", *form])
    (world.home / "accounts").chmod(0o700)

    said = capsys.readouterr()
    assert code == 1
    assert "home" in said.out
    assert ("ls -ld" in said.out) is (form != ("--report",))
    assert "Nobody is signed in" not in said.out + said.err


def test_an_unexpected_error_is_a_failed_check_of_that_name() -> None:
    """A bug in one check never ends the doctor, and what depends on it is not tried."""

    def fail(_: Subject) -> Check:
        raise IndexError

    subject = Subject(ALICE, ALICE)
    steps = [Step("store", fail), Step("sign-in", lambda _: GOOD, ("store",)), Step("clock", lambda _: GOOD)]

    checks = [step.check(subject) for step in steps]

    assert [(check.name, check.ok) for check in checks] == [("store", False), ("sign-in", None), ("clock", True)]
    assert "IndexError" in checks[0].meaning
    assert checks[0].remedy.command == "offlineimap-m365 doctor --report"
    assert checks[1].since == "store"


def test_an_unexpected_error_in_a_configuration_is_a_failed_check(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The doctor ends with 1, whatever is in the file."""
    invent()

    def fail(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(offlineimaprc, "examine", fail)

    code = main.main(["doctor", "--offline", "--config", str(world.root / "offlineimaprc")])

    assert code == 1
    assert "RecursionError" in capsys.readouterr().out


def test_the_diff_alone_is_on_stdout(config: OfflineimaprcFile, capsys: pytest.CaptureFixture[str]) -> None:
    """With --diff nothing else is, so that patch can read it; the text and the JSON hide the secret in it."""
    config.change("auth_mechanisms = XOAUTH2", "auth_mechanisms = PLAIN\nremotepass = hunter2")
    before = config.text
    command = ["doctor", "--offline", "--config", str(config.path)]

    assert main.main([*command, "--diff"]) == 1
    diff = capsys.readouterr().out
    assert main.main(command) == main.main([*command, "--json"]) == 1
    shown = capsys.readouterr().out

    assert "hunter2" not in shown
    assert "-remotepass = <hidden>" in shown
    assert f"doctor --config {config.path} --offline --diff | patch {config.path}" in shown
    assert config.text == before
    unified_diff.apply(diff)
    assert main.main([*command, "--diff"]) == 0
    assert capsys.readouterr().out == ""

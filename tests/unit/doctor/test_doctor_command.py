"""The command ``doctor``: what goes where, and the exit code, whatever becomes of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from unittest import mock

from offlineimap_m365 import doctor
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.doctor.check import Check, Step, Subject
from offlineimap_m365.doctor.output import public_report
from tests import unified_diff
from tests.in_process import run
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from offlineimap_m365.doctor import Order
    from tests.unit.offlineimaprc_file import OfflineimaprcFile
    from tests.world import World

GOOD = Check("clock", ok=True, meaning="The clock is right", account=ALICE)
LOGIN = "offlineimap-m365 login alice@example.org"
BAD = Check("refresh", ok=False, meaning="It failed", remedy=Remedy("", LOGIN), account=ALICE)
UNTOLD = Check("imap", ok=None, meaning="Not tried", account=ALICE)


def find(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> list[Order]:
    """Let the doctor find *checks*; return what it is asked."""
    asked: list[Order] = []

    def examine(order: Order) -> Iterator[Check]:
        asked.append(order)
        yield from checks

    monkeypatch.setattr(doctor, "examine", examine)
    return asked


def test_the_exit_code_tells_whether_something_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 for a failure in any form; what could not be told is none."""
    invent()
    monkeypatch.setattr(public_report, "_program_versions", dict)  # which starts all programs
    for checks, code in (([GOOD, UNTOLD], 0), ([GOOD, BAD], 1), ([BAD, GOOD], 1), ([], 0)):
        find(monkeypatch, *checks)

        codes = [run("doctor", *form).code for form in ([], ["--json"], ["--report"])]

        assert codes == [code] * 3


def test_json_has_the_fields_of_the_contract(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schema 1; the fields that each check has, and others only where they say something."""
    find(monkeypatch, GOOD, BAD)

    said = run("doctor", "--json")

    usual = {"name": "clock", "account": ALICE, "ok": True, "meaning": "The clock is right", "remedy": ""}
    failed = {"name": "refresh", "account": ALICE, "ok": False, "meaning": "It failed", "remedy": f"Run: {LOGIN}"}
    failed |= {"command": LOGIN, "where": "shell"}
    assert json.loads(said.out) == {"schema": 1, "checks": [usual, failed]}
    assert said.err == ""


def test_the_answer_is_for_stdout(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks and the last line; nothing on stderr if nobody has to be told of anything else."""
    invent()
    asked = find(monkeypatch, GOOD, BAD)

    said = run("doctor", ALICE, "--mailbox", "info@example.org", "--offline", "-v")

    assert (said.code, said.err) == (1, "")
    assert said.out.splitlines()[-1] == f"1 of 2 checks failed. First run: {LOGIN}"
    assert "because of --offline" in said.out
    assert asked[0] == doctor.Order((ALICE,), "info@example.org", offline=True)


def test_what_is_no_address_is_wrong_usage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could be no mailbox gets into no command that is shown; for ``doctor FILE`` the one that was meant is."""
    invent()
    file = world.root / "offlineimaprc"
    file.touch()
    asked = find(monkeypatch, GOOD)
    mailboxes = ("a\nreboot", "-rf", "a b@example.org", "a\x01auth=x")

    for words in ([str(file)], *([ALICE, f"--mailbox={mailbox}"] for mailbox in mailboxes)):
        said = run("doctor", *words)

        assert said.code == 2
        assert ("Not the name of an account" if words[0] == ALICE else f"doctor --config {file}") in said.err
    assert asked == []


def test_a_home_that_cannot_be_read_is_a_finding(world: World) -> None:
    """Where nobody can be told from nobody at all the doctor still says why, in every form."""
    invent()
    for form in ("--offline", "--json", "--report"):
        (world.home / "accounts").chmod(0)
        said = run("doctor", "--offline", form)
        (world.home / "accounts").chmod(0o700)

        assert said.code == 1
        assert "home" in said.out
        assert ("ls -ld" in said.out) is (form != "--report")


def test_an_unexpected_error_is_a_failed_check_of_that_name() -> None:
    """A bug in one check never ends the doctor, and what depends on it is not tried."""
    subject = Subject(ALICE, ALICE)
    steps = [Step("store", mock.Mock(side_effect=IndexError)), Step("sign-in", lambda _: GOOD, ("store",))]
    steps.append(Step("clock", lambda _: GOOD))

    checks = [step.check(subject) for step in steps]

    assert [(check.name, check.ok) for check in checks] == [("store", False), ("sign-in", None), ("clock", True)]
    assert "IndexError" in checks[0].meaning
    assert checks[0].remedy.command == "offlineimap-m365 doctor --report"
    assert checks[1].since == "store"


def test_the_diff_alone_is_on_stdout(config: OfflineimaprcFile) -> None:
    """With --diff nothing else is, so that patch can read it; the text and the JSON hide the secret in it."""
    config.change("auth_mechanisms = XOAUTH2", "auth_mechanisms = PLAIN\nremotepass = hunter2")
    before = config.text
    command = ["doctor", "--offline", "--config", str(config.path)]

    diff = run(*command, "--diff")
    text, document = run(*command), run(*command, "--json")

    assert (diff.code, text.code, document.code) == (1, 1, 1)
    assert "hunter2" not in text.out + document.out
    assert "-remotepass = <hidden>" in text.out
    assert f"doctor --config {config.path} --offline --diff | patch {config.path}" in text.out
    assert config.text == before
    unified_diff.apply(diff.out)
    mended = run(*command, "--diff")
    assert (mended.code, mended.out) == (0, "")

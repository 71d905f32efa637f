"""Who is told what when an account needs them: once, of what counts, and at nobody's cost."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from offlineimap_m365.accounts import account_state
from offlineimap_m365.base import account_lock, errors
from offlineimap_m365.tokens import engine, notify
from tests.signed_in_accounts import ALICE, invent
from tests.world import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.accounts.profiles import Account
    from tests.world import World

DAY, PATIENCE = 86_400.0, notify.PATIENCE


@pytest.fixture
def alice(world: World, heard: list[str], monkeypatch: pytest.MonkeyPatch) -> Account:
    """Return Alice, who is signed in and has a command that writes a line for each run, on however busy a machine."""
    monkeypatch.setattr(notify, "PATIENCE", 30.0)
    log = world.root / "log"
    notify.choose(f'echo "$M365_ACCOUNT $M365_REASON $M365_DAYS" >>{log}')
    return invent()


def runs(world: World) -> list[str]:
    """Return what the command wrote."""
    log = world.root / "log"
    return log.read_text().splitlines() if log.exists() else []


def refused(
    code: str | None = "AADSTS50173", kind: type[errors.M365Error] = errors.SignInNeeded, **attributes: Any
) -> errors.M365Error:
    """Return a refusal of Alice's sign-in."""
    error = kind("It failed", account=ALICE, code=code, remedy=errors.Remedy("", "offlineimap-m365 doctor"))
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


REASONS = {
    "login": [refused("AADSTS50076"), refused(None), refused("AADSTS9999999")],
    "consent": [refused("AADSTS90094"), refused("AADSTS900941"), refused("consent_required")],
    "policy": [refused("AADSTS50105"), refused("AADSTS50097")],
    "client": [refused("AADSTS700016", errors.Misconfigured), refused(None, errors.Misconfigured, of_client=True)],
    "store": [refused(None, errors.Misconfigured)],
    None: [refused(None, kind) for kind in (errors.Temporary, errors.M365Error, errors.WrongUsage)],
}


def test_the_class_is_the_reason(world: World) -> None:
    """What Microsoft's code asks for decides; what may pass is no event."""
    for reason, refusals in REASONS.items():
        for error in refusals:
            assert notify.reason_of(error) == reason, error.code


@pytest.mark.parametrize("hours", [23, 25])
def test_what_depends_on_the_place_waits_a_day(
    world: World, alice: Account, set_clock: Callable[[float], None], hours: int
) -> None:
    """Off the campus is no event until it was refused for a day in a row."""
    error = refused("AADSTS53003", place=True)
    account_state.remember(alice.folder, error, "a refresh token")
    set_clock(hours * 3600)

    notify.failed(error)

    assert runs(world) == ([f"{ALICE} policy "] if hours > 24 else [])


@pytest.mark.parametrize(
    "row",
    [
        (2, 0, True, None),
        (3, 2, True, "connection "),
        (3, 2, False, "store "),
        (3, 3, True, None),
        (75, 74, True, "connection "),
        (75, 75, True, None),
        (76, 76, True, "expires-soon 14"),
        (200, 200, True, "expires-soon 0"),
    ],
)
def test_a_temporary_failure_of_days_is_said(
    world: World, alice: Account, heard: list[str], set_clock: Callable[[float], None], row: tuple[int, int, bool, str]
) -> None:
    """After three days without a success each is said, and the command runs once; the first must be a day old."""
    days, first, of_client, told = row
    account_state.succeeded(alice.folder, "refresh")
    set_clock(first * DAY + 30)
    account_state.first_failure(alice.folder)
    set_clock(days * DAY + 60)

    for _ in range(2):
        notify.failed(refused(None, errors.Temporary, of_client=of_client))

    assert runs(world) == ([f"{ALICE} {told}"] if told else [])
    assert len(heard) == (2 if told else 0)
    assert all(f"{days} days" in line and "offlineimap-m365 doctor" in line for line in heard)


def test_a_certificate_is_told_once_whatever_works_meanwhile(
    world: World, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty days before its end; a success changes nothing about it, another certificate is another event."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    notify.certificate_ends(alice)
    for ends in (31 * DAY, 30 * DAY, 30 * DAY, -1.0):
        account_state.note_certificate(alice.folder, now + ends)
        notify.certificate_ends(alice)
        account_state.succeeded(alice.folder, "refresh")

    assert runs(world) == [f"{ALICE} expires-soon 30", f"{ALICE} expires-soon 0"]


def test_who_signed_out_or_never_was_is_not_told(world: World, heard: list[str]) -> None:
    """Whoever signed out knows it, and an account that is not there, or no account, has nobody."""
    notify.choose(f"echo x >>{world.root / 'log'}")
    invent(signed_in_at=None)

    for name in (ALICE, "nobody@example.org", None):
        notify.failed(errors.SignInNeeded("x", account=name))

    assert runs(world) == []
    assert heard == []


@pytest.mark.parametrize("is_safe", [True, False])
def test_a_broken_profile_is_the_stores(world: World, alice: Account, heard: list[str], is_safe: bool) -> None:
    """
    Even an account of which nothing can be read is told, once, under the name that was asked for.

    But not in a home where others may write: they might have put the command there.
    """
    (world.folder(ALICE) / "profile.json").write_text("{")
    world.home.chmod(0o700 if is_safe else 0o777)
    for _ in range(2):
        with pytest.raises(errors.Misconfigured):
            engine.access_token(ALICE)

    assert runs(world) == ([f"{ALICE} store "] if is_safe else [])
    assert heard == []


def test_its_surroundings(world: World, alice: Account, monkeypatch: pytest.MonkeyPatch, heard: list[str]) -> None:
    """No standard input, a session of its own, its words on stderr with controls replaced, and the mark."""
    monkeypatch.setenv("VIRTUAL_ENV", "/x")
    notify.choose(
        'read -r line; echo "got:$line"; ps -o sid= -p $$ | tr -d " "; echo "mark:$M365_NOTIFYING$VIRTUAL_ENV";'
        ' printf "a\\033[31mb\\n" >&2'
    )

    notify.failed(refused())

    assert heard[0] == "got:"
    assert heard[1] != str(os.getsid(0))
    assert heard[2:] == ["mark:1", "a\ufffd[31mb"]


def test_what_cannot_be_had_at_once_costs_no_time(
    world: World, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody refreshes it is left to the next failure; a slow command goes on by itself."""
    monkeypatch.setattr(notify, "PATIENCE", 0.1)
    notify.choose(f"until [ -e {world.root}/go ]; do sleep 0.02; done; echo x >>{world.root}/log")
    held = mock.Mock(wraps=account_lock.held)
    with account_lock.held(alice.folder, ALICE), mock.patch.object(account_lock, "held", held):
        notify.failed(refused())
    assert held.call_args.args[2] <= 0.1 < PATIENCE == 1.0
    assert account_state.notified(alice.folder) == {}

    notify.failed(refused())

    assert runs(world) == []
    (world.root / "go").touch()
    wait_until(lambda: runs(world) == ["x"])


def test_the_command_is_kept_closed(world: World) -> None:
    """The file is 0600 and comes back as it was set; forgetting it twice is no error."""
    odd = "printf '%s\\n' \"$M365_ACCOUNT\" # \u00fc \udcff"
    notify.choose(odd)
    command, mode = notify.command(), notify.path().stat().st_mode & 0o777
    document = json.loads(notify.path().read_bytes())
    notify.forget()
    notify.forget()

    assert (command, mode, notify.command()) == (odd, 0o600, None)
    assert document == {"version": 1, "command": odd}
    assert world.home.stat().st_mode & 0o777 == 0o700


def test_each_reason_is_told_once_until_it_worked_again(
    world: World, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run per reason however often it fails, none from within the command; after a success it is told again."""
    for code in ("AADSTS50173", "AADSTS65001", "AADSTS53000", "AADSTS50173"):
        notify.failed(refused(code))
    account_state.succeeded(alice.folder, "refresh")
    for _ in range(3):
        notify.failed(refused())
    monkeypatch.setenv("M365_NOTIFYING", "1")
    notify.failed(refused("AADSTS65001"))
    account_state.note_certificate(alice.folder, time.time() + DAY)
    notify.certificate_ends(alice)

    assert runs(world) == [f"{ALICE} {reason} " for reason in ("login", "consent", "policy", "login")]


SPOILT = [
    b"", b"{", b"[]", b"[" * 100_000, b'{"version": 1}', b'{"version": 1, "command": 5}',
    b'{"version": 1, "command": " "}', b"\xff", "open to others", "open to all", "link", "pipe", "directory",
]  # fmt: skip


@pytest.mark.parametrize("kind", SPOILT)
def test_a_file_that_is_broken_or_not_safe_is_not_run(
    world: World, alice: Account, heard: list[str], kind: str | bytes
) -> None:
    """It names a command, so whoever may change it could run anything: one line, 78 for the command, never a wait."""
    path = notify.path()
    if isinstance(kind, bytes):
        path.write_bytes(kind)
    elif kind.startswith("open"):
        path.chmod(0o602 if kind == "open to others" else 0o666)
    else:
        path.rename(world.root / "elsewhere")
        if kind == "link":
            path.symlink_to(world.root / "elsewhere")
        else:
            (os.mkfifo if kind == "pipe" else os.mkdir)(path, 0o700)

    notify.failed(refused())

    assert runs(world) == []
    assert len(heard) == 1
    with pytest.raises(errors.Misconfigured, match=r"notify\.json"):
        notify.command()


@pytest.mark.parametrize("trouble", ["it fails", "a full disk", "nothing can be remembered"])
def test_no_trouble_of_the_command_is_an_error(
    world: World, alice: Account, heard: list[str], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """Its exit code is said once; on a full disk only its output is lost; what would run each time does not run."""
    if trouble == "it fails":
        notify.choose(f"echo x >>{world.root / 'log'}; exit 3")
    elif trouble == "a full disk":
        notify.choose(f"echo x >>{world.root / 'log'}; echo y")
        full = OSError(errno.ENOSPC, "No space left on device")
        monkeypatch.setattr(tempfile, "TemporaryFile", mock.Mock(side_effect=full))
    else:
        monkeypatch.setattr(account_state, "note_notified", lambda *_: False)

    for _ in range(2 if trouble == "it fails" else 1):
        notify.failed(refused())

    assert len(runs(world)) == (0 if trouble == "nothing can be remembered" else 1)
    assert len(heard) == (1 if trouble == "it fails" else 0)

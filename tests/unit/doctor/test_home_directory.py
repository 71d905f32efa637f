"""The checks of this machine: the home, the command of notify, the stub."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from offlineimap_m365 import doctor
from offlineimap_m365.base import atomic_file
from offlineimap_m365.base.version import __version__
from offlineimap_m365.cli import main
from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.plugin import stub
from offlineimap_m365.tokens import notify
from tests.doctor_checks import checks_of, command_of, follow, is_well, named, only, put_stub
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from collections.abc import Callable

    from offlineimap_m365.doctor import Check
    from tests.world import World


@pytest.fixture
def alice(world: World) -> World:
    """Return the world of somebody who signed in, with what a login writes."""
    invent()
    put_stub()
    return world


def examined() -> list[Check]:
    """Return the checks of the home and what lies in it."""
    steps = doctor.machine_steps((ALICE,), ())
    return [check for check in checks_of(steps, Subject("", "")) if check.name in ("home", "notify", "stub")]


def offline(*names: str) -> list[Check]:
    """Return all checks that ask nobody, and let no failure be told twice."""
    return list(doctor.examine(doctor.Order(names, offline=True)))


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file of the home."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def mode(path: str, bits: int) -> Callable[[World], object]:
    """Return what gives *path* in the home another mode."""
    return lambda world: (world.home / path).chmod(bits)


def linked(world: World) -> None:
    """Put the folder of all accounts elsewhere, and a link in its place."""
    (world.home / "accounts").rename(world.root / "elsewhere")
    (world.home / "accounts").symlink_to(world.root / "elsewhere")


def test_a_good_place_is_told_in_three_lines(alice: World) -> None:
    """Home, notify and stub, in this order, each with what is there; and where a cron job would look."""
    stub.write_stub()

    found = list(examined())

    assert [(check.name, check.ok) for check in found] == [
        ("home", True),
        ("notify", True),
        ("stub", True),
    ]
    told = f"cron and systemd look elsewhere unless they are told OFFLINEIMAP_M365_HOME={alice.home}"
    assert found[0].meaning == f"{alice.home} is yours alone and can be written; XDG_DATA_HOME names it, and {told}"
    assert "config notify" in found[1].meaning
    assert f"pythonfile = {alice.home}/pythonfile.py" in found[2].meaning
    assert list(alice.home.glob(".*")) == []


BROKEN: dict[str, tuple[str, Callable[[World], object]]] = {
    "others may write to the home": ("home", mode(".", 0o702)),
    "others may write to the folder of all accounts": ("home", mode("accounts", 0o702)),
    "others may write to a directory above": ("home", mode("..", 0o777)),
    "the home is shut to its owner": ("home", mode(".", 0o500)),
    "the home cannot be entered": ("home", mode(".", 0o600)),
    "the folder of all accounts is a link": ("home", linked),
    "the command of notify is broken": ("notify", lambda world: put(world.home / "notify.json", "{")),
    "others may write to the command of notify": (
        "notify",
        lambda world: put(world.home / "notify.json", '{"version": 1, "command": "true"}', 0o602),
    ),
    "the program of notify is gone": ("notify", lambda _: notify.choose("/opt/gone/notify-me --now")),
    "the program of notify is not on the path": (
        "notify",
        lambda _: notify.choose('no-such-program-here "$M365_ACCOUNT"'),
    ),
    "the stub is gone": ("stub", lambda world: (world.home / "pythonfile.py").unlink()),
    "the stub is of an older version": ("stub", lambda world: rewrite(world, __version__, "0.0.1")),
    "the stub names a command that is gone": ("stub", lambda _: put_stub("/opt/gone/offlineimap-m365")),
    "the stub names a command that fails": ("stub", lambda _: put_stub("/bin/false")),
    "the stub names no command": ("stub", lambda world: rewrite(world, "STUB_COMMAND", "COMMAND")),
    "others may write to the stub": ("stub", mode("pythonfile.py", 0o666)),
    "the stub is somebody's own file": ("stub", lambda world: put(world.home / "pythonfile.py", "mine = 1\n")),
}


def rewrite(world: World, old: str, new: str) -> None:
    """Replace *old* by *new* in the stub."""
    path = world.home / "pythonfile.py"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.once
@pytest.mark.parametrize("way", BROKEN)
def test_each_way_to_break_it_is_named_alone_and_healed_by_its_advice(alice: World, way: str) -> None:
    """One cause is one failed check, and the command of its remedy repairs it."""
    name, break_it = BROKEN[way]
    break_it(alice)

    check = only(offline(), name)
    follow(check)

    assert is_well(offline())


def test_a_home_that_others_could_read_is_closed_and_told(alice: World) -> None:
    """What was closed a moment ago is no failure any more, but somebody may have read it: one sentence says so."""
    (alice.home / "accounts" / ALICE / "profile.json").chmod(0o644)
    alice.home.chmod(0o755)

    check = named(offline(), "home")

    assert check.ok is True
    assert f"{alice.home} could be read by others and was closed" in check.meaning
    assert "profile.json could be read by others and was closed" in check.meaning


def test_a_home_that_cannot_be_closed_is_a_failure(alice: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without modes secrets stay open to others."""
    alice.home.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(os, "chmod", _fail(errno.EPERM))
        check = only(examined(), "home")

    follow(check)

    assert "cannot be closed" in check.meaning
    assert is_well(examined())


def _fail(number: int) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_home_that_takes_nothing(alice: World, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A full disk, a quota and a read-only file system are told apart, and are over when they are over."""
    with monkeypatch.context() as patch:
        patch.setattr(atomic_file, "prove_space", _fail(number))
        check = only(offline(), "home")

    assert os.strerror(number) in check.meaning
    assert command_of(check).startswith("df -h ")
    assert is_well(offline())


def test_a_home_behind_a_directory_that_cannot_be_read_is_not_empty(alice: World) -> None:
    """An AFS home without a ticket cannot be read now; that nobody is signed in is not said."""
    above = alice.home.parent
    above.chmod(0)
    try:
        found, by_name = offline(), offline(ALICE)
    finally:
        above.chmod(0o700)

    assert "cannot be read now" in only(found, "home").meaning
    assert only(by_name, "home")
    assert {check.since for check in by_name if check.ok is None} == {"home"}


def test_a_file_in_the_place_of_the_home(alice: World) -> None:
    """It is moved out of the way; then nobody is signed in."""
    alice.home.rename(alice.root / "kept")
    put(alice.home, "a file")

    follow(only(offline(), "home"))

    assert only(offline(), "sign-in")


@pytest.mark.parametrize("is_there", [False, True])
def test_where_nobody_is_signed_in_there_is_one_failure(world: World, *, is_there: bool) -> None:
    """The command to sign in, and the directory that was searched: in cron that is another one."""
    if is_there:
        world.home.mkdir(mode=0o700)

    check = only(offline(), "sign-in")

    assert f"Searched in {world.home}" in check.meaning
    assert "XDG_DATA_HOME" in check.meaning
    assert check.remedy.command == "offlineimap-m365 login you@example.org"
    assert world.home.exists() == is_there


def test_a_home_elsewhere_is_pointed_out(world: World) -> None:
    """Who signed in before XDG_DATA_HOME was set looks in the wrong place now."""
    usual = world.root / "home" / ".local" / "share" / "offlineimap-m365"
    (usual / "accounts").mkdir(parents=True)

    check = only(offline(), "sign-in")

    assert f"set OFFLINEIMAP_M365_HOME={usual}; else sign in" in check.remedy.advice


def test_the_path_of_the_stub_is_printed_and_somebodys_own_left_alone(
    alice: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """``config --pythonfile`` writes it for this installation, unless this program did not write what is there."""
    path = alice.home / "pythonfile.py"
    path.unlink()
    codes = [main.main(["config", "--pythonfile"])]
    written = path.read_text(encoding="utf-8")
    path.write_text("mine = 1\n", encoding="utf-8")
    codes.append(main.main(["config", "--pythonfile"]))

    said = capsys.readouterr()
    assert codes == [0, 0]
    assert said.out == f"{path}\n{path}\n"
    assert repr(stub.command()) in written
    assert path.read_text(encoding="utf-8") == "mine = 1\n"
    assert "left as it is" in said.err


@pytest.mark.parametrize(
    "chosen",
    [
        "true",
        "M365=1 printf x",
        "if true; then echo x; fi",
        "$HOME/bin/whatever",
        "~/bin/whatever",
        "cd / && echo x",
        "echo \udcff\ud800",
    ],
)
def test_a_command_that_the_shell_can_run_is_good(alice: World, chosen: str) -> None:
    """Programs, words of the shell, and what only the shell can tell; nothing is run for it."""
    notify.choose(f"{chosen} && touch ran")

    assert named(examined(), "notify").ok is True
    assert not Path("ran").exists()


def test_a_file_system_without_locks_is_named(alice: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without flock each process refreshes for itself, which is not a failure."""

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr(fcntl, "flock", fail)

    check = named(examined(), "home")

    assert check.ok is True
    assert "no locks (flock)" in check.meaning

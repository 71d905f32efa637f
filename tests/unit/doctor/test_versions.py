"""Which programs there are: this one and MSAL, and which Python runs which OfflineIMAP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.doctor.check import Step, Subject
from offlineimap_m365.doctor.local import interpreters, versions

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check
    from tests.world import World

#: What the feature test looks for, and what older builds have in its place.
ALWAYS, ONCE = "def getoauth2_access_token_getter(self): ...", "def getoauth2_access_token(self): ..."


def program(world: World, head: str, name: str = "offlineimap", body: str = "") -> Path:
    """Put a script with this *head* on the PATH, before all others; return it: a link to elsewhere, as Debian's is."""
    place, directory = world.root / "share" / name, world.root / "bin"
    directory.mkdir(exist_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    (place / "run").write_text(f"{head}\n{body}")
    (place / "run").chmod(0o755)
    (directory / name).symlink_to(place / "run")
    world.environ["PATH"] = f"{directory}:/usr/bin:/bin"
    world.enter()
    return directory / name


def package(place: Path, *, version: str = "8.0.3", feature: str = ALWAYS, file: str = "__init__.py") -> Path:
    """Put an OfflineIMAP, as much of it as is read, into the directory *place*; running it would fail."""
    (place / "offlineimap" / "repository").mkdir(parents=True)
    (place / "offlineimap" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (place / "offlineimap" / file).write_text(f'raise SystemExit\n__version__ = "{version}"\n')
    (place / "offlineimap" / "repository" / "IMAP.py").write_text(feature)
    return place


def look() -> Check:
    """Return the check of OfflineIMAP."""
    return Step(versions.OFFLINEIMAP, versions.examine_offlineimap).check(Subject("", ""))


def ours(world: World) -> tuple[str, str, str]:
    """Return what a fresh process of this Python says of our own versions: ok, meaning, remedy."""
    code = (
        "from offlineimap_m365 import doctor\n"
        "found = next(doctor.examine(doctor.Order()))\n"
        "print(found.ok, '; '.join([found.meaning, *found.details]), found.remedy.command, sep='\\n')\n"
        "print([check.name for check in doctor.examine(doctor.Order(offline=True))])\n"
    )
    done = world.execute([sys.executable, "-c", code])
    assert done.code == 0, done.err
    ok, meaning, remedy, names = done.out.splitlines()
    assert ("'certificates'" in names) is ("cannot be loaded" not in meaning)
    return ok, meaning, remedy


def test_our_own_versions(world: World) -> None:
    """This program, Python and what MSAL lives on are named with their versions."""
    ok, meaning, _ = ours(world)

    assert ok == "True"
    for name in ("offlineimap-m365 0.", f"Python {sys.version.split()[0]} ({sys.executable})", "msal 1.", "OpenSSL"):
        assert name in meaning


@pytest.mark.parametrize(
    "text", ["import nothing_of_this_name", "this is no Python", "raise RuntimeError('\\x1b[31m')"]
)
def test_an_msal_that_cannot_be_loaded(world: World, tmp_path: Path, text: str) -> None:
    """A broken MSAL is the one failure, with why; nothing that needs it is tried."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "msal.py").write_text(text)
    world.environ["PYTHONPATH"] = str(tmp_path / "broken")

    ok, meaning, remedy = ours(world)

    assert ok == "False"
    assert meaning.startswith("MSAL cannot be loaded (")
    assert "\x1b" not in meaning
    world.type(remedy)
    assert ours(world)[0] == "True"


def test_no_offlineimap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fetches mail with something else has no OfflineIMAP, which is no failure."""
    monkeypatch.setenv("PATH", str(world.root / "nothing"))
    monkeypatch.setattr(sys, "executable", str(world.root / "bin" / "python"))

    found = look()

    assert found.ok is True
    assert found.meaning == "There is no command offlineimap; other mail programs need none"


@pytest.mark.parametrize(
    ("feature", "file", "words"),
    [(ALWAYS, "__init__.py", "for each connection"), (ONCE, "version.py", "a token once, which renews itself")],
)
def test_a_distributions_offlineimap(world: World, feature: str, file: str, words: str) -> None:
    """Of a script beside its package: its version, the foreign Python that runs it, and how it comes by tokens."""
    script = program(world, "#!/usr/bin/python3")
    package(script.resolve().parent, feature=feature, file=file)

    found = look()

    assert found.ok is True, found
    assert f"OfflineIMAP 8.0.3 ({script}) runs under Python 3." in found.meaning
    assert "(/usr/bin/python3)" in found.meaning
    details = " ".join(found.details)
    assert "asks the installed command" in details
    assert words in details
    assert ("oauth2_refresh_token_eval" in details) is (feature == ALWAYS)


def test_an_offlineimap_in_this_python(world: World) -> None:
    """One that this Python runs shares it."""
    package(program(world, f"#!{sys.executable}").resolve().parent)

    assert "It shares this program's Python" in look().details


_PIP = "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''"


@pytest.mark.parametrize(
    "head",
    [
        "#! /usr/bin/env python3",
        "#!/usr/bin/env -S python3 -E",
        "#!/usr/bin/env -i PATH=/usr/bin python3",
        _PIP.format(python="/usr/bin/python3"),
        _PIP.format(python="/usr/bin/python3").replace('"/usr/bin/python3"', "/usr/bin/python3"),
    ],
)
def test_the_python_that_a_script_names(world: World, head: str) -> None:
    """The first line is followed through env, and in pip's way with long paths."""
    path = program(world, head)

    assert interpreters.find_interpreter(path) == Path("/usr/bin/python3")


@pytest.mark.parametrize(
    "head",
    [
        '#!/bin/sh\nexec "/usr/bin/offlineimap3" "$@"',
        "#!/usr/bin/sed -f 'a quote without an end",
        "#!/usr/bin/perl",
        "#!",
        "#!/usr/bin/env",
        "\x7fELF\x00",
        "",
    ],
)
def test_what_cannot_be_told(world: World, head: str) -> None:
    """A program that hides what runs it is no failure, and nothing of it is run."""
    path = program(world, head)

    found = look()

    assert found.ok is None
    assert found.meaning.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("body", "patience"), [("exec sleep 60", 0.2), ("echo hello", 5.0), ("exit 3", 5.0), ("echo '[1, 2]'", 5.0)]
)
def test_a_python_that_does_not_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, body: str, patience: float
) -> None:
    """A Python that hangs, fails or says something else is given up."""
    monkeypatch.setattr(interpreters, "_PATIENCE", patience)
    python = program(world, "#!/bin/sh", "python3.9", body)
    program(world, f"#!{python}")

    assert look().ok is None


def test_a_python_without_offlineimap(world: World) -> None:
    """A Python that runs it and does not have it, as after an upgrade: a failure, unless PYTHONPATH may help it."""
    python = program(world, "#!/bin/sh", "python3.9", """echo '["3.9.1", "/elsewhere", null]'""")
    program(world, f"#!{python}")

    found = look()
    world.environ["PYTHONPATH"] = "/somewhere"
    world.enter()

    assert found.ok is False
    assert "has no OfflineIMAP" in found.meaning
    assert look().ok is None


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("venv/bin", "python3 -m venv --clear {root}/venv && {root}/venv/bin/pip install 'offlineimap>=8.0.2'"),
        ("pipx/venvs/offlineimap/bin", "pipx reinstall-all"),
        ("bin", "pipx install --force 'offlineimap>=8.0.2'"),
    ],
)
def test_a_python_that_is_gone(world: World, place: str, command: str) -> None:
    """Python was upgraded under the environment of OfflineIMAP: how to make it anew, in the way that it was made."""
    directory = world.root / place
    directory.mkdir(parents=True)
    if place == "venv/bin":
        (directory.parent / "pyvenv.cfg").touch()
    (directory / "offlineimap").write_text(f"#!{directory}/python\n")
    (directory / "offlineimap").chmod(0o755)
    world.environ["PATH"] = f"{directory}:/usr/bin:/bin"
    world.enter()

    found = look()

    assert found.ok is False
    assert f"{directory}/python, which runs it, is not there" in found.meaning
    assert found.remedy.command == command.format(root=world.root)


def test_the_environment_of_the_other_python(world: World) -> None:
    """The other Python is asked without anything of ours: no PYTHON*, no code of the user's directory."""
    package(program(world, "#!/usr/bin/python3").resolve().parent)
    world.environ["PYTHONPATH"] = str(world.root / "evil")
    (world.root / "evil").mkdir()
    (world.root / "evil" / "json.py").write_text("raise SystemExit")
    (world.root / "share" / "offlineimap" / "site.py").write_text("raise SystemExit")
    world.enter()

    assert look().ok is True


# The other mail programs


def examine_programs(world: World, name: str, says: str) -> Check:
    """Return the check of the mail programs, of which the one called *name* is there and says this."""
    program(world, f"#!/bin/sh\necho '{says}'", name)
    world.environ["PATH"] = str(world.root / "bin")
    world.enter()
    return versions.examine_programs(Subject("", ""))


def test_versions_and_limits_are_told(world: World) -> None:
    """What the table says of a program that is installed, in the words of ``config``."""
    check = examine_programs(world, "msmtp", "msmtp version 1.8.23")

    assert check.ok is True
    assert check.meaning == "On the PATH are msmtp 1.8.23"
    assert "3,049 characters" in str(check.details)


@pytest.mark.parametrize(
    ("name", "says", "words"),
    [
        ("fetchmail", "This is fetchmail release 6.4.37", "fetchmail 6.4.37 (too old: 7 is needed)"),
        ("msmtp", "", "No mail program"),
        ("msmtp", "9" * 5000, ""),
    ],
)
def test_no_mail_program_is_a_failure(world: World, name: str, says: str, words: str) -> None:
    """One that is too old may be there for another mailbox; one without a version counts as not there."""
    check = examine_programs(world, name, says)

    assert check.ok is True
    assert words in check.meaning

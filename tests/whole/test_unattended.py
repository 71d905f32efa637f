"""What ``config`` prints for systemd, cron and notifications, as those programs run it."""

from __future__ import annotations

import configparser
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.signed_in_accounts import ALICE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import Outcome, World

#: Names and places with what shells, cron and systemd stumble over.
ODD = "o'neill$(id)%h\"x\\y@example.org"
#: What the samples say when they are tried and nobody is signed in.
TITLE, BODY = "Mail of you@example.org needs you", "Reason: login"
DISPLAY = "display notification (item 2 of argv) with title (item 1 of argv)"


def config(user: World, *words: str) -> str:
    """Return what ``config`` prints, which says that it changed nothing."""
    done = user.run("config", *words)
    assert done.code == 0, done.err
    assert "Nothing was changed" in done.err
    return done.out


def fake(user: World, name: str, code: int = 0, more: str = "") -> Path:
    """Put a program called *name* on the PATH that writes its arguments and its store's place, and says something."""
    path = user.root / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'#!/bin/sh\nexec 3>>"{user.root}/log"\nfor word; do printf "%s\\n" "$word" >&3; done\n'
        f'printf "%s\\n" "home:$OFFLINEIMAP_M365_HOME" >&3\necho "it says so" >&2\n{more}\nexit {code}\n'
    )
    path.chmod(0o700)
    user.environ["PATH"] = f"{path.parent}:/usr/bin:/bin"
    return path


def log(user: World) -> list[str]:
    """Return what fake programs wrote."""
    return (user.root / "log").read_text().splitlines()


def as_cron(user: World, table: str) -> Outcome:
    """Run the one line of a crontab as cron does: an empty environment, sh, per cent signs its own way (crontab(5))."""
    (line,) = [line for line in table.splitlines() if line and not line.startswith("#")]
    schedule = re.match(r"(\d+) (\d+) \* \* \* ", line)
    assert schedule
    command = re.split(r"(?<!\\)%", line[schedule.end() :])[0].replace("\\%", "%")
    return user.execute(["/bin/sh", "-c", command], environ={"HOME": user.environ["HOME"], "PATH": "/usr/bin:/bin"})


@pytest.mark.parametrize(("name", "code"), [(None, 0), (ALICE, 75), (ODD, 77)])
def test_cron_runs_the_line(user: World, name: str | None, code: int) -> None:
    """The exit code and the output are the command's; names and paths arrive as they are."""
    user.environ["OFFLINEIMAP_M365_HOME"] = str(user.root / "100% of 'it'")
    text = config(user, *([name] if name else []), "cron")

    ours = shlex.join(user.command)
    assert ours in text
    done = as_cron(user, text.replace(ours, str(fake(user, "ours", code))))

    assert (done.code, done.out, done.err) == (code, "", "it says so\n")
    words = ["refresh", *([name] if name else []), "--quiet"]
    assert log(user) == [*words, f"home:{user.environ['OFFLINEIMAP_M365_HOME']}"]


def test_cron_mails_what_needs_a_person(user: World) -> None:
    """The line as it is printed runs this program in cron's environment: nobody is signed in, and cron mails that."""
    done = as_cron(user, config(user, "cron"))

    assert done.code == 77
    assert str(user.home) in done.err


@pytest.mark.parametrize("name", [None, ODD])
def test_systemd_takes_the_units(user: World, name: str | None) -> None:
    """``systemd-analyze verify`` accepts them; 75 is a success; the timer runs daily, or as soon as it can."""
    user.environ["OFFLINEIMAP_M365_HOME"] = str(user.root / '100% of "it"')
    text = config(user, *([name] if name else []), "systemd")
    texts = dict(zip(("service", "timer"), text.split("# ~/.config/systemd/user/offlineimap-m365.timer"), strict=True))
    paths = [user.root / f"offlineimap-m365.{kind}" for kind in texts]
    units = [configparser.ConfigParser(interpolation=None) for _ in texts]
    for path, unit, part in zip(paths, units, texts.values(), strict=True):
        path.write_text(part)
        unit.read_string(part)

    done = user.execute(
        ["systemd-analyze", "--user", "verify", *map(str, paths)],
        environ=user.environ | {"SYSTEMD_LOG_LEVEL": "warning"},
    )

    # of this machine's own units it may have to say something, too
    assert [line for line in (done.out + done.err).splitlines() if "offlineimap-m365" in line] == []
    assert done.code == 0
    service, timer = units
    assert (service["Service"]["SuccessExitStatus"], service["Service"]["Type"]) == ("75", "oneshot")
    assert name or service["Service"]["ExecStart"].endswith('"refresh"')
    assert (timer["Timer"]["OnCalendar"], timer["Timer"]["Persistent"]) == ("daily", "true")
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.parametrize(
    ("number", "program", "expected"),
    [
        (0, "notify-send", ["--urgency=critical", TITLE, f"{BODY}. Run: offlineimap-m365 status"]),
        (1, "osascript", ["-e", "on run argv", "-e", DISPLAY, "-e", "end run", TITLE, BODY]),
        (2, "sendmail", ["-t"]),
    ],
)
def test_the_samples_can_be_set_and_tried(user: World, number: int, program: str, expected: list[str]) -> None:
    """Each is set by the line as printed and hands its words over whole; no account's name is run or an option."""
    path = fake(user, program, more=f'[ -t 0 ] || cat >>"{user.root}/log"')
    samples = [line for line in config(user, "notify").splitlines() if not line.startswith("#")]
    line = samples[number].replace("/usr/sbin/sendmail", str(path))

    done = user.execute(["/bin/sh", "-c", line])
    tried = user.run("notify", "--test")
    told = log(user)
    odd = user.execute(
        ["/bin/sh", "-c", user.run("notify").out],
        environ=user.environ | {"M365_ACCOUNT": ODD, "M365_REASON": "expires-soon", "M365_DAYS": "3"},
    )

    assert (done.code, tried.code, odd.code) == (0, 0, 0), done.err + tried.err
    assert told[: len(expected) + 1] == [*expected, "home:"]
    if program == "sendmail":
        assert told[2:] == [
            "To: you@elsewhere.example",
            f"Subject: {TITLE}",
            "",
            f"{BODY}. Run: offlineimap-m365 status",
        ]
    said = "\n".join(log(user)[len(told) :])
    assert f"Mail of {ODD} needs you" in said
    assert "Reason: expires-soon, 3 days left" in said

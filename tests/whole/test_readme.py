"""The README: whoever does what it says, in its order, has their mail; every command in it is run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.cli import arguments
from tests import options as options_table
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD
from tests.whole import chromium
from tests.whole.shop import README, ROOT, Shop, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

YOU = "you@example.org"
#: The client id of somebody's own in the README: Microsoft's documentation makes its up in this manner.
OWN = "11112222-bbbb-3333-cccc-4444dddd5555"
#: Headings whose commands install or remove: test_install.py runs them, each way on a machine of its own.
INSTALLING = ("Install", "Upgrade and remove")
#: Options in a sentence that are not login's.
OTHERS = {"--learn", "--help"}
_INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")


@pytest.fixture
def proxy(entra: Entra) -> Iterator[ConnectProxy]:
    """Lead Microsoft's sign-in to the look-alike, and refuse everybody else."""
    with ConnectProxy({"login.microsoftonline.com:443": ("127.0.0.1", entra.port)}) as made:
        yield made


@pytest.fixture
def you(world: World, entra: Entra, exchange: Exchange, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return a newcomer with a mailbox, a real browser, and the README."""
    monkeypatch.setenv("M365_TESTS_ENVIRONMENTS", _INVENTORY)
    made = Shop(world)
    made.offer()
    entra.add_person(YOU, PASSWORD)
    entra.add_client(OWN, ["http://localhost"])
    exchange.add_mailbox(YOU)
    exchange.fill(YOU, per_folder=2)
    script = chromium.person(world, entra, YOU, PASSWORD, "--proxy", proxy.url)
    world.environ |= {"HTTPS_PROXY": proxy.url, "BROWSER": str(script)}
    return made


def lead_to_the_test_bed(you: Shop, exchange: Exchange, ca_file: str) -> None:
    """Point the configuration files at the test bed's servers: the only thing in which it is not Microsoft."""
    lines = {
        ".offlineimaprc": {
            "remotehost = ": "localhost",
            "remoteport = ": str(exchange.imap_port),
            "sslcacertfile = ": ca_file,
        },
        ".msmtprc": {"host ": "localhost", "port ": str(exchange.smtp_port), "tls_trust_file ": ca_file},
    }
    for name, values in lines.items():
        path = you.home / name
        if not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        for key, value in values.items():
            text = re.sub(rf"(?m)^{key}.*$", f"{key}{value}", text)
        path.write_text(text, encoding="utf-8")


def test_a_newcomer_who_does_what_it_says_has_their_mail(you: Shop, entra: Entra, exchange: Exchange) -> None:
    """Every command that installs nothing, in the README's order, does what the README says it does."""
    you.do(next(line for line in commands("Install") if "pipx inject" in line))
    printed: dict[str, str] = {}
    for command in commands():
        if command in {line for heading in INSTALLING for line in commands(heading)}:
            continue
        lead_to_the_test_bed(you, exchange, str(entra.ca_file))
        done = you.run(command, stdin="Need admin approval\n" if command.endswith("explain -") else None)
        assert done.code == 0, f"{command}\n{done.out}{done.err}"
        printed[command] = done.out
    last = chromium.seen(Path(you.world.environ["BROWSER"]))

    assert last["title"] == "Signed in"
    here = {path.name for path in (you.home / "Mail/you").rglob("*") if (path / "cur").is_dir()}
    assert {"INBOX", "Sent Items"} <= here
    assert "Calendar" not in here
    assert printed["offlineimap-m365 refresh"] == ""
    assert YOU in printed["offlineimap-m365 status -v"]
    assert "AADSTS90094" in printed["offlineimap-m365 explain -"]
    assert (you.home / ".msmtprc").stat().st_mode & 0o777 == 0o600
    assert not (you.home / ".local/share/offlineimap-m365/accounts" / YOU / "cache.json").exists()


def test_the_five_lines_are_those_of_the_sample() -> None:
    """What goes into an existing .offlineimaprc stands in the complete one, too, and is five lines."""
    block = README.read_text(encoding="utf-8").partition("```ini\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if " = " in line]
    sample = (ROOT / "sample-offlineimaprc").read_text(encoding="utf-8").replace("<~", "~").replace(".py>", ".py")

    assert len(lines) == 5
    assert [line for line in lines if f"\n{line}\n" not in sample] == []


def typed() -> str:
    """Return the README without the table that is made of the parser."""
    before, _, rest = README.read_text(encoding="utf-8").partition(options_table.BEGIN)
    return before + rest.partition(options_table.END)[2]


def test_every_command_in_a_sentence_exists() -> None:
    """What the README names in passing is a command of ours with options that it has."""
    inline = re.findall(r"`(offlineimap-m365 [^`]+)`", typed())
    options = re.findall(r"`(?:offlineimap-m365 )?(--[a-z-]+[^`]*)`", typed())

    parsed = [arguments.parser().parse_args(shlex.split(line)[1:]) for line in inline]
    parsed += [
        arguments.parser().parse_args(["login", YOU, *shlex.split(line)]) for line in options if line not in OTHERS
    ]

    assert len(parsed) >= 3


def test_every_file_that_it_names_is_there() -> None:
    """Links lead to files of this repository or to Microsoft, and what is run from a clone can be run."""
    text = README.read_text(encoding="utf-8")
    linked = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not link.startswith("https://")]
    linked += re.findall(r'src(?:set)?="([^"]+)"', text)
    run = re.findall(r"^    (tests/\w+) ", text, re.MULTILINE)

    assert [name for name in linked if not (ROOT / name).exists()] == []
    assert run == ["tests/try", "tests/run"]
    assert all(os.access(ROOT / name, os.X_OK) for name in run)


def test_it_is_short() -> None:
    """A README is read before the decision to install: 250 lines at most."""
    lines = README.read_text(encoding="utf-8").splitlines()

    assert len(lines) < 250
    assert [line for line in typed().splitlines() if len(line) > 125] == []

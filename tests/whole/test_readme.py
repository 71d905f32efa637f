"""The README and the pages in docs: a newcomer who types what they say has their mail; every command in them is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.cli import arguments
from tests import recording
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD
from tests.whole import chromium
from tests.whole.installation import README, ROOT, Installation, commands, section, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

YOU = "you@example.org"
#: The client id of the reader's own in docs/administrators.md, made up as in Microsoft's documentation.
OWN = "11112222-bbbb-3333-cccc-4444dddd5555"
#: The pages in the order in which their commands are run: the last one signs out.
PAGES = [ROOT / "docs" / f"{name}.md" for name in (
    "administrators", "national-clouds", "troubleshooting", "moving", "costs", "contract", "options", "stores",
)]  # fmt: skip
DOCUMENTS = [README, *PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]


@pytest.fixture
def you(world: World, entra: Entra, exchange: Exchange) -> Iterator[Installation]:
    """Return a newcomer with a mailbox, a real browser, and a proxy that leads Microsoft's name to the look-alike."""
    installation = Installation(world)
    entra.add_person(YOU, PASSWORD)
    entra.add_client(OWN, ["http://localhost"])
    exchange.add_mailbox(YOU)
    exchange.fill(YOU, per_folder=2)
    with ConnectProxy({"login.microsoftonline.com:443": ("127.0.0.1", entra.port)}) as proxy:
        script = chromium.person(world, entra, YOU, PASSWORD, "--proxy", proxy.url)
        world.environ |= {"HTTPS_PROXY": proxy.url, "BROWSER": str(script)}
        yield installation


def lead_to_the_test_bed(you: Installation, exchange: Exchange, ca_file: str) -> None:
    """Point the configuration files at the test bed's servers: the only thing in which it is not Microsoft."""
    imap = {"remotehost = ": "localhost", "remoteport = ": exchange.imap_port, "sslcacertfile = ": ca_file}
    smtp = {"host ": "localhost", "port ": exchange.smtp_port, "tls_trust_file ": ca_file}
    for name, values in ((".offlineimaprc", imap), (".msmtprc", smtp)):
        path = you.home / name
        if path.exists():
            text = path.read_text(encoding="utf-8")
            for key, value in values.items():
                text = re.sub(rf"(?m)^{key}.*$", f"{key}{value}", text)
            path.write_text(text, encoding="utf-8")


#: What a command of the pages ends with in the newcomer's place: doctor and folders cannot reach Exchange itself here.
OTHER_CODES = {"doctor": 1, "folders": 75}


@pytest.mark.timeout(600)  # it installs twice, which takes minutes on a busy machine
def test_a_newcomer_who_does_what_it_says_has_their_mail(you: Installation, entra: Entra, exchange: Exchange) -> None:
    """Every command of the README, then of the pages, in their order, does what they say it does."""
    _, install = table(section("Install"))[1]
    _, upgrade, remove = table(section("Upgrade and remove", ROOT / "docs/moving.md"))[1]
    you.do(install, where=you.clone())
    assert you.on_path() == {"offlineimap", "offlineimap-m365"}
    you.do(upgrade, where=you.clone("8.8.9"))
    assert you.do("offlineimap-m365 --version") == "offlineimap-m365 8.8.9\n"
    printed: dict[str, str] = {}
    for command in [line for path in (README, *PAGES) for line in commands(path.read_text(encoding="utf-8"))]:
        lead_to_the_test_bed(you, exchange, str(entra.ca_file))
        done = you.run(command, stdin="Need admin approval\n" if command.endswith("explain -") else None)
        name = command.split()[1] if " " in command else command
        assert done.code == OTHER_CODES.get(name, 0), f"{command}\n{done.out}{done.err}"
        printed[command] = done.out
    last = chromium.seen(Path(you.world.environ["BROWSER"]))
    you.do(remove)

    assert you.on_path() == set()
    assert last["title"] == "Signed in"
    here = {path.name for path in (you.home / "Mail/you").rglob("*") if (path / "cur").is_dir()}
    assert {"INBOX", "Sent Items"} <= here
    assert "Calendar" not in here
    assert printed["offlineimap-m365 refresh"] == ""
    assert YOU in printed["offlineimap-m365 status -v"]
    assert "offlineimap-m365 consent" in printed["offlineimap-m365 explain -"]
    assert (you.home / ".msmtprc").stat().st_mode & 0o777 == 0o600
    assert not (you.home / ".local/share/offlineimap-m365/accounts" / YOU / "cache.json").exists()


def test_the_pictures_can_be_made_again() -> None:
    """They show the one command of the start, its questions and its end, and nothing of this machine."""
    shown = recording.record()
    setup, status = ("".join(ET.fromstring(recording.svg(*each)).itertext()) for each in shown.items())

    assert f"    offlineimap-m365 {next(iter(shown))}\n".replace("alice@", "you@") in section("Start")
    assert setup.count("(Enter:") == 3
    assert "The mail is here." in setup
    assert "alice@example.org" in status
    assert not re.search(r"localhost:\d|/tmp|/var|pytest", setup + status)


def test_the_five_lines_are_those_of_the_sample() -> None:
    """What is added to a configuration that exists is in the complete one, too, and is five lines."""
    block = README.read_text(encoding="utf-8").partition("```ini\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if " = " in line]
    sample = (ROOT / "sample-offlineimaprc").read_text(encoding="utf-8").replace("<~", "~").replace(".py>", ".py")

    assert len(lines) == 5
    assert [line for line in lines if f"\n{line}\n" not in sample] == []


def test_every_command_that_is_only_shown_exists(subtests: pytest.Subtests) -> None:
    """A command in a sentence, a table or a block that is not run is one of ours, with options that it has."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"^```shell\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        shown = [line for block in blocks for line in block.splitlines()]
        shown += re.findall(r"`(offlineimap-m365 [^`]+)`", text)
        shown += re.findall(r"^    (offlineimap-m365 .*)", text, re.MULTILINE)
        for command in shown:
            words = [word for word in shlex.split(command)[1:] if word != "COMMAND"]
            with subtests.test(path.name, command=command):
                if words[-1] in {"--help", "--version"}:
                    with pytest.raises(SystemExit, match="0"):
                        arguments.parser().parse_args(words)
                else:
                    arguments.parser().parse_args(words)


def test_every_link_leads_somewhere() -> None:
    """A link without a host leads to a file of this repository and, with an anchor, to a heading in it."""
    for path in DOCUMENTS:
        for link in re.findall(r"\]\(((?!https://)[^)]+)\)", path.read_text(encoding="utf-8")):
            name, _, anchor = link.partition("#")
            target = path.parent / name if name else path
            assert target.exists(), f"{path.name}: {link}"
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, f"{path.name}: {link}"


def test_it_is_short_and_what_is_run_from_a_clone_can_be_run() -> None:
    """It has 1,000 words at most, since it is read before the decision to install; tests/try and tests/run can run."""
    text = README.read_text(encoding="utf-8")
    named = re.findall(r"^    (tests/\w+) ", text, re.MULTILINE)

    assert len(text.split()) < 1000
    assert named == ["tests/try", "tests/run"]
    assert all(os.access(ROOT / name, os.X_OK) for name in named)


def test_the_clouds_are_those_of_the_table() -> None:
    """The page on national clouds has the hosts that the program uses."""
    rows = table((ROOT / "docs/national-clouds.md").read_text(encoding="utf-8"))
    clouds = json.loads((ROOT / "offlineimap_m365/knowledge/data/clouds.json").read_text(encoding="utf-8"))["clouds"]

    assert {name: (login, imap) for name, _, login, imap in rows} == {
        name: (cloud["login"], cloud["imap"].partition(":")[0]) for name, cloud in clouds.items()
    }


def test_the_map_of_the_code_is_true() -> None:
    """CONTRIBUTING lists each folder once, in the order in which they may import, and names files that are there."""
    text = section("The code", ROOT / "CONTRIBUTING.md")
    layers = re.findall(r'^  "(\w+)",$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    files = re.findall(r"`([\w/]+\.(?:py|json))`", text)
    code = ROOT / "offlineimap_m365"

    assert [row[0] for row in table(text)] == layers
    assert len(text.splitlines()) < 50
    assert [name for name in files if not list(code.rglob(name.rpartition("/")[2]))] == []

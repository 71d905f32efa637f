"""An offlineimaprc that breaks in practice: mended by the doctor's diff, after which each OfflineIMAP reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.doctor.local import versions
from offlineimap_m365.plugin import stub
from tests import unified_diff
from tests.signed_in_accounts import ALICE
from tests.unit import offlineimaprc_file as mending
from tests.unit.offlineimaprc_file import make_offlineimaprc
from tests.whole import builds
from tests.whole.advice_follower import AdviceFollower
from tests.whole.sync import plain

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.builds import Build
    from tests.world import Outcome, World

EVAL = 'oauth2_access_token_eval = get_access_token("%(remoteuser)s", 1800)'


def probe(world: World, build: Build, paths: list[Path]) -> list[dict[str, Any]]:
    """Return what the Python of *build* reads in the files *paths*."""
    offlineimap = Path(build.offlineimap[0])
    python = versions.find_interpreter(offlineimap)
    command = [str(python), str(Path(__file__).with_name("rc_probe.py")), str(offlineimap.resolve().parent)]
    done = world.execute(command, stdin=json.dumps(list(map(str, paths))), timeout=120.0)
    assert done.code == 0, done.err
    answers: list[dict[str, Any]] = json.loads(done.out)
    return answers


def test_each_build_reads_real_configurations_once_mended(world: World, build: Build) -> None:
    """It reads the file, loads the pythonfile, asks for the token and keeps the inbox; mbnames stays as it was."""
    names = [name for name, case in mending.EXPECTED.items() if not {"args", "people", "starts"} & set(case)]
    paths = []
    for name in names:
        desk = mending.place_case(world, name)
        stub.write_stub()
        unified_diff.apply(desk.diff())
        paths.append(desk.path)

    for each in builds.NAMES[1:]:
        answers = probe(world, builds.find(each), paths)

        for name, answer in zip(names, answers, strict=True):
            expected, where = mending.EXPECTED[name], (each, name)
            assert answer["error"] is None, where
            assert set(expected.get("token", {})) <= set(answer["tokens"]), where
            assert all(answer["tokens"][account] for account in expected.get("token", {})), where
            assert answer.get("mbnames") == expected.get("mbnames", answer.get("mbnames")), where
            assert all({"INBOX", "Inbox"} & set(folders) for folders in answer["folders"].values()), where


def test_each_build_reads_the_sample_once_mended(world: World, build: Build) -> None:
    """Whatever broke it: after one diff OfflineIMAP gets Alice's token and leaves calendars out."""
    desk = make_offlineimaprc(world)
    text = desk.text
    paths = []
    for number, name in enumerate(mending.WAYS):
        desk.write(text)
        old, new, _ = mending.broken(name)
        desk.change(old, new)
        unified_diff.apply(desk.diff())
        paths.append(world.root / f"way-{number}")
        paths[-1].write_text(desk.text, encoding="utf-8")

    for each in builds.NAMES:
        answers = probe(world, builds.find(each), paths)

        for name, answer in zip(mending.WAYS, answers, strict=True):
            assert answer["error"] is None, (each, name)
            assert answer["tokens"], (each, name)
            assert all(answer["tokens"].values()), (each, name)
            assert "Calendar" not in str(answer["folders"]), (each, name)


class Reader(AdviceFollower):
    """Alice with what ``config`` prints for OfflineIMAP, and a build of it on her PATH."""

    build: Build

    @property
    def rc(self) -> Path:
        """Her offlineimaprc."""
        return Path(self.world.environ["HOME"]) / ".offlineimaprc"

    @property
    def maildir(self) -> Path:
        """Where her mail is."""
        return Path(self.world.environ["HOME"]) / "Mail" / "alice"

    def change(self, old: str, new: str) -> None:
        """Put *new* in the place of *old* in the file."""
        text = self.rc.read_text(encoding="utf-8")
        assert old in text
        self.rc.write_text(text.replace(old, new, 1), encoding="utf-8")

    def sync(self) -> Outcome:
        """Run OfflineIMAP on the file as it is."""
        return self.world.execute([*self.build.offlineimap, "-c", str(self.rc), "-u", "basic", "-o"], timeout=90.0)


@pytest.fixture
def alice(build: Build, world: World, entra: Entra, exchange: Exchange) -> Reader:
    """Return Alice with mail and a build of OfflineIMAP."""
    world.environ["PATH"] = f"{Path(build.offlineimap[0]).parent}:/usr/bin:/bin"
    made = Reader.make(world, entra, exchange)
    made.build = build
    exchange.add_folders(ALICE, {"Archive/2019": ()})
    exchange.fill(ALICE, per_folder=1)
    done = made.say("config", ALICE)
    assert done.code == 0, done.err
    made.rc.write_text(done.out, encoding="utf-8")
    made.rc.chmod(0o600)
    return made


@pytest.mark.parametrize("build", ["8.0.3", "distribution"], indirect=True)
def test_who_follows_the_doctor_gets_mail(alice: Reader) -> None:
    """The doctor reads the file that OfflineIMAP reads, opens the mailbox and runs the lines; its command mends."""
    exchange = alice.exchange
    own = alice.rc.parent / "own.py"
    own.write_text("from offlineimap_m365 import *\n\n\ndef wanted(name):\n    return name not in ['Contacts']\n")
    text = alice.rc.read_text(encoding="utf-8")
    alice.rc.write_text(re.sub(r"^pythonfile = .*$", f"pythonfile = {own}", text, flags=re.MULTILINE), encoding="utf-8")
    alice.change(f"remoteport = {exchange.imap_port}", "remoteport = 143")
    alice.change(EVAL, f"oauth2_access_token_eval = offlineimap-m365 token {ALICE}")
    alice.change("folderfilter = folderfilter", "folderfilter = wanted")

    for options in ([], ["--config", str(alice.rc), "--run-config"]):
        failed = [check for check in alice.examine(*options) if check["ok"] is False]
        assert failed
        alice.follow(failed[0])

    assert alice.has_no_failure("--config", str(alice.rc), "--run-config")
    done = alice.sync()
    assert done.code == 0, done.out + done.err
    assert "\nfolderfilter = make_folderfilter(also=wanted)\n" in alice.rc.read_text(encoding="utf-8")
    here = [path for part in ("cur", "new") for path in (alice.maildir / "INBOX" / part).iterdir()]
    assert [plain(path.read_bytes()) for path in here] == [plain(m) for m in exchange.contents(ALICE)["INBOX"]]
    assert not (alice.maildir / "Calendar").exists()


@pytest.mark.parametrize("build", ["distribution"], indirect=True)
def test_a_sep_that_was_changed_brings_nothing_again(alice: Reader) -> None:
    """After the diff the Maildir is the same as before."""
    assert alice.sync().code == 0
    before = sorted(alice.maildir.rglob("*"))
    alice.change("sep = /", "sep = .")

    alice.follow(alice.only("config-sep"))

    assert alice.sync().code == 0
    assert sorted(alice.maildir.rglob("*")) == before

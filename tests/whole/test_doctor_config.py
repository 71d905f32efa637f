"""An offlineimaprc that breaks in practice: named by the doctor, healed by its advice, and then OfflineIMAP syncs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.imap_server import ImapServer
from tests.whole.patient import ALICE, Patient
from tests.whole.sync import plain

if TYPE_CHECKING:
    import trustme

    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.whole.builds import Build
    from tests.world import Outcome, World

SHARED = "team@example.org"
LOCAL, REMOTE = "[Repository alice-local]", "[Repository alice-remote]"
EVAL = 'oauth2_access_token_eval = get_access_token("%(remoteuser)s", 1800)'


class Reader(Patient):
    """Alice with what ``config`` prints for OfflineIMAP, and a build of it on her PATH."""

    build: Build

    @property
    def rc(self) -> Path:
        """Her offlineimaprc."""
        return Path(self.world.environ["HOME"]) / ".offlineimaprc"

    @property
    def maildir(self) -> Path:
        """Where her mail lies."""
        return Path(self.world.environ["HOME"]) / "Mail" / "alice"

    def configure(self) -> None:
        """Put what ``config`` prints where its words say, as they say."""
        done = self.world.run("config", ALICE)
        assert done.code == 0, done.err
        self.rc.write_text(done.out, encoding="utf-8")
        self.rc.chmod(0o600)

    def change(self, old: str, new: str) -> None:
        """Put *new* in the place of *old* in the file."""
        text = self.rc.read_text(encoding="utf-8")
        assert old in text
        self.rc.write_text(text.replace(old, new, 1), encoding="utf-8")

    def heal(self, name: str, *options: str) -> dict[str, Any]:
        """Have the doctor find *name* alone, and do what it advises."""
        check = self.only(name, "--config", str(self.rc), *options)
        self.follow(check)
        return check

    def sync(self) -> Outcome:
        """Run OfflineIMAP on the file as it is."""
        return self.world.execute([*self.build.offlineimap, "-c", str(self.rc), "-u", "basic", "-o"], timeout=90.0)

    def make_folder(self, name: str) -> None:
        """Make a folder in the Maildir."""
        for part in ("cur", "new", "tmp"):
            (self.maildir / name / part).mkdir(parents=True)

    def here(self, folder: str) -> list[bytes]:
        """Return the messages of a folder in the Maildir."""
        found = [path for part in ("cur", "new") for path in (self.maildir / folder / part).iterdir()]
        return sorted(plain(path.read_bytes()) for path in found)


@pytest.fixture
def alice(build: Build, world: World, entra: Entra, exchange: Exchange) -> Reader:
    """Return Alice with mail and a build of OfflineIMAP."""
    world.environ["PATH"] = f"{Path(build.offlineimap[0]).parent}:/usr/bin:/bin"
    made = cast("Reader", Reader.make(world, entra, exchange))
    made.build = build
    exchange.fill(ALICE, per_folder=1)
    made.configure()
    return made


def own_pythonfile(alice: Reader, text: str) -> None:
    """Let Alice have a pythonfile of her own."""
    own = alice.rc.parent / "own.py"
    own.write_text(text, encoding="utf-8")
    text = alice.rc.read_text(encoding="utf-8")
    alice.rc.write_text(re.sub(r"^pythonfile = .*$", f"pythonfile = {own}", text, flags=re.MULTILINE), encoding="utf-8")


@pytest.mark.parametrize("build", ["8.0.3", "distribution"], indirect=True)
def test_what_breaks_between_the_file_and_the_rest_is_healed(alice: Reader, ca: trustme.CA) -> None:
    """Each way is named alone, so that each advice before it healed; at the end OfflineIMAP syncs every mail."""
    entra, exchange = alice.entra, alice.exchange
    stub = alice.world.home / "pythonfile.py"
    exchange.furnish(SHARED, {"INBOX": []})
    alice.admin["Add-MailboxPermission"] = lambda words: exchange.grant(words[3], words[1])
    assert alice.is_healed("--config", str(alice.rc))

    if alice.build.is_foreign:  # the other has this package in its own environment
        own_pythonfile(alice, "from offlineimap_m365 import *\n")
        alice.heal("config-interpreter")
    own_pythonfile(alice, f"exec(open({str(stub)!r}).read())\nraise ValueError('never shown')\n")
    raised = alice.heal("config-run-pythonfile", "--run-config")
    with ImapServer(ca) as hostile:
        alice.change("remotehost = localhost", f"remotehost = 127.0.0.1\n#{hostile.address}")
        alice.change(f"remoteport = {exchange.imap_port}", f"remoteport = {hostile.address.rpartition(':')[2]}")
        alice.heal("config-host")
        alice.heal("config-port")
    alice.change(f"remoteuser = {ALICE}", f"remoteuser = {SHARED}")
    alice.change(EVAL, EVAL.replace("%(remoteuser)s", ALICE))
    shared = alice.heal("config-mailbox")
    alice.change(f"remoteuser = {SHARED}", f"remoteuser = {ALICE}")
    alice.change(EVAL.replace("%(remoteuser)s", ALICE), f"oauth2_access_token_eval = offlineimap-m365 token {ALICE}")
    alice.heal("config-eval-shell")
    alice.change("folderfilter = folderfilter", "folderfilter = lambda folder: folder not in ['Contacts', 'Tasks']")
    alice.heal("config-filter-keeps", "--run-config")
    asked = entra.count("oauth2/v2.0/token")

    assert alice.is_healed("--config", str(alice.rc), "--run-config")
    assert "ValueError in its line 2" in raised["meaning"]
    assert shared["mailbox"] == SHARED
    assert hostile.received == b""
    done = alice.sync()
    assert done.code == 0, done.out + done.err
    assert alice.here("INBOX") == sorted(plain(message) for message in exchange.contents(ALICE)["INBOX"])
    assert not (alice.maildir / "Calendar").exists()
    assert entra.count("oauth2/v2.0/token") <= asked + 1


@pytest.mark.parametrize("build", ["distribution"], indirect=True)
def test_what_breaks_a_maildir_that_is_there_is_healed(alice: Reader) -> None:
    """A sep that changed, a folder that the server lacks, a renaming that is no inverse: nothing comes again."""
    exchange = alice.exchange
    assert alice.sync().code == 0
    folders = set(exchange.contents(ALICE))
    before = sorted(path.relative_to(alice.maildir) for path in alice.maildir.rglob("new"))

    alice.change("sep = /", "sep = .")
    alice.heal("config-sep")
    alice.make_folder("Made here")
    alice.change(REMOTE, f"{REMOTE}\ncreatefolders = False")
    lacking = alice.heal("config-createfolders")
    alice.change(REMOTE, f"{REMOTE}\nnametrans = lambda f: {{'Projects': 'Archive'}}.get(f, f)")
    twins = alice.only("config-nametrans-twins", "--config", str(alice.rc))
    alice.follow(twins)
    assert alice.is_healed("--config", str(alice.rc))
    moved = next((alice.maildir / "INBOX" / "new").iterdir())
    content = plain(moved.read_bytes())
    moved.rename(alice.maildir / "Made here" / "new" / moved.name.partition(",")[0])
    done = alice.sync()

    assert done.code == 0, done.out + done.err
    assert "Made here" in lacking["meaning"]
    assert "this mailbox's" in twins["meaning"]
    assert set(exchange.contents(ALICE)) == folders | {"Made here"}
    assert [plain(message) for message in exchange.contents(ALICE)["Made here"]] == [content]
    after = sorted(path.relative_to(alice.maildir) for path in alice.maildir.rglob("new"))
    assert after == sorted([*before, Path("Made here/new")])

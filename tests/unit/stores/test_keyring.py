"""The store "keyring" without one: what its child does with a request, and what is said of each trouble."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import errors, process
from offlineimap_m365.stores import keyring, keyring_child
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.unit.fake_keyring import FakeKeyring as KeyringInMemory
    from tests.world import World

SERVICE, USER = keyring.SERVICE, f"{ALICE} (/home/alice)"
ACTIONS = ("try", "look", "write", "look", "read", "delete")


@dataclasses.dataclass
class FakeKeyring:
    """Items in memory; after so many changes as are *left* whoever changes them is killed."""

    items: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    left: int = 1000

    def get_password(self, service: str, user: str) -> str | None:
        """Return the secret of an item."""
        return self.items.get((service, user))

    def set_password(self, service: str, user: str, secret: str) -> None:
        """Replace an item."""
        self._change()
        self.items[service, user] = secret

    def delete_password(self, service: str, user: str) -> None:
        """Remove an item."""
        self._change()
        del self.items[service, user]

    def _change(self) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1


class Keychain(FakeKeyring):
    """Replaces an item as macOS's backend does: it is removed, and then added."""

    __module__ = "keyring.backends.macOS"

    def set_password(self, service: str, user: str, secret: str) -> None:
        """Remove the item, if it is there, and add it."""
        if (service, user) in self.items:
            self.delete_password(service, user)
        super().set_password(service, user, secret)


def item_of(fake_keyring: FakeKeyring) -> keyring_child.Item:
    """Return the item of alice in *fake_keyring*."""
    return keyring_child.Item(fake_keyring, SERVICE, USER)


@pytest.mark.parametrize("kind", [FakeKeyring, Keychain])
def test_a_kill_at_each_step_leaves_the_old_or_the_new_one(kind: type[FakeKeyring]) -> None:
    """A keyring that removes before it adds is no danger either: the next reader finds one of the two, whole."""
    for steps in range(8):
        fake_keyring = kind()
        item_of(fake_keyring).write("older")
        fake_keyring.left = steps

        with contextlib.suppress(KeyboardInterrupt):
            item_of(fake_keyring).write("newer")
        fake_keyring.left = 1000

        assert item_of(fake_keyring).read() in {"older", "newer"}
        item_of(fake_keyring).delete()
        assert fake_keyring.items == {}


@pytest.mark.parametrize("kind", [FakeKeyring, Keychain])
def test_each_action(monkeypatch: pytest.MonkeyPatch, kind: type[FakeKeyring]) -> None:
    """Only ``read`` gives something back; a keyring that gives back another thing at a trial is none to trust."""
    ring = kind()
    done = [(keyring_child.act(item_of(ring), action, "x"), len(ring.items)) for action in ACTIONS]

    assert done == [(None, 0), (None, 0), (None, 1), (None, 1), ("x", 1), (None, 0)]
    monkeypatch.setattr(FakeKeyring, "get_password", lambda self, *key: self.items.get(key) and "y")
    with pytest.raises(keyring_child.Trouble, match="spoiled"):
        keyring_child.act(item_of(ring), "try", "x")


#: A library that prints, and tells how large a core dump may be.
LIBRARY = """
import resource, sys
print("some words")
sys.stderr.write(str(resource.getrlimit(resource.RLIMIT_CORE)))
raise ImportError
"""
REQUEST = {"action": "write", "service": SERVICE, "user": USER, "secret": "s", "path": []}


def test_the_child_answers_with_one_object(world: World) -> None:
    """A library's words do not reach its standard output; a request cut short, of a writer killed, is not answered."""
    (world.root / "secretstorage.py").write_text(LIBRARY)
    request = json.dumps({**REQUEST, "path": [str(world.root)]})
    child = [sys.executable, "-I", "-S", keyring_child.__file__]

    whole, cut = (0, '{"trouble": "library", "what": ""}', "(0, 0)"), (1, "", "")
    for text, outcome in ((request, whole), (request[:-20], cut)):
        done = subprocess.run(child, input=text, capture_output=True, text=True, env=world.environ, check=False)
        assert (done.returncode, done.stdout, done.stderr) == outcome


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (RuntimeError("a-made-up-secret"), {"trouble": "failed", "what": "RuntimeError"}),
        (type("LockedException", (Exception,), {})("x"), {"trouble": "locked", "what": "LockedException"}),
        (keyring_child.Trouble("no bus"), {"trouble": "no bus", "what": ""}),
        (ModuleNotFoundError("x"), {"trouble": "library", "what": ""}),
    ],
)
def test_the_text_of_an_exception_stays_in_the_child(
    monkeypatch: pytest.MonkeyPatch, error: Exception, answer: dict[str, str]
) -> None:
    """What a service says could hold anything: only the exception's name gets out, or what it means."""

    def fail() -> None:
        raise error

    for platform, other, opener in (
        ("linux", "open_keychain", "SecretService"),
        ("darwin", "SecretService", "open_keychain"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(keyring_child, other, FakeKeyring)
        monkeypatch.setattr(keyring_child, opener, fail)
        assert keyring_child.answer_to(REQUEST) == answer


TROUBLES = {75: ("no bus", "locked", "failed", "spoiled"), 78: ("no service", "no collection", "library")}


def test_each_trouble_has_its_code() -> None:
    """What may pass is 75, what somebody must change is 78; each names the account, and something to do."""
    for code, kinds in TROUBLES.items():
        for kind in kinds:
            error = keyring.trouble(kind, "an.example.Backend", ALICE)
            command = error.remedy.command or ""
            assert (error.exit_code, error.account, error.fact[: len(ALICE)]) == (code, ALICE, ALICE), kind
            assert command.endswith("login alice@example.org --store file") or (kind == "library" and command), kind


def test_an_answer_that_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ends without an answer is a keyring that failed, not an empty one."""
    monkeypatch.setattr(keyring, "_CHILD", Path("/dev/null"))

    with pytest.raises(errors.Temporary, match=r"the keyring failed \(exit code 0\)"):
        keyring.ask("read", ALICE, USER)


def test_a_keyring_that_never_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child is killed in time; other accounts are told at once, for some seconds, without asking again."""
    child = world.root / "child.py"
    child.write_text("import time; time.sleep(600)")
    run, clock = mock.Mock(wraps=process.run), mock.Mock(monotonic=lambda: 0.0)
    for name, value in (("_CHILD", child), ("SECONDS", 0.2), ("_silent", {}), ("time", clock)):
        monkeypatch.setattr(keyring, name, value)
    monkeypatch.setattr(process, "run", run)
    asked = []
    for account, now in ((ALICE, 9.0), ("bob@example.org", 9.1), ("carol@example.org", 9.3)):
        clock.monotonic = lambda now=now: now
        with pytest.raises(errors.Temporary, match=f"{account}: the keyring did not answer"):
            keyring.ask("read", account, USER)
        asked.append(run.call_count)

    assert asked == [1, 1, 2]


def test_a_marker_without_a_word_still_leads_to_the_item(world: World, keys: KeyringInMemory) -> None:
    """The file that points to the keyring may be broken: the item is found, read and removed."""
    account = invent(store="keyring")
    marker, store = Path(account.folder) / keyring.MARKER, keyring.KeyringStore(account.folder, ALICE)
    for content in (b"\0", b"[]", b"{}", b'{"home": 5}', b'{"home": "elsewhere"}', b"[" * 100_000):
        store.write(b"\xff{}")
        assert json.loads(marker.read_bytes()) == {"service": SERVICE, "home": str(world.home)}
        marker.write_bytes(content)
        assert store.read() == b"\xff{}"
    store.delete()

    assert keys.items == {}
    assert not marker.exists()


def test_an_item_that_somebody_edited_is_damaged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold any character; that is a fault of the store and no bug."""
    account = invent(store="keyring")
    (Path(account.folder) / keyring.MARKER).touch(0o600)
    monkeypatch.setattr(keyring, "ask", lambda *_: "\u20ac")

    with pytest.raises(errors.Misconfigured, match="is damaged"):
        engine.access_token(ALICE)

"""The store "keyring" without one: what its child does with a request, and what is said of each trouble."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.stores import keyring, keyring_child
from offlineimap_m365.tokens import engine
from tests.signed_in_accounts import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World

SERVICE, USER = keyring.SERVICE, f"{ALICE} (/home/alice)"


class FakeKeyring:
    """Items in memory; *dies_after* so many changes whoever changes them is killed."""

    def __init__(self, dies_after: int = 1000) -> None:
        """Make an empty one."""
        self.items: dict[tuple[str, str], str] = {}
        self.left = dies_after

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
@pytest.mark.parametrize("steps", range(8))
def test_a_kill_at_each_step_leaves_the_old_or_the_new_one(kind: type[FakeKeyring], steps: int) -> None:
    """A keyring that removes before it adds is no danger either: the next reader finds one of the two, whole."""
    fake_keyring = kind()
    item_of(fake_keyring).write("older")
    fake_keyring.left = steps

    with contextlib.suppress(KeyboardInterrupt):
        item_of(fake_keyring).write("newer")
    fake_keyring.left = 1000

    assert item_of(fake_keyring).read() in {"older", "newer"}
    item_of(fake_keyring).delete()
    assert fake_keyring.items == {}


def test_a_trial_that_gives_back_something_else() -> None:
    """A keyring that says it kept something, and gives back another thing, is none to trust."""

    class Liar(FakeKeyring):
        def get_password(self, service: str, user: str) -> str | None:
            result = super().get_password(service, user)
            return result and "x"

    with pytest.raises(keyring_child.Trouble, match="spoiled"):
        keyring_child.act(item_of(Liar()), "try", "not a secret")


REQUEST = {"action": "write", "service": SERVICE, "user": USER, "secret": "s", "path": []}


def test_a_request_that_was_cut_short_is_not_carried_out(world: World) -> None:
    """Of a writer that is killed while it asks nothing is done: the child ends without an answer."""
    whole = json.dumps(REQUEST)
    child = [sys.executable, "-I", keyring_child.__file__]

    done = subprocess.run(child, input=whole[:-20], capture_output=True, text=True, env=world.environ, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


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

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(keyring_child, "SecretService", fail)

    assert keyring_child.answer_to(REQUEST) == answer


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("no bus", 75),
        ("locked", 75),
        ("failed", 75),
        ("no service", 78),
        ("no collection", 78),
        ("spoiled", 75),
        ("library", 78),
    ],
)
def test_each_trouble_has_its_code(kind: str, code: int) -> None:
    """What may pass is 75, what somebody must change is 78; each names the account, and something to do."""
    error = keyring.trouble(kind, "an.example.Backend", ALICE)

    assert error.exit_code == code
    assert error.fact.startswith(f"{ALICE}: ")
    assert error.account == ALICE
    assert error.remedy.command is not None
    assert kind == "library" or error.remedy.command.endswith("login alice@example.org --store file")


def test_an_answer_that_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ends without an answer is a keyring that failed, not an empty one."""
    monkeypatch.setattr(keyring, "_CHILD", Path("/dev/null"))

    with pytest.raises(errors.Temporary, match="the keyring failed"):
        keyring.ask("read", ALICE, USER)


def test_an_item_that_somebody_edited_is_damaged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold any character; that is a fault of the store and no bug."""
    account = invent(store="keyring")
    (Path(account.folder) / keyring.MARKER).touch(0o600)
    monkeypatch.setattr(keyring, "ask", lambda *_: "\u20ac")

    with pytest.raises(errors.Misconfigured, match="is damaged"):
        engine.access_token(ALICE)

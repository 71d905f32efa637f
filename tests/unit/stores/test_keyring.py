"""The store "keyring" without one: what its child does with a request, and what is said of each trouble."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.stores import keyring, keyring_child
from tests.signed_in_accounts import ALICE

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

    with pytest.raises(keyring_child.Trouble, match="something else"):
        keyring_child.act(item_of(Liar()), "try", "not a secret")


def request(**changes: Any) -> dict[str, Any]:
    """Return a request of the store's."""
    plain = {"action": "write", "service": SERVICE, "user": USER, "kind": "", "secret": "s", "backend": "", "path": []}
    return plain | changes


def test_a_request_that_was_cut_short_is_not_carried_out(world: World) -> None:
    """Of a writer that is killed while it asks nothing is done: the child ends without an answer."""
    whole = json.dumps(request())
    child = [sys.executable, "-I", keyring_child.__file__]

    done = subprocess.run(child, input=whole[:-20], capture_output=True, text=True, env=world.environ, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_the_text_of_an_exception_stays_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service says could hold anything: only the exception's name gets out."""

    def fail(_: str) -> None:
        raise RuntimeError("a-made-up-secret")

    monkeypatch.setattr(keyring_child, "choose", lambda *_: "Secret Service")
    monkeypatch.setattr(keyring_child, "open_ring", fail)

    assert keyring_child.answer_to(request()) == {"trouble": "failed", "what": "RuntimeError"}


def test_the_library_is_missing(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """Where the library is not installed, that is what is missing, and not a keyring."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "keyring"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert keyring_child.answer_to(request()) == {"trouble": "library", "what": ""}


@pytest.mark.parametrize("text", ["", "[backend]\n", "no section", "\xff\xfe"])
def test_an_item_is_looked_for_where_it_was_put(world: World, text: str) -> None:
    """Whatever the library prefers today; a backend that was configured is refused, and a damaged file names none."""
    path = Path(world.environ["XDG_CONFIG_HOME"]) / "python_keyring" / "keyringrc.cfg"
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1"))

    assert keyring_child.choose("", "KWallet") == "KWallet"
    with pytest.raises(keyring_child.Trouble, match=r"keyrings\.alt\.file\.PlaintextKeyring \(from PYTHON_KEYRING"):
        keyring_child.choose("keyrings.alt.file.PlaintextKeyring", "KWallet")


@pytest.mark.parametrize("is_open", [True, False])
def test_kwallet_is_asked_whether_it_is_open(monkeypatch: pytest.MonkeyPatch, is_open: bool) -> None:
    """A closed wallet is locked; it is never opened, since that asks a person (no KDE is here: in its place)."""
    called: list[str] = []

    class Wallet:
        def networkWallet(self) -> str:  # noqa: N802 - KDE's name
            called.append("networkWallet")
            return "kdewallet"

        def isOpen(self, name: str) -> bool:  # noqa: N802 - KDE's name
            called.append(f"isOpen {name}")
            return is_open

    bus = types.SimpleNamespace(name_has_owner=lambda _: True, get_object=lambda *_, **__: None)
    fake = types.ModuleType("dbus")
    fake.SessionBus = lambda: bus  # type: ignore[attr-defined]
    fake.Interface = lambda *_: Wallet()  # type: ignore[attr-defined]
    fake.DBusException = OSError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dbus", fake)

    if is_open:
        result = type(keyring_child.open_ring("KWallet")).__name__
    else:
        with pytest.raises(keyring_child.Trouble) as caught:
            keyring_child.open_ring("KWallet")
        result = caught.value.kind

    assert result == ("DBusKeyring" if is_open else "locked")
    assert called == ["networkWallet", "isOpen kdewallet"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("no bus", 75),
        ("locked", 75),
        ("failed", 75),
        ("no service", 78),
        ("no collection", 78),
        ("library", 78),
        ("refused", 78),
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


def test_the_child_gets_no_settings_of_the_library(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell sets for the library is not there in cron: it must not decide where an item lies."""
    for name in ("KEYRING_PROPERTY_SCHEME", "PYTHONPATH", "PYTHON_KEYRING_BACKEND"):
        monkeypatch.setenv(name, "x")

    result = keyring._environ()  # noqa: SLF001 - what a child has is seen nowhere else

    assert not [name for name in result if name.startswith(("KEYRING", "PYTHON"))]
    assert result["DBUS_SESSION_BUS_ADDRESS"] == world.environ["DBUS_SESSION_BUS_ADDRESS"]


def test_an_answer_that_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ends without an answer is a keyring that failed, not an empty one."""
    monkeypatch.setattr(keyring, "_CHILD", Path("/dev/null"))

    with pytest.raises(errors.Temporary, match="the keyring failed"):
        keyring.ask("read", ALICE, USER)

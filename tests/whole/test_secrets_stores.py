"""A whole life of accounts whose secrets rest in a keyring, in gpg, or are an application's: nothing is readable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import certificates
from tests.sign_in import options, sign_in
from tests.whole.gpg_home import PASSPHRASE
from tests.whole.leak_search import LeakSearch, forms
from tests.whole.terminal import product

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.whole.gpg_home import GpgHome
    from tests.whole.keyring_daemon import Desktop
    from tests.world import World

ALICE = "alice@example.org"
APP, NAME, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"


def left(watch: LeakSearch, *folders: str | Path) -> list[str]:
    """Return the beginnings of the secrets that are in a file below *folders*, in whatever form."""
    files = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    text = "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)
    return [secret[:12] for secret in watch.secrets for form in forms(secret) if form in text]


def linger(world: World, program: str) -> None:
    """Let *program* begin half a second later: one that lives for milliseconds is not seen on a busy machine."""
    late = world.root / "late" / program
    late.parent.mkdir()
    late.write_text(f'#!/bin/sh\nsleep 0.5\nexec /usr/bin/{program} "$@"\n', encoding="utf-8")
    late.chmod(0o755)
    world.environ["PATH"] = f"{late.parent}:{world.environ['PATH']}"


@pytest.mark.parametrize("kind", ["keyring", "gpg"])
def test_a_life_in_a_slow_store(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    """No secret is in a file, a process or in words meanwhile; after logout none is in any store."""
    store = "keyring"
    desktop: Desktop | None = None
    if kind == "keyring":
        desktop = request.getfixturevalue("desktop")
    else:
        gpg: GpgHome = request.getfixturevalue("gpg")
        store = f"gpg:{gpg.make(f'Alice <{ALICE}>', PASSPHRASE)}"
        gpg.unlock_key(store.removeprefix("gpg:"))
        linger(world, "gpg")
    user = product(world)
    with LeakSearch(user, entra, monkeypatch) as watch:
        assert watch.record(sign_in(user, entra, ALICE, "-v", *options(entra), "--store", store)).code == 0
        assert watch.record(user.run("-v", "token", "--min-validity", "299"), out=False).code == 0
        for words in (["refresh"], ["status"], ["status", "--json"], ["config"]):
            assert watch.record(user.run("-v", *words)).code == 0
        assert len(watch.secrets) > 3
        assert {"keyring": "keyring_child", "gpg": "--decrypt"}[kind] in watch.processes
        assert watch.leaks() == []

        assert watch.record(user.run("-v", "logout", ALICE)).code == 0

        assert watch.leaks() == []
        assert left(watch, user.root, user.environ["XDG_RUNTIME_DIR"]) == []
    assert desktop is None or desktop.items() == {}


@pytest.mark.parametrize("proof", ["secret", "certificate"])
def test_a_life_of_an_application(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proof: str
) -> None:
    """The secret, the key and its passphrase stay where they were: in no file of ours, no argument, no variable."""
    key = certificates.rsa_key()
    pem = certificates.certificate_pem(certificates.certificate(key))
    entra.add_client(APP, ["http://localhost"], public=False, secret=SECRET, certificates=[pem])
    outside = tmp_path / "administrator"
    outside.mkdir(mode=0o700)
    kept = certificates.write(outside / "secret", SECRET + "\n")
    passphrase = certificates.write(outside / "passphrase", certificates.PASSPHRASE + "\n")
    sealed = certificates.write(outside / "backup.pem", pem + certificates.key_pem(key, certificates.PASSPHRASE))
    how = {
        "secret": ["--client-secret-file", str(kept)],
        "certificate": ["--certificate", str(sealed), "--certificate-passphrase-command", f"cat {passphrase}"],
    }[proof]
    wanted = [SECRET, certificates.PASSPHRASE, certificates.key_pem(key).decode().splitlines()[3]]
    user = product(world)
    with LeakSearch(user, entra, monkeypatch) as watch:
        app = ["--app-only", "--client-id", APP, *options(entra)]
        assert watch.record(user.run("-v", "login", NAME, *app, *how)).code == 0
        assert watch.record(user.run("-v", "token", NAME), out=False).code == 0
        for words in (["refresh", NAME], ["status", "--json"]):
            assert watch.record(user.run("-v", *words)).code == 0
        inside = {name: text for name, text in watch.places().items() if "administrator" not in name}
        found = [(name, secret[:8]) for name, text in inside.items() for secret in wanted if secret in text]
        stored = (user.folder(NAME) / "cache.json").read_text()
        assert found == []
        assert not [secret for secret in wanted if secret in stored]

        assert watch.record(user.run("-v", "logout", NAME, "--all")).code == 0

        assert left(watch, user.home, user.environ["XDG_RUNTIME_DIR"]) == []

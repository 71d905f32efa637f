"""Accounts whose secrets are in a keyring, encrypted by gpg, or an application's: nothing is readable, mail comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.accounts import profiles
from tests import certificates
from tests.sign_in import options, sign_in
from tests.whole import builds, kill_points
from tests.whole.gpg_home import PASSPHRASE
from tests.whole.leak_search import LeakSearch, forms

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.whole.gpg_home import GpgHome
    from tests.whole.keyring_daemon import Desktop
    from tests.whole.sync import Sync
    from tests.world import World

ALICE = "alice@example.org"
APP, NAME, SECRET = "11112222-bbbb-3333-cccc-4444dddd5555", "backup", "wq18Q~a.very.secret.value-of-40-letters"


def left(watch: LeakSearch, *folders: str | Path) -> list[str]:
    """Return the beginnings of the secrets that are in a file below *folders*, in whatever form."""
    files = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    text = "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)
    return [secret[:12] for secret in watch.secrets for form in forms(secret) if form in text]


def note_calls_of_gpg(world: World) -> None:
    """Let each gpg write its arguments and environment to a file of *world*: it ends too soon to be seen running."""
    script = world.root / "noting/gpg"
    script.parent.mkdir()
    note = f'cat /proc/$$/cmdline /proc/$$/environ >>"{world.root}/calls"'
    script.write_text(f'#!/bin/sh\n{note}\nexec /usr/bin/gpg "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    world.environ["PATH"] = f"{script.parent}:{world.environ['PATH']}"


@pytest.mark.parametrize("kind", ["keyring", "gpg"])
def test_a_life_in_a_slow_store(
    user: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    """No secret is in a file, a process or in words; the next login stays there; after logout none is in any store."""
    store = "keyring"
    desktop: Desktop | None = None
    if kind == "keyring":
        desktop = request.getfixturevalue("desktop")
    else:
        gpg: GpgHome = request.getfixturevalue("gpg")
        store = f"gpg:{gpg.make(f'Alice <{ALICE}>', PASSPHRASE)}"
        gpg.unlock_key(store.removeprefix("gpg:"))
        note_calls_of_gpg(user)
    with LeakSearch(user, entra, monkeypatch) as watch:
        assert watch.record(sign_in(user, entra, ALICE, "-v", *options(entra), "--store", store)).code == 0
        assert watch.record(sign_in(user, entra, ALICE, "-v")).code == 0
        assert watch.record(user.run("-v", "token", "--min-validity", "299"), out=False).code == 0
        for words in (["refresh"], ["status"], ["config"]):
            assert watch.record(user.run("-v", *words)).code == 0
        (row,) = json.loads(watch.record(user.run("status", "--json")).out)["accounts"]
        while desktop and "keyring_child" not in watch.processes:  # on a busy machine one may end unseen
            user.run("token")

        assert row["store"] == profiles.get(ALICE).store == store
        assert row["state"] in {"ok", "stale"}  # a token is fresh for three seconds
        assert kill_points.holders() == [kind]
        assert len(watch.secrets) > 3
        assert desktop or "--decrypt" in watch.places()["calls"]
        assert watch.leaks() == []

        assert watch.record(user.run("-v", "logout", ALICE)).code == 0

        assert watch.leaks() == []
        assert left(watch, user.root, user.environ["XDG_RUNTIME_DIR"]) == []
    assert desktop is None or desktop.items() == {}


@pytest.mark.parametrize("proof", ["secret", "certificate"])
def test_a_life_of_an_application(
    user: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proof: str
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


def move(sync: Sync, store: str) -> None:
    """Sign Alice in, with her secrets in *store*, and set OfflineIMAP up for her."""
    sync.entra.access_token_seconds = 3600
    sync.exchange.add_mailbox(ALICE)
    sync.exchange.fill(ALICE, per_folder=1)
    sync.sign_in()
    done = sync.world.run("store", ALICE, "--to", store)
    assert done.code == 0, done.err
    sync.configure()


@pytest.mark.parametrize("kind", ["keyring", "gpg"])
@builds.each_python
def test_a_sync(sync: Sync, request: pytest.FixtureRequest, kind: str) -> None:
    """Every OfflineIMAP, under this Python or another, syncs with a sign-in that is in a keyring or encrypted."""
    if kind == "gpg":
        request.getfixturevalue("gpg").make(f"Alice <{ALICE}>")
    else:
        request.getfixturevalue("desktop")
    move(sync, {"gpg": f"gpg:{ALICE}", "keyring": "keyring"}[kind])

    done = sync.run("-d", "imap")

    secrets = [*sync.entra.refresh_tokens, sync.world.run("token").out.strip()]
    assert done.code == 0, done.out + done.err
    assert sync.in_maildir() == sync.on_server()
    assert not [secret for secret in secrets if secret in done.out + done.err]

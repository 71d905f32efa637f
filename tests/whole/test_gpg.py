"""The store "gpg:KEY" against the real gpg and its agent, with throw-away keys."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors, paths
from offlineimap_m365.stores import gpg as gpg_store
from offlineimap_m365.stores.gpg import GpgStore
from tests.signed_in_accounts import ALICE
from tests.whole.gpg_home import PASSPHRASE

if TYPE_CHECKING:
    from tests.whole.gpg_home import GpgHome
    from tests.world import World

SECRET = b'{"RefreshToken": {"rt": {"secret": "a-made-up-refresh-token"}}}'
PERSON = f"Alice <{ALICE}>"


def store_of(fingerprint: str) -> GpgStore:
    """Return the store of alice, whose folder is there."""
    paths.make(paths.folder(ALICE))
    return GpgStore(paths.folder(ALICE), ALICE, fingerprint)


def file_of() -> Path:
    """Return alice's encrypted file."""
    return Path(paths.folder(ALICE)) / "cache.json.gpg"


def test_round_trip(gpg: GpgHome) -> None:
    """What is written is read again by whoever opens the store anew, and lies encrypted in one closed file."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(b"an older one")
    store_of(fingerprint).write(SECRET)

    result = store_of(fingerprint).read()

    assert result == SECRET
    assert [path.name for path in Path(paths.folder(ALICE)).iterdir()] == ["cache.json.gpg"]
    assert file_of().stat().st_mode & 0o777 == 0o600
    assert b"a-made-up" not in file_of().read_bytes()
    assert gpg.run("--decrypt", str(file_of())) == SECRET


def test_nothing_was_ever_written(world: World) -> None:
    """Without a file there is nothing, and gpg is not asked."""
    world.environ["PATH"] = "/nowhere"
    world.enter()

    assert store_of("0" * 40).read() is None
    assert store_of("0" * 40).generation() is None


def test_settings_of_the_user_add_no_recipient(gpg: GpgHome) -> None:
    """Who has an `encrypt-to` in gpg.conf does not thereby let another key read the mailbox's."""
    fingerprint, other = gpg.make(PERSON), gpg.make("Bob <bob@example.org>")
    (gpg.path / "gpg.conf").write_text(f"encrypt-to {other}\narmor\n", encoding="ascii")

    store_of(fingerprint).write(SECRET)

    packets = gpg.run("--list-packets", str(file_of())).decode("utf-8", "replace")
    assert packets.count(":pubkey enc packet:") == 1
    assert store_of(fingerprint).read() == SECRET


def test_locked_without_a_person(gpg: GpgHome) -> None:
    """A key whose passphrase is not in the agent is temporary, at once; what it says unlocks it."""
    fingerprint = gpg.make(PERSON, PASSPHRASE)
    gpg.kill_agent()
    store_of(fingerprint).write(SECRET)  # a locked key can still encrypt

    start = time.monotonic()
    with pytest.raises(errors.Temporary, match="gpg would have to ask for the passphrase") as caught:
        store_of(fingerprint).read()
    took = time.monotonic() - start
    gpg.unlock(file_of())

    assert took < gpg_store.SECONDS
    assert fingerprint in str(caught.value.remedy.command)
    assert store_of(fingerprint).read() == SECRET


def test_a_person_at_the_terminal_is_asked(gpg: GpgHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may be asked is asked once, at their own terminal; who may not never is, though somebody sits there."""
    fingerprint = gpg.make(PERSON, PASSPHRASE)
    store_of(fingerprint).write(SECRET)
    asked = gpg.use_person()
    with pytest.raises(errors.Temporary):
        store_of(fingerprint).read()
    unattended = asked.exists()
    master, terminal = os.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as screen, os.fdopen(master, "rb"):
        monkeypatch.setattr(sys, "stderr", screen)
        where = os.ttyname(terminal)

        result = GpgStore(paths.folder(ALICE), ALICE, fingerprint, may_ask=True).read()

    assert result == SECRET
    assert not unattended
    assert asked.read_text(encoding="utf-8").splitlines() == [f"OPTION ttyname={where}", "GETPIN"]
    assert store_of(fingerprint).read() == SECRET  # the agent keeps it


def test_no_agent_can_be_started(gpg: GpgHome) -> None:
    """An agent that cannot be had is temporary, not a lost key."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.forbid_agent()

    store = store_of(fingerprint)
    for use in (store.read, store.prove, lambda: gpg_store.resolve(ALICE)):
        with pytest.raises(errors.Temporary, match="gpg-agent cannot be reached"):
            use()


def test_an_agent_that_hangs(gpg: GpgHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever gpg waits for, it is ended in time, and everything that it started with it."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.use_stuck_agent()
    monkeypatch.setattr(gpg_store, "SECONDS", 2.0)

    start = time.monotonic()
    with pytest.raises(errors.Temporary, match="gpg did not finish within 2 s"):
        store_of(fingerprint).read()
    took = time.monotonic() - start

    assert 2.0 <= took < 4.0
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(gpg.path).encode() in contents(p)]


def contents(path: Path) -> bytes:
    """Return what a file of a process holds; nothing of one that ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_secret_key_is_gone(gpg: GpgHome) -> None:
    """A key that was removed is a configuration to look at, and the message says where gpg looked."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.run("--delete-secret-and-public-key", fingerprint)

    for use in (store_of(fingerprint).read, lambda: store_of(fingerprint).write(b"newer")):
        with pytest.raises(errors.Misconfigured, match=rf"the secret key {fingerprint} is not here.*{gpg.path}"):
            use()


def test_the_part_that_decrypts_is_gone(gpg: GpgHome) -> None:
    """A primary key without the part to which was encrypted opens nothing, and that is said."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.kill_agent()
    gpg.keygrip(gpg.parts()[1]).unlink()

    with pytest.raises(errors.Misconfigured, match="the secret part of the key that decrypts its sign-in is not here"):
        store_of(fingerprint).read()
    with pytest.raises(errors.Misconfigured, match="the secret part of the key"):
        store_of(fingerprint).prove()


def test_an_expired_key(gpg: GpgHome) -> None:
    """An expired key takes nothing new, 78; the command of the remedy extends it."""
    fingerprint = gpg.make(PERSON, life="1d", at="20240101T000000!")
    store = store_of(fingerprint)

    for use in (store.prove, lambda: store.write(SECRET), lambda: gpg_store.resolve(ALICE)):
        with pytest.raises(errors.Misconfigured, match=rf"the key {fingerprint} has expired") as caught:
            use()
    gpg.follow(str(caught.value.remedy.command))
    store.prove()

    assert list(Path(paths.folder(ALICE)).iterdir()) == []


def test_a_damaged_message(gpg: GpgHome) -> None:
    """A file that is cut short or changed is refused as a whole, however much of it could be decrypted."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    whole = file_of().read_bytes()
    changed = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]

    for broken in (whole[: len(whole) // 2], changed, b"", b"\0" * 500):
        file_of().write_bytes(broken)
        with pytest.raises(errors.Misconfigured, match=rf"The stored sign-in of {ALICE} is damaged"):
            store_of(fingerprint).read()


def test_gpg_is_not_installed(world: World) -> None:
    """Without a gpg it is 78, and nothing is written in clear instead."""
    world.environ["PATH"] = "/nowhere"
    world.enter()

    with pytest.raises(errors.Misconfigured, match="gpg is not installed"):
        store_of("0" * 40).write(SECRET)

    assert list(Path(paths.folder(ALICE)).iterdir()) == []


def test_which_of_several_keys(gpg: GpgHome) -> None:
    """Keys that cannot encrypt are no reason to ask which; of two that can each is named, and is its fingerprint."""
    signing = gpg.make(PERSON, encrypts=False)
    with pytest.raises(errors.Misconfigured, match=rf"the key {signing} cannot encrypt"):
        gpg_store.resolve(ALICE)
    gpg.make(PERSON, life="1d", at="20240101T000000!")
    good = gpg.make(PERSON)
    assert gpg_store.resolve(ALICE) == f"gpg:{good}"
    other = gpg.make(PERSON)

    with pytest.raises(errors.WrongUsage, match="2 keys are called") as caught:
        gpg_store.resolve(ALICE)

    assert all(fingerprint in caught.value.fact for fingerprint in (good, other))
    for name in (f"gpg:{other}", other.lower(), gpg.parts(other)[1]):
        assert gpg_store.resolve(name) == f"gpg:{other}"


def test_an_address_means_the_whole_address(gpg: GpgHome) -> None:
    """The key of malice@example.org is not that of alice@example.org; a name without brackets is one too."""
    malice, alice = gpg.make("malice@example.org"), gpg.make(PERSON)

    assert gpg_store.resolve(ALICE) == f"gpg:{alice}"
    assert gpg_store.resolve("malice@example.org") == f"gpg:{malice}"
    with pytest.raises(errors.Misconfigured, match=r"no secret key called lice@example\.org"):
        gpg_store.resolve("lice@example.org")


def test_a_public_key_alone_is_none(gpg: GpgHome, world: World) -> None:
    """Somebody else's key, of which the secret is not here, is not taken, or nobody could read it again."""
    fingerprint = gpg.make("Bob <bob@example.org>")
    public = gpg.run("--export", fingerprint)
    gpg.run("--delete-secret-and-public-key", fingerprint)
    gpg.run("--import", data=public)

    with pytest.raises(errors.Misconfigured, match=r"no secret key called bob@example\.org"):
        gpg_store.resolve("bob@example.org")

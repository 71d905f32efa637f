"""The store "gpg:KEY" against the real gpg and its agent, with throw-away keys."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.base import errors, paths
from offlineimap_m365.stores import gpg as rooms
from offlineimap_m365.stores.gpg import GpgStore
from tests.kept import ALICE
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

    found = store_of(fingerprint).read()

    assert found == SECRET
    assert [path.name for path in Path(paths.folder(ALICE)).iterdir()] == ["cache.json.gpg"]
    assert file_of().stat().st_mode & 0o777 == 0o600
    assert b"a-made-up" not in file_of().read_bytes()
    assert gpg.run("--decrypt", str(file_of())) == SECRET


@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"x" * 3_000_000])
def test_any_bytes(gpg: GpgHome, data: bytes) -> None:
    """The store gives back the very bytes, none and many of them too."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(data)

    assert store_of(fingerprint).read() == data


def test_nothing_was_ever_written(world: World) -> None:
    """Without a file there is nothing, and gpg is not asked."""
    world.environ["PATH"] = "/nowhere"
    world.enter()

    assert store_of("0" * 40).read() is None
    assert store_of("0" * 40).generation() is None


def test_generation_moves_with_each_write(gpg: GpgHome) -> None:
    """Each write moves the generation, the same bytes included; reading does not."""
    store = store_of(gpg.make(PERSON))
    seen = []
    for _ in range(3):
        store.write(SECRET)
        store.read()
        seen.append(store.generation())

    assert len(set(seen)) == 3


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
    store_of(fingerprint).write(SECRET)
    gpg.kill_agent()

    start = time.monotonic()
    with pytest.raises(errors.Temporary, match="gpg would have to ask for the passphrase") as caught:
        store_of(fingerprint).read()
    took = time.monotonic() - start
    gpg.unlock(file_of())

    assert took < rooms.PATIENCE
    assert f"gpg --decrypt {file_of()}" in caught.value.remedy
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

        found = GpgStore(paths.folder(ALICE), ALICE, fingerprint, may_ask=True).read()

    assert found == SECRET
    assert not unattended
    assert asked.read_text(encoding="utf-8").splitlines() == [f"OPTION ttyname={where}", "GETPIN"]
    assert store_of(fingerprint).read() == SECRET  # the agent keeps it


def test_a_locked_key_can_still_encrypt(gpg: GpgHome) -> None:
    """Nothing that was given by the provider is lost since the agent forgot a passphrase meanwhile."""
    fingerprint = gpg.make(PERSON, PASSPHRASE)
    gpg.kill_agent()

    with store_of(fingerprint).reserve():
        store_of(fingerprint).write(SECRET)
    gpg.unlock(file_of())

    assert store_of(fingerprint).read() == SECRET


def test_the_agent_is_started_where_none_runs(gpg: GpgHome) -> None:
    """Without a passphrase no person is needed, and gpg starts its own agent."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.kill_agent()

    assert store_of(fingerprint).read() == SECRET


def test_no_agent_can_be_started(gpg: GpgHome) -> None:
    """An agent that cannot be had is temporary, not a lost key; reading and writing say the same."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.forbid_agent()

    store = store_of(fingerprint)
    for use in (store.read, lambda: store.write(b"newer"), store.reserve().__enter__, lambda: rooms.resolve(ALICE)):
        with pytest.raises(errors.Temporary, match="gpg-agent cannot be reached"):
            use()


def test_an_agent_that_hangs(gpg: GpgHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever gpg waits for, it is ended in time, and everything that it started with it."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(SECRET)
    gpg.use_stuck_agent()
    monkeypatch.setattr(rooms, "PATIENCE", 2.0)

    start = time.monotonic()
    with pytest.raises(errors.Temporary, match="gpg did not come to an end within 2 s"):
        store_of(fingerprint).read()
    took = time.monotonic() - start

    assert 2.0 <= took < 4.0
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(gpg.path).encode() in contents(p)]


def test_what_gpg_started_holds_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that gpg leaves behind in a session of its own, with gpg's pipes open, does not keep us waiting."""
    program = world.root / "programs" / "gpg"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsetsid sleep 12 &\nsleep 12\n", encoding="ascii")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(rooms, "PATIENCE", 1.0)

    start = time.monotonic()
    with pytest.raises(errors.Temporary, match="gpg did not come to an end within 1 s"):
        rooms.resolve(ALICE)

    assert time.monotonic() - start < 6


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
    gpg.keygrip(gpg.listed()[0].parts[1].fingerprint).unlink()

    with pytest.raises(errors.Misconfigured, match="encrypted to a key whose secret is no longer here"):
        store_of(fingerprint).read()
    with pytest.raises(errors.Misconfigured, match="the secret that decrypts it is not here"):
        store_of(fingerprint).write(SECRET)


def test_a_newer_part_whose_secret_is_elsewhere_is_not_used(gpg: GpgHome) -> None:
    """Of two parts that encrypt the newest is taken that can also be opened here: nothing becomes unreadable."""
    fingerprint = gpg.make(PERSON, at="20240101T000000!")
    gpg.add_part(fingerprint)
    older, newer = gpg.listed()[0].parts[1:]
    store_of(fingerprint).write(SECRET)
    first = gpg.run("--list-packets", str(file_of())).decode("utf-8", "replace")
    gpg.kill_agent()
    gpg.keygrip(newer.fingerprint).unlink()

    store_of(fingerprint).write(SECRET)

    second = gpg.run("--list-packets", str(file_of())).decode("utf-8", "replace")
    assert newer.fingerprint[-16:] in first
    assert older.fingerprint[-16:] in second
    assert store_of(fingerprint).read() == SECRET


def test_an_expired_key(gpg: GpgHome) -> None:
    """A key that expired can still open what is there, and takes nothing new: said before the request, 78."""
    fingerprint = gpg.make(PERSON, life="1d", at="20240101T000000!")
    store = store_of(fingerprint)

    with pytest.raises(errors.Misconfigured, match=rf"the key {fingerprint} has expired"):
        store.reserve().__enter__()
    with pytest.raises(errors.Misconfigured, match=rf"The key {fingerprint} has expired"):
        rooms.resolve(ALICE)

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


def test_what_a_killed_writer_left(gpg: GpgHome) -> None:
    """A whole message that did not take its place is found; one that was only begun is not."""
    fingerprint = gpg.make(PERSON)
    store_of(fingerprint).write(b"newer")
    newer = file_of().read_bytes()
    store_of(fingerprint).write(SECRET)
    (file_of().parent / ".cache.json.gpg.1.aaaaaaaa.tmp").write_bytes(newer)
    (file_of().parent / ".cache.json.gpg.2.bbbbbbbb.tmp").write_bytes(newer[:40])
    (file_of().parent / ".cache.json.gpg.3.cccccccc.tmp").write_bytes(b"\0" * 500)

    found = store_of(fingerprint).left_over()

    assert found == [b"newer"]


def test_delete_takes_what_lies_beside_it(gpg: GpgHome) -> None:
    """Nothing of it stays: not what a killed writer left, not what was set aside."""
    store = store_of(gpg.make(PERSON))
    store.write(SECRET)
    store.set_aside()
    store.write(SECRET)
    (file_of().parent / ".cache.json.gpg.1.aaaaaaaa.tmp").write_bytes(b"x")

    store.delete()
    store.delete()

    assert list(Path(paths.folder(ALICE)).iterdir()) == []


def test_gpg_is_not_installed(world: World) -> None:
    """Without a gpg it is 78, and nothing is written in clear instead."""
    world.environ["PATH"] = "/nowhere"
    world.enter()

    with pytest.raises(errors.Misconfigured, match="gpg is not installed"):
        store_of("0" * 40).write(SECRET)

    assert list(Path(paths.folder(ALICE)).iterdir()) == []


def test_the_whole_fingerprint_always_works(gpg: GpgHome) -> None:
    """Of two keys with one address each can be named by its fingerprint, also by that of one of its parts."""
    one, other = gpg.make(PERSON), gpg.make(PERSON)
    part = next(key for key in gpg.listed() if key.fingerprint == other).parts[1].fingerprint

    assert rooms.resolve(f"gpg:{one}") == f"gpg:{one}"
    assert rooms.resolve(other.lower()) == f"gpg:{other}"
    assert rooms.resolve(part) == f"gpg:{other}"


def test_several_keys_are_listed(gpg: GpgHome) -> None:
    """An address that means two keys is wrong usage, and both are named."""
    made = [gpg.make(PERSON), gpg.make(PERSON)]

    with pytest.raises(errors.WrongUsage, match="2 keys are called") as caught:
        rooms.resolve(ALICE)

    assert all(fingerprint in caught.value.fact for fingerprint in made)


def test_an_address_means_the_whole_address(gpg: GpgHome) -> None:
    """The key of malice@example.org is not that of alice@example.org; a name without brackets is one too."""
    malice, alice = gpg.make("malice@example.org"), gpg.make(PERSON)

    assert rooms.resolve(ALICE) == f"gpg:{alice}"
    assert rooms.resolve("malice@example.org") == f"gpg:{malice}"
    with pytest.raises(errors.Misconfigured, match=r"no secret key called lice@example\.org"):
        rooms.resolve("lice@example.org")


def test_of_two_keys_only_one_of_which_can_be_used(gpg: GpgHome) -> None:
    """An expired key beside a good one, or one that only signs, is no reason to ask which."""
    gpg.make(PERSON, life="1d", at="20240101T000000!")
    gpg.make(PERSON, encrypts=False)
    good = gpg.make(PERSON)

    assert rooms.resolve(ALICE) == f"gpg:{good}"


def test_a_key_that_only_signs(gpg: GpgHome) -> None:
    """A key without a part that encrypts is named with what it lacks."""
    fingerprint = gpg.make(PERSON, encrypts=False)

    with pytest.raises(errors.Misconfigured, match=rf"The key {fingerprint} cannot encrypt"):
        rooms.resolve(ALICE)


def test_a_public_key_alone_is_none(gpg: GpgHome, world: World) -> None:
    """Somebody else's key, of which the secret is not here, is not taken, or nobody could read it again."""
    fingerprint = gpg.make("Bob <bob@example.org>")
    public = gpg.run("--export", fingerprint)
    gpg.run("--delete-secret-and-public-key", fingerprint)
    gpg.run("--import", data=public)

    with pytest.raises(errors.Misconfigured, match=r"no secret key called bob@example\.org"):
        rooms.resolve("bob@example.org")


@pytest.mark.parametrize("key", ["", "gpg:", "gpg: "])
def test_no_key_at_all(gpg: GpgHome, key: str) -> None:
    """A store gpg without a key is wrong usage: none is guessed."""
    with pytest.raises(errors.WrongUsage, match="Which key"):
        rooms.resolve(key)

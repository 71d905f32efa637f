"""The store "gpg:KEY" against the real gpg and its agent; and what gpg lists of keys that cannot be made here."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from offlineimap_m365.base import errors, paths, process
from offlineimap_m365.stores import gpg as gpg_store
from offlineimap_m365.stores.gpg import GpgStore
from tests.signed_in_accounts import ALICE
from tests.whole.gpg_home import PASSPHRASE

if TYPE_CHECKING:
    from tests.whole.gpg_home import GpgHome
    from tests.world import World

pytestmark = pytest.mark.once

SECRET = b'{"RefreshToken": {"rt": {"secret": "a-made-up-refresh-token"}}}'
PERSON = f"Alice <{ALICE}>"
PAST = "20240101T000000!"
FINGERPRINT, PART = "A" * 40, "B" * 40


def store_of(fingerprint: str, *, may_ask: bool = False) -> GpgStore:
    """Return the store of alice, whose folder is there."""
    paths.make(paths.folder(ALICE))
    return GpgStore(paths.folder(ALICE), ALICE, fingerprint, may_ask=may_ask)


def file_of() -> Path:
    """Return alice's encrypted file."""
    return Path(paths.folder(ALICE)) / "cache.json.gpg"


def test_round_trip(gpg: GpgHome) -> None:
    """What is written is read again, lies encrypted in one closed file, and is for no key that gpg.conf adds."""
    fingerprint, other = gpg.make(PERSON), gpg.make("Bob <bob@example.org>")
    (gpg.path / "gpg.conf").write_text(f"encrypt-to {other}\narmor\n", encoding="ascii")
    store_of(fingerprint).write(b"an older one")
    store_of(fingerprint).write(SECRET)

    packets = gpg.run("--list-packets", str(file_of())).decode("utf-8", "replace")

    assert store_of(fingerprint).read() == SECRET
    assert [path.name for path in file_of().parent.iterdir()] == ["cache.json.gpg"]
    assert file_of().stat().st_mode & 0o777 == 0o600
    assert b"a-made-up" not in file_of().read_bytes()
    assert packets.count(":pubkey enc packet:") == 1


def test_without_a_gpg(world: World) -> None:
    """Without a file there is nothing, and gpg is not asked; else it is 78, and nothing is written in clear instead."""
    world.environ["PATH"] = "/nowhere"
    world.enter()
    store = store_of(FINGERPRINT)

    assert (store.read(), store.generation()) == (None, None)
    with pytest.raises(errors.Misconfigured, match="gpg is not installed"):
        store.write(SECRET)
    assert list(file_of().parent.iterdir()) == []


def test_locked_without_a_person(gpg: GpgHome) -> None:
    """A key whose passphrase is not in the agent is temporary; what the error says unlocks it."""
    fingerprint = gpg.make(PERSON, PASSPHRASE)
    gpg.kill_agent()
    store_of(fingerprint).write(SECRET)  # a locked key can still encrypt

    with pytest.raises(errors.Temporary, match="gpg would have to ask for the passphrase") as caught:
        store_of(fingerprint).read()
    gpg.unlock(file_of())

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

        result = store_of(fingerprint, may_ask=True).read()

    assert result == SECRET
    assert not unattended
    assert asked.read_text(encoding="utf-8").splitlines() == [f"OPTION ttyname={where}", "GETPIN"]
    assert store_of(fingerprint).read() == SECRET  # the agent keeps it


def test_no_agent_can_be_started(gpg: GpgHome) -> None:
    """An agent that cannot be had is temporary, not a lost key."""
    store = store_of(gpg.make(PERSON))
    store.write(SECRET)
    gpg.use_agent("exit 1")

    for use in (store.read, store.prove, lambda: gpg_store.resolve(ALICE)):
        with pytest.raises(errors.Temporary, match="gpg-agent cannot be reached"):
            use()


def test_an_agent_that_hangs(gpg: GpgHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever gpg waits for, it is ended in time, and everything that it started (conftest.py looks for that)."""
    store = store_of(gpg.make(PERSON))
    store.write(SECRET)
    gpg.use_agent("exec /bin/sleep 60")
    monkeypatch.setattr(gpg_store, "SECONDS", 0.3)

    with pytest.raises(errors.Temporary, match="gpg did not finish within"):
        store.read()


def test_the_secret_key_is_gone(gpg: GpgHome) -> None:
    """A key or its decrypting part that was removed is a configuration to look at; the error says where gpg looked."""
    fingerprint = gpg.make(PERSON)
    store = store_of(fingerprint)
    store.write(SECRET)
    gpg.kill_agent()
    gpg.keygrip(gpg.parts()[1]).unlink()
    for use in (store.read, store.prove):
        with pytest.raises(errors.Misconfigured, match="the secret part of the key that decrypts its sign-in is not"):
            use()
    gpg.run("--delete-secret-and-public-key", fingerprint)

    for use in (store.read, store.prove):
        with pytest.raises(errors.Misconfigured, match=rf"the secret key {fingerprint} is not here.*{gpg.path}"):
            use()


def test_an_expired_key(gpg: GpgHome) -> None:
    """An expired key takes nothing new, 78; the command of the remedy extends it."""
    fingerprint = gpg.make(PERSON, life="1d", at=PAST)
    store = store_of(fingerprint)

    for use in (store.prove, lambda: store.write(SECRET), lambda: gpg_store.resolve(ALICE)):
        with pytest.raises(errors.Misconfigured, match=rf"the key {fingerprint} has expired") as caught:
            use()
    gpg.follow(str(caught.value.remedy.command))
    store.prove()

    assert list(file_of().parent.iterdir()) == []


def test_a_damaged_message(gpg: GpgHome) -> None:
    """A file that is cut short or changed is refused as a whole, however much of it could be decrypted."""
    store = store_of(gpg.make(PERSON))
    store.write(SECRET)
    whole = file_of().read_bytes()
    changed = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]

    for broken in (whole[: len(whole) // 2], changed, b"", b"\0" * 500):
        file_of().write_bytes(broken)
        with pytest.raises(errors.Misconfigured, match=rf"The stored sign-in of {ALICE} is damaged"):
            store.read()


def test_which_of_several_keys(gpg: GpgHome) -> None:
    """Keys that cannot encrypt are no reason to ask which; of two that can each is named, and is its fingerprint."""
    signing = gpg.make(PERSON, encrypts=False)
    with pytest.raises(errors.Misconfigured, match=rf"the key {signing} cannot encrypt"):
        gpg_store.resolve(ALICE)
    gpg.make(PERSON, life="1d", at=PAST)
    good = gpg.make(PERSON)
    assert gpg_store.resolve(ALICE) == f"gpg:{good}"
    other = gpg.make(PERSON)

    with pytest.raises(errors.WrongUsage, match="2 keys are called") as caught:
        gpg_store.resolve(ALICE)

    assert all(fingerprint in caught.value.fact for fingerprint in (good, other))
    assert f"--store gpg:{good}" in caught.value.remedy.text
    for name in (f"gpg:{other}", other.lower(), gpg.parts(other)[1]):
        assert gpg_store.resolve(name) == f"gpg:{other}"


def test_which_key_an_address_means(gpg: GpgHome) -> None:
    """An address is that of a whole person, whose secret key is here: not malice's, and no public key alone."""
    malice, alice, bob = gpg.make("malice@example.org"), gpg.make(PERSON), gpg.make("Bob <bob@example.org>")
    public = gpg.run("--export", bob)
    gpg.run("--delete-secret-and-public-key", bob)
    gpg.run("--import", data=public)

    assert gpg_store.resolve(ALICE) == f"gpg:{alice}"
    assert gpg_store.resolve("malice@example.org") == f"gpg:{malice}"
    for name in ("lice@example.org", "bob@example.org"):
        with pytest.raises(errors.Misconfigured, match=f"no secret key called {name}"):
            gpg_store.resolve(name)
    for name in ("gpg:", "gpg:\n", "alice\x00"):
        with pytest.raises(errors.WrongUsage, match="needs a key"):
            gpg_store.resolve(name)


def listed(validity: str = "u", capabilities: str = "scESC", part_validity: str = "u", part_ends: str = "") -> str:
    """Return a listing of one key with one part (GnuPG's doc/DETAILS)."""
    ends = "1704153600" if validity == "e" else ""
    return (
        f"sec:{validity}:255:22:AAAAAAAAAAAAAAAA:1700000000:{ends}::u:::{capabilities}:::+::ed25519:::0:\n"
        f"fpr:::::::::{FINGERPRINT}:\ngrp:::::::::{'0' * 40}:\n"
        "uid:u::::1700000000::X::Alice <alice@example.org>::::::::::0:\n"
        f"ssb:{part_validity}:255:18:BBBBBBBBBBBBBBBB:1700000001:{part_ends}:::::e:::+::cv25519::\n"
        f"fpr:::::::::{PART}:\ngrp:::::::::{'1' * 40}:\n"
    )


def test_a_key_is_read() -> None:
    """A key has the fingerprint of its primary part and its first person; a damaged listing gives none to use."""
    old = listed("e", "sc", "e", "170").replace("alice", "bob").replace(FINGERPRINT, "C" * 40)
    keys = gpg_store.parse_keys("tru::1:1700000000:0:3:1:5\n" + listed(part_ends="9") + old)

    assert [(key.fingerprint, key.can_encrypt) for key in keys] == [(FINGERPRINT, True), ("C" * 40, False)]
    assert [(key.person, key.expired) for key in keys] == [(PERSON, []), ("Alice <bob@example.org>", ["C" * 40, PART])]
    for text in ("", "sec", "sec:", "fpr:::::::::X:\nuid:::::::::Y:\nssb:u:", "gpg: nonsense\n\0"):
        assert not any(key.can_encrypt for key in gpg_store.parse_keys(text)), text


LISTING, EXTEND = "gpg --list-secret-keys", f"gpg --quick-set-expire {FINGERPRINT} 1y"


@pytest.mark.parametrize(
    ("listing", "reason", "command"),
    [
        (listed("r", "sc"), "was revoked", LISTING),
        (listed("i", "sc"), "is invalid", LISTING),
        (listed("d", "sc"), "is disabled", LISTING),
        (listed("u", "scESCD"), "is disabled", LISTING),
        (listed("u", "scSC"), "cannot encrypt", LISTING),
        (listed("e", "sc", "e"), "has expired", EXTEND),
        (listed("u", "scSC", "e", "170"), "has expired", f"{EXTEND} {PART}"),
        (listed("e", "sc", "e", "170"), "has expired", f"{EXTEND} && {EXTEND} {PART}"),
    ],
)
def test_a_key_that_cannot_encrypt(listing: str, reason: str, command: str) -> None:
    """Each reason is named, with the exact command where there is one."""
    (key,) = gpg_store.parse_keys(listing)
    error = key.error(None)

    assert not key.can_encrypt
    assert error.fact == f"the key {FINGERPRINT} {reason}"
    assert error.remedy.command == command


def answer(code: int, out: bytes, *status: str) -> process.Result:
    """Return what gpg does that prints *out* and these *status* lines (GnuPG's doc/DETAILS)."""
    return process.Result(process.ENDED, code, out, "".join(f"[GNUPG:] {line}\n" for line in ("", *status)).encode())


KEY = answer(0, listed().encode(), "ERROR list 9", "ERROR list 119", "ERROR list", "ERROR list what", "77 list 77")
LOST_HERE, LOST_BY_AGENT = (f"ERROR pkdecrypt_failed {source << 24 | code}" for source, code in ((1, 17), (4, 119)))
#: What is asked, what gpg does then, and the error.
ANSWERS = [
    ("write", [answer(2, b"some", "INV_RECP 0 X"), KEY], errors.Temporary, f"encrypt to {FINGERPRINT} (INV_RECP)"),
    ("write", [answer(0, b"", "FAILURE"), KEY], errors.Temporary, f"encrypt to {FINGERPRINT} (exit code 0)"),
    ("read", [answer(0, b"cut off")], errors.Misconfigured, "is damaged (exit code 0)"),
    ("read", [answer(2, b"x", "DECRYPTION_OKAY", "ERROR add_key 11")], errors.Misconfigured, "damaged (exit code 2)"),
    ("read", [answer(-9, b"x", "DECRYPTION_OKAY", "NODATA 1", "BADMDC")], errors.Misconfigured, "(NODATA, BADMDC)"),
    ("read", [answer(2, b"", "NO_SECKEY X", LOST_HERE), KEY], errors.Misconfigured, "secret part"),
    ("read", [answer(2, b"", "NO_SECKEY X", LOST_BY_AGENT), KEY], errors.Misconfigured, "secret part"),
    ("read", [process.Result(process.TOO_MUCH_OUTPUT)], errors.Temporary, "gpg did not finish within 5 s"),
]


def test_what_gpg_answers(world: World, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests) -> None:
    """Its exit code and its status lines decide, not that it printed something; each error names the account."""
    store = store_of(FINGERPRINT)
    file_of().touch(0o600)
    for use, answers, kind, fact in ANSWERS:
        with subtests.test(fact):
            monkeypatch.setattr(process, "run", mock.Mock(side_effect=answers))
            with pytest.raises(kind, match=re.escape(fact)) as caught:
                store.read() if use == "read" else store.write(SECRET)
            assert (caught.value.account, ALICE in caught.value.fact) == (ALICE, True)

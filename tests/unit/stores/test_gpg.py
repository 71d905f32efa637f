"""What gpg lists, read: also of keys that the real one cannot make here (on a card, revoked, disabled)."""

from __future__ import annotations

import pytest

from offlineimap_m365.stores import gpg

FINGERPRINT, PART = "A" * 40, "B" * 40


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
    """A key has the fingerprint of its primary part and its first person."""
    (key,) = gpg.parse_keys("tru::1:1700000000:0:3:1:5\n" + listed())

    assert (key.fingerprint, key.person, key.can_encrypt) == (FINGERPRINT, "Alice <alice@example.org>", True)


@pytest.mark.parametrize(
    ("listing", "reason", "command"),
    [
        (listed("r", "sc"), "was revoked", "gpg --list-secret-keys"),
        (listed("i", "sc"), "is invalid", "gpg --list-secret-keys"),
        (listed("u", "scESCD"), "is disabled", "gpg --list-secret-keys"),
        (listed("u", "scSC"), "cannot encrypt", "gpg --list-secret-keys"),
        (listed("e", "sc", "e"), "has expired", f"gpg --quick-set-expire {FINGERPRINT} 1y"),
        (listed("u", "scSC", "e", "170"), "has expired", f"gpg --quick-set-expire {FINGERPRINT} 1y {PART}"),
        (
            listed("e", "sc", "e", "170"),
            "has expired",
            f"gpg --quick-set-expire {FINGERPRINT} 1y && gpg --quick-set-expire {FINGERPRINT} 1y {PART}",
        ),
    ],
)
def test_a_key_that_cannot_encrypt(listing: str, reason: str, command: str) -> None:
    """Each reason is named, with the exact command where there is one."""
    (key,) = gpg.parse_keys(listing)
    error = key.error(None)

    assert not key.can_encrypt
    assert error.fact == f"the key {FINGERPRINT} {reason}"
    assert error.remedy.command == command


@pytest.mark.parametrize("text", ["", "sec", "sec:", "fpr:::::::::X:\nuid:::::::::Y:\nssb:u:", "gpg: nonsense\n\0"])
def test_a_listing_without_a_key(text: str) -> None:
    """Reading a listing never fails, and a damaged one gives no key that can be used."""
    assert all(not key.can_encrypt for key in gpg.parse_keys(text))

"""What gpg lists, read: keys that the real one cannot make here (a card, a revoked or disabled key) included."""

from __future__ import annotations

import pytest

from offlineimap_m365.stores import gpg

FINGERPRINT, PART = "A" * 40, "B" * 40


def listed(
    validity: str = "u",
    capabilities: str = "scESC",
    part_validity: str = "u",
    secret: str = "+",
    part_capabilities: str = "e",
) -> str:
    """Return a listing of one key with one part (GnuPG's doc/DETAILS)."""
    return (
        f"sec:{validity}:255:22:AAAAAAAAAAAAAAAA:1700000000:::u:::{capabilities}:::+::ed25519:::0:\n"
        f"fpr:::::::::{FINGERPRINT}:\ngrp:::::::::{'0' * 40}:\n"
        "uid:u::::1700000000::X::Alice <alice@example.org>::::::::::0:\n"
        f"ssb:{part_validity}:255:18:BBBBBBBBBBBBBBBB:1700000001::::::{part_capabilities}:::{secret}::cv25519::\n"
        f"fpr:::::::::{PART}:\ngrp:::::::::{'1' * 40}:\n"
    )


def test_a_key_is_read_with_its_parts() -> None:
    """Fingerprint, person, and what each part can do."""
    (key,) = gpg.parse_keys("tru::1:1700000000:0:3:1:5\n" + listed())

    assert (key.fingerprint, key.person) == (FINGERPRINT, "Alice <alice@example.org>")
    assert [(part.fingerprint, part.created, part.is_here) for part in key.parts] == [
        (FINGERPRINT, 1700000000, True),
        (PART, 1700000001, True),
    ]


@pytest.mark.parametrize("secret", ["+", "", "D2760001240103040006123456780000"])
def test_a_secret_that_is_here_or_on_a_card(secret: str) -> None:
    """A secret on a card can decrypt, and so can one of an old gpg that does not say where it is."""
    (key,) = gpg.parse_keys(listed(secret=secret))

    part = key.encryption()

    assert part is not None
    assert part.fingerprint == PART


@pytest.mark.parametrize(
    ("listing", "why"),
    [
        (listed(validity="r"), "was revoked"),
        (listed(validity="e"), "has expired"),
        (listed(validity="i"), "is invalid"),
        (listed(capabilities="scD"), "is disabled"),
        (listed(part_capabilities="s"), "cannot encrypt"),
        (listed(secret="#"), "can encrypt, but the secret that decrypts it is not here"),
        (listed(part_validity="e"), "has no part left that can encrypt: its last one has expired"),
        (listed(part_validity="r"), "has no part left that can encrypt: its last one was revoked"),
    ],
)
def test_a_key_that_cannot_be_used(listing: str, why: str) -> None:
    """Each reason for which a key takes nothing has its own words."""
    (key,) = gpg.parse_keys(listing)

    assert (key.encryption(), key.trouble()) == (None, why)


def test_the_newest_part_counts() -> None:
    """Of several parts that encrypt it is the newest, as gpg itself does, among those that can be opened."""
    newer = listed().splitlines()[4:]
    lines = [*listed().splitlines(), newer[0].replace("1700000001", "1700000009"), f"fpr:::::::::{'C' * 40}:"]
    (key,) = gpg.parse_keys("\n".join(lines))

    part = key.encryption()

    assert part is not None
    assert part.fingerprint == "C" * 40


@pytest.mark.parametrize("text", ["", "sec", "sec:", "fpr:::::::::X:\nuid:::::::::Y:\nssb:u:", "gpg: nonsense\n\0"])
def test_a_listing_that_says_little(text: str) -> None:
    """Whatever is listed, reading it never fails, and no key is made of nothing."""
    keys = gpg.parse_keys(text)

    assert all(key.encryption() is None for key in keys)

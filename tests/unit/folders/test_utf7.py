"""Modified UTF-7 (RFC 3501 §5.1.3): read with tolerance, written strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offlineimap_m365.folders.utf7 import decode, encode

PAIRS = [
    ("Entw&APw-rfe", "Entwürfe"),
    ("R&-D", "R&D"),
    ("&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", "Отправленные"),
    ("Kalender/Feiertage in &ANY-sterreich", "Kalender/Feiertage in Österreich"),
    ("&BBAEQARFBDgEMg- &BD8EPgRHBEIESw-", "Архив почты"),
    ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    ("&2D3eAA-", "\U0001f600"),
    ("1 + 1 = 2, so", "1 + 1 = 2, so"),
    ("&++A-", "\ufbe0"),
]


def test_known_spellings_are_read_and_written() -> None:
    """A shift becomes Unicode and back, in the one spelling that RFC 3501 allows."""
    for spelled, meant in PAIRS:
        assert decode(spelled) == meant
        assert encode(meant) == spelled


def test_what_is_no_shift_passes_unchanged() -> None:
    """A lone ampersand, a broken shift, half a surrogate pair and plain Unicode stay as they are."""
    for name in (
        *("&illisible-", "R&D", "Tom & Jerry - both", "Entw&APwrfe", "&", "&A-", "&2D0-", "&AO/k-", "&AOk=-", "&äöü-"),
        *("Я", ""),
    ):
        assert decode(name) == name


@given(st.text())
def test_every_name_comes_back(name: str) -> None:
    """Every encoded name is printable ASCII and decodes to the same name."""
    spelled = encode(name)

    assert spelled.isascii()
    assert spelled.isprintable()
    assert decode(spelled) == name


def test_half_a_surrogate_pair_cannot_be_written() -> None:
    """Writing is strict: what no server could hold is refused."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode("\ud800")

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


@pytest.mark.parametrize(("spelled", "meant"), PAIRS)
def test_known_spellings_are_read(spelled: str, meant: str) -> None:
    """A shift becomes Unicode: with a comma or a plus inside, twice in a name, beyond the first plane."""
    found = decode(spelled)

    assert found == meant


@pytest.mark.parametrize(("spelled", "meant"), PAIRS)
def test_names_are_written_as_servers_do(spelled: str, meant: str) -> None:
    """A name is written in the one spelling that RFC 3501 allows, so that it equals the server's."""
    found = encode(meant)

    assert found == spelled


@pytest.mark.parametrize(
    "name",
    [
        "&illisible-",
        "R&D",
        "Tom & Jerry - both",
        "Entw&APwrfe",
        "&",
        "&A-",
        "&2D0-",
        "&AO/k-",
        "&AOk=-",
        "&AOk-x"[:4],
        "&äöü-",
        "Отправленные",
        "",
    ],
)
def test_what_is_no_shift_passes_unchanged(name: str) -> None:
    """A lone ampersand, a broken shift, half a surrogate pair and plain Unicode stay as they are."""
    found = decode(name)

    assert found == name


def test_a_broken_shift_does_not_spoil_its_neighbours() -> None:
    """Each shift is read for itself."""
    found = decode("&illisible- Entw&APw-rfe &-")

    assert found == "&illisible- Entwürfe &"


@given(st.text())
def test_every_name_comes_back(name: str) -> None:
    """What was written can be read, whatever the text, and is printable ASCII."""
    spelled = encode(name)

    assert spelled.isascii()
    assert spelled.isprintable()
    assert decode(spelled) == name


@given(st.text(st.characters(codec=None)))
def test_reading_never_raises(name: str) -> None:
    """Any text can be read, half a surrogate pair included."""
    found = decode(name)

    assert isinstance(found, str)


def test_half_a_surrogate_pair_cannot_be_written() -> None:
    """Writing is strict: what no server could hold is refused."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode("\ud800")

"""The matrix of versions."""

from __future__ import annotations

from itertools import product

import pytest

from tests.setup import matrix


@pytest.mark.parametrize("versions", [["3.11"], ["3.10", "3.13"], ["3.10", "3.11", "3.12", "3.13"]])
def test_pairs(versions: list[str]) -> None:
    """Any two choices of Python, MSAL and OfflineIMAP are installed together at least once."""
    chosen = matrix.products(versions)

    assert {(one.version, one.msal) for one in chosen} == set(product(versions, matrix.MSAL))
    assert {(one.version, one.offlineimap) for one in chosen} == set(product(versions, matrix.OFFLINEIMAP))
    assert {(one.msal, one.offlineimap) for one in chosen} == set(product(matrix.MSAL, matrix.OFFLINEIMAP))

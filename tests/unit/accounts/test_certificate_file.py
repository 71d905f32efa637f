"""What is in a certificate's file: read within bounds whatever somebody put there."""

from __future__ import annotations

import pytest

from offlineimap_m365.accounts import certificate_file


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", [b"-----BEGIN A-----\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_beginnings_without_an_end_are_read_once(line: bytes) -> None:
    """A file as large as may be, of nothing but beginnings, is refused in one pass and not in one for each of them."""
    data = line * (262_144 // len(line))

    with pytest.raises(certificate_file.Unusable, match="no private key"):
        certificate_file.read(data, None)

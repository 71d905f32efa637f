"""Which certificates are trusted: those that the environment names, the system's, or certifi's."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.provider import trusted_certificates
from tests import certificates

if TYPE_CHECKING:
    from tests.world import World


@pytest.mark.parametrize("what", ["file", "directory", "empty file", "empty directory", "neither"])
def test_without_variables_the_systems_store_else_certifi(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A system's store that is empty or missing is passed over."""
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable)
    file, directory = world.root / "certs.pem", world.root / "certs"
    if "file" in what:
        file.write_text("" if "empty" in what else "x")
    if "directory" in what:
        directory.mkdir()
    if what == "directory":
        (directory / "a.pem").touch()
    paths = ssl.get_default_verify_paths()._replace(cafile=str(file), capath=str(directory))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)

    found = trusted_certificates.find()

    assert found == {"file": str(file), "directory": str(directory)}.get(what, certifi.where())
    assert ("certifi" in trusted_certificates.origin(found)) == (found == certifi.where())


def test_what_cannot_be_read_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is missing, closed, or holds no certificate is 78 with its path."""
    closed = certificates.write(world.root / "closed.pem", "x", mode=0)
    empty = certificates.write(world.root / "no.pem", "no certificate\n")
    for path in (Path("/nonexistent/ca.pem"), closed, empty):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
        with pytest.raises(errors.Misconfigured, match=str(path)):
            trusted_certificates.context()


def test_hosts_are_verified(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The context wants a certificate for the host's name, and trusts what is in the named file or directory only."""
    named, context = trusted_certificates.find(), trusted_certificates.context()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.root))

    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert len(context.get_ca_certs()) == 1
    assert trusted_certificates.origin(named) == "REQUESTS_CA_BUNDLE names it"
    assert trusted_certificates.context().get_ca_certs() == []  # those of a directory are read when they are needed

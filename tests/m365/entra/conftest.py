"""An Entra, a person's browser and a program, new for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
import trustme

from tests.m365.entra import Entra
from tests.m365.entra.program import Program
from tests.m365.person import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.m365.entra import Key


@pytest.fixture
def entra(tmp_path: Path, signing_key: Key) -> Iterator[Entra]:
    """Serve Entra with one person, alice@example.org."""
    with Entra(tmp_path, trustme.CA(), key=signing_key) as running:
        running.add_person("alice@example.org", "sesame")
        yield running


@pytest.fixture
def browser(entra: Entra) -> Iterator[Browser]:
    """Open a browser without cookies."""
    with Browser(entra.ca_file) as opened:
        yield opened


@pytest.fixture
def http(entra: Entra) -> Iterator[requests.Session]:
    """Open an HTTP session that trusts Entra's certificate."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(entra.ca_file)
        yield session


@pytest.fixture
def program(entra: Entra, http: requests.Session) -> Program:
    """Return a program with Thunderbird's client id."""
    return Program(entra, http)

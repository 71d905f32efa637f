"""The doctor as somebody runs it whose network, clock or certificates are not what they were yesterday."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from offlineimap_m365.doctor import network
from offlineimap_m365.doctor.local import versions
from tests.login_host import LoginHost, response
from tests.m365.wire import ConnectProxy
from tests.whole import builds
from tests.whole.advice_follower import AdviceFollower

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

#: Read at import: the worlds of tests forget it.
INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")
DISCOVERY = ".well-known/openid-configuration"


@pytest.fixture
def follower(world: World, entra: Entra, exchange: Exchange) -> AdviceFollower:
    """Return Alice, who is well."""
    return AdviceFollower.make(world, entra, exchange)


def test_the_environment_is_wrong(follower: AdviceFollower, tmp_path: Path) -> None:
    """A proxy that is not there, one that refuses, trusted certificates that are gone or another's: each is unset."""
    environ = follower.world.environ
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with ConnectProxy({}) as refuses, LoginHost(response(407)) as strict:
        for name, value, check in (
            ("https_proxy", "http://alice:geheim@127.0.0.1:1", "proxy"),
            ("ALL_PROXY", "mailto:alice:geheim", "proxy"),
            ("HTTPS_PROXY", refuses.url, "proxy"),
            ("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing.pem"), "certificates"),
            ("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"), "tls"),
        ):
            environ[name] = value

            found = follower.only(check)

            assert "geheim" not in str(found)
            follower.follow(found)
            assert name not in environ
        environ["HTTPS_PROXY"] = f"http://127.0.0.1:{strict.port}"
        assert "NAME:PASSWORD" in follower.only("proxy")["remedy"]
        follower.run("unset HTTPS_PROXY")

    assert follower.has_no_failure()


def test_a_company_looks_into_connections(follower: AdviceFollower, tmp_path: Path) -> None:
    """The certificate of a company is trusted once it was added to the file that the advice names."""
    environ, usual = follower.world.environ, tmp_path / "usual.pem"
    company = Path(environ["REQUESTS_CA_BUNDLE"])
    trustme.CA().cert_pem.write_to_path(str(usual))
    environ |= {"REQUESTS_CA_BUNDLE": str(usual), "SSL_CERT_FILE": str(usual)}

    found = follower.only("tls")
    usual.write_bytes(usual.read_bytes() + company.read_bytes())

    assert f"add it to {usual}" in found["remedy"]
    assert follower.has_no_failure()


def test_the_provider_cannot_be_asked(follower: AdviceFollower) -> None:
    """A busy provider is waited for as advised; a captive portal and a wrong clock are named as such."""
    entra = follower.entra
    entra.fail_next(DISCOVERY, status=503, headers={"Retry-After": "1"})
    follower.follow(follower.only("login-host"))

    entra.fail_next(DISCOVERY, times=2, status=302, headers={"Location": "https://portal.hotel.example/"})
    assert "captive portal" in follower.only("login-host")["meaning"]

    entra.clock = 1230.0
    found = follower.only("clock")
    assert "20 min behind" in found["meaning"]
    assert found["command"] == network.set_clock()
    entra.clock = 0.0  # what that command does: nobody may set this machine's clock
    assert follower.has_no_failure()


def test_programs_are_named(follower: AdviceFollower, monkeypatch: pytest.MonkeyPatch) -> None:
    """The distribution's OfflineIMAP is told from one in this program's Python; offline, too, without a request."""
    monkeypatch.setenv("M365_TESTS_ENVIRONMENTS", INVENTORY)
    for build in (builds.find("distribution"), builds.find("8.0.3")):
        follower.world.command = list(build.command)
        follower.world.environ["PATH"] = f"{Path(build.offlineimap[0]).parent}:/usr/bin:/bin"

        checks = follower.checks_in(follower.world.run("doctor", "--json", "--offline"))

        assert [check["name"] for check in checks][:3] == ["versions", "offlineimap", "certificates"]
        python = versions.find_interpreter(Path(build.offlineimap[0]))
        assert f"({build.offlineimap[0]}) is run by {python}" in checks[1]["meaning"]
    assert follower.entra.requests == []

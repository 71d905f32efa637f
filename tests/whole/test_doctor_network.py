"""The doctor as somebody runs it whose network, clock or certificates are not what they were yesterday."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from offlineimap_m365.accounts import profiles
from offlineimap_m365.doctor.local import versions
from tests.login_host import CONFIGURATION, LoginHost, response
from tests.m365.wire import ConnectProxy
from tests.mail_servers import ImapServer
from tests.signed_in_accounts import ALICE
from tests.whole import builds
from tests.whole.leak_search import forms

if TYPE_CHECKING:
    import pytest

    from tests.whole.advice_follower import AdviceFollower
    from tests.world import World

#: Read at import: the worlds of tests forget it.
INVENTORY = os.environ.get("M365_TESTS_ENVIRONMENTS", "")


def test_the_environment_is_wrong(follower: AdviceFollower, tmp_path: Path) -> None:
    """A proxy that is not there, one that refuses, and certificates of others: each is unset."""
    environ = follower.world.environ
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with ConnectProxy({}) as refuses:
        for name, value, check in (
            ("https_proxy", "http://alice:geheim@127.0.0.1:1", "proxy"),
            ("HTTPS_PROXY", refuses.url, "proxy"),
            ("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"), "tls"),
        ):
            environ[name] = value

            found = follower.only(check)

            assert "geheim" not in str(found)
            follower.follow(found)
            assert name not in environ
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


# Servers that are not who they should be


def trust_another(world: World) -> trustme.CA:
    """Return an authority that the world trusts from now on, too: Mallory has bought a certificate there."""
    made = trustme.CA()
    bundle = world.root / "ca.pem"
    bundle.write_bytes(bundle.read_bytes() + made.cert_pem.bytes())
    return made


def keeps_from(follower: AdviceFollower, received: bytes) -> bool:
    """Tell whether no secret, in any form, is in what a server *received*."""
    text = received.decode("latin-1")
    secrets = [*follower.world.secrets(ALICE), *follower.entra.refresh_tokens]
    return not [secret for secret in secrets for form in forms(secret) if form in text] and "Bearer" not in text


def test_a_host_that_a_file_names_gets_nothing(follower: AdviceFollower) -> None:
    """An offlineimaprc may name any server, a trusted one too: the doctor sends nothing there."""
    path = follower.world.root / "offlineimaprc"
    with ImapServer(trust_another(follower.world)) as server:
        host, _, port = server.address.partition(":")
        text = follower.say("config", ALICE).out
        text = re.sub(r"(?m)^remotehost = .*$", f"remotehost = {host}", text)
        path.write_text(re.sub(r"(?m)^remoteport = .*$", f"remoteport = {port}", text), encoding="utf-8")

        checks = follower.examine("--config", str(path))

    assert f"remotehost = {host}\nremoteport = {port}\n" in path.read_text(encoding="utf-8")
    assert server.received == b""
    assert [check["name"] for check in checks if check["name"] == "imap-mailbox" and check["ok"]] == ["imap-mailbox"]


def test_hostile_login_hosts_get_nothing(follower: AdviceFollower) -> None:
    """A foreign certificate, a portal or a proxy on the way to the login host: what they see is no secret."""
    entra, mallory = follower.entra, trustme.CA(organization_name="Mallory")
    account = profiles.get(ALICE)
    portal = response(302, headers={"Location": "https://mallory.example/"})
    bought = trust_another(follower.world).issue_cert("localhost")
    for name, host in (
        ("tls", LoginHost(response(200, CONFIGURATION), certificate=mallory.issue_cert("localhost"))),
        ("login-host", LoginHost(portal, certificate=bought)),
    ):
        with host:
            profiles.save(dataclasses.replace(account, authority=f"https://localhost:{host.port}/tenant"))

            follower.only(name)

        assert keeps_from(follower, b"".join(host.received))
        assert all(asked.startswith(b"GET /tenant/") for asked in host.received)
    profiles.save(account)
    assert entra.count("refresh_token") == 0

    with ConnectProxy({}) as proxy, LoginHost(response(200, CONFIGURATION)) as other:
        for url in (proxy.url, f"http://127.0.0.1:{other.port}"):
            follower.world.environ["HTTPS_PROXY"] = url
            follower.examine()
        del follower.world.environ["HTTPS_PROXY"]

    assert keeps_from(follower, b"".join(other.received))
    assert set(proxy.refused) == {f"localhost:{entra.port}"}
    assert follower.has_no_failure()

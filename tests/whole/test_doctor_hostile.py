"""What servers see of the doctor that are not who they should be: they write down all that they are sent."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

import trustme

from tests.login_host import CONFIGURATION, LoginHost, response
from tests.m365.wire import ConnectProxy
from tests.mail_servers import ImapServer, SmtpServer
from tests.signed_in_accounts import ALICE
from tests.whole.advice_follower import AdviceFollower

if TYPE_CHECKING:
    from tests.m365.entra import Entra
    from tests.m365.exchange import Exchange
    from tests.world import World

#: A server that takes passwords only, as many do.
PASSWORDS = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SASL-IR\r\nTAG OK done\r\n"


def point(world: World, **hosts: str) -> None:
    """Let the account's *imap* and *smtp* be these addresses, as if somebody else answered at its own."""
    path = world.folder(ALICE) / "profile.json"
    profile = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**profile, **hosts}), encoding="utf-8")


def kept_from(follower: AdviceFollower, received: bytes) -> bool:
    """Tell whether nothing of a sign-in is in what a server *received*: no token, and no try to sign in."""
    text = received.decode("latin-1")
    decoded = " ".join(
        base64.b64decode(word + "=" * (-len(word) % 4)).decode("latin-1")
        for word in re.findall(r"[A-Za-z0-9+/]{8,}", text)
        if len(word) % 4 != 1
    )
    secrets = [*follower.world.secrets(ALICE), *follower.entra.refresh_tokens]
    assert secrets
    assert [secret for secret in secrets if secret in text or secret in decoded] == []
    assert "Bearer" not in text + decoded
    assert not re.search(r"(?im)^(?:\S+ )?(?:AUTHENTICATE|LOGIN|AUTH)\b", text)
    return True


def test_hostile_mail_servers_get_nothing(world: World, entra: Entra, exchange: Exchange) -> None:
    """A server with another certificate, without XOAUTH2 or without TLS never gets a token."""
    follower = AdviceFollower.make(world, entra, exchange)
    mallory, ours = trustme.CA(organization_name="Mallory"), exchange_ca(world)
    right = {"imap": f"localhost:{exchange.imap_port}", "smtp": f"localhost:{exchange.smtp_port}"}
    in_clear = b"250-localhost\r\n250 AUTH LOGIN XOAUTH2\r\n"
    servers: list[tuple[str, str, ImapServer | SmtpServer]] = [
        ("imap", "imap-connect", ImapServer(mallory)),
        ("imap", "imap-connect", ImapServer(ours, host="mallory.example")),
        ("imap", "imap-xoauth2", ImapServer(ours, {"CAPABILITY": PASSWORDS})),
        ("smtp", "smtp-starttls", SmtpServer(mallory)),
        ("smtp", "smtp-starttls", SmtpServer(ours, {"EHLO": in_clear})),
        ("smtp", "smtp-xoauth2", SmtpServer(ours, {"EHLO over TLS": b"250 AUTH LOGIN PLAIN\r\n"})),
    ]
    for which, name, server in servers:
        with server:
            point(world, **{**right, which: server.address})

            follower.only(name)

        assert kept_from(follower, server.received)

    point(world, **right)
    assert follower.has_no_failure()


def test_a_host_that_a_file_names_gets_nothing(world: World, entra: Entra, exchange: Exchange) -> None:
    """An offlineimaprc may name any server, a trusted one too: the doctor sends nothing there."""
    follower = AdviceFollower.make(world, entra, exchange)
    with ImapServer(exchange_ca(world)) as server:
        host, _, port = server.address.partition(":")
        path = world.root / "offlineimaprc"
        path.write_text(
            "[general]\naccounts = work\n"
            f"pythonfile = {world.home / 'pythonfile.py'}\n"
            "[Account work]\nlocalrepository = l\nremoterepository = r\n"
            f"[Repository l]\ntype = Maildir\nlocalfolders = {world.root / 'mail'}\nsep = /\n"
            f"[Repository r]\ntype = IMAP\nremotehost = {host}\nremoteport = {port}\nremoteuser = {ALICE}\n"
            f"ssl = yes\nsslcacertfile = {world.environ['SSL_CERT_FILE']}\nauth_mechanisms = XOAUTH2\n"
            f'oauth2_access_token_eval = get_access_token("{ALICE}", 1800)\nfolderfilter = folderfilter\n'
        )

        checks = follower.examine("--config", str(path))

    assert server.received == b""
    assert [check["name"] for check in checks if check["name"] == "imap-mailbox" and check["ok"]] == ["imap-mailbox"]


def test_hostile_login_hosts_get_nothing(world: World, entra: Entra, exchange: Exchange) -> None:
    """A foreign certificate, a portal or a proxy on the way to the login host: what they see is no secret."""
    follower = AdviceFollower.make(world, entra, exchange)
    mallory = trustme.CA(organization_name="Mallory")
    authority = json.loads((world.folder(ALICE) / "profile.json").read_text(encoding="utf-8"))["authority"]
    portal = response(302, headers={"Location": "https://mallory.example/"})
    for name, host in (
        ("tls", LoginHost(response(200, CONFIGURATION), certificate=mallory.issue_cert("localhost"))),
        ("login-host", LoginHost(portal, certificate=exchange_ca(world).issue_cert("localhost"))),
    ):
        with host:
            point(world, authority=f"https://localhost:{host.port}/tenant")

            follower.only(name)

        assert kept_from(follower, b"".join(host.received))
        assert all(asked.startswith(b"GET /tenant/") for asked in host.received)
    point(world, authority=authority)
    assert entra.count("refresh_token") == 0

    with ConnectProxy({}) as proxy, LoginHost(response(200, CONFIGURATION)) as other:
        for url in (proxy.url, f"http://127.0.0.1:{other.port}"):
            world.environ["HTTPS_PROXY"] = url
            follower.examine()
        del world.environ["HTTPS_PROXY"]

    assert kept_from(follower, b"".join(other.received))
    assert set(proxy.refused) == {f"localhost:{entra.port}"}
    assert follower.has_no_failure()


def exchange_ca(world: World) -> trustme.CA:
    """Return the authority that the world trusts beside its own from now on: Mallory has bought a certificate there."""
    made = trustme.CA()
    bundle = world.root / "ca.pem"
    bundle.write_bytes(bundle.read_bytes() + made.cert_pem.bytes())
    return made

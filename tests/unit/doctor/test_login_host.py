"""The way to the login host: each thing that can be wrong with it is named, once, and what is advised mends it."""

from __future__ import annotations

import datetime as dt
import re
import socket
import sys
import threading
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from offlineimap_m365.accounts import profiles
from offlineimap_m365.doctor.check import Check, Findings, Subject
from offlineimap_m365.doctor.local import tls_trust
from offlineimap_m365.doctor.mail import reachability
from offlineimap_m365.doctor.network import login_host, route
from offlineimap_m365.mail import tcp_connect
from offlineimap_m365.provider import http_client
from tests.certificates import certificate, ec_key
from tests.login_host import CONFIGURATION, LoginHost, response
from tests.m365.entra import CAPTIVE_PORTAL
from tests.m365.wire import ConnectProxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.m365.entra import Entra
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

ALICE = "alice@example.org"
MICROSOFT = "login.microsoftonline.com"
PASSWORD = "geheim%40x"


def subject(authority: str, name: str = ALICE, *, is_custom: bool = True, **more: Any) -> Subject:
    """Return an account that is signed in at *authority*, about to be examined."""
    account = profiles.Account(
        name=name,
        client_id="a client id",
        authority=authority,
        scopes=(),
        imap="localhost:993",
        smtp="localhost:587",
        redirect_uri="https://localhost",
        endpoints={"token_endpoint": f"{authority}/token"} if is_custom else None,
    )
    return Subject(name, name, account=account, **more)


def at(port: int, host: str = "localhost", **more: Any) -> Subject:
    """Return such an account at a *port* of this machine."""
    return subject(f"https://{host}:{port}/tenant", **more)


def microsoft(**more: Any) -> Subject:
    """Return such an account at Microsoft's own host."""
    return subject(f"https://{MICROSOFT}/organizations", is_custom=False, **more)


def look(about: Subject) -> dict[str, Check]:
    """Return the checks by name: of the trusted certificates, and of the login host."""
    trusted = tls_trust.examine()
    about.failed |= {trusted.name} if trusted.ok is False else set()
    found = [trusted, *login_host.examine(about)]
    said = " ".join(check.meaning + check.remedy for check in found)
    assert "geheim" not in said
    assert "!" not in said
    return {check.name: check for check in found}


def only(name: str, about: Subject) -> Check:
    """Return the one check that failed; what follows it was not tried, and what to do ends with a command."""
    found = look(about)
    assert [check.name for check in found.values() if check.ok is False] == [name], found
    later = (
        login_host.NAMES[login_host.NAMES.index(name) + 1 :]
        if name in login_host.NAMES
        else ("tls", "login-host", "clock")
    )
    assert {found[other].ok for other in later} <= {None}
    assert all(found[other].meaning == f"Not tried, since {name} failed" for other in later)
    assert re.search(r"Run: \S.*$", found[name].remedy)
    return found[name]


def command(check: Check) -> str:
    """Return the command that a remedy ends with."""
    return check.remedy.rpartition("Run: ")[2]


def is_well(about: Subject) -> bool:
    """Tell whether nothing is found any more."""
    return [check for check in look(about).values() if check.ok is False] == []


def follow(world: World, check: Check, **names: str) -> None:
    """Type the command of *check*, with *names* in the place of words in capitals, into the user's shell."""
    text = command(check)
    for placeholder, value in names.items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    done = world.type(text)
    assert done.code == 0, done.err
    world.enter()


def days(number: float) -> dt.datetime:
    """Return the time so many days from now."""
    return dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=number)


@pytest.fixture
def entra_alike(ca: trustme.CA, world: World) -> LoginHost:
    """Return a login host that would answer well; the test lets it serve."""
    return LoginHost(response(200, CONFIGURATION), certificate=ca.issue_cert("localhost", "127.0.0.1"))


def test_a_host_that_is_well(world: World, entra: Entra) -> None:
    """With nothing wrong each step says what it saw, one request is sent, and no secret in it."""
    found = look(subject(entra.authority))

    assert list(found) == ["certificates", *login_host.NAMES]
    assert {check.ok for check in found.values()} == {True}
    assert "REQUESTS_CA_BUNDLE" in found["certificates"].meaning
    assert "127.0.0.1" in found["dns"].meaning
    assert [(request.method, request.authorization) for request in entra.requests] == [("GET", None)]


def test_a_proxy_that_is_well(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy that resolves the name itself, its address is named without its password."""
    with ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", entra.port)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://alice:{PASSWORD}@127.0.0.1:{proxy.port}")
        found = look(microsoft())

    assert [check.ok for check in found.values()] == [True, True, None, True, True, True]
    assert found["proxy"].meaning == f"{MICROSOFT} is reached through the proxy http://127.0.0.1:{proxy.port}"
    assert proxy.refused == []


def test_no_proxy_is_told(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not count for this host is not asked, and it is said why."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "localhost")

    assert look(subject(entra.authority))["proxy"].meaning == "localhost is reached directly (NO_PROXY takes it out)"


def test_an_account_whose_profile_is_broken(world: World) -> None:
    """Without a profile nobody knows whom to ask, which is another check's failure."""
    checks = list(login_host.examine(Subject(ALICE, ALICE)))

    assert [(check.name, check.ok) for check in checks] == [("login-host", None)]


# Ways to break


@pytest.mark.parametrize(
    "text", [f"http://alice:{PASSWORD}@[oops", "ftp://127.0.0.1:1", "http://", "http://a:port", "http://a;reboot:80"]
)
def test_what_names_no_proxy(world: World, entra: Entra, text: str) -> None:
    """What cannot be a proxy's address is said to be none; without it the host is reached."""
    world.environ["HTTPS_PROXY"] = text
    world.enter()

    failed = only("proxy", subject(entra.authority))

    assert command(failed) == "unset HTTPS_PROXY"
    follow(world, failed)
    assert is_well(subject(entra.authority))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(world: World, entra: Entra, scheme: str) -> None:
    """A proxy at home that is not there in the café: all variables that name it are unset."""
    world.environ["https_proxy"] = f"{scheme}://alice:{PASSWORD}@127.0.0.1:{closed_port()}"
    world.environ["ALL_PROXY"] = world.environ["https_proxy"]
    world.enter()

    failed = only("proxy", subject(entra.authority))

    assert "cannot be reached (nobody listens there)" in failed.meaning
    assert "https_proxy and ALL_PROXY name it" in failed.meaning
    assert command(failed) == "unset https_proxy ALL_PROXY"
    follow(world, failed)
    assert is_well(subject(entra.authority))


def test_a_socks_proxy(world: World, entra: Entra) -> None:
    """SOCKS needs a library that is no dependency; without the proxy the host is reached."""
    world.environ["HTTPS_PROXY"] = f"socks5://alice:{PASSWORD}@127.0.0.1:{closed_port()}"
    world.enter()

    failed = only("proxy", subject(entra.authority))

    assert "SOCKS" in failed.meaning
    follow(world, failed)
    assert is_well(subject(entra.authority))


def test_a_proxy_that_leads_nowhere(world: World, entra: Entra) -> None:
    """A proxy that answers 403 and cannot be done without: another one is named."""
    with ConnectProxy({}) as other, ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", entra.port)}) as right:
        world.environ["HTTPS_PROXY"] = other.url
        world.enter()

        failed = only("proxy", microsoft())

        assert f"does not lead to {MICROSOFT} (HTTP 403)" in failed.meaning
        assert command(failed) == "export HTTPS_PROXY=http://HOST:PORT"
        follow(world, failed, **{"HOST:PORT": f"127.0.0.1:{right.port}"})
        assert is_well(microsoft())


@pytest.mark.parametrize("given", ["", f"alice:{PASSWORD}@"])
def test_a_proxy_that_wants_a_password(world: World, entra: Entra, given: str) -> None:
    """407 is told from a proxy that refuses the host, and whether a password was given."""
    with LoginHost(response(407)) as strict, ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", entra.port)}) as right:
        world.environ["HTTPS_PROXY"] = f"http://{given}127.0.0.1:{strict.port}"
        world.enter()

        failed = only("proxy", microsoft())

        assert ("does not take the name" in failed.meaning) is bool(given)
        assert command(failed) == f"export HTTPS_PROXY=http://NAME:PASSWORD@127.0.0.1:{strict.port}"
        assert (b"\r\nProxy-Authorization: Basic YWxpY2U6Z2VoZWltQHg=\r\n" in strict.received[0]) is bool(given)
        follow(world, failed, **{"NAME:PASSWORD": "alice:right", str(strict.port): str(right.port)})
        assert is_well(microsoft())


@pytest.mark.parametrize(
    "answer",
    [b"220 mail ESMTP\r\n\r\n", b"\r\n\r\n", b"", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n"],
)
def test_a_proxy_that_is_none(world: World, entra: Entra, answer: bytes) -> None:
    """What does not speak HTTP is no proxy, whatever it says."""
    with LoginHost(answer) as other:
        world.environ["HTTPS_PROXY"] = f"127.0.0.1:{other.port}"
        world.enter()

        failed = only("proxy", subject(entra.authority))

    assert "it does not speak HTTP" in failed.meaning
    follow(world, failed)
    assert is_well(subject(entra.authority))


@pytest.mark.parametrize(
    ("number", "words"),
    [(socket.EAI_NONAME, "Nobody knows a host called"), (socket.EAI_AGAIN, "cannot be resolved now")],
)
def test_a_name_that_does_not_resolve(
    world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """A name that nobody knows is told from a resolver that is not there; back in the network all is well."""
    about = subject(entra.authority)
    with monkeypatch.context() as away:
        away.setattr(socket, "getaddrinfo", _raise(socket.gaierror(number, "no")))
        failed = only("dns", about)

    assert words in failed.meaning
    assert about.causes == {"offline", "every name", "every host"}
    assert is_well(subject(entra.authority))


def test_a_name_that_cannot_be_one(world: World) -> None:
    """A host's name with a part that is too long is none, and no crash."""
    failed = only("dns", subject(f"https://{'a' * 70}.example.org/tenant"))

    assert command(failed).startswith("offlineimap-m365 login alice@example.org --authority ")


def test_a_resolver_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that never answers is given up after the time of an exchange."""
    over = _Over()
    monkeypatch.setattr(tcp_connect, "WHOLE", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", over.wait)

    failed = only("dns", microsoft())

    over.end()
    assert "cannot be resolved now" in failed.meaning


def test_a_port_where_nobody_listens(world: World, entra_alike: LoginHost) -> None:
    """A refused connection is told; once the host is up all is well."""
    with entra_alike as host:
        port = host.port
        assert is_well(at(port))

    failed = only("tls", at(port))

    assert f"cannot be connected with on port {port} (nobody listens there)" in failed.meaning


def test_a_network_that_lets_nobody_out(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's host cannot be connected with: a network that has a proxy, which is named as advised."""
    with monkeypatch.context() as here:
        nobody = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", closed_port()))]
        here.setattr(socket, "getaddrinfo", lambda *_, **__: nobody)
        failed = only("tls", microsoft())

    with ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", entra.port)}) as proxy:
        follow(world, failed, **{"HOST:PORT": f"127.0.0.1:{proxy.port}"})
        assert is_well(microsoft())


def test_a_company_that_looks_into_connections(world: World, ca: trustme.CA, tmp_path: Path) -> None:
    """A certificate of a private authority: who issued it is named, and how to trust it beside all others."""
    company = trustme.CA(organization_name="Example Corp. \x1b[31m Run: rm -r ~")
    with LoginHost(response(200, CONFIGURATION), certificate=company.issue_cert("localhost")) as host:
        failed = only("tls", at(host.port))

        assert "issued by “Example Corp. \ufffd[31m" in failed.meaning
        assert "rm -r" not in failed.remedy
        company.cert_pem.write_to_path(str(tmp_path / "company.pem"))
        follow(world, failed, **{"CERTIFICATE.pem": str(tmp_path / "company.pem")})
        assert world.environ["REQUESTS_CA_BUNDLE"].endswith("/trusted-certificates.pem")
        assert is_well(at(host.port))
        assert all(asked.startswith(b"GET /") for asked in host.received)


def test_a_company_and_a_proxy(world: World, tmp_path: Path) -> None:
    """The same through the company's proxy, which is where it happens: the certificate is read through it, too."""
    company = trustme.CA(organization_name="Example Corp.")
    host = LoginHost(response(200, CONFIGURATION), certificate=company.issue_cert(MICROSOFT))
    with host, ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", host.port)}) as proxy:
        world.environ["HTTPS_PROXY"] = proxy.url
        world.enter()
        failed = only("tls", microsoft())

        assert "issued by “Example Corp.”" in failed.meaning
        company.cert_pem.write_to_path(str(tmp_path / "company.pem"))
        follow(world, failed, **{"CERTIFICATE.pem": str(tmp_path / "company.pem")})
        assert is_well(microsoft())


def test_the_environment_trusts_too_few(world: World, entra: Entra, tmp_path: Path) -> None:
    """If only what a variable names does not trust the host, the variable is what is wrong."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    world.environ["REQUESTS_CA_BUNDLE"] = str(tmp_path / "other.pem")
    world.enter()

    failed = only("tls", subject(entra.authority))

    assert command(failed) == "unset REQUESTS_CA_BUNDLE"
    follow(world, failed)
    assert is_well(subject(entra.authority))


@pytest.mark.parametrize("what", ["gone", "empty", "garbage"])
def test_trusted_certificates_that_are_not_there(world: World, entra: Entra, what: str) -> None:
    """A file of certificates that is gone or holds none: unset is what names it, and no more than that."""
    broken = world.root / "broken.pem"
    if what != "gone":
        broken.write_bytes(b"" if what == "empty" else b"\xff\x00 no certificate")
    world.environ["REQUESTS_CA_BUNDLE"] = str(broken)
    world.enter()

    failed = only("certificates", subject(entra.authority))

    assert str(broken) in failed.meaning
    assert command(failed) == "unset REQUESTS_CA_BUNDLE"
    follow(world, failed)
    assert is_well(subject(entra.authority))


def test_two_variables_are_wrong(world: World, entra: Entra) -> None:
    """If what comes into force after one variable is broken as well, both are unset."""
    directory = world.root / "certificates"
    directory.mkdir()
    world.environ |= {"REQUESTS_CA_BUNDLE": "/nonexistent/a", "SSL_CERT_FILE": "/nonexistent/b"}
    world.environ["SSL_CERT_DIR"] = str(directory)
    world.enter()

    failed = only("certificates", subject(entra.authority))

    assert command(failed) == "unset REQUESTS_CA_BUNDLE SSL_CERT_FILE"


def test_an_expired_certificate(world: World, ca: trustme.CA, entra_alike: LoginHost) -> None:
    """A certificate that expired is named with its date; a new one of the host's is good."""
    entra_alike.use(ca.issue_cert("localhost", not_before=days(-30), not_after=days(-2)))
    with entra_alike as host:
        failed = only("tls", at(host.port))

        assert f"expired on {days(-2):%Y-%m-%d}" in failed.meaning
        assert "renew" in failed.remedy
        host.use(ca.issue_cert("localhost"))
        assert is_well(at(host.port))


@pytest.mark.parametrize(("begins", "ends"), [(-30, -2), (2, 30)])
def test_a_clock_that_is_days_off(
    world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, begins: float, ends: float
) -> None:
    """Microsoft's certificates are good, so one that is not, by this machine's clock, says that the clock is wrong."""
    certificate = ca.issue_cert(MICROSOFT, not_before=days(begins), not_after=days(ends))
    host = LoginHost(response(200, CONFIGURATION), certificate=certificate)
    with host, ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", host.port)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        failed = only("tls", microsoft())

        assert f"clock says {days(0):%Y-%m-%d}" in failed.meaning
        assert command(failed) == tls_trust.set_clock()
        host.use(ca.issue_cert(MICROSOFT))
        assert is_well(microsoft())


def test_another_name_in_the_certificate(world: World, ca: trustme.CA, entra_alike: LoginHost) -> None:
    """Whoever answers in the host's place is named by what their certificate is for."""
    entra_alike.use(ca.issue_cert("portal.hotel.example"))
    with entra_alike as host:
        failed = only("tls", at(host.port))

        assert "a certificate for “portal.hotel.example”" in failed.meaning
        assert command(failed) == "offlineimap-m365 login alice@example.org --authority https://HOST/TENANT"
        host.use(ca.issue_cert("localhost"))
        assert is_well(at(host.port))


def test_an_address_in_the_place_of_a_name(world: World, ca: trustme.CA, entra_alike: LoginHost) -> None:
    """A number for a host that has a certificate for its name is corrected where the host was named."""
    entra_alike.use(ca.issue_cert("localhost"))
    with entra_alike as host:
        failed = only("tls", at(host.port, "127.0.0.1"))

        assert "127.0.0.1 showed a certificate for “localhost”" in failed.meaning
        assert is_well(at(host.port))


def test_no_tls_at_all(world: World) -> None:
    """A host that speaks something else on this port is told."""
    with LoginHost(b"HTTP/1.1 400 Bad Request\r\n\r\n") as host:
        failed = only("tls", at(host.port))

    assert "broke off the TLS handshake" in failed.meaning


@pytest.mark.parametrize("drip", [0.0, 0.05])
def test_a_host_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch, drip: float) -> None:
    """A host that says nothing, or drips, in the place of a handshake is given up."""
    monkeypatch.setattr(http_client, "READ", 0.3)
    with LoginHost(drip=drip) as host:
        failed = only("tls", at(host.port))

    assert "TLS handshake" in failed.meaning


def test_a_proxy_that_hangs(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that drips its answer is given up after the time of an exchange."""
    monkeypatch.setattr(http_client, "WHOLE", 0.3)
    with LoginHost(drip=0.02) as host:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{host.port}")
        failed = only("proxy", subject(entra.authority))

    assert "no answer in time" in failed.meaning


def test_an_answer_that_drips(world: World, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login host that answers byte by byte is given up after the time of an exchange."""
    monkeypatch.setattr(http_client, "WHOLE", 0.4)
    with LoginHost(certificate=ca.issue_cert("localhost"), drip=0.02) as host:
        failed = only("login-host", at(host.port))

    assert "did not answer within" in failed.meaning


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (200, CAPTIVE_PORTAL, {}, "with a page (HTTP 200)"),
        (200, "[]", {}, "with a page"),
        (200, "{" * 9000, {}, "with a page"),
        (403, "<html>Blocked by policy</html>", {}, "with a page (HTTP 403)"),
        (302, "", {"Location": "https://portal.hotel.example/?u=1"}, "and leads to portal.hotel.example (HTTP 302)"),
        (307, CONFIGURATION, {"Location": "nowhere"}, "(HTTP 307)"),
        (302, "", {"Location": "https://[oops"}, "with a page (HTTP 302)"),
        (302, "", {"Location": "https://try reboot now/"}, "with a page (HTTP 302)"),
        (200, '{"status": "blocked"}', {}, "no OpenID configuration"),
    ],
)
def test_somebody_else_answers(
    world: World, entra_alike: LoginHost, *, status: int, body: str, headers: dict[str, str], words: str
) -> None:
    """A captive portal, a filter or a redirect in the place of a provider is named; it is gone once one signed in."""
    right, entra_alike.answer = entra_alike.answer, response(status, body, headers)
    with entra_alike as host:
        failed = only("login-host", at(host.port))

        assert words in failed.meaning
        host.answer = right
        assert is_well(at(host.port))


@pytest.mark.parametrize(
    ("status", "header", "wait", "words"),
    [
        (503, "1", 1, "busy or broken (HTTP 503), and wants to be left alone for 1 s"),
        (429, "120", 120, "too busy (HTTP 429), and wants to be left alone for 2 min"),
        (500, "", 60, "busy or broken (HTTP 500)"),
        (502, "999999", 3600, "60 min"),
    ],
)
def test_a_host_that_is_busy(
    world: World, entra_alike: LoginHost, *, status: int, header: str, wait: int, words: str
) -> None:
    """A busy host is left alone for as long as it wants, but for an hour at most."""
    right = entra_alike.answer
    entra_alike.answer = response(status, "", {"Retry-After": header} if header else {})
    with entra_alike as host:
        failed = only("login-host", at(host.port))

        assert words in failed.meaning
        assert command(failed) == f"sleep {wait}; offlineimap-m365 doctor alice@example.org"
        host.answer = right
        assert is_well(at(host.port))


def test_a_provider_that_refuses_is_one(world: World, entra: Entra) -> None:
    """An unknown tenant is refused in JSON: that is a provider, and the refusal another check's."""
    authority = entra.authority_for("00000000-0000-0000-0000-000000000000")

    assert is_well(subject(authority))


def test_a_provider_without_entras_address(world: World, entra_alike: LoginHost) -> None:
    """A provider that has its configuration elsewhere than Entra is asked there (OpenID Connect Discovery §4)."""
    entra_alike.answer = response(200, "{}")
    with entra_alike as host:
        only("login-host", at(host.port))

        assert [asked.split()[1] for asked in host.received] == [
            b"/tenant/v2.0/.well-known/openid-configuration",
            b"/tenant/.well-known/openid-configuration",
        ]


@pytest.mark.parametrize(
    ("ahead", "words"), [(-1200, "20 min ahead of"), (1200, "20 min behind"), (-90_000, "25 h ahead"), (400, "7 min")]
)
def test_a_wrong_clock(world: World, entra: Entra, ahead: float, words: str) -> None:
    """More than five minutes are named with the side, what they do, and the command that sets the clock."""
    entra.clock = ahead

    failed = only("clock", subject(entra.authority))

    assert words in failed.meaning
    assert ("look expired" in failed.meaning) is (ahead < 0)
    assert command(failed) == tls_trust.set_clock()
    entra.clock = 0
    assert is_well(subject(entra.authority))


@pytest.mark.parametrize(
    ("headers", "ok", "words"),
    [
        ({"Date": formatdate(0, usegmt=True)}, False, "days ahead"),
        ({"Date": "soon"}, None, "does not say"),
        ({"Date": "Wed, 99 Foo 99999 07:28:00 GMT"}, None, "does not say"),
        ({"Date": ""}, None, "does not say"),
    ],
)
def test_the_time_of_an_answer(
    world: World, entra_alike: LoginHost, headers: dict[str, str], ok: bool | None, words: str
) -> None:
    """A Date that is none says nothing of the clock."""
    entra_alike.answer = response(200, CONFIGURATION, headers)
    with entra_alike as host:
        found = look(at(host.port))["clock"]

    assert found.ok is ok
    assert words in found.meaning


def test_a_cached_answer_is_older_than_the_clock(world: World, entra_alike: LoginHost, entra: Entra) -> None:
    """A cache on the way says how old its answer is (RFC 9111 §5.1): that is no wrong clock."""
    two_hours_ago = formatdate(days(-1 / 12).timestamp(), usegmt=True)
    entra_alike.answer = response(200, CONFIGURATION, {"Date": two_hours_ago, "Age": "7200"})
    with entra_alike as host:
        assert look(at(host.port))["clock"].ok is True


def test_a_clock_that_is_a_little_off(world: World, entra: Entra) -> None:
    """Two minutes do no harm, and are said."""
    entra.clock = -150

    found = look(subject(entra.authority))["clock"]

    assert found.ok is True
    assert "does no harm yet" in found.meaning


def test_the_command_that_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the platform's own."""
    found = {}
    for platform in ("linux", "darwin"):
        monkeypatch.setattr(sys, "platform", platform)
        found[platform] = tls_trust.set_clock()

    assert found == {"linux": "timedatectl set-ntp true", "darwin": "sudo sntp -sS time.apple.com"}


def test_many_accounts_ask_once(world: World, entra: Entra) -> None:
    """500 accounts on one host are one visit; each says what came of it."""
    hosts: dict[str, Findings] = {}
    checks = [
        check
        for number in range(500)
        for check in login_host.examine(subject(entra.authority, f"user{number}@example.org", hosts=hosts))
    ]

    assert len(entra.requests) == 1
    assert len(checks) == len(login_host.NAMES) + 499
    assert {check.ok for check in checks} == {True}


def test_many_accounts_fail_once(world: World) -> None:
    """One cause is one failure, however many accounts it hits; what depends on it is tried for none."""
    hosts: dict[str, Findings] = {}
    port = closed_port()
    about = [at(port, name=f"user{number}@example.org", hosts=hosts) for number in range(3)]

    checks = [check for each in about for check in login_host.examine(each)]

    assert [check.name for check in checks if check.ok is False] == ["tls"]
    assert checks[-1].meaning == "Not tried, since tls failed for user0@example.org"
    assert [each.failed for each in about[1:]] == [{"tls"}, {"tls"}]
    assert [each.causes for each in about[1:]] == [{"offline", "host localhost"}] * 2


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _raise(error: Exception) -> Callable[..., Any]:
    def act(*_: Any, **__: Any) -> Any:
        raise error

    return act


class _Over:
    """A resolver that waits until the test is over."""

    def __init__(self) -> None:
        self._socket, self._other = socket.socketpair()
        self._over = threading.Event()

    def wait(self, *_: Any, **__: Any) -> Any:
        self._socket.recv(1)
        self._over.set()
        raise socket.gaierror(socket.EAI_AGAIN, "at last")

    def end(self) -> None:
        self._other.close()
        self._over.wait(5)
        self._socket.close()


def test_a_certificate_that_is_odd(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a version that nobody knows ends no examination: it just tells nothing."""
    der = certificate(ec_key()).public_bytes(serialization.Encoding.DER)
    odd = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)
    monkeypatch.setattr(tls_trust, "_shake_hands", lambda *_: odd)

    with socket.socket() as plain:
        found = tls_trust.shown(tls_trust.Peer("localhost", lambda: plain, "again"))

    assert found is None
    assert reachability.issuer_of(odd) == "somebody without a name"


def test_a_name_in_other_letters_goes_through_a_proxy(world: World) -> None:
    """A proxy is asked for a host by the name that DNS has for it (RFC 5890)."""
    with LoginHost(response(403)) as strict:
        proxy = route.Proxy("http", "127.0.0.1", strict.port)

        with pytest.raises(route.Refused):
            route.through(proxy, "münchen.example", 443)

        assert strict.received[0].startswith(b"CONNECT xn--mnchen-3ya.example:443 HTTP/1.1\r\n")

"""The way to the sign-in service: each thing that can be wrong is named, once, and the command repairs it."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import ssl
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import trustme

from offlineimap_m365.doctor import network
from offlineimap_m365.doctor.check import Step, Subject
from tests import doctor_checks
from tests.login_host import CONFIGURATION, LoginHost, response
from tests.m365.entra import CAPTIVE_PORTAL
from tests.m365.wire import ConnectProxy
from tests.signed_in_accounts import ALICE, describe_invented

if TYPE_CHECKING:
    from pathlib import Path

    from offlineimap_m365.doctor.check import Check
    from tests.m365.entra import Entra
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

MICROSOFT = "login.microsoftonline.com"
PASSWORD = "geheim%40x"
STEPS = (Step("certificates", network.examine_certificates), *network.STEPS)
NAMES = [step.name for step in STEPS]
AGAIN = f"offlineimap-m365 doctor {ALICE}"


def subject(authority: str, name: str = ALICE, *, is_custom: bool = True, **more: Any) -> Subject:
    """Return an account that is signed in at *authority*, about to be checked."""
    endpoints = {"token_endpoint": f"{authority}/token"} if is_custom else None
    account = describe_invented(name, authority=authority, endpoints=endpoints)
    return Subject(name, name, account=account, **more)


def at(port: int, **more: Any) -> Subject:
    """Return such an account at a *port* of this machine."""
    return subject(f"https://localhost:{port}/tenant", **more)


def microsoft() -> Subject:
    """Return such an account at Microsoft's own host."""
    return subject(f"https://{MICROSOFT}/organizations", is_custom=False)


def look(about: Subject) -> dict[str, Check]:
    """Return the checks by name; none says the proxy's password."""
    return doctor_checks.by_name(doctor_checks.checks_of(STEPS, about), "geheim")


def only(name: str, about: Subject) -> Check:
    """Return the one check that failed; those after it were not tried because of it."""
    checks = look(about)
    failed = doctor_checks.step_that_failed(checks)
    assert failed.name == name, failed
    assert {checks[other].since for other in NAMES[NAMES.index(name) + 1 :]} <= {name}
    return failed


def is_well(about: Subject) -> bool:
    """Tell whether nothing fails any more."""
    return [check for check in look(about).values() if not check.ok] == []


def follow(world: World, check: Check, **names: str) -> None:
    """Type the command of *check*, with *names* in the place of words in capitals, into the user's shell."""
    text = doctor_checks.command_of(check)
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
    """Return a sign-in service that would answer well; the test starts it."""
    return LoginHost(response(200, CONFIGURATION), certificate=ca.issue_cert("localhost", "127.0.0.1"))


def test_a_host_that_is_well(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is good with one request that holds no secret; a proxy is named by its variable, not by its address."""
    checks = look(subject(entra.authority))
    assert list(checks) == NAMES
    assert {check.ok for check in checks.values()} == {True}
    assert "REQUESTS_CA_BUNDLE" in checks["certificates"].meaning
    assert [(request.method, request.authorization) for request in entra.requests] == [("GET", None)]

    with ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", entra.port)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://alice:{PASSWORD}@127.0.0.1:{proxy.port}")
        checks = look(microsoft())
    assert {check.ok for check in checks.values()} == {True}
    assert "HTTPS_PROXY" in checks["proxy"].meaning


# What the environment says


def test_a_variable_that_is_wrong_is_unset(world: World, entra: Entra, subtests: pytest.Subtests) -> None:
    """What is no proxy, is not there, needs a library or refuses; certificates that are gone, none or others'."""
    gone, empty, text, others = (world.root / name for name in ("gone", "empty", "text", "others"))
    for path, data in ((empty, b""), (text, b"\xff\x00 no certificate"), (others, trustme.CA().cert_pem.bytes())):
        path.write_bytes(data)
    with ConnectProxy({}) as refuses:
        for name, variable, value in (
            ("proxy", "HTTPS_PROXY", f"http://alice:{PASSWORD}@[oops"),
            ("proxy", "HTTPS_PROXY", "http://a;reboot:80"),
            ("proxy", "https_proxy", f"http://alice:{PASSWORD}@127.0.0.1:1"),
            ("proxy", "https_proxy", f"https://alice:{PASSWORD}@127.0.0.1:1"),
            ("proxy", "HTTPS_PROXY", refuses.url),
            *(("certificates", "REQUESTS_CA_BUNDLE", str(path)) for path in (gone, empty, text)),
            ("tls", "REQUESTS_CA_BUNDLE", str(others)),
        ):
            with subtests.test(value):
                world.environ[variable] = value
                world.enter()

                failed = only(name, subject(entra.authority))

                assert failed.remedy.command == f"unset {variable}"
                assert (variable if name == "proxy" else value) in failed.meaning
                follow(world, failed)
                assert is_well(subject(entra.authority))


def test_a_network_that_needs_its_proxy(world: World, entra: Entra) -> None:
    """Where Microsoft's host cannot be connected to, the proxy is asked for; after 407 its name and password."""
    nobody = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    with LoginHost(response(407)) as strict, ConnectProxy({f"{MICROSOFT}:443": ("127.0.0.1", entra.port)}) as right:
        with mock.patch.object(socket, "getaddrinfo", return_value=nobody):
            failed = only("tls", microsoft())

        follow(world, failed, **{"HOST:PORT": f"alice:{PASSWORD}@127.0.0.1:{strict.port}"})
        failed = only("proxy", microsoft())
        follow(world, failed, **{"NAME:PASSWORD": "alice:right", "HOST:PORT": f"127.0.0.1:{right.port}"})
        assert is_well(microsoft())


# Names, connections, certificates


def test_a_name_that_does_not_resolve(world: World, entra: Entra) -> None:
    """No such name, a resolver that is not there, and a name that cannot be one."""
    about = subject(entra.authority)
    for number in (socket.EAI_NONAME, socket.EAI_AGAIN):
        with mock.patch.object(socket, "getaddrinfo", side_effect=socket.gaierror(number, "no")):
            assert only("dns", about).remedy.command == AGAIN
    assert only("dns", subject(f"https://{'a' * 70}.example.org/tenant")).remedy.command == AGAIN
    assert is_well(subject(entra.authority))


def test_a_company_that_inspects_connections(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its authority is trusted beside all others as the command says, if no variable names what is trusted."""
    company = trustme.CA()
    company.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    usual = str(shutil.copy(world.environ.pop("REQUESTS_CA_BUNDLE"), tmp_path / "usual.pem"))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        world.environ.pop(name, None)
    world.enter()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: ssl.DefaultVerifyPaths(usual, "", "", usual, "", ""))
    with LoginHost(response(200, CONFIGURATION), certificate=company.issue_cert("localhost")) as host:
        failed = only("tls", at(host.port))

        follow(world, failed, **{"CERTIFICATE.pem": str(tmp_path / "company.pem")})
        assert world.environ["SSL_CERT_FILE"].endswith("/trusted-certificates.pem")
        assert is_well(at(host.port))


def test_a_certificate_that_is_refused(world: World, ca: trustme.CA, subtests: pytest.Subtests) -> None:
    """Its dates and names say why; a host that speaks something else than TLS on this port is named."""

    def issued(name: str, begins: float, ends: float) -> LoginHost:
        return LoginHost(certificate=ca.issue_cert(name, not_before=days(begins), not_after=days(ends)))

    for host, words, command in (
        (issued("localhost", -30, -2), "expired", network.set_clock()),
        (issued("localhost", 2, 30), "not yet valid", network.set_clock()),
        (issued("portal.hotel.example", -30, 30), "Hostname mismatch", AGAIN),
        (LoginHost(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS handshake", AGAIN),
    ):
        with subtests.test(words), host:
            failed = only("tls", at(host.port))

            assert words in failed.meaning
            assert failed.remedy.command == command


# Answers


def test_something_else_answers(world: World, entra_alike: LoginHost, subtests: pytest.Subtests) -> None:
    """A captive portal, a filter or a redirect in the place of the sign-in service is named."""
    right, portal = entra_alike.answer, {"Location": "https://portal.hotel.example/?u=1"}
    cases: list[tuple[int, str, dict[str, str], str]] = [
        (200, CAPTIVE_PORTAL, {}, "captive portal"),
        (200, "[]", {}, "captive portal"),
        (200, "{" * 9000, {}, "captive portal"),
        (403, "<html>Blocked by policy</html>", {}, "HTTP 403"),
        (429, "", {"Retry-After": "120"}, "HTTP 429"),
        (500, "", {}, "HTTP 500"),
        (302, "", portal, "(HTTP 302)"),
        (302, "", {"Location": "https://[oops"}, "HTTP 302"),
        (200, '{"status": "blocked"}', {}, "no OpenID configuration"),
    ]
    with entra_alike as host:
        for status, body, headers, words in cases:
            with subtests.test(f"{status} {body[:30]} {headers}"):
                host.answer = response(status, body, headers)

                check = only("login-host", at(host.port))

                assert words in check.meaning
                assert ("accepts the next request at" in check.remedy.advice) is (status == 429)
                host.answer = right
                assert is_well(at(host.port))


def test_who_is_asked_where(world: World, entra: Entra, entra_alike: LoginHost) -> None:
    """An unknown tenant is another check's finding; a provider of another kind is asked at its own place, too."""
    assert is_well(subject(entra.authority_for("00000000-0000-0000-0000-000000000000")))

    entra_alike.answer = response(200, "{}")
    with entra_alike as host:
        only("login-host", at(host.port))
    assert [asked.split()[1] for asked in host.received] == [
        b"/tenant/v2.0/.well-known/openid-configuration",
        b"/tenant/.well-known/openid-configuration",  # OpenID Connect Discovery §4
    ]


def test_the_time_of_an_answer(world: World, entra_alike: LoginHost, subtests: pytest.Subtests) -> None:
    """A cache on the way says how old its answer is (RFC 9111 §5.1); two minutes do no harm, and are said."""
    with entra_alike as host:
        for date, age, ok, words in (
            (-20_000.0, "0", False, "days ahead"),
            (1.0, "0", False, "h behind"),
            ("soon", "0", True, "does not tell the time"),
            ("Wed, 99 Foo 99999 07:28:00 GMT", "0", True, "does not tell the time"),
            (-1 / 12, "7200", True, "agrees"),
            (-1 / 640, "", True, " min ahead"),
        ):
            with subtests.test(f"{date} {age}"):
                header = date if isinstance(date, str) else formatdate(days(date).timestamp(), usegmt=True)
                host.answer = response(200, CONFIGURATION, {"Date": header, "Age": age})

                check = look(at(host.port))["clock"]

                assert check.ok is ok
                assert words in check.meaning


def test_many_accounts_fail_once(world: World) -> None:
    """One cause is one request and one failure, however many accounts it hits; nothing that depends on it is tried."""
    shared: dict[str, Any] = {}
    subjects = [at(1, name=f"user{number}@example.org", shared=shared) for number in range(500)]

    checks = [check for about in subjects for check in doctor_checks.checks_of(network.STEPS, about)]

    assert [check.name for check in checks if check.ok is False] == ["tls"]
    assert checks[-1].since == "tls of user0@example.org"
    assert all("tls" in about.unmet for about in subjects)

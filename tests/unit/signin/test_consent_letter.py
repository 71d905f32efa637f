"""The letter to an administrator: complete, exact, and written without asking anybody."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest

from tests.in_process import run
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import ALICE, SCOPES, invent

if TYPE_CHECKING:
    from tests.world import World

OWN = "11112222-bbbb-3333-cccc-4444dddd5555"
REGISTERED: dict[str, Any] = {"client_id": OWN, "authority": "https://login.microsoftonline.com/the-tenant"}


@pytest.fixture(autouse=True)
def _offline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, lambda *_, **__: pytest.fail("somebody was asked"))


def address_in(letter: str) -> SplitResult:
    """Return the one address that stands alone on its line."""
    (found,) = [line for line in letter.splitlines() if line.startswith("https://")]
    return urlsplit(found)


WORLD, US = ("login.microsoftonline.com", "outlook.office.com"), ("login.microsoftonline.us", "outlook.office365.us")


@pytest.mark.parametrize(
    ("words", "hosts", "organisation", "remarked"),
    [
        ("--tenant example.org", WORLD, "example.org", []),
        ("", WORLD, "organizations", ["--tenant"]),  # never "common", which Microsoft refuses there
        ("--cloud usgov --tenant t", US, "t", ["--client-id"]),
        (f"--cloud usgov --tenant t --client-id {OWN}", US, "t", []),
    ],
)
def test_the_address_is_what_microsoft_documents(
    words: str, hosts: tuple[str, str], organisation: str, remarked: list[str]
) -> None:
    """Organisation in the path, permissions with their prefix in the query; what the person must know is remarked."""
    done = run("consent", ALICE, *words.split())

    where = address_in(done.out)
    scopes = [scope.replace(WORLD[1], hosts[1]) for scope in SCOPES]
    assert (done.code, where[:3]) == (0, ("https", hosts[0], f"/{organisation}/v2.0/adminconsent"))
    assert parse_qs(where.query, strict_parsing=True) == {
        "client_id": [OWN if OWN in words else THUNDERBIRD],
        "scope": [" ".join([*scopes, "offline_access", "openid", "profile"])],
        "redirect_uri": ["http://localhost" if OWN in words else "https://localhost"],
        "state": ["offlineimap-m365"],
    }
    assert "+" not in where.query
    assert [word for word in ("--tenant", "--client-id") if word in done.err] == remarked


def test_the_letter_says_what_counts() -> None:
    """Client id, publisher, organisation, each permission with its reason, how to restrict it, and what comes next."""
    letter = run("consent", ALICE, "--tenant", "example.org").out

    for part in (THUNDERBIRD, "Mozilla Thunderbird", "Publisher:      Mozilla", "Organisation:   example.org", ALICE,
                 "IMAP.AccessAsUser.All", "SMTP.Send", "offline_access", "delegated", "No application permission",
                 "no client secret", "Assignment required", "-SmtpClientAuthenticationDisabled $false",
                 f"offlineimap-m365 login {ALICE} --tenant example.org"):  # fmt: skip
        assert part in letter
    assert letter.startswith("Subject: ")
    assert "$" not in letter.replace("$true", "").replace("$false", "")


def test_what_the_last_login_knew_counts() -> None:
    """Without ACCOUNT the only one; its organisation and its own client id, whose redirect is another."""
    invent(**REGISTERED, chosen={"client_id": OWN, "tenant": "the-tenant", "scope": ["imap"], "flow": "paste"})

    letter = run("consent").out

    query = parse_qs(address_in(letter).query)
    assert (query["client_id"], query["redirect_uri"]) == ([OWN], ["http://localhost"])
    assert "/the-tenant/" in address_in(letter).path
    assert "SMTP" not in letter
    assert "Mozilla" not in letter


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_an_application_has_a_letter_of_its_own(is_signed_in: bool) -> None:
    """Application permissions, Exchange's registration by the right object id; it needs a client id, and no secret."""
    chosen = ["--app-only", "--tenant", "example.org", "--client-id", OWN]
    if is_signed_in:
        invent("backup", kind="app-only", **REGISTERED, chosen={"client_id": OWN, "tenant": "the-tenant"})

    done = run("consent", "backup", *([] if is_signed_in else chosen))

    query = parse_qs(address_in(done.out).query)
    assert done.code == 0
    assert (query["client_id"], query["scope"]) == ([OWN], ["https://ps.outlook.com/.default"])
    for part in (f"New-ServicePrincipal -AppId {OWN} -ObjectId <object id>", "ENTERPRISE APPLICATION"):
        assert part in done.out
    assert "IMAP.AccessAsApp" in done.out
    assert "delegated" not in done.out
    assert is_signed_in or run("consent", "backup", *chosen[:3]).code == 2


def test_nobody_approves_personal_accounts() -> None:
    """There is no letter for a personal address, and the reason is said."""
    done = run("consent", "alice@outlook.com")

    assert (done.code, done.out, "personal account" in done.err) == (0, "", True)

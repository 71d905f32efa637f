"""The letter to an administrator: complete, exact, and written without asking anybody."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest

from offlineimap_m365.cli import main
from offlineimap_m365.folders import learned
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import ALICE, SCOPES, invent

if TYPE_CHECKING:
    from tests.world import World

OWN = "11112222-bbbb-3333-cccc-4444dddd5555"
REGISTERED: dict[str, Any] = {
    "client_id": OWN, "tenant": "the-tenant", "authority": "https://login.microsoftonline.com/the-tenant",
}  # fmt: skip


@pytest.fixture(autouse=True)
def offline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody reach the network."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("somebody was asked")

    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run ``consent`` with *words*; return exit code, answer and remarks."""
    code = main.main(["consent", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def address_in(letter: str) -> SplitResult:
    """Return the one address that stands alone on its line."""
    (found,) = [line for line in letter.splitlines() if line.startswith("https://")]
    return urlsplit(found)


def test_the_address_is_what_microsoft_documents(capsys: pytest.CaptureFixture[str]) -> None:
    """Organisation in the path; client id, permissions with their prefix, redirect and state in the query."""
    code, letter, _ = run(capsys, ALICE, "--tenant", "example.org")

    where = address_in(letter)
    assert code == 0
    assert (where.netloc, where.path) == ("login.microsoftonline.com", "/example.org/v2.0/adminconsent")
    assert parse_qs(where.query, strict_parsing=True) == {
        "client_id": [THUNDERBIRD],
        "scope": [" ".join([*SCOPES, "offline_access", "openid", "profile"])],
        "redirect_uri": ["https://localhost"],
        "state": ["offlineimap-m365"],
    }
    assert "+" not in where.query


def test_the_letter_says_what_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Client id, publisher, organisation, each permission with its reason, how to restrict it, and what comes next."""
    _, letter, remarks = run(capsys, ALICE, "--tenant", "example.org")

    for part in (THUNDERBIRD, "Mozilla Thunderbird", "Publisher:      Mozilla", "Organisation:   example.org", ALICE,
                 "IMAP.AccessAsUser.All", "SMTP.Send", "offline_access", "delegated", "No application permission",
                 "no client secret", "Assignment required", "-SmtpClientAuthenticationDisabled $false",
                 f"offlineimap-m365 login {ALICE} --tenant example.org"):  # fmt: skip
        assert part in letter
    assert letter.startswith("Subject: ")
    assert "Nothing was sent" in remarks
    assert "$" not in letter.replace("$true", "").replace("$false", "")


def test_an_unknown_organisation_is_any(capsys: pytest.CaptureFixture[str]) -> None:
    """Never ``common``, which Microsoft refuses there; that it is not known is remarked, and how it would be."""
    _, letter, remarks = run(capsys, ALICE)

    assert address_in(letter).path == "/organizations/v2.0/adminconsent"
    assert "--tenant" in remarks


def test_what_the_last_login_knew_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Without ACCOUNT the only one; its organisation and its own client id, whose redirect is another."""
    invent(**REGISTERED, chosen={"client_id": OWN, "tenant": "the-tenant", "scope": ["imap"], "flow": "paste"})

    code, letter, _ = run(capsys)

    query = parse_qs(address_in(letter).query)
    assert code == 0
    assert (query["client_id"], query["redirect_uri"]) == ([OWN], ["http://localhost"])
    assert "/the-tenant/" in address_in(letter).path
    assert "SMTP" not in letter
    assert "Mozilla" not in letter


def test_an_application_has_a_letter_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Application permissions, Exchange's own registration by the right object id, and each mailbox by itself."""
    invent("backup", kind="app-only", **REGISTERED, chosen={"client_id": OWN, "tenant": "the-tenant"})

    code, letter, _ = run(capsys, "backup")

    query = parse_qs(address_in(letter).query)
    assert code == 0
    assert (query["client_id"], query["scope"]) == ([OWN], ["https://ps.outlook.com/.default"])
    assert f"New-ServicePrincipal -AppId {OWN} -ObjectId <object id>" in letter
    assert "ENTERPRISE APPLICATION" in letter
    assert "IMAP.AccessAsApp" in letter
    assert "delegated" not in letter


def test_an_application_may_be_asked_for_before_it_has_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Who has only registered it gets the letter; without a client id there is nothing to approve."""
    code, letter, _ = run(capsys, "backup", "--app-only", "--tenant", "example.org", "--client-id", OWN)
    refused, *_ = run(capsys, "backup", "--app-only", "--tenant", "example.org")

    assert (code, refused) == (0, 2)
    assert "IMAP.AccessAsApp" in letter


@pytest.mark.parametrize("words", [["alice@outlook.com"], [ALICE]])
def test_nobody_approves_personal_accounts(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """By the address or by who signed in last: there is no letter, and the reason is said without Microsoft's words."""
    if words == [ALICE]:
        invent(tenant=learned.PERSONAL_TENANT, authority="https://login.microsoftonline.com/common")

    code, letter, remarks = run(capsys, *words)

    assert (code, letter) == (0, "")
    assert "personal account" in remarks
    assert "tenant" not in remarks


def test_several_accounts_want_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    """With several accounts one has to be named; with none the letter is a sample."""
    sample = run(capsys)
    invent()
    invent("bob@example.org")

    assert (sample[0], "you@example.org" in sample[1]) == (0, True)
    assert run(capsys)[0] == 2


def test_a_national_cloud_wants_a_client_id_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Its sign-in host is in the address, and that Thunderbird's id is not known there is remarked."""
    _, letter, remarks = run(capsys, ALICE, "--cloud", "usgov", "--tenant", "t")
    _, _, own = run(capsys, ALICE, "--cloud", "usgov", "--tenant", "t", "--client-id", OWN)

    assert address_in(letter)[:3] == ("https", "login.microsoftonline.us", "/t/v2.0/adminconsent")
    assert "--client-id" in remarks
    assert "--client-id" not in own

"""Where people sign in: national clouds, personal accounts, guests, organisations that a mailbox moved to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from offlineimap_m365.accounts import profiles
from tests.in_process import address_in, asked_for, run, sign_in, sign_in_on_pages
from tests.m365.entra import CHINA, CONSUMERS, DOD, THUNDERBIRD, USGOV
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra, Person
    from tests.m365.entra.people import Region
    from tests.world import World

ALICE, EVE, BACKUP = "alice@example.org", "eve@outlook.com", "backup@example.org"
GLOBAL, GOV, CN = "login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"
IMAP, SMTP = "IMAP.AccessAsUser.All", "SMTP.Send"
REDIRECT = ("--redirect-uri", "https://localhost")


@pytest.fixture(autouse=True)
def proxy(world: World, entra: Entra, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectProxy]:
    """Lead Microsoft's names to the look-alike, and refuse every other."""
    with ConnectProxy({f"{host}:443": ("127.0.0.1", entra.port) for host in (GLOBAL, GOV, CN)}) as made:
        monkeypatch.setenv("HTTPS_PROXY", made.url)
        yield made


@pytest.fixture
def alice(entra: Entra) -> Person:
    """Return Alice as Microsoft knows her."""
    found = entra.find_person(ALICE)
    assert found is not None
    return found


@pytest.mark.matrix
def test_nothing_but_the_address_is_needed(entra: Entra, proxy: ConnectProxy) -> None:
    """Thunderbird's id at Microsoft's worldwide cloud and the domain's organisation; nobody else is asked."""
    done = sign_in_on_pages(entra, ALICE, "login", ALICE, "--paste", proxy=proxy.url)
    account = profiles.get(ALICE)

    assert done.code == 0, done.err
    assert address_in(done).startswith(f"https://{GLOBAL}/{entra.tenant}/oauth2/v2.0/authorize?")
    assert asked_for(done)["client_id"] == THUNDERBIRD
    assert (account.imap, account.smtp) == ("outlook.office365.com:993", "smtp.office365.com:587")
    assert (account.cloud, account.tenant, account.endpoints) == ("global", entra.tenant, None)
    assert account.chosen == {"flow": "paste"}
    assert proxy.refused == []


CLOUDS: dict[str, tuple[str, str, str, str, Region | None]] = {
    "global": (GLOBAL, "outlook.office.com", "outlook.office365.com:993", "smtp.office365.com:587", None),
    "usgov": (GOV, "outlook.office365.us", "outlook.office365.us:993", "smtp.office365.us:587", USGOV),
    "usgov-dod": (GOV, "outlook.office365.us", "outlook-dod.office365.us:993", "outlook-dod.office365.us:587", DOD),
    "china": (CN, "partner.outlook.cn", "partner.outlook.cn:993", "smtp.partner.outlook.cn:587", CHINA),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("is_named", [True, False], ids=["named", "found"])
def test_every_cloud_signs_in_and_refreshes(
    world: World, entra: Entra, proxy: ConnectProxy, cloud: str, *, is_named: bool
) -> None:
    """Named, or found by the domain: that cloud's page, permissions and mail hosts; a refresh stays there."""
    host, resource, imap, smtp, region = CLOUDS[cloud]
    entra.add_client("my-client", ["https://localhost"])
    if region:
        entra.regions[entra.tenant] = region
    named = ["--cloud", cloud] if is_named else []

    done = sign_in(entra, ALICE, "login", ALICE, "--client-id", "my-client", *REDIRECT, *named)
    entra.forget()
    world.age(ALICE)
    refreshed = run("refresh", ALICE)

    account = profiles.get(ALICE)
    assert (done.code, refreshed.code) == (0, 0), done.err + refreshed.err
    assert address_in(done).startswith(f"https://{host}/{entra.tenant}/oauth2/v2.0/authorize?")
    assert account.scopes == (f"https://{resource}/{IMAP}", f"https://{resource}/{SMTP}")
    assert (account.imap, account.smtp, account.cloud) == (imap, smtp, cloud)
    assert ("cloud" in account.chosen) == is_named
    assert {request.host for request in entra.requests} == {host}
    assert proxy.refused == []


PERSONAL: dict[str, tuple[str, tuple[str, ...], str]] = {
    "outlook.com": (EVE, (), "common"),
    "another address": ("eve@mail.example.com", (), "common"),
    "consumers by name": (EVE, ("--tenant", "consumers"), "consumers"),
    "a client id of one's own": (EVE, ("--client-id", "mine", *REDIRECT), "consumers"),
}


@pytest.mark.parametrize(("account", "options", "tenant"), PERSONAL.values(), ids=PERSONAL)
def test_a_personal_account_is_known_after_its_sign_in(
    entra: Entra, account: str, options: tuple[str, ...], tenant: str
) -> None:
    """Whatever the address: opaque token, Outlook.com's hosts and where IMAP is switched on, no word of tenants."""
    entra.add_person(account, PASSWORD, opaque=True)
    entra.add_client("mine", ["https://localhost"])

    done = sign_in(entra, account, "login", account, *options)
    token, msmtp = run("token", account), run("config", account, "msmtp")
    status, explained = run("status"), run("explain", account, "AADSTS50034")

    kept = profiles.get(account)
    words = re.sub(r"https://\S+", "", done.err)
    assert done.code == 0, done.err
    assert address_in(done).startswith(f"https://{GLOBAL}/{tenant}/")
    assert token.out.startswith("EwB")
    assert (kept.tenant, kept.imap, kept.smtp) == (
        CONSUMERS,
        "outlook.office365.com:993",
        "smtp-mail.outlook.com:587",
    )
    assert "smtp-mail.outlook.com" in msmtp.out
    assert "https://outlook.live.com/mail/0/options/mail/popImap" in done.err
    assert "tenant" not in (words + status.out + status.err + explained.out + msmtp.out + msmtp.err).lower()


@pytest.mark.parametrize("account", [ALICE, EVE])
def test_it_asks_as_thunderbird_does(world: World, entra: Entra, account: str) -> None:
    """Same client id, redirect, permissions (but POP's) and page: whoever signs in with Thunderbird can here."""
    entra.add_person(EVE, PASSWORD, opaque=True)
    done = sign_in(entra, account, "login", account, *(["--tenant", "common"] if account == ALICE else []))
    world.age(account)
    refreshed = run("refresh")
    query = asked_for(done)
    hosts = {(request.host, request.path) for request in entra.requests if request.grant_type}

    assert (done.code, refreshed.code) == (0, 0), done.err + refreshed.err
    assert urlsplit(address_in(done))[:3] == ("https", GLOBAL, "/common/oauth2/v2.0/authorize")
    assert query["client_id"] == "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
    assert (query["redirect_uri"], query["response_type"]) == ("https://localhost", "code")
    assert {f"https://outlook.office.com/{name}" for name in (IMAP, SMTP)} <= set(query["scope"].split())
    assert "offline_access" in query["scope"]
    assert hosts == {(GLOBAL, "/common/oauth2/v2.0/token")}


def test_who_belongs_elsewhere_is_told_how_to_get_there(entra: Entra, alice: Person, proxy: ConnectProxy) -> None:
    """The domain's organisation does not know who signed in (AADSTS50020): another one by name, or none."""
    alice.tenant = entra.other_tenant

    refused = sign_in_on_pages(entra, ALICE, "login", ALICE, "--paste", proxy=proxy.url)
    named = sign_in_on_pages(entra, ALICE, "login", ALICE, "--paste", "--tenant", entra.other_tenant, proxy=proxy.url)

    assert (refused.code, named.code) == (77, 0), named.err
    assert "AADSTS50020" in refused.err
    assert f"offlineimap-m365 login {ALICE} --tenant TENANT\n" in refused.err
    assert "consumers" in refused.err


def test_a_mailbox_that_moved_signs_in_without_options(world: World, entra: Entra, alice: Person) -> None:
    """Another organisation owns the domain now, all ids are new: found by discovery, kept because the name is."""
    first = sign_in(entra, ALICE, "login", ALICE)
    alice.tenant, alice.oid = entra.other_tenant, "00000000-aaaa-bbbb-cccc-000000000000"
    entra.domains["example.org"] = entra.other_tenant

    second = sign_in(entra, ALICE, "login", ALICE)
    world.age(ALICE)
    refreshed = run("refresh")

    account = profiles.get(ALICE)
    assert [done.code for done in (first, second, refreshed)] == [0, 0, 0], second.err + refreshed.err
    assert "belongs to another organisation than last time" in second.err
    assert (account.tenant, account.person["oid"]) == (entra.other_tenant, alice.oid)
    assert account.chosen == {"flow": "paste"}


def test_one_person_under_several_client_ids(world: World, entra: Entra) -> None:
    """Two accounts of one identity with a client id each do not touch each other; one of them may change its own."""
    for client in ("one", "two"):
        entra.add_client(client, ["https://localhost"])

    runs = [
        sign_in(entra, ALICE, "login", ALICE, "--client-id", "one", *REDIRECT),
        sign_in(entra, ALICE, "login", BACKUP, "--identity", ALICE, "--client-id", "two", *REDIRECT),
        sign_in(entra, ALICE, "login", ALICE, "--client-id", "two", *REDIRECT),
    ]
    for account in (ALICE, BACKUP):
        world.age(account)
    entra.forget()
    refreshed = run("refresh")

    clients = [request.client_id for request in entra.requests if request.grant_type == "refresh_token"]
    assert [done.code for done in (*runs, refreshed)] == [0, 0, 0, 0], [done.err for done in runs]
    assert clients == ["two", "two"]
    assert profiles.get(BACKUP).identity == ALICE
    assert run("token", ALICE).out != run("token", BACKUP).out

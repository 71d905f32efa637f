"""Where people sign in: national clouds, personal accounts, guests, organisations that a mailbox moved to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.m365.entra import CHINA, CONSUMERS, DOD, THUNDERBIRD, USGOV
from tests.m365.person import Browser
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD, Login
from tests.whole.terminal import files_of, product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.m365.entra.regions import Region
    from tests.world import Outcome, World

ALICE, EVE = "alice@example.org", "eve@outlook.com"
GLOBAL, GOV, CN = "login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"
IMAP, SMTP = "IMAP.AccessAsUser.All", "SMTP.Send"


@pytest.fixture
def proxy(entra: Entra) -> Iterator[ConnectProxy]:
    """Lead Microsoft's names to the look-alike, and refuse every other."""
    with ConnectProxy({f"{host}:443": ("127.0.0.1", entra.port) for host in (GLOBAL, GOV, CN)}) as made:
        yield made


@pytest.fixture
def user(world: World, proxy: ConnectProxy) -> World:
    """Return somebody with this package behind the proxy."""
    made = product(world)
    made.environ["HTTPS_PROXY"] = proxy.url
    return made


class Place:
    """Somebody who signs in through the proxy."""

    def __init__(self, user: World, entra: Entra, proxy: ConnectProxy) -> None:
        """Be there."""
        self.user, self.entra, self.proxy = user, entra, proxy
        self.address = ""

    def sign_in(self, account: str, *arguments: str, upn: str | None = None) -> Outcome:
        """Sign in by paste, and give what the browser ended with."""
        with (
            Login(self.user, account, "--paste", *arguments) as login,
            Browser(self.entra.ca_file, proxy=self.proxy.url) as browser,
        ):
            self.address = login.address
            landing = browser.sign_in(self.address, upn or account, PASSWORD)
            return login.paste(landing.address or landing.text or "")

    def profile(self, account: str) -> dict[str, Any]:
        """Return what is kept of an account."""
        text = (self.user.folder(account) / "profile.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture
def place(user: World, entra: Entra, proxy: ConnectProxy) -> Place:
    """Return somebody who signs in at Microsoft's own addresses."""
    return Place(user, entra, proxy)


CLOUDS: dict[str, tuple[str, str, str, str, Region | None]] = {
    "global": (GLOBAL, "https://outlook.office.com/", "outlook.office365.com:993", "smtp.office365.com:587", None),
    "usgov": (GOV, "https://outlook.office365.us/", "outlook.office365.us:993", "smtp.office365.us:587", USGOV),
    "usgov-dod": (
        GOV,
        "https://outlook.office365.us/",
        "outlook-dod.office365.us:993",
        "outlook-dod.office365.us:587",
        DOD,
    ),
    "china": (CN, "https://partner.outlook.cn/", "partner.outlook.cn:993", "smtp.partner.outlook.cn:587", CHINA),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("is_named", [True, False], ids=["named", "found"])
def test_every_cloud_signs_in_and_refreshes(place: Place, cloud: str, *, is_named: bool) -> None:
    """Named, or found by the domain: that cloud's page, permissions and mail hosts; a refresh stays there."""
    host, prefix, imap, smtp, region = CLOUDS[cloud]
    place.entra.add_client("my-client", ["https://localhost"])
    if region:
        place.entra.regions[place.entra.tenant] = region
    options = ["--client-id", "my-client", "--redirect-uri", "https://localhost"]

    done = place.sign_in(ALICE, *options, *(["--cloud", cloud] if is_named else []))
    place.entra.forget()
    place.user.age(ALICE)
    refreshed = place.user.run("refresh", ALICE)

    profile = place.profile(ALICE)
    assert (done.code, refreshed.code) == (0, 0), done.err + refreshed.err
    assert place.address.startswith(f"https://{host}/{place.entra.tenant}/oauth2/v2.0/authorize?")
    assert profile["scopes"] == [prefix + IMAP, prefix + SMTP]
    assert (profile["imap"], profile["smtp"], profile["cloud"]) == (imap, smtp, cloud)
    assert ("cloud" in profile["chosen"]) == is_named
    assert {request.host for request in place.entra.requests} == {host}
    assert place.proxy.refused == []


def test_a_cloud_that_was_found_is_told(place: Place) -> None:
    """Before the page is shown it says where, and that Thunderbird's client id is not known there; then 77 says it."""
    place.entra.regions[place.entra.tenant] = USGOV
    place.entra.clients.pop(THUNDERBIRD)

    done = place.sign_in(ALICE)

    assert (done.code, files_of(place.user)) == (77, [])
    assert "(--cloud usgov)" in done.err
    assert "registered in it" in done.err
    assert "AADSTS700016" in done.err


# Personal accounts


PERSONAL: dict[str, tuple[str, list[str], str]] = {
    "outlook.com": (EVE, [], "common"),
    "another address": ("eve@mail.example.com", [], "common"),
    "consumers by name": (EVE, ["--tenant", "consumers"], "consumers"),
    "a client id of one's own": (EVE, ["--client-id", "mine", "--redirect-uri", "https://localhost"], "consumers"),
}


@pytest.mark.parametrize(("account", "options", "tenant"), PERSONAL.values(), ids=PERSONAL)
def test_a_personal_account_is_known_after_its_sign_in(
    place: Place, account: str, options: list[str], tenant: str
) -> None:
    """Whatever the address: opaque token, Outlook.com's hosts and where IMAP is switched on, no word of tenants."""
    place.entra.add_person(account, PASSWORD, opaque=True)
    place.entra.add_client("mine", ["https://localhost"])

    done = place.sign_in(account, *options)
    token = place.user.run("token", account)
    msmtp = place.user.run("config", account, "msmtp")
    status = place.user.run("status")
    explained = place.user.run("explain", account, "AADSTS50034")

    profile = place.profile(account)
    words = re.sub(r"https://\S+", "", done.err)
    assert done.code == 0, done.err
    assert place.address.startswith(f"https://{GLOBAL}/{tenant}/")
    assert token.out.startswith("EwB")
    assert profile["tenant"] == CONSUMERS
    assert (profile["imap"], profile["smtp"]) == ("outlook.office365.com:993", "smtp-mail.outlook.com:587")
    assert "smtp-mail.outlook.com" in msmtp.out
    assert "https://outlook.live.com/mail/0/options/mail/popImap" in done.err
    assert "tenant" not in (words + status.out + status.err + explained.out + msmtp.out + msmtp.err).lower()


THUNDERBIRDS = {
    "client_id": "9e5f94bc-e8a4-4e73-b8be-63364c29d753",
    "redirect_uri": "https://localhost",
    "response_type": "code",
}


@pytest.mark.parametrize("account", [ALICE, EVE])
def test_it_asks_as_thunderbird_does(place: Place, account: str) -> None:
    """Same client id, redirect, permissions (but POP's) and page: whoever signs in with Thunderbird can here."""
    place.entra.add_person(EVE, PASSWORD, opaque=True)
    done = place.sign_in(account, *(["--tenant", "common"] if account == ALICE else []))
    place.user.age(account)
    refreshed = place.user.run("refresh")
    query = {name: values[0] for name, values in parse_qs(urlsplit(place.address).query).items()}
    hosts = {(request.host, request.path) for request in place.entra.requests if request.grant_type}

    assert (done.code, refreshed.code) == (0, 0), done.err + refreshed.err
    assert place.address.startswith(f"https://{GLOBAL}/common/oauth2/v2.0/authorize?")
    assert {name: query[name] for name in THUNDERBIRDS} == THUNDERBIRDS
    assert {f"https://outlook.office.com/{name}" for name in (IMAP, SMTP)} | {"offline_access"} <= set(
        query["scope"].split()
    )
    assert hosts == {(GLOBAL, "/common/oauth2/v2.0/token")}


# Guests, moves, several at once


@pytest.mark.parametrize(("claims", "at_home"), [({"idp": "live.com"}, "consumers"), ({"acct": 1}, "TENANT")])
def test_a_guest_is_told(place: Place, claims: dict[str, Any], at_home: str) -> None:
    """Who signs in as a guest hears that no mailbox is there, and how to sign in at home."""
    place.entra.id_token_claims_override = claims

    done = place.sign_in(ALICE)

    assert done.code == 0, done.err
    assert "is a guest here" in done.err
    assert f"offlineimap-m365 login {ALICE} --tenant {at_home}\n" in done.err


def test_who_belongs_elsewhere_is_told_how_to_get_there(place: Place) -> None:
    """The domain's organisation does not know who signed in (AADSTS50020): another one by name, or none."""
    alice = place.entra.find_person(ALICE)
    assert alice is not None
    alice.tenant = place.entra.other_tenant

    refused = place.sign_in(ALICE)
    named = place.sign_in(ALICE, "--tenant", place.entra.other_tenant)

    assert (refused.code, named.code) == (77, 0), named.err
    assert "AADSTS50020" in refused.err
    assert f"offlineimap-m365 login {ALICE} --tenant TENANT\n" in refused.err
    assert "consumers" in refused.err


def test_a_mailbox_that_moved_signs_in_without_options(place: Place) -> None:
    """Another organisation owns the domain now, all ids are new: found by discovery, kept because the name is."""
    first = place.sign_in(ALICE)
    alice = place.entra.find_person(ALICE)
    assert alice is not None
    alice.tenant, alice.oid = place.entra.other_tenant, "00000000-aaaa-bbbb-cccc-000000000000"
    place.entra.domains["example.org"] = place.entra.other_tenant

    second = place.sign_in(ALICE)
    place.user.age(ALICE)
    refreshed = place.user.run("refresh")

    profile = place.profile(ALICE)
    assert [run.code for run in (first, second, refreshed)] == [0, 0, 0], second.err + refreshed.err
    assert "belongs to another organisation than last time" in second.err
    assert (profile["tenant"], profile["person"]["oid"]) == (place.entra.other_tenant, alice.oid)
    assert profile["chosen"] == {"flow": "paste"}


def test_one_person_under_several_client_ids(place: Place) -> None:
    """Two accounts of one identity with a client id each do not touch each other; one of them may change its own."""
    for client in ("one", "two"):
        place.entra.add_client(client, ["https://localhost"])
    options = ["--redirect-uri", "https://localhost"]

    runs = [
        place.sign_in(ALICE, "--client-id", "one", *options),
        place.sign_in("backup@example.org", "--identity", ALICE, "--client-id", "two", *options, upn=ALICE),
        place.sign_in(ALICE, "--client-id", "two", *options),
    ]
    for account in (ALICE, "backup@example.org"):
        place.user.age(account)
    place.entra.forget()
    refreshed = place.user.run("refresh")

    clients = [request.client_id for request in place.entra.requests if request.grant_type == "refresh_token"]
    assert [run.code for run in (*runs, refreshed)] == [0, 0, 0, 0], [run.err for run in runs]
    assert clients == ["two", "two"]
    assert place.profile("backup@example.org")["identity"] == ALICE
    assert place.user.run("token", ALICE).out != place.user.run("token", "backup@example.org").out

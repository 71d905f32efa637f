"""What a login will do: chosen now, chosen last time, our defaults."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.signin import browser, login_request, tenant_discovery

if TYPE_CHECKING:
    from offlineimap_m365.provider.provider import Provider
    from tests.world import World

ALICE = "alice@example.org"
ENTRA_IDS = {"tid": "t", "oid": "o"}
ENDPOINTS = {
    "issuer": "https://id.example.org",
    "authorization_endpoint": "https://id.example.org/authorize",
    "token_endpoint": "https://id.example.org/token",
}


TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"


def answer(address: str) -> dict[str, Any]:
    """Return the OpenID configuration of example.org and agency.example.gov; nothing else is known."""
    domain = address.split("/")[3]
    if domain == "agency.example.gov":
        issuer = f"https://login.microsoftonline.us/{TENANT}/v2.0"
        return {"issuer": issuer, "cloud_instance_name": "microsoftonline.us", "tenant_region_sub_scope": "DODCON"}
    if domain == "example.org":
        return {
            "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "cloud_instance_name": "microsoftonline.com",
        }
    return {}


@pytest.fixture(autouse=True)
def offline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer for the network: one organisation, one custom authority; there is no browser."""
    monkeypatch.setattr(tenant_discovery, "get_json", answer)
    monkeypatch.setattr(tenant_discovery, "discover", lambda _: ENDPOINTS)
    monkeypatch.setattr(browser, "is_there", lambda: False)


def make(
    before: profiles.Account | None = None, *, name: str = ALICE, defaults: bool = False, **typed: Any
) -> login_request.Plan:
    """Plan a login with options *typed*."""
    return login_request.make(name, typed, before, defaults=defaults)


def hosts(plan: login_request.Plan) -> tuple[str, str]:
    """Return the IMAP and the SMTP server of who was planned to sign in."""
    return plan.mail_hosts(is_personal=plan.is_personal)


def kept(made: login_request.Plan, person: dict[str, str] | None = None, identity: str = ALICE) -> profiles.Account:
    """Return the account that a login by that plan would leave."""
    provider, (imap, smtp) = made.provider, hosts(made)
    return profiles.Account(
        made.name, provider.client_id, provider.authority, provider.scopes, imap=imap, smtp=smtp,
        redirect_uri=made.redirect_uri, cloud=made.cloud, identity=identity, chosen=made.chosen,
        person=ENTRA_IDS if person is None else person,
    )  # fmt: skip


def test_the_defaults() -> None:
    """Thunderbird's id, the worldwide cloud, the domain's organisation, IMAP and SMTP, paste without a browser."""
    made = make()

    assert made.provider.client_id.startswith("9e5f94bc-")
    assert made.provider.authority == f"https://login.microsoftonline.com/{TENANT}"
    assert [scope.rpartition("/")[2] for scope in made.provider.scopes] == ["IMAP.AccessAsUser.All", "SMTP.Send"]
    assert (made.flow, made.redirect_uri, made.hint) == ("paste", "https://localhost", ALICE)
    assert (made.chosen, made.person, made.store) == ({}, {}, "file")


def test_nobody_is_asked_where_nobody_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the network a plan makes do with what was chosen or kept; what is missing is ``common``."""
    before = dataclasses.replace(kept(make(authority="https://id.example.org/x")), endpoints=ENDPOINTS)
    monkeypatch.delattr(tenant_discovery, "get_json")
    monkeypatch.delattr(tenant_discovery, "discover")

    def offline(known: profiles.Account | None = None, **typed: Any) -> Provider:
        return login_request.make(ALICE, typed, known, defaults=False, may_ask=False).provider

    assert offline().authority == "https://login.microsoftonline.com/common"
    assert offline(tenant="t", cloud="usgov").authority == "https://login.microsoftonline.us/t"
    assert offline(dataclasses.replace(before, chosen={}, tenant="kept", cloud="global")).authority.endswith(
        ".com/kept"
    )
    assert (offline(before).authority, offline(before).endpoints) == ("https://id.example.org/x", ENDPOINTS)
    assert offline(authority="https://id.example.org/y").endpoints is None


def test_short_scopes_belong_to_the_cloud() -> None:
    """imap, smtp and pop are that cloud's; a full one is taken as it is, once."""
    full = "https://outlook.office365.us/POP.AccessAsUser.All"
    made = make(cloud="usgov", scope=["pop", full, "offline_access"])

    assert made.provider.scopes == (full,)


@pytest.mark.parametrize(
    "typed",
    [
        {"scope": ["mail"]},
        {"authority": "http://id.example.org/t"},
        {"authority": "https://id.example.org"},
        {"authority": "https://id.example.org:x/t"},
        {"tenant": "a b"},
        {"store": "somewhere"},
        {"imap": "localhost"},
        {"smtp": "localhost:99999"},
        {"redirect_uri": "localhost"},
        {"redirect_uri": "http://localhost:x"},
        {"redirect_uri": "http://localhost:8400", "port": 8401},
        {"flow": "browser"},
    ],
)
def test_what_cannot_work_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, typed: dict[str, Any]) -> None:
    """Each is refused before anybody is asked, with what to give instead; a browser that is not there is 78."""
    monkeypatch.delattr(tenant_discovery, "get_json")
    with pytest.raises(errors.Misconfigured if "flow" in typed else errors.WrongUsage) as caught:
        make(**typed)

    assert caught.value.remedy.text


REMEMBERED: dict[str, Any] = {
    "client_id": "mine",
    "redirect_uri": "http://localhost/mine",
    "scope": ["imap"],
    "identity": "a.smith@example.org",
    "flow": "device",
}


def test_what_was_chosen_is_remembered_and_typed_options_win() -> None:
    """Nothing typed: as last time; something typed: that, and the rest as last time."""
    before = kept(make(**REMEMBERED))

    assert make(before).chosen == REMEMBERED
    assert make(before, flow="paste").chosen == {**REMEMBERED, "flow": "paste"}
    assert "redirect_uri" not in make(before, client_id="other").chosen
    assert make(before, client_id="mine").chosen == REMEMBERED
    assert make(before, defaults=True).chosen == {}


CUSTOM: dict[str, Any] = {
    "authority": "https://id.example.org/t",
    "imap": "mail.example.org:993",
    "smtp": "mail.example.org:587",
}


@pytest.mark.parametrize("typed", [{"tenant": "t"}, {"cloud": "usgov"}, {"authority": "https://id.example.com/t"}])
def test_mail_hosts_do_not_outlive_their_provider(typed: dict[str, Any]) -> None:
    """A token is never sent to the mail hosts that were named for another provider."""
    before = kept(make(**CUSTOM))

    made = make(before, **typed)

    assert "mail.example.org" not in "".join(hosts(made))
    assert ("authority" in made.chosen) == ("authority" in typed)


def test_mail_hosts_stay_with_their_provider() -> None:
    """The same authority again, or none, keeps them; so does a tenant where they were not another provider's."""
    before = kept(make(**CUSTOM))
    own = kept(make(imap="relay.example.org:993"))

    assert hosts(make(before)) == hosts(make(before, authority=CUSTOM["authority"])) == (CUSTOM["imap"], CUSTOM["smtp"])
    assert hosts(make(own, tenant="t"))[0] == "relay.example.org:993"
    assert (make(before).provider.endpoints, make(before).cloud) == (ENDPOINTS, None)
    assert (make(own).provider.endpoints, make(own).cloud) == (None, "global")


def test_the_same_person_is_known_by_their_ids() -> None:
    """Entra's ids count for every client; another provider's only for the same client and issuer."""
    others = {"iss": "https://id.example.org", "sub": "s"}
    entra_account, other_account = kept(make(**CUSTOM)), kept(make(**CUSTOM), person=others)

    assert make(entra_account, client_id="other").person == ENTRA_IDS
    assert make(other_account).person == others
    assert make(other_account, client_id="other").person == {}


def test_another_identity_or_defaults_is_a_first_login() -> None:
    """Who named somebody else, or starts anew, is compared by names again."""
    before = kept(make(), identity="bob@example.org")

    assert (make(before).person, make(before).hint) == (ENTRA_IDS, "bob@example.org")
    assert make(before, identity="carol@example.org").person == {}
    assert (make(before, defaults=True).person, make(before, defaults=True).hint) == ({}, ALICE)


@pytest.mark.parametrize(
    ("there", "typed", "remembered", "flow"),
    [
        (True, {}, {}, "browser"),
        (False, {}, {}, "paste"),
        (True, {"flow": "paste"}, {}, "paste"),
        (True, {}, {"flow": "device"}, "device"),
        (False, {}, {"flow": "browser"}, "paste"),
        (False, {"port": 8400}, {}, "browser"),
        (False, {"flow": "browser", "port": 8400}, {}, "browser"),
    ],
)
def test_the_flow_that_works_is_chosen(
    monkeypatch: pytest.MonkeyPatch, *, there: bool, typed: dict[str, Any], remembered: dict[str, Any], flow: str
) -> None:
    """Typed, else remembered if it works here, else a browser, else paste; a port stands in for a browser."""
    before = dataclasses.replace(kept(make()), chosen=remembered)
    monkeypatch.setattr(browser, "is_there", lambda: there)

    made = make(before, **typed)

    assert (made.flow, made.opens) == (flow, flow == "browser" and there)


@pytest.mark.parametrize(
    ("uri", "listens", "redirect"),
    [
        (None, True, "http://localhost:5000"),
        ("http://localhost", True, "http://localhost:5000"),
        ("http://[::1]", True, "http://[::1]:5000"),
        ("http://localhost:8400/", True, "http://localhost:8400/"),
        ("https://localhost", False, None),
        ("http://localhost/path", False, None),
        ("http://example.org", False, None),
    ],
)
def test_a_listener_is_there_only_where_a_browser_can_come_back(
    monkeypatch: pytest.MonkeyPatch, uri: str | None, redirect: str | None, *, listens: bool
) -> None:
    """A plain loopback address without a path; its port is the registered one or any."""
    monkeypatch.setattr(browser, "is_there", lambda: True)
    made = make(client_id="mine", redirect_uri=uri)

    assert made.listens == listens
    assert redirect is None or made.redirect_to(made.port or 5000) == redirect


def test_a_domain_of_another_cloud_leads_there() -> None:
    """Login host, permissions and mail hosts are that cloud's, it is said so, and nothing counts as chosen."""
    made = make(name="a@agency.example.gov")

    assert made.provider.authority == f"https://login.microsoftonline.us/{TENANT}"
    assert made.provider.scopes[0] == "https://outlook.office365.us/IMAP.AccessAsUser.All"
    assert hosts(made) == ("outlook.office365.us:993", "smtp.office365.us:587")
    assert (made.cloud, made.chosen) == ("usgov", {})
    assert "--cloud usgov" in made.remarks[0]
    assert "Thunderbird's is not" in made.remarks[1]


@pytest.mark.parametrize(
    ("typed", "authority"),
    [
        ({}, "https://login.microsoftonline.com/common"),
        ({"client_id": "mine"}, "https://login.microsoftonline.com/consumers"),
        ({"tenant": "consumers"}, "https://login.microsoftonline.com/consumers"),
    ],
)
def test_a_personal_address_signs_in_as_thunderbird_does(typed: dict[str, Any], authority: str) -> None:
    """At common with Thunderbird's client id, with one's own at consumers; and its mail hosts are Outlook.com's."""
    made = make(name="eve@outlook.com", **typed)

    assert made.provider.authority == authority
    assert hosts(made) == ("outlook.office365.com:993", "smtp-mail.outlook.com:587")
    assert made.is_personal


def test_mail_hosts_follow_who_signed_in() -> None:
    """Whatever the address, Outlook.com's for a personal account; unless they were chosen, or the cloud is another."""
    made, own = make(name="eve@gmail.example"), make(name="eve@gmail.example", smtp="relay.example.org:587")

    assert made.mail_hosts(is_personal=True)[1] == "smtp-mail.outlook.com:587"
    assert made.mail_hosts(is_personal=False)[1] == "smtp.office365.com:587"
    assert own.mail_hosts(is_personal=True)[1] == "relay.example.org:587"
    assert make(**CUSTOM).mail_hosts(is_personal=True)[1] == CUSTOM["smtp"]
    assert make(cloud="usgov").mail_hosts(is_personal=True)[1] == "smtp.office365.us:587"


def test_a_known_personal_account_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who signed in last time tells more than the domain: no request, and everybody's page."""
    before = dataclasses.replace(kept(make()), tenant=PERSONAL)
    monkeypatch.delattr(tenant_discovery, "get_json")

    made = make(before)

    assert made.provider.authority == "https://login.microsoftonline.com/common"
    assert made.is_personal


@pytest.mark.parametrize(
    ("typed", "is_personal"),
    [
        ({}, True),
        ({"tenant": "common"}, True),
        ({"tenant": "consumers"}, True),
        ({"tenant": PERSONAL}, True),
        ({"tenant": "example.org"}, False),
        ({"cloud": "usgov"}, False),
        ({"identity": "a123@example.org"}, False),
        ({"authority": "https://id.example.org/t"}, False),
    ],
)
def test_who_names_an_organisation_is_nobodys_personal_account(typed: dict[str, Any], *, is_personal: bool) -> None:
    """An organisation, a cloud, a provider or a sign-in name of one's own says more than the address."""
    made = make(name="eve@outlook.com", **typed)

    assert made.is_personal == is_personal
    assert ("smtp-mail.outlook.com" in hosts(made)[1]) == is_personal


def test_an_upgrade_may_bring_another_client_id() -> None:
    """A default that was not chosen is looked up again, whatever the last login used; a chosen one stays."""
    old = dataclasses.replace(kept(make()), client_id="08162f7c-0fd2-4200-a84a-f25a4db0b584")
    own = dataclasses.replace(old, chosen={"client_id": old.client_id})

    assert make(old).provider.client_id == make().provider.client_id
    assert make(own).provider.client_id == old.client_id

"""What a login will do: chosen now, chosen last time, our defaults."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.folders.learned import PERSONAL_TENANT
from offlineimap_m365.signin import browser, login_request, tenant_discovery
from tests.m365.entra import THUNDERBIRD
from tests.signed_in_accounts import ALICE, SCOPES

if TYPE_CHECKING:
    from tests.world import World

ENTRA_IDS, OTHER_IDS = {"tid": "t", "oid": "o"}, {"iss": "https://id.example.org", "sub": "s"}
ENDPOINTS = {"issuer": "https://id.example.org", "token_endpoint": "https://id.example.org/token"}
TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
GLOBAL, US = "https://login.microsoftonline.com", "https://login.microsoftonline.us"
#: What is known of domains: an organisation of the worldwide cloud, and one of the US Government's.
DOMAINS = {
    "example.org": {"issuer": f"{GLOBAL}/{TENANT}/v2.0", "cloud_instance_name": "microsoftonline.com"},
    "agency.example.gov": {"issuer": f"{US}/{TENANT}/v2.0", "cloud_instance_name": "microsoftonline.us",
                           "tenant_region_sub_scope": "DODCON"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def offline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer for the network: one organisation, one custom authority; there is no browser."""
    monkeypatch.setattr(tenant_discovery, "get_json", lambda address: DOMAINS.get(address.split("/")[3], {}))
    monkeypatch.setattr(tenant_discovery, "discover", lambda _: ENDPOINTS)
    monkeypatch.setattr(browser, "is_there", lambda: False)


def make(
    before: profiles.Account | None = None, *, name: str = ALICE, defaults: bool = False, **typed: Any
) -> login_request.Plan:
    """Plan a login with options *typed*."""
    return login_request.make(name, typed, before, defaults=defaults)


def kept(options: dict[str, Any], **changes: Any) -> profiles.Account:
    """Return the account that a login with these *options* would leave, with *changes*."""
    plan = make(**options)
    provider, (imap, smtp) = plan.provider, plan.mail_hosts(is_personal=plan.is_personal)
    fields = {"identity": ALICE, "person": ENTRA_IDS, "client_id": provider.client_id, "chosen": plan.chosen, **changes}
    return profiles.Account(
        plan.name, authority=provider.authority, scopes=provider.scopes, imap=imap, smtp=smtp, cloud=plan.cloud,
        redirect_uri=plan.redirect_uri, **fields,
    )  # fmt: skip


def facts(plan: login_request.Plan) -> dict[str, Any]:
    """Return all that a *plan* says."""
    imap, smtp = plan.mail_hosts(is_personal=plan.is_personal)
    return {**vars(plan.provider), **vars(plan), "imap": imap, "smtp": smtp, "remarks": len(plan.remarks)}


REMEMBERED: dict[str, Any] = {
    "client_id": "mine", "redirect_uri": "http://localhost/mine", "scope": ["imap"], "identity": "a.smith@example.org",
    "flow": "device",
}  # fmt: skip
HOSTS: dict[str, Any] = {"imap": "mail.example.org:993", "smtp": "mail.example.org:587"}
CUSTOM: dict[str, Any] = {"authority": "https://id.example.org/t", **HOSTS}
GLOBAL_HOSTS = {"imap": "outlook.office365.com:993", "smtp": "smtp.office365.com:587"}
OUTLOOK_COM = {"imap": "outlook.office365.com:993", "smtp": "smtp-mail.outlook.com:587", "is_personal": True}
US_HOSTS = {"imap": "outlook.office365.us:993", "smtp": "smtp.office365.us:587"}
US_SCOPE = "https://outlook.office365.us/{}.AccessAsUser.All".format
BOB, EVE = "bob@example.org", "eve@outlook.com"
OLD = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
DEFAULTS: dict[str, Any] = {
    "client_id": THUNDERBIRD, "authority": f"{GLOBAL}/{TENANT}", "scopes": SCOPES, "flow": "paste", "store": "file",
    "redirect_uri": "https://localhost", "hint": ALICE, "chosen": {}, "person": {}, "cloud": "global",
    "endpoints": None, "remarks": 0, **GLOBAL_HOSTS,
}  # fmt: skip
FIRST = {"chosen": {}, "person": {}, "hint": ALICE}
#: The options typed now and what comes of them; of an earlier login the options, and what else is in its account.
PLANS: dict[str, tuple[Any, ...]] = {
    "the defaults": ({}, DEFAULTS),
    "short permissions are the cloud's, a full one is taken as it is, once": (
        {"cloud": "usgov", "scope": ["pop", US_SCOPE("POP"), "offline_access"]}, {"scopes": (US_SCOPE("POP"),)}),
    "nothing typed: as last time": ({}, {"chosen": REMEMBERED}, REMEMBERED),
    "what is typed wins": ({"flow": "paste"}, {"chosen": {**REMEMBERED, "flow": "paste"}}, REMEMBERED),
    "another client id has another redirect": (
        {"client_id": "other"}, {"redirect_uri": "http://localhost"}, REMEMBERED),
    "the same client id changes nothing": ({"client_id": "mine"}, {"chosen": REMEMBERED}, REMEMBERED),
    "--defaults starts over": ({"defaults": True}, FIRST, REMEMBERED, {"identity": BOB}),
    "mail hosts do not outlive their provider, with a tenant": (
        {"tenant": "t"}, {"chosen": {"tenant": "t"}, **GLOBAL_HOSTS}, CUSTOM),
    "with a cloud": ({"cloud": "usgov"}, {"chosen": {"cloud": "usgov"}, **US_HOSTS}, CUSTOM),
    "with another authority": ({"authority": "https://id.example.com/t"}, {**GLOBAL_HOSTS, "cloud": None}, CUSTOM),
    "they stay with it": ({}, {**HOSTS, "endpoints": ENDPOINTS, "cloud": None}, CUSTOM),
    "if it is typed again": ({"authority": CUSTOM["authority"]}, HOSTS, CUSTOM),
    "where they were not another provider's": (
        {"tenant": "t"}, {"imap": "relay.example.org:993"}, {"imap": "relay.example.org:993"}),
    "Entra's ids count for every client": ({"client_id": "other"}, {"person": ENTRA_IDS}, CUSTOM),
    "another provider's for the same one": ({}, {"person": OTHER_IDS}, CUSTOM, {"person": OTHER_IDS}),
    "and for no other": ({"client_id": "other"}, {"person": {}}, CUSTOM, {"person": OTHER_IDS}),
    "who signed in last is offered": ({}, {"person": ENTRA_IDS, "hint": BOB}, {}, {"identity": BOB}),
    "another identity is compared by names": ({"identity": "carol@example.org"}, {"person": {}}, {}, {"identity": BOB}),
    "a domain of another cloud leads there": (
        {"name": "a@agency.example.gov"},
        {"authority": f"{US}/{TENANT}", "cloud": "usgov", "chosen": {}, "remarks": 2, **US_HOSTS}),
    "and its permissions": (
        {"name": "a@agency.example.gov", "scope": ["imap"]}, {"scopes": (US_SCOPE("IMAP"),)}),
    "a personal address signs in as with Thunderbird": (
        {"name": EVE}, {"authority": f"{GLOBAL}/common", **OUTLOOK_COM}),
    "with a client id of one's own": (
        {"name": EVE, "client_id": "mine"}, {"authority": f"{GLOBAL}/consumers", **OUTLOOK_COM}),
    "for everybody": ({"name": EVE, "tenant": "common"}, {"authority": f"{GLOBAL}/common", **OUTLOOK_COM}),
    "by its id": ({"name": EVE, "tenant": PERSONAL_TENANT}, OUTLOOK_COM),
    "who signed in last time tells more than the domain": (
        {}, {"authority": f"{GLOBAL}/common", "is_personal": True}, {}, {"tenant": PERSONAL_TENANT}),
    "an organisation that is named tells more than the address": (
        {"name": EVE, "tenant": "example.org"}, {"is_personal": False, **GLOBAL_HOSTS}),
    "so does a cloud": ({"name": EVE, "cloud": "usgov"}, {"is_personal": False, **US_HOSTS}),
    "so does a sign-in name": ({"name": EVE, "identity": "a1@example.org"}, {"is_personal": False, **GLOBAL_HOSTS}),
    "so does a provider": ({"name": EVE, **CUSTOM}, {"is_personal": False, **HOSTS}),
    "a default client id is looked up again": ({}, {"client_id": THUNDERBIRD}, {}, {"client_id": OLD}),
    "a chosen one stays": ({}, {"client_id": OLD}, {}, {"client_id": OLD, "chosen": {"client_id": OLD}}),
}  # fmt: skip


@pytest.mark.parametrize("row", PLANS.values(), ids=PLANS)
def test_a_login_is_planned(row: tuple[Any, ...]) -> None:
    """What is typed wins over what was chosen last time, and that over the defaults; each row is a rule."""
    typed, expected, *earlier = row

    found = facts(make(kept(earlier[0], **dict(*earlier[1:])) if earlier else None, **typed))

    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    "typed",
    [
        {"scope": ["mail"]}, {"authority": "http://id.example.org/t"}, {"authority": "https://id.example.org"},
        {"authority": "https://id.example.org:x/t"}, {"tenant": "a b"}, {"store": "somewhere"}, {"imap": "localhost"},
        {"smtp": "localhost:99999"}, {"redirect_uri": "localhost"}, {"redirect_uri": "http://localhost:x"},
        {"redirect_uri": "http://localhost:8400", "port": 8401}, {"flow": "browser"},
    ],
)  # fmt: skip
def test_what_cannot_work_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, typed: dict[str, Any]) -> None:
    """Each is refused before anybody is asked, with what to give instead; a browser that is not there is 78."""
    monkeypatch.delattr(tenant_discovery, "get_json")
    with pytest.raises(errors.Misconfigured if "flow" in typed else errors.WrongUsage) as caught:
        make(**typed)

    assert caught.value.remedy.text


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
    monkeypatch: pytest.MonkeyPatch, there: bool, typed: dict[str, Any], remembered: dict[str, Any], flow: str
) -> None:
    """Typed, else remembered if it works here, else a browser, else paste; a port stands in for a browser."""
    before = kept({}, chosen=remembered)
    monkeypatch.setattr(browser, "is_there", lambda: there)

    plan = make(before, **typed)

    assert (plan.flow, plan.opens) == (flow, flow == "browser" and there)


def test_text_browsers_never_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that would take the terminal is none."""
    for command in ("", "firefox", "true", "/usr/bin/w3m", "lynx %s", "links:firefox"):
        monkeypatch.setenv("BROWSER", command)

        assert browser.named() == (command if command in ("firefox", "true") else "")


def test_ssh_is_not_graphical(monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that ssh forwards is not the machine before which the person sits."""
    monkeypatch.setattr(sys, "platform", "linux")
    nothing = browser.is_graphical()
    monkeypatch.setenv("DISPLAY", ":0")
    here = browser.is_graphical()
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")

    assert (nothing, here, browser.is_graphical()) == (False, True, False)


@pytest.mark.parametrize(
    ("uri", "listens", "redirect"),
    [
        (None, True, "http://localhost:5000"),
        ("http://localhost", True, "http://localhost:5000"),
        ("http://[::1]", True, "http://[::1]:5000"),
        ("http://localhost:8400/", True, "http://localhost:8400/"),
        *((uri, False, None) for uri in ("https://localhost", "http://localhost/path", "http://example.org")),
    ],
)
def test_a_listener_is_there_only_where_a_browser_can_come_back(
    monkeypatch: pytest.MonkeyPatch, uri: str | None, listens: bool, redirect: str | None
) -> None:
    """A plain loopback address without a path; its port is the registered one or any."""
    monkeypatch.setattr(browser, "is_there", lambda: True)
    plan = make(client_id="mine", redirect_uri=uri)

    assert plan.listens == listens
    assert redirect is None or plan.redirect_to(plan.port or 5000) == redirect

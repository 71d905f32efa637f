"""Where the owner of an address signs in: what OpenID discovery tells of its domain."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from offlineimap_m365.base import errors
from offlineimap_m365.signin import tenant_discovery
from offlineimap_m365.signin.tenant_discovery import Place
from tests.signed_in_accounts import describe_invented

if TYPE_CHECKING:
    from offlineimap_m365.accounts import profiles
    from tests.m365.entra import Entra
    from tests.world import World

TENANT, MOVED = "aaaabbbb-0000-cccc-1111-dddd2222eeee", "ffffaaaa-0000-cccc-1111-dddd2222eeee"
HOST, GOV = "login.microsoftonline.com", "login.microsoftonline.us"


@dataclasses.dataclass
class Discovery:
    """What the sign-in hosts answer, by host and domain, and what they were asked."""

    known: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    asked: list[str] = dataclasses.field(default_factory=list)
    is_there: bool = True

    def add(self, domain: str, *, host: str = HOST, tenant: str = TENANT, **facts: Any) -> None:
        """Let *host* know *domain*."""
        self.known[f"{host}/{domain}"] = {"issuer": f"https://{host}/{tenant}/v2.0", **facts}

    def get_json(self, address: str) -> dict[str, Any]:
        """Answer as the network does."""
        self.asked.append("/".join(address.split("/")[2:4]))
        if not self.is_there:
            raise errors.Temporary("No network")
        return self.known.get(self.asked[-1], {})


@pytest.fixture
def discovery(world: World, monkeypatch: pytest.MonkeyPatch) -> Discovery:
    """Answer for the network."""
    found = Discovery()
    monkeypatch.setattr(tenant_discovery, "get_json", found.get_json)
    return found


def place(chosen: dict[str, Any], before: profiles.Account | None = None, name: str = "a@example.org") -> Place:
    """Return where *name* signs in with the default client id."""
    return tenant_discovery.place(name, chosen, before, is_default_client=True)


@pytest.mark.parametrize(
    ("facts", "cloud"),
    [
        ({}, "global"),
        ({"cloud_instance_name": "microsoftonline.com", "tenant_region_sub_scope": "GCC"}, "global"),
        ({"cloud_instance_name": "microsoftonline.us", "tenant_region_sub_scope": "DODCON"}, "usgov"),
        ({"cloud_instance_name": "microsoftonline.us", "tenant_region_sub_scope": "DOD"}, "usgov-dod"),
        ({"cloud_instance_name": "partner.microsoftonline.cn", "tenant_region_scope": "AS"}, "china"),
        ({"cloud_instance_name": 5, "tenant_region_sub_scope": []}, "global"),
        *(({"issuer": issuer}, None) for issuer in ("https://x/y", 5, "//[", None)),
    ],
)
def test_a_domain_tells_organisation_and_cloud(discovery: Discovery, facts: dict[str, Any], cloud: str | None) -> None:
    """By the instance's name and the part of the government's cloud; a strange answer tells nothing: it is no error."""
    discovery.add("example.org", **facts)

    assert tenant_discovery.find("a@example.org", "global") == (Place(TENANT, cloud) if cloud else None)


def test_what_is_no_domain_is_not_asked_for(discovery: Discovery) -> None:
    """Nothing odd gets into an address."""
    for name in ("app", "a@localhost", "a@example.org/x", "a@ex ample.org", f"a@{'x' * 70}.org", "a@-x.org"):
        assert tenant_discovery.find(name, "global") is None
    assert discovery.asked == []


def test_a_national_cloud_is_asked_only_for_its_own(discovery: Discovery) -> None:
    """If the worldwide cloud does not know a domain, another hears of it only if its end names that country."""
    discovery.add("agency.example.gov", host=GOV, cloud_instance_name="microsoftonline.us")
    domains = ("agency.example.gov", "example.cn", "example.org")

    found = [tenant_discovery.find(f"a@{domain}", "global") for domain in domains]

    assert found == [Place(TENANT, "usgov"), None, None]
    assert [asked for asked in discovery.asked if not asked.startswith(HOST)] == [
        f"{GOV}/agency.example.gov",
        "login.partner.microsoftonline.cn/example.cn",
    ]


def test_the_domain_of_the_sign_in_name_counts_first(discovery: Discovery) -> None:
    """A sign-in name's domain always is the organisation's; a mail domain need not be; a chosen tenant is not asked."""
    assert place({"tenant": "t"}) == Place("t", "global")
    assert discovery.asked == []
    discovery.add("uni.example.org", tenant=MOVED)
    discovery.add("example.org")
    before = describe_invented(identity="a1@uni.example.org", tenant=TENANT, cloud="global")

    assert place({"identity": "a123@uni.example.org"}).tenant == MOVED
    assert place({}, before, "a@nowhere.example").tenant == MOVED


def test_while_nobody_can_be_asked_it_is_as_last_time(discovery: Discovery) -> None:
    """Without a network the last login's organisation is the best guess; at a first login everybody's page."""
    discovery.is_there = False
    before = describe_invented(cloud="usgov", tenant=MOVED)

    found = place({}, before)

    assert (found.tenant, found.cloud) == (MOVED, "usgov")
    assert place({}) == Place("common", "global")
    discovery.is_there = True  # and knows that nobody has the domain any more
    assert place({}, before) == Place("common", "global", is_unknown=True)


def test_a_cloud_that_nobody_chose_is_told(discovery: Discovery) -> None:
    """It says where the sign-in will be and that client ids must be registered there; of the worldwide one nothing."""
    discovery.add("example.org", cloud_instance_name="microsoftonline.us", tenant_region_sub_scope="DOD")
    discovery.add("example.com")

    own = tenant_discovery.place("a@example.org", {}, None, is_default_client=False).remarks
    default, chosen = place({}).remarks, place({"cloud": "usgov-dod"}).remarks

    assert "--cloud usgov-dod" in own[0]
    assert ["--client-id" in remarks[1] for remarks in (own, default)] == [False, True]
    assert chosen == default[1:]
    assert place({}, name="a@example.com").remarks == ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"token_endpoint": "http://x/t"}, "not https: http://x/t"),
        ({"device_authorization_endpoint": "http://x/d"}, "not https: http://x/d"),
        ({"token_endpoint": 5}, "no token_endpoint"),
        ({"authorization_endpoint": None}, "no authorization_endpoint"),
        ({"issuer": ""}, "no issuer"),
    ],
)
def test_a_configuration_that_cannot_be_used(world: World, entra: Entra, change: dict[str, object], text: str) -> None:
    """A configuration without an issuer or an endpoint, or with one that is not https, is 78."""
    body = {"issuer": "https://x", "token_endpoint": "https://x/t", "authorization_endpoint": "https://x/a"} | change
    entra.fail_next("openid-configuration", 2, status=200, body=body)

    with pytest.raises(errors.Misconfigured, match=text):
        tenant_discovery.discover(entra.authority)


def test_the_configuration_of_an_authority(world: World, entra: Entra) -> None:
    """The issuer and three addresses are kept; an authority without any is 78, after both places were looked at."""
    kept = tenant_discovery.discover(entra.authority)
    entra.forget()
    with pytest.raises(errors.Misconfigured, match="is not there"):
        tenant_discovery.discover(f"https://localhost:{entra.port}/nowhere.example")

    assert sorted(kept) == ["authorization_endpoint", "device_authorization_endpoint", "issuer", "token_endpoint"]
    assert len(entra.requests) == 2

"""Signing in at Microsoft's own address, through a proxy that leads it to the look-alike; and in bare environments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.m365.entra import THUNDERBIRD
from tests.m365.person import Browser
from tests.m365.wire import ConnectProxy
from tests.sign_in import PASSWORD, Login, options, sign_in
from tests.whole.terminal import files_of, product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.m365.entra import Entra
    from tests.world import Outcome, World

ALICE = "alice@example.org"
MICROSOFT = "login.microsoftonline.com"


@pytest.fixture
def proxy(entra: Entra) -> Iterator[ConnectProxy]:
    """Lead Microsoft's names to the look-alike, and refuse every other."""
    hosts = (MICROSOFT, "login.microsoftonline.us", "login.partner.microsoftonline.cn")
    with ConnectProxy({f"{host}:443": ("127.0.0.1", entra.port) for host in hosts}) as made:
        yield made


@pytest.fixture
def user(world: World, proxy: ConnectProxy) -> World:
    """Return somebody with this package behind the proxy."""
    made = product(world)
    made.environ["HTTPS_PROXY"] = proxy.url
    return made


def sign_in_there(user: World, entra: Entra, proxy: ConnectProxy, account: str, *arguments: str) -> tuple[str, Outcome]:
    """Sign in through the proxy; return the address of the page and what login did."""
    with Login(user, account, "--paste", *arguments) as login, Browser(entra.ca_file, proxy=proxy.url) as browser:
        landing = browser.sign_in(login.address, account, PASSWORD)
        return login.address, login.paste(landing.address or landing.text or "")


@pytest.mark.matrix
def test_nothing_but_the_address_is_needed(user: World, entra: Entra, proxy: ConnectProxy) -> None:
    """Thunderbird's id at Microsoft's worldwide cloud and the domain's organisation; nobody else is asked."""
    address, done = sign_in_there(user, entra, proxy, ALICE)
    profile = json.loads((user.folder(ALICE) / "profile.json").read_text(encoding="utf-8"))

    assert done.code == 0, done.err
    assert address.startswith(f"https://{MICROSOFT}/{entra.tenant}/oauth2/v2.0/authorize?")
    assert parse_qs(urlsplit(address).query)["client_id"] == [THUNDERBIRD]
    assert (profile["imap"], profile["smtp"]) == ("outlook.office365.com:993", "smtp.office365.com:587")
    assert (profile["cloud"], profile["tenant"], profile["endpoints"]) == ("global", entra.tenant, None)
    assert profile["chosen"] == {"flow": "paste"}
    assert proxy.refused == []
    assert user.run("token", ALICE).code == 0


def test_without_a_network_the_page_is_shown_all_the_same(world: World) -> None:
    """The organisation is only a hint: if nobody can be asked, common will do, since the browser may be elsewhere."""
    user = product(world)
    user.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"
    with Login(user, ALICE, "--paste") as login:
        assert login.address.startswith(f"https://{MICROSOFT}/common/")


def test_a_cancelled_login_asks_only_for_the_hint(user: World, entra: Entra) -> None:
    """Before anybody signed in, one request at most has gone out."""
    done = user.run("login", ALICE, "--paste")

    assert (done.code, files_of(user)) == (77, [])
    assert [request.path for request in entra.requests] == ["/example.org/v2.0/.well-known/openid-configuration"]


BARE = {
    "HOME and PATH only": ("HOME", "PATH"),
    "no HOME": ("PATH", "OFFLINEIMAP_M365_HOME"),
}


@pytest.mark.matrix
@pytest.mark.parametrize("kept", BARE.values(), ids=BARE)
def test_a_bare_environment_is_enough(world: World, entra: Entra, kept: tuple[str, ...]) -> None:
    """With env -i, without a terminal, D-Bus or HOME: login, token and status work."""
    user = product(world)
    user.environ["OFFLINEIMAP_M365_HOME"] = str(user.root / "store")
    trust = {"REQUESTS_CA_BUNDLE": user.environ["REQUESTS_CA_BUNDLE"]}
    user.environ = {name: user.environ[name] for name in kept} | trust
    if "OFFLINEIMAP_M365_HOME" not in kept:
        user.environ["OFFLINEIMAP_M365_HOME"] = f"{user.environ['HOME']}/.local/share/offlineimap-m365"
    done = sign_in(user, entra, ALICE, *options(entra))
    if "OFFLINEIMAP_M365_HOME" not in kept:
        del user.environ["OFFLINEIMAP_M365_HOME"]
    codes = [user.run(*words).code for words in (["token"], ["status"], ["token", ALICE.upper()])]

    assert done.code == 0, done.err
    assert codes == [0, 0, 0]


def test_without_a_home_at_all_it_says_so(world: World) -> None:
    """Where no home can be made it is 78, named, and not a bug."""
    user = product(world)
    done = user.run(
        "login", ALICE, environ={"PATH": "/usr/bin:/bin", "HOME": "/proc/nowhere", "HTTPS_PROXY": "http://127.0.0.1:9"}
    )

    assert (done.code, done.out) == (78, "")
    assert "/proc/nowhere" in done.err

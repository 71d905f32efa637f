"""
Turns the options of a login into what it will do: who is asked, where, with which redirect URI.

What is typed now wins over what was chosen last time, and that over the defaults.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.base.errors import Remedy
from offlineimap_m365.knowledge import mail_scopes, tables
from offlineimap_m365.knowledge.explain import Situation
from offlineimap_m365.provider.provider import Provider
from offlineimap_m365.signin import browser, login_options, tenant_discovery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts.profiles import Account


@dataclasses.dataclass(frozen=True)
class Plan:
    """
    How somebody will sign in to the account *name*.

    *hint* is the sign-in name that Microsoft's page offers; *person* the ids of who signed in last time, empty for a
    first login; *flow* ``browser``, ``paste``, ``device`` or ``app-only``; *port* that of the listener, 0 for any;
    *opens* whether the page is opened for the person; *client_name* what Microsoft's page shows for a known client
    id; *remarks* what to tell beforehand; *doubt* why the address looks like a typing error, else empty;
    *is_personal* whether it is a personal account, as far as is known by now.
    """

    name: str
    hint: str
    person: dict[str, str]
    provider: Provider
    flow: str
    port: int
    opens: bool
    redirect_uri: str
    cloud: str | None
    store: str
    client_name: str | None
    chosen: dict[str, Any]
    remarks: tuple[str, ...] = ()
    doubt: str = ""
    is_personal: bool = False

    @property
    def is_app_only(self) -> bool:
        """Whether an application signs in by itself, without a person."""
        return self.flow == profiles.APP_ONLY

    @property
    def listens(self) -> bool:
        """Whether the browser comes back to a listener of ours."""
        where = urlsplit(self.redirect_uri)
        is_loopback = where.hostname in ("localhost", "127.0.0.1", "::1") and where.path in ("", "/")
        return self.flow == "browser" and where.scheme == "http" and is_loopback

    @property
    def tenant(self) -> str | None:
        """The organisation that is asked, as the address names it; None where everybody may sign in."""
        named = self.provider.authority.rpartition("/")[2]
        return None if named in (tenant_discovery.EVERYBODY, tenant_discovery.PERSONAL, "organizations") else named

    @property
    def way(self) -> Situation:
        """The way of signing in, for advice about another."""
        provider = self.provider
        return Situation(
            self.name, provider.client_id, self.tenant, self.redirect_uri, self.is_personal, self.flow, provider.scopes,
            self.cloud, self.chosen,
        )  # fmt: skip

    def mail_hosts(self, *, is_personal: bool) -> tuple[str, str]:
        """Return the IMAP and the SMTP server for who signed in: those that were chosen, else the cloud's."""
        table = tables.load("clouds")
        is_outlook_com = is_personal and self.cloud == "global"
        preset = table["consumers"] if is_outlook_com else table["clouds"][self.cloud or "global"]
        return str(self.chosen.get("imap") or preset["imap"]), str(self.chosen.get("smtp") or preset["smtp"])

    def redirect_to(self, port: int) -> str:
        """Return the redirect URI for a listener on *port*: as registered, with the port if it names none."""
        where = urlsplit(self.redirect_uri)
        return self.redirect_uri if where.port else where._replace(netloc=f"{where.netloc}:{port}").geturl()


def make(name: str, typed: Mapping[str, Any], before: Account | None, *, defaults: bool, may_ask: bool = True) -> Plan:
    """
    Plan the login of *name* with the options *typed* now; *before* is the saved account, if there is one.

    Asks the network for the OpenID configuration of a custom authority, and for the organisation (tenant) of the mail
    domain. Without *may_ask* it uses what was saved, or ``common``. Raises WrongUsage, Temporary, Misconfigured.
    """
    known = None if defaults else before
    chosen = login_options.merge(typed, known.chosen if known else {})
    login_options.check(chosen, with_proof=may_ask)
    is_app_only = bool(chosen.get("app_only"))
    clients, clouds = tables.load("clients"), tables.load("clouds")["clouds"]
    client_id = str(chosen.get("client_id") or clients["default"])
    client = clients["clients"].get(client_id)
    flow = profiles.APP_ONLY if is_app_only else _flow(typed, chosen)
    page = "browser" if flow == "browser" else "paste"
    redirect_uri = str(chosen.get("redirect_uri") or (client or clients["other"])[page])
    port = _port(chosen, redirect_uri)
    # Asks the network, so after all that may be wrong usage.
    endpoints = None
    if "authority" in chosen:
        authority = str(chosen["authority"]).rstrip("/")
        endpoints = known.endpoints if known and known.authority == authority else None
        endpoints = tenant_discovery.discover(authority) if may_ask else endpoints
        place = tenant_discovery.Place("", "global")
    else:
        is_default = client_id == clients["default"]
        place = tenant_discovery.place(name, chosen, known, is_default_client=is_default, may_ask=may_ask)
        authority = f"https://{clouds[place.cloud]['login']}/{place.tenant}"
    cloud = None if "authority" in chosen else place.cloud
    scopes = _scopes(chosen, clouds[place.cloud])
    provider = Provider(client_id, authority, scopes, endpoints, login_options.credential(chosen))
    last = known if known and known.chosen.get("identity") == chosen.get("identity") and not known.is_app_only else None
    # Entra's *tid* and *oid* are the same for every client; a *sub* belongs to one issuer and one client
    # (OpenID Connect Core §8.1).
    is_comparable = last and ("oid" in last.person or (last.client_id, last.authority) == (client_id, authority))
    return Plan(
        name=name,
        hint=str(chosen.get("identity") or (last.identity if last else None) or name),
        person=dict(last.person) if last and is_comparable else {},
        provider=provider,
        flow=flow,
        port=port,
        opens=flow == "browser" and browser.is_there(),
        redirect_uri=redirect_uri,
        cloud=cloud,
        store=str(chosen.get("store") or "file"),
        client_name=client["name"] if client else None,
        chosen=chosen,
        remarks=place.remarks,
        doubt="" if is_app_only or before else _doubt(name, place),
        is_personal=not is_app_only and cloud == "global" and tenant_discovery.is_personal(name, chosen, known),
    )


def is_address(name: str) -> bool:
    """Return whether *name* is a complete mail address."""
    return "@" in name and "." in name.rpartition("@")[2]


def _doubt(name: str, place: tenant_discovery.Place) -> str:
    """Return why *name* looks like a typing error, "" if it does not."""
    if not is_address(name):
        return f"{name} is not a complete mail address"
    return f"Microsoft does not know the domain {name.rpartition('@')[2]}" if place.is_unknown else ""


def _port(chosen: Mapping[str, Any], redirect_uri: str) -> int:
    """Return the listener's port: chosen, or that of the redirect URI; 0 for any."""
    port, registered = int(chosen.get("port") or 0), urlsplit(redirect_uri).port
    if port and registered and port != registered:
        raise errors.WrongUsage(
            f"--port {port} is not the port of the redirect URI {redirect_uri}", remedy=Remedy("Leave --port out")
        )
    return port or registered or 0


def _scopes(chosen: Mapping[str, Any], cloud: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the permissions to ask for in the *cloud*, by their full names."""
    if chosen.get("app_only"):
        return (str(cloud["app_scope"]),)
    full = {name: cloud["scope_prefix"] + scope for name, scope in mail_scopes.DELEGATED.items()}
    named = dict.fromkeys(full.get(scope, scope) for scope in chosen.get("scope") or ["imap", "smtp"])
    # MSAL adds the others by itself and refuses to be given them.
    return tuple(scope for scope in named if scope not in ("openid", "profile", "offline_access"))


def _flow(typed: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    """
    Choose the flow: what was typed, what was remembered if it works here, a browser where there is one, paste.

    With a port the browser may be on another computer, behind ``ssh -L``.
    """
    asked = typed.get("flow") or ("browser" if typed.get("port") else None)
    works = browser.is_there() or chosen.get("port") is not None
    if asked == "browser" and not works:
        named = browser.named()
        why = f"$BROWSER names {named}, which is not there" if named else "$BROWSER names none, and there is no screen"
        raise errors.Misconfigured(
            f"There is no browser here that could be opened: {why}",
            remedy=Remedy(
                "Use --paste, which works everywhere; or --browser --port N, with ssh -L N:localhost:N on your machine"
            ),
        )
    if asked:
        return str(asked)
    remembered = chosen.get("flow")
    if remembered in ("paste", "device") or (remembered == "browser" and works):
        return str(remembered)
    return "browser" if browser.is_there() else "paste"

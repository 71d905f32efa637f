"""
What a login will do: who is asked, where, with which redirect.

It follows from what the person chose now, chose last time, and our defaults, in this order.
"""

from __future__ import annotations

import dataclasses
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from offlineimap_m365 import data, entra, environment, errors, home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offlineimap_m365.accounts import Account

#: The permissions by their short names (learn.microsoft.com: authenticate an IMAP, POP or SMTP connection using OAuth).
SCOPES = {"imap": "IMAP.AccessAsUser.All", "smtp": "SMTP.Send", "pop": "POP.AccessAsUser.All"}
#: What MSAL adds by itself and refuses to be given.
_RESERVED = frozenset({"openid", "profile", "offline_access"})
#: What a person may choose and is remembered, by the names of login's options.
CHOICES = (
    "flow", "port", "client_id", "redirect_uri", "tenant", "cloud", "authority", "scope", "store", "imap", "smtp",
    "identity",
)  # fmt: skip
#: Mail domains of personal accounts: their owner is Microsoft, and no organisation is to be looked for.
_CONSUMERS = ("outlook.", "hotmail.", "live.", "msn.com")


@dataclasses.dataclass(frozen=True)
class Plan:
    """
    How somebody will sign in to the account *name*.

    *flow* is ``browser``, ``paste`` or ``device``; *port* that of the listener, 0 for any; *client_name* what
    Microsoft's page will show for a client id that is known, else None.
    """

    name: str
    provider: entra.Provider
    flow: str
    port: int
    redirect_uri: str
    imap: str
    smtp: str
    cloud: str | None
    store: str
    client_name: str | None
    chosen: dict[str, Any]

    @property
    def hint(self) -> str:
        """Whom Microsoft's page offers to sign in."""
        return str(self.chosen.get("identity") or self.name)

    @property
    def listens(self) -> bool:
        """Does the browser come back to a listener of ours?"""
        where = urlsplit(self.redirect_uri)
        is_loopback = where.hostname in ("localhost", "127.0.0.1") and where.path in ("", "/")
        return self.flow == "browser" and where.scheme == "http" and is_loopback


def make(name: str, typed: Mapping[str, Any], before: Account | None, *, defaults: bool) -> Plan:
    """
    Plan the login of *name* with the options *typed* now; *before* is the account as it is kept, if it is.

    Asks the network for the OpenID configuration of a custom authority, and as a hint for the organisation (tenant)
    of the mail domain. Raises WrongUsage, Temporary, Misconfigured.
    """
    chosen = _merge(typed, {} if before is None or defaults else before.chosen)
    tables = Path(home.directory())
    clients = data.load("clients", tables)
    client_id = str(chosen.get("client_id") or clients["default"])
    client = clients["clients"].get(client_id)
    authority, endpoints, cloud = _authority(name, chosen)
    mail = _mail_hosts(chosen, cloud)
    flow = _flow(typed.get("flow"), chosen.get("flow"), typed.get("port"))
    port = int(chosen.get("port") or 0)
    return Plan(
        name=name,
        provider=entra.Provider(client_id, authority, _scopes(chosen, cloud), endpoints),
        flow=flow,
        port=port,
        redirect_uri=str(chosen.get("redirect_uri") or (client or clients["other"])[_page(flow)]),
        imap=mail["imap"],
        smtp=mail["smtp"],
        cloud=None if endpoints else cloud,
        store=str(chosen.get("store") or "file"),
        client_name=client["name"] if client else None,
        chosen=chosen,
    )


def _merge(typed: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts as chosen: what was typed, over what was remembered and does not contradict it."""
    now = {key: value for key, value in typed.items() if key in CHOICES and value not in (None, [])}
    kept = {key: value for key, value in before.items() if key in CHOICES}
    if "authority" in now:
        kept.pop("tenant", None)
        kept.pop("cloud", None)
    if "tenant" in now or "cloud" in now:
        for key in ("authority", "imap", "smtp"):
            kept.pop(key, None)
    if "client_id" in now:
        kept.pop("redirect_uri", None)
    return {**kept, **now}


def _page(flow: str) -> str:
    return "browser" if flow == "browser" else "paste"


def _authority(name: str, chosen: Mapping[str, Any]) -> tuple[str, dict[str, str] | None, str]:
    clouds = data.load("clouds", Path(home.directory()))["clouds"]
    cloud = str(chosen.get("cloud") or "global")
    if chosen.get("authority"):
        authority = _checked_authority(str(chosen["authority"]))
        return authority, entra.discover(authority), cloud
    login_host = clouds[cloud]["login"]
    tenant = chosen.get("tenant") or _tenant(login_host, name)
    return f"https://{login_host}/{tenant}", None, cloud


def _checked_authority(text: str) -> str:
    where = urlsplit(text.rstrip("/"))
    try:
        is_good = where.scheme == "https" and where.hostname and where.path.strip("/") and (where.port or 443)
    except ValueError:
        is_good = False
    if not is_good or where.query or where.fragment or where.username:
        raise errors.WrongUsage(
            f"--authority {text} is not of the form https://HOST[:PORT]/TENANT",
            remedy="Correct it, and run it again",
        )
    return text.rstrip("/")


def _tenant(login_host: str, name: str) -> str:
    domain = name.rpartition("@")[2].lower()
    if "." not in domain or domain.startswith(_CONSUMERS):
        return "common"
    return entra.tenant_of_domain(login_host, domain) or "common"


def _scopes(chosen: Mapping[str, Any], cloud: str) -> tuple[str, ...]:
    prefix = data.load("clouds", Path(home.directory()))["clouds"][cloud]["scope_prefix"]
    found = []
    for scope in chosen.get("scope") or ["imap", "smtp"]:
        if scope in SCOPES:
            found.append(prefix + SCOPES[scope])
        elif "/" in scope or ":" in scope:
            found.append(scope)
        elif scope not in _RESERVED:
            raise errors.WrongUsage(
                f"--scope {scope} is not known",
                remedy=f"Give {', '.join(SCOPES)}, or a full one with its https://…",
            )
    return tuple(dict.fromkeys(found))


def _mail_hosts(chosen: Mapping[str, Any], cloud: str) -> dict[str, str]:
    preset = data.load("clouds", Path(home.directory()))["clouds"][cloud]
    found = {}
    for key in ("imap", "smtp"):
        text = str(chosen.get(key) or preset[key])
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):  # noqa: PLR2004 - 16 bits
            raise errors.WrongUsage(f"--{key} {text} is not of the form HOST:PORT", remedy="Such as localhost:993")
        found[key] = text
    return found


def _flow(typed: str | None, remembered: str | None, port: int | None) -> str:
    """Choose the flow: what was typed, what was remembered if it works here, a browser where there is one, paste."""
    if typed == "browser" and not has_browser() and port is None:
        raise errors.Misconfigured(
            "There is no browser here: $BROWSER is not set, and this is no graphical session",
            remedy="Run it with --paste, or with --browser --port N behind ssh -L",
        )
    if typed:
        return typed
    if remembered in ("paste", "device") or (remembered == "browser" and has_browser()):
        return str(remembered)
    return "browser" if has_browser() else "paste"


def has_browser() -> bool:
    """Can a page be opened where the person sees it? Browsers for the terminal do not count."""
    if not (environment.browser() or environment.graphical()):
        return False
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    return Path(str(getattr(found, "name", ""))).name not in environment.TEXT_BROWSERS

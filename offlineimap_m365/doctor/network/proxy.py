"""
The proxy that the environment names: whether it is one, can be reached, and leads to a host; its password never shown.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING

from offlineimap_m365.base import environment, errors
from offlineimap_m365.doctor.network import route
from offlineimap_m365.provider import http_client

if TYPE_CHECKING:
    from offlineimap_m365.doctor.check import Check, Subject

#: "Proxy Authentication Required" (RFC 9110 §15.5.8).
_WANTS_PASSWORD = 407


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the proxy shall lead: *host* and *port* of *url*; *again* is the command that looks once more."""

    host: str
    port: int
    url: str
    again: str


def examine(subject: Subject, target: Target) -> tuple[Check, route.Proxy | None]:
    """Return the check of the proxy on the way to *target*, and the proxy; None where there is none."""
    named = http_client.proxy_for(target.url)
    variables = environment.proxy_variables()
    if named is None:
        why = "NO_PROXY takes it out" if variables else "no proxy is set"
        return subject.good("proxy", f"{target.host} is reached directly ({why})"), None
    try:
        proxy = route.Proxy.parse(named)
    except ValueError:
        return _fails(subject, target, "What names the proxy is not the address of one"), None
    return _examine(subject, target, proxy), proxy


def _examine(subject: Subject, target: Target, proxy: route.Proxy) -> Check:
    leads = subject.good("proxy", f"{target.host} is reached through the proxy {proxy.name}")
    if proxy.is_socks and importlib.util.find_spec("socks") is None:
        return _fails(subject, target, f"The proxy {proxy.name} speaks SOCKS, and PySocks is not installed")
    try:
        if proxy.is_socks:
            route.connect(proxy.host, proxy.port).close()
        else:
            route.through(proxy, target.host, target.port).close()
    except route.Refused as refused:
        return _refuses(subject, target, proxy, refused.status)
    except errors.M365Error:  # which certificates are trusted is a check of its own
        return subject.untold("proxy", f"The proxy {proxy.name} cannot be tried without trusted certificates")
    except OSError as error:
        return _fails(subject, target, f"The proxy {proxy.name} cannot be reached ({route.reason(error)})")
    return leads


def _refuses(subject: Subject, target: Target, proxy: route.Proxy, status: int) -> Check:
    """Tell of a proxy that does not lead to the host."""
    if status != _WANTS_PASSWORD:
        said = f"HTTP {status}" if status else "it does not speak HTTP"
        return _fails(subject, target, f"The proxy {proxy.name} does not lead to {target.host} ({said})")
    wants = "does not take the name and password in it" if proxy.authorization else "wants a name and a password"
    scheme, _, place = proxy.name.partition("://")
    variable = next(iter(environment.proxy_variables()), "HTTPS_PROXY")
    return subject.bad(
        "proxy",
        f"The proxy {proxy.name} {wants} (HTTP 407)",
        f"Write special characters of both as %XX. Run: export {variable}={scheme}://NAME:PASSWORD@{place}",
    )


def _fails(subject: Subject, target: Target, what: str) -> Check:
    """Tell of a proxy that leads nowhere, and whether one can do without."""
    variables = environment.proxy_variables()
    named = (
        f"{' and '.join(variables)} name it" if len(variables) > 1 else f"{''.join(variables) or 'the system'} names it"
    )
    meaning = f"{what}; {named}"
    if not variables:
        remedy = f"Correct it in the system's settings. Run: {target.again}"
    elif route.opens(target.host, target.port):
        remedy = f"{target.host} can be reached without it. Run: unset {' '.join(variables)}"
    else:
        subject.causes |= route.NO_NETWORK
        remedy = f"Ask whoever runs this network for the right one. Run: export {variables[0]}=http://HOST:PORT"
    return subject.bad("proxy", meaning, remedy)

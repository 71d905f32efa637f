"""National clouds: where a tenant lives, and what discovery tells of it."""

from __future__ import annotations

from dataclasses import dataclass

#: Names that the certificate holds besides localhost: Microsoft's, for tests that come through a proxy.
LOGIN_HOSTS = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")


@dataclass(frozen=True)
class Region:
    """
    The cloud of a tenant, in the words of its OpenID configuration.

    *host* is where its people sign in. Other hosts describe it all the same, and refuse to sign anybody in (Microsoft:
    "B2B collaboration in government and national clouds"; AADSTS90038).
    """

    host: str
    instance: str
    scope: str
    sub_scope: str | None = None


USGOV = Region("login.microsoftonline.us", "microsoftonline.us", "USGov", "DODCON")
DOD = Region("login.microsoftonline.us", "microsoftonline.us", "USGov", "DOD")
CHINA = Region("login.partner.microsoftonline.cn", "partner.microsoftonline.cn", "AS")

"""An Entra look-alike on loopback TLS, built on Authlib: pages, tokens and refusals as Microsoft's."""

from __future__ import annotations

from .clients import THUNDERBIRD, Client
from .keys import Key
from .people import CONSUMERS, Person
from .records import Request
from .regions import CHINA, DOD, USGOV
from .script import CAPTIVE_PORTAL
from .server import Entra

__all__ = [
    "CAPTIVE_PORTAL",
    "CHINA",
    "CONSUMERS",
    "DOD",
    "THUNDERBIRD",
    "USGOV",
    "Client",
    "Entra",
    "Key",
    "Person",
    "Request",
]

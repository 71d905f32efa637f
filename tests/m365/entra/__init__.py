"""An Entra look-alike on loopback TLS, built on Authlib: pages, tokens and refusals as Microsoft's."""

from __future__ import annotations

from .clients import THUNDERBIRD as THUNDERBIRD
from .people import CHINA as CHINA
from .people import CONSUMERS as CONSUMERS
from .people import DOD as DOD
from .people import USGOV as USGOV
from .people import Person as Person
from .records import CAPTIVE_PORTAL as CAPTIVE_PORTAL
from .records import Request as Request
from .server import Entra as Entra
from .tokens import Key as Key

"""An Entra look-alike on loopback TLS, built on Authlib: pages, tokens and refusals as Microsoft's."""

from __future__ import annotations

from .clients import THUNDERBIRD as THUNDERBIRD
from .keys import Key as Key
from .people import CONSUMERS as CONSUMERS
from .people import Person as Person
from .records import Request as Request
from .regions import CHINA as CHINA
from .regions import DOD as DOD
from .regions import USGOV as USGOV
from .script import CAPTIVE_PORTAL as CAPTIVE_PORTAL
from .server import Entra as Entra

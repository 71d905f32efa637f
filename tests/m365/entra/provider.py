"""The provider's settings and data; a test may change both while it runs."""

from __future__ import annotations

import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from .clients import THUNDERBIRD, Client
from .people import CONSUMERS, Person
from .records import Answer, Code, Request
from .tokens import Claims, Key, issuer_of_access_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .people import Consent, Region
    from .records import DeviceCode, RefreshToken

#: Tenants of a path that stand for many (Microsoft: "OpenID Connect on the Microsoft identity platform").
ALIASES = ("common", "organizations", "consumers")


class Provider:
    """
    People, clients, and the tokens issued.

    *strict* revokes a grant when a refresh token is used twice, as RFC 9700 §4.14.2 recommends; otherwise old
    ones stay good, as Entra's (Microsoft: "Refresh tokens"). *extras* are what only Entra sends; without them
    it is a provider that keeps to the RFCs. *latency* is how far away it is: each connection and each answer
    takes as long. *delay* holds every answer of the token endpoint back; both, *interval* (of polling for a
    device code) and all lives are seconds. *id_token_claims_override* makes ID tokens wrong; None removes a claim.
    """

    def __init__(self, *, access_token_seconds: float = 3600, key: Key | None = None) -> None:
        """Start with Thunderbird as the only client; sign with *key*, else with a new one."""
        self.strict = False
        self.extras = True
        self.access_token_seconds = access_token_seconds
        self.access_token_bytes = 1400
        self.code_seconds = 600.0
        self.device_code_seconds = 900.0
        self.interval = 1
        self.delay = 0.0
        self.latency = 0.0
        self.id_token_claims_override: Claims = {}
        self.key = key or Key()
        self.tenant = str(uuid.uuid4())
        self.other_tenant = str(uuid.uuid4())
        self.tenants = {self.tenant, self.other_tenant, CONSUMERS}
        self.domains: dict[str, str] = {}
        self.regions: dict[str, Region] = {}
        self.people: list[Person] = []
        self.clients: dict[str, Client] = {}
        self.codes: dict[str, Code] = {}
        self.device_codes: dict[str, DeviceCode] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.requests: list[Request] = []
        self.ordered: list[Answer] = []
        self.lock = threading.RLock()
        self.add_client(THUNDERBIRD, ["http://localhost", "https://localhost"]).name = "Mozilla Thunderbird"

    # People and applications

    def add_person(
        self, address: str, password: str, *, upn: str = "", consent: Consent = "granted", opaque: bool = False
    ) -> Person:
        """Register somebody who signs in as *upn*, else the address; their domain becomes their tenant's."""
        tenant = CONSUMERS if opaque else self.tenant
        person = Person(address, password, upn or address, tenant, consent, opaque)
        self.people.append(person)
        if not opaque:
            for known in (person.address, person.upn):
                self.domains.setdefault(known.rpartition("@")[2].lower(), tenant)
        return person

    def add_client(
        self,
        client_id: str,
        redirect_uris: list[str],
        *,
        public: bool = True,
        secret: str | None = None,
        certificates: Sequence[bytes] = (),
    ) -> Client:
        """Register an application; ``http://localhost`` stands for every port, all else is exact."""
        client = Client(client_id, redirect_uris, public=public, secret=secret, certificates=list(certificates))
        self.clients[client_id] = client
        return client

    def find_person(self, name: str) -> Person | None:
        """Return who signs in as *name*: the UPN, which need not be the mail address."""
        return next((person for person in self.people if person.upn.lower() == name.strip().lower()), None)

    # Tenants and issuers

    def resolve_tenant(self, tenant: str) -> str | None:
        """Return the tenant that a path means: an alias, an id, or the id behind a domain; or None."""
        if tenant in ALIASES or tenant in self.tenants:
            return tenant
        return self.domains.get(tenant.lower())

    def is_at_home(self, person: Person, tenant: str) -> bool:
        """Return whether *person* may sign in below this (resolved) tenant of a path."""
        if tenant == "common":
            return True
        if tenant == "organizations":
            return person.tenant != CONSUMERS
        return person.tenant == (CONSUMERS if tenant == "consumers" else tenant)

    def issuers(self) -> list[str]:
        """Return the *iss* of all access tokens: what a mail server must accept."""
        return sorted(map(issuer_of_access_tokens, self.tenants))

    def keys(self) -> dict[str, bytes]:
        """Return the public keys (PEM) by their ids."""
        return {self.key.kid: self.key.public_pem}

    def approve(self, address: str, name: str) -> str:
        """Return the final address, as if *name* had signed in on the page at *address*; no page is shown."""
        page = urlsplit(address)
        asked = dict(parse_qsl(page.query))
        person = self.find_person(name)
        assert person, f"nobody signs in as {name}"
        code = secrets.token_urlsafe(600)
        self.codes[code] = Code(asked, person, self.resolve_tenant(page.path.split("/")[1]) or "")
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    # Taking back

    def revoke(self, address: str) -> None:
        """Take back all refresh tokens of *address*, as a changed password does (AADSTS50173)."""
        self.refuse(address, 50173)

    def refuse(self, address: str, code: int) -> None:
        """Refuse the present refresh tokens of *address* with AADSTS *code*; new ones are good."""
        with self.lock:
            for token in self.refresh_tokens.values():
                if token.grant.person.address.lower() == address.lower():
                    token.grant.refusal = code

    # What was asked, what is answered

    def count(self, what: str) -> int:
        """Return how many requests were for *what*: a grant type, ``device_code``, or the end of a path."""
        return sum(request.is_for(what) for request in list(self.requests))

    def forget(self) -> None:
        """Forget requests and ordered answers."""
        self.requests.clear()
        self.ordered.clear()

    def take_answer(self, request: Request) -> Answer | None:
        """Return the first answer ordered for *request*, which is used up by that."""
        with self.lock:
            answer = next((answer for answer in self.ordered if answer.is_for(request)), None)
            if answer:
                answer.times -= 1
            return answer

    def fail_next(self, endpoint: str, times: int = 1, **answer: Any) -> None:
        """Order the answer to the next *times* requests for *endpoint* (as in *count*), a records.Answer."""
        self.ordered.append(Answer(endpoint, times, **answer))

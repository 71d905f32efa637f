"""What was asked of the server: every request, without the secrets in it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Request:
    """
    One request as it arrived.

    *names* are the names of its query and form fields; of their values only *grant_type*, *client_id*,
    *scope*, *login_hint*, *prompt* and *claims* are kept. *authorization* is the scheme of such a header.
    *status* is what was answered, 0 while it is being worked on or when the connection was dropped instead;
    *scripted* tells the answers that a test ordered.
    """

    method: str
    host: str
    path: str
    names: tuple[str, ...] = ()
    grant_type: str | None = None
    client_id: str | None = None
    scope: str | None = None
    login_hint: str | None = None
    prompt: str | None = None
    claims: str | None = None
    authorization: str | None = None
    user_agent: str = ""
    status: int = 0
    scripted: bool = False
    at: float = field(default_factory=time.time)

    def is_for(self, what: str) -> bool:
        """Return whether *what* is its grant type (the last word of it will do) or the end of its path."""
        grant = self.grant_type or ""
        return what == grant or (bool(grant) and what == grant.rpartition(":")[2]) or self.path.endswith(what)


class Ledger:
    """All requests since the start, or since they were forgotten."""

    def __init__(self) -> None:
        """Open an empty one."""
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def note(self, request: Request) -> None:
        """Write *request* down."""
        with self._lock:
            self.requests.append(request)

    def count(self, what: str) -> int:
        """Return how many requests were for *what*: a grant type, ``device_code``, or the end of a path."""
        with self._lock:
            return sum(request.is_for(what) for request in self.requests)

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.requests.clear()

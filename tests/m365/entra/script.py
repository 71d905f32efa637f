"""Answers that a test orders beforehand: throttling, outages, portals, refusals, dropped connections."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .records import Request

#: The page of a hotel's network.
CAPTIVE_PORTAL = (
    "<!DOCTYPE html><html><head><title>Guest network</title></head>"
    "<body><h1>Welcome</h1><p>Accept the terms of use to go online.</p></body></html>"
)

Body = str | bytes | Mapping[str, object]
Drop = Literal["before", "after"]


@dataclass
class Answer:
    """
    One ordered answer.

    *code* is an AADSTS number: Entra's error body, or its error page where a browser asks, or with *status* 302 the
    way back to the program. *drop* ends the connection without an answer: ``before`` anything happened, or ``after``
    the request was worked on.
    """

    endpoint: str
    times: int
    status: int | None
    body: Body | None
    headers: Mapping[str, str]
    code: int | None
    extra: Mapping[str, object]
    drop: Drop | None

    def is_for(self, request: Request) -> bool:
        """Return whether this answer belongs to *request*."""
        return self.times > 0 and request.is_for(self.endpoint)

    def payload(self) -> tuple[bytes, str]:
        """Return body and content type."""
        if isinstance(self.body, Mapping):
            return json.dumps(dict(self.body)).encode(), "application/json; charset=utf-8"
        body = self.body.encode() if isinstance(self.body, str) else self.body or b""
        return body, "text/html; charset=utf-8"

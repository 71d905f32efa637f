"""Entra's refusals: AADSTS numbers, their OAuth names and words, as JSON and as parameters of a redirect."""

from __future__ import annotations

import csv
import uuid
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from authlib.oauth2 import OAuth2Error
from flask import request

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The OAuth error name of a number and what Entra says with it, with a source. Names: RFC 6749 §5.2, OpenID Connect
#: Core §3.1.2.6, RFC 8628 §3.5.
_TABLE = Path(__file__).with_name("refusals.tsv").read_text(encoding="utf-8").splitlines()
_ROWS = {int(row["code"]): row for row in csv.DictReader(_TABLE, delimiter="\t", quoting=csv.QUOTE_NONE)}
_OTHER = {"error": "invalid_grant", "suberror": "", "text": "The request was refused."}

#: What RFC 8628 §3.5 calls the errors that Entra names differently (Microsoft: "Device authorization grant").
PLAIN_NAMES = {"authorization_declined": "access_denied", "bad_verification_code": "invalid_grant"}


class Refusal(OAuth2Error):
    """A refusal with an AADSTS number, which Authlib carries through as one of its own errors."""

    def __init__(
        self,
        code: int,
        *,
        error: str | None = None,
        redirect_uri: str | None = None,
        extra: Mapping[str, object] | None = None,
        **facts: str,
    ) -> None:
        """Refuse with *code*: *facts* fill in its words, *error* replaces its name, *extra* adds members."""
        row = _ROWS.get(code, _OTHER)
        super().__init__(redirect_uri=redirect_uri, error=error or row["error"])
        self.code = code
        self.suberror = row["suberror"]
        self.extra = dict(extra or {})
        self.text = row["text"].format_map(defaultdict(lambda: "(none)", facts))
        self.status_code = 401 if self.error == "invalid_client" else 503 if code == 90033 else 400
        self.trace_id = str(uuid.uuid4())
        # Entra repeats the id that the client sent (Microsoft: "client-request-id").
        self.correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
        self.timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")

    @property
    def message(self) -> str:
        """Return number and words, as pages show them."""
        return f"AADSTS{self.code}: {self.text}"

    @property
    def error_description(self) -> str:
        """Return Entra's whole sentence with its ids."""
        reference = f"Trace ID: {self.trace_id} Correlation ID: {self.correlation_id} Timestamp: {self.timestamp}"
        return f"{self.message} {reference}"

    def body(self) -> dict[str, object]:
        """Return the JSON of the token endpoint (Microsoft: "OAuth 2.0 authorization code flow", errors)."""
        body: dict[str, object] = {
            "error": self.error,
            "error_description": self.error_description,
            "error_codes": [self.code],
            "timestamp": self.timestamp,
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "error_uri": f"https://{request.host}/error?code={self.code}",
        }
        return body | ({"suberror": self.suberror} if self.suberror else {}) | self.extra

    def bare_body(self) -> dict[str, object]:
        """Return the body of a provider that is not Microsoft: the one member that RFC 6749 §5.2 requires."""
        return {"error": PLAIN_NAMES.get(str(self.error), self.error)}

    def get_body(self) -> list[tuple[str, str]]:
        """Return what a redirect carries (RFC 6749 §4.1.2.1)."""
        pairs = [("error", str(self.error)), ("error_description", self.error_description)]
        return pairs + ([("state", self.state)] if self.state else [])


def translate(error: OAuth2Error, *, client: str = "") -> Refusal:
    """Return what Entra says where Authlib's own checks refused with *error*."""
    if isinstance(error, Refusal):
        return error
    codes = {
        "authorization_pending": 70016,
        "expired_token": 70020,
        "invalid_grant": 70000,
        "invalid_scope": 65001,  # wider than what was consented to; unknown scopes were refused before
        "unauthorized_client": 7000218,  # the registration allows no such flow: "app is not a public client"
    }
    refusal = Refusal(codes.get(error.error, 900144), client=client, field="code")
    refusal.state, refusal.redirect_uri = error.state, error.redirect_uri
    return refusal

"""The page that a browser ends on: self-contained, nothing from the address in it, nothing that runs."""

from __future__ import annotations

import base64
import hashlib
import html
import string
from dataclasses import dataclass
from pathlib import Path

_PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class Page:
    """A page: whether it is about a success, and its words as plain text."""

    ok: bool
    title: str
    text: str

    def render(self) -> bytes:
        """Return the page as HTML, every word escaped."""
        template = string.Template((_PAGES / "landing.html").read_text(encoding="utf-8"))
        filled = template.substitute(
            title=html.escape(self.title),
            text=html.escape(self.text),
            kind="success" if self.ok else "failure",
            style=_style(),
        )
        return filled.encode()


def headers() -> dict[str, str]:
    """
    Return what is sent with every page.

    Nothing is kept or passed on, nothing but this one style sheet is allowed, and no other page may frame it
    (CSP 3, Fetch, RFC 9111 §5.2.2.5).
    """
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
    }


def _style() -> str:
    """Return the style sheet, exactly as it stands in the page: its digest is in the policy."""
    return (_PAGES / "landing.css").read_text(encoding="utf-8")

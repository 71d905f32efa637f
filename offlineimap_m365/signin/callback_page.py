"""The page that a browser ends on: complete in itself, without anything from the address and without scripts."""

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
    """A page: whether it reports a success, and its text, not yet escaped."""

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

    They forbid to cache the page, to pass its address on, to frame it, and to load anything but its own style sheet
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
    """Return the style sheet, exactly as it is in the page: its digest is in the policy."""
    return (_PAGES / "landing.css").read_text(encoding="utf-8")

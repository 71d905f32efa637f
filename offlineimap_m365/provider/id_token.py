"""
What a JWT says, not verified.
"""

from __future__ import annotations

import base64
import json
from typing import Any


def decoded(part: str) -> dict[str, Any] | None:
    """Return the JSON object in *part*, base64 for addresses with or without padding (RFC 4648 §5); None for others."""
    part = part.rstrip("=")
    try:
        content = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), "-_"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def claims_of(token: str) -> dict[str, Any] | None:
    """Return the claims of a JWT, not verified (RFC 7519 §3); None for what is none."""
    parts = token.split(".")
    return decoded(parts[1]) if len(parts) == 3 else None  # noqa: PLR2004 - header, claims, signature (RFC 7515 §3.1)

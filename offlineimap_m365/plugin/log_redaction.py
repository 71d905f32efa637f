"""
A filter on OfflineIMAP's logger that hides secrets.

``-d imap`` prints access tokens in clear and in base64, and so does the dump of a dying thread without any ``-d``
(offlineimap 8.0.3, imapserver.py and UIBase.py).

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

_HIDDEN = "<hidden>"
#: Characters: a shorter text is not treated as a secret, since it could be part of any word.
_SHORTEST = 8
#: Characters by which the beginning of a secret is recognised: a log may cut off the rest.
_START = 24
#: Secrets that are remembered.
_MOST = 64
#: The secrets that were handed out, each with its pattern, which is made when the first text is cleaned.
_secrets: dict[str, re.Pattern[str] | None] = {}
_NAMES = "refresh_token|access_token|client_secret"
_PATTERNS = (
    re.compile(r"(Bearer )[A-Za-z0-9._~+/=-]+"),  # RFC 6750 §2.1
    re.compile(r"()dXNlcj[A-Za-z0-9+/]{8,}={0,2}"),  # base64 of "user=…", as XOAUTH2 begins
    re.compile(r"()eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"),  # a JWT: base64 of '{"'
    # Refresh tokens of organisations and persons, access tokens of persons, as Microsoft's servers give them.
    re.compile(r"()\b[01]\.A[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_.-]{20,}"),
    re.compile(r"()\bM\.[A-Z]\d{1,4}[_.][A-Za-z0-9!*$._-]{40,}"),
    re.compile(r"()\bEw[A-Z][A-Za-z0-9+/]{80,}={0,2}"),
    re.compile(rf"""(["']?(?:{_NAMES})["']?\s*[:=]\s*b?["'])[^"']+"""),  # in a dict or a call
    re.compile(rf"((?:{_NAMES})=)[^\s&\"']+"),  # in a form
)


def hide(secret: str) -> None:
    """Remember a secret that was handed out, so that no log shows it."""
    if len(secret) >= _SHORTEST and secret not in _secrets:
        _secrets[secret] = None
        while len(_secrets) > _MOST:
            _secrets.pop(next(iter(_secrets)), None)


def clean(text: str) -> str:
    """Return *text* without access tokens, refresh tokens and client secrets, in clear, quoted or in base64."""
    for secret, known in list(_secrets.items()):
        pattern = known or _pattern(secret)
        _secrets[secret] = pattern
        text = pattern.sub(_HIDDEN, text)
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1" + _HIDDEN, text)
    return text


def _pattern(secret: str) -> re.Pattern[str]:
    """Return a pattern for *secret*: as it is, cut off, quoted for a URL, or in base64 at any offset."""
    import base64  # noqa: PLC0415 - only for a log
    from urllib.parse import quote  # noqa: PLC0415

    forms = [secret, quote(secret, safe="")]
    for shift in range(3):  # base64 encodes three bytes at a time, so the text before the secret shifts it
        coded = base64.b64encode(b"." * shift + secret.encode("utf-8", "surrogatepass")).decode("ascii").rstrip("=")
        forms.append(coded[4 if shift else 0 : len(coded) // 4 * 4])
    return re.compile("|".join(_start_of(form) for form in forms if len(form) >= _SHORTEST))


def _start_of(form: str) -> str:
    """Return the pattern for *form*; for a long one its beginning and all characters of a token that follow."""
    if len(form) < 2 * _START:
        return re.escape(form)
    return re.escape(form[:_START]) + r"[A-Za-z0-9._~+/=!*$%-]*"


def install() -> None:
    """Put the filter on OfflineIMAP's logger, once, if this process has OfflineIMAP in it."""
    logging_module = sys.modules.get("logging")
    if "offlineimap" not in sys.modules or logging_module is None:
        return
    logger = logging_module.getLogger("OfflineImap")
    if not any(isinstance(filter_, _Filter) for filter_ in logger.filters):
        logger.addFilter(_Filter())


class _Filter:
    """A filter for a logger; logging accepts any object with this method."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean a record in place; never drop one, never raise."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # logging would print the arguments unformatted
            message = f"{record.msg} {record.args}"
        record.msg, record.args = clean(message), None
        if record.exc_info and not record.exc_text:
            import traceback  # noqa: PLC0415 - only for a record with an exception

            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        record.exc_text = record.exc_text and clean(record.exc_text)
        return True

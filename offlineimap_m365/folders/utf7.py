"""
Folder names as IMAP spells them: modified UTF-7 (RFC 3501 §5.1.3), there and back.

Standard library and Python 3.9 only: this is also loaded inside a foreign interpreter.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re


def decode(text: str) -> str:
    """
    Return *text* with every valid shift turned into Unicode, and all else unchanged.

    OfflineIMAP hands over either spelling, so a name that is Unicode already, a single ``&`` and an invalid shift such
    as ``&illisible-`` are no errors. Never raises.
    """
    first, *parts = text.split("&")
    return first + "".join([_unshift(part) for part in parts])


def encode(text: str) -> str:
    """
    Return *text*, Unicode, in modified UTF-7.

    Raises: UnicodeEncodeError (a ValueError) for half of a surrogate pair, which no server allows in a name.
    """
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    import re  # noqa: PLC0415 - most names do not need it

    return re.sub("&|[^ -~]+", _shift, text)


def _unshift(part: str) -> str:
    """Return *part*, what follows an ampersand, with the shift at its beginning read, if it is one."""
    body, end, rest = part.partition("-")
    if not end:
        return "&" + part
    if not body:
        return "&" + rest
    letters = body.replace("+", "").replace(",", "")
    if not body.isascii() or (letters and not letters.isalnum()):
        return "&" + part
    import binascii  # noqa: PLC0415 - most names do not need it

    try:
        packed = binascii.a2b_base64(body.replace(",", "/") + "=" * (-len(body) % 4))
        return packed.decode("utf-16-be") + rest
    except ValueError:  # binascii.Error and UnicodeDecodeError are both
        return "&" + part


def _shift(run: re.Match[str]) -> str:
    """Return one *run* of characters that may not stand for themselves as a shift."""
    if run[0] == "&":
        return "&-"
    import binascii  # noqa: PLC0415 - as above

    packed = binascii.b2a_base64(run[0].encode("utf-16-be"), newline=False).decode("ascii")
    return f"&{packed.rstrip('=').replace('/', ',')}-"

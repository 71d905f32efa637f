"""
A fresh access token, read from its file with nothing imported that reading a small file does not need.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import json
import os
import sys
import time

from offlineimap_m365 import home

#: An access token with at least this many seconds to live is fresh (MSAL's own margin; contract §1).
MARGIN = 300
#: Clocks of two machines that share a home may differ by this many seconds (contract §5.8).
SKEW = 60

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from typing import Any


def find(account: str | None, margin: int = MARGIN) -> str | None:
    """
    Return a fresh access token of *account* (None: the only one), or None where anything needs a closer look.

    A token that lives only a short time when issued is fresh for less than *margin* seconds wishes, see wish(). Raises
    Misconfigured for an unsafe store, Temporary for one that cannot be read now.
    """
    if account is None:
        folders = home.folders()
        if len(folders) != 1:
            return None
        folder = folders[0]
    else:
        folder = home.folder(account)
    home.check(folder)
    try:
        with open(os.path.join(folder, "cache.json"), "rb") as file:
            cache = json.load(file)
        token = pick(cache)
    except (OSError, ValueError):
        return None
    if token is None or not is_fresh(token, wish(token, margin), time.time()):
        return None
    return str(token["secret"])


def pick(cache: Any) -> dict[str, Any] | None:
    """
    Return the access token's entry of an MSAL cache as written here, or None if there is not exactly one.

    The entry has ``secret``, and ``cached_at`` and ``expires_on`` in seconds since 1970, as text (MSAL's schema).
    Raises ValueError if *cache* is no MSAL cache.
    """
    if not isinstance(cache, dict) or not all(isinstance(part, dict) for part in cache.values()):
        raise ValueError("not an MSAL cache")
    found = list(cache.get("AccessToken", {}).values())
    if len(found) != 1:
        return None
    entry = found[0]
    if not isinstance(entry, dict) or not isinstance(entry.get("secret"), str) or not entry["secret"]:
        raise ValueError("not an MSAL cache")
    int(entry.get("cached_at", "")), int(entry.get("expires_on", ""))
    return entry


def is_fresh(entry: dict[str, Any], margin: int, now: float) -> bool:
    """Does the token live for *margin* seconds more, and was it not issued in this clock's future? (contract §5.8)."""
    return int(entry["cached_at"]) <= now + SKEW and now + margin <= int(entry["expires_on"])


def wish(entry: dict[str, Any], margin: int) -> int:
    """
    Return how many seconds a token should have left if *margin* are wished for.

    Never more than half of its whole life, lest each call refreshes a token that never lives that long; never less
    than 300 unless less was wished for.
    """
    life = int(entry["expires_on"]) - int(entry["cached_at"])
    return min(margin, max(MARGIN, life // 2))


def hand_out(text: str) -> int:
    """
    Write an answer and a newline to stdout; return the exit code.

    A reader that has had enough (``| head -c1``) is no error; a full disk is one, 75.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries again at its end, and complains
        if isinstance(error, BrokenPipeError):
            return 0
        sys.stderr.write(f"offlineimap-m365: The answer cannot be written ({error.strerror})\n")
        return 75
    return 0


def say(text: str) -> None:
    """Say one line on stderr."""
    sys.stderr.write(f"offlineimap-m365: {text}\n")

"""
Read a fresh access token from its file, importing only what reading a small file needs.

Loaded by foreign interpreters too: standard library and Python 3.9 only.
"""

from __future__ import annotations

import json
import os
import sys
import time

from offlineimap_m365.base import paths, safe_file

#: An access token with at least this many seconds to live is fresh (MSAL's own margin; contract §1).
MARGIN = 300
#: Clocks of two machines that share a home may differ by this many seconds (contract §5.8).
SKEW = 60
#: The version of an account's files that this release writes; it reads all up to it.
VERSION = 1
#: The end of the year 9999 in seconds since 1970: beyond it no clock is only a little wrong.
_LAST = 253_402_300_799

TYPE_CHECKING = False  # importing typing would cost more than reading a token
if TYPE_CHECKING:
    from typing import Any


def find(account: str | None, margin: int = MARGIN) -> str | None:
    """
    Return a fresh access token of *account* (None: the only one), None where more than reading the file is needed.

    *margin* is how many seconds it should have left, see wish(). Raises Misconfigured for an unsafe store, Temporary
    for one that cannot be read now.
    """
    if account is None:
        folders = paths.folders()
        if len(folders) != 1:
            return None
        folder = folders[0]
    else:
        folder = paths.folder(account)
    if not paths.check(folder):
        return None
    states: list[os.stat_result] = []
    try:
        if not _is_usable(json.loads(safe_file.read(f"{folder}/profile.json", is_ours=True))):
            return None
        token = pick(json.loads(safe_file.read(f"{folder}/cache.json", is_ours=True, judge=states.append)))
    except (OSError, ValueError, RecursionError):
        return None
    if token is None:
        return None
    token = corrected(token, states[0].st_mtime)
    life = int(token["expires_on"]) - int(token["cached_at"])
    return str(token["secret"]) if is_fresh(token, wish(life, margin), time.time()) else None


def corrected(entry: dict[str, Any], written_at: float) -> dict[str, Any]:
    """
    Return the token's *entry* with an earlier end if it was issued later than its file was written.

    Then the clock of the machine that wrote it was ahead of the file server's, and so is the end of the token.
    """
    ahead = int(entry["cached_at"]) - int(written_at)
    return {**entry, "expires_on": str(int(entry["expires_on"]) - ahead)} if ahead > SKEW else entry


def _is_usable(profile: Any) -> bool:
    """Is *profile* of a release whose files this one can read, is it signed in, and is its store the file?"""
    version = profile.get("version") if isinstance(profile, dict) else None
    return (
        isinstance(version, int)
        and version <= VERSION
        and profile.get("store") == "file"
        and bool(profile.get("signed_in_at"))
    )


def pick(cache: Any) -> dict[str, Any] | None:
    """
    Return the access token's entry of an MSAL cache as written here, or None if there is not exactly one.

    The entry has ``secret``, and ``cached_at`` and ``expires_on`` in seconds since 1970, as text (MSAL's schema).
    Raises ValueError if *cache* is no MSAL cache.
    """
    if not isinstance(cache, dict) or not all(isinstance(part, dict) for part in cache.values()):
        raise ValueError("not an MSAL cache")
    entries = list(cache.get("AccessToken", {}).values())
    if len(entries) != 1:
        return None
    entry = entries[0]
    if not isinstance(entry, dict) or not is_secret(entry.get("secret")):
        raise ValueError("not an MSAL cache")
    seconds(entry.get("cached_at")), seconds(entry.get("expires_on"))
    return entry


def is_secret(value: Any) -> bool:
    """Is *value* a token as providers give them: visible ASCII characters (RFC 6749 appendix A.12, A.17)?"""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value.strip() != ""


def seconds(value: Any) -> int:
    """Return a time of a cache in seconds since 1970; raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or len(str(value)) > len(str(_LAST)):
        raise ValueError("not a time")
    number = int(value)
    if not 0 <= number <= _LAST:
        raise ValueError("not a time")
    return number


def is_fresh(entry: dict[str, Any], margin: int, now: float) -> bool:
    """Does the token live for *margin* seconds more, and was it not issued in this clock's future? (contract §5.8)."""
    return int(entry["cached_at"]) <= now + SKEW and now + margin <= int(entry["expires_on"])


def wish(life: int, margin: int) -> int:
    """
    Return how many seconds a token with a whole life of *life* seconds should have left if *margin* are wanted.

    It is at most half of the whole life, so that a short-lived token is not refreshed at each call; and at least 300
    unless *margin* is less.
    """
    return min(margin, max(MARGIN, life // 2))


def hand_out(text: str) -> int:
    """
    Write an answer and a newline to stdout; return the exit code.

    A reader that closes the pipe (``| head -c1``) is no error; a full disk or a closed stdout is 75.
    """
    if sys.stdout is None:  # closed by the caller: ``>&-``
        say("The answer cannot be written (stdout is closed)")
        return 75
    try:
        encoding = sys.stdout.encoding  # it may be unable to show a name
        sys.stdout.buffer.write(text.encode(encoding, "backslashreplace") + b"\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries to write again at its end
        if isinstance(error, BrokenPipeError):
            return 0
        say(f"The answer cannot be written ({error.strerror})")
        return 75
    return 0


def say(text: str) -> None:
    """Write one line to stderr; a closed stderr is no error."""
    if sys.stderr is not None:
        try:
            sys.stderr.write(f"offlineimap-m365: {text}\n")
        except OSError:
            return

"""
What happened to an account: its last failure, so that the provider is not asked too often, and its last events.

It is in the account's ``state.json``, without a secret: of a refresh token only its SHA-256. A file that is lost or
cannot be written only means that nothing is remembered, so that is no error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from typing import Any

from offlineimap_m365.base import atomic_file, errors, safe_file, time_words

#: Seconds for which a refusal counts for the same refresh token (contract §5.6).
REFUSED = 900.0
#: Days after which Microsoft drops a refresh token that is not used (entra-docs, refresh-tokens.md), and from how many
#: days before that on a person is told.
LONGEST_UNUSED, UNUSED_SOON = 90, 14
#: Seconds for which a refusal that depends on the place may pass by itself.
_PLACE = 86_400.0
#: No failure counts for more seconds than this, whatever a server or a wrong clock says.
_LONGEST = 3600.0
_MOST_EVENTS = 20
#: Characters of a claims challenge; real ones have some hundred.
_LONGEST_CLAIMS = 8192
#: The parts of a failure that are texts, and the parts of its remedy.
_PARTS, _REMEDY = ("account", "meaning", "code", "correlation_id", "time"), ("advice", "command", "where")
#: The end of the year 9999 in seconds since 1970: no number in the file is larger.
_LAST = 253_402_300_799


@dataclasses.dataclass(frozen=True)
class Demand:
    """What the next sign-in must prove (*claims*, OpenID Connect Core §5.5, as text) and how it must ask (§3.1.2.1)."""

    claims: str | None = None
    prompt: str | None = None


def fingerprint(refresh_token: str) -> str:
    """Return the SHA-256 by which a failure remembers a refresh token."""
    return hashlib.sha256(refresh_token.encode("utf-8")).hexdigest()


def last_failure(folder: str, refresh_token: str | None = None) -> errors.M365Error | None:
    """
    Return the failure that still counts, or None.

    With *refresh_token* only one that was met with it and whose time is not over; without, the last one whatever its
    age, as long as nothing succeeded since.
    """
    failure = _read(folder)["failure"]
    left = _number(failure, "until") - time.time()
    is_other = refresh_token is not None and failure.get("refresh_token") != fingerprint(refresh_token)
    if not failure or is_other or (refresh_token is not None and not 0 < left <= _LONGEST):
        return None
    texts = _texts(failure, _PARTS)
    if refresh_token is not None:
        remembered = f"This answer is remembered; the next request is made from {time_words.until(left)} on"
        texts["meaning"] = ". ".join(filter(None, (texts.get("meaning"), remembered)))
    remedy = _texts(failure.get("remedy"), _REMEDY)  # release 0.1.0 stored its text only
    if remedy.get("where") not in errors.WHERE:
        remedy["where"] = "shell"
    kind = errors.for_exit_code(int(_number(failure, "exit_code")))
    error = kind(str(failure.get("fact", "A failure")), remedy=errors.Remedy(**remedy), **texts)
    error.place = failure.get("place") is True
    return error


def may_pass(folder: str, error: errors.M365Error) -> bool:
    """Does *error* depend on where one is (off VPN), so that trying again may help? For a day of refusals it may."""
    return error.place and time.time() - _number(_read(folder), "failing_since") < _PLACE


def demand(folder: str) -> Demand:
    """Return what the next sign-in to the account must do; any success ends a demand."""
    stored = _read(folder)["demand"]
    prompt = stored.get("prompt")
    return Demand(usable_claims(stored.get("claims")), prompt if prompt in ("login", "consent") else None)


def usable_claims(text: object) -> str | None:
    """Return the claims challenge *text* if it can be sent: a JSON object that is no longer than real ones."""
    if not isinstance(text, str) or len(text) > _LONGEST_CLAIMS or not text.isascii():
        return None
    try:
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, RecursionError):
        return None


def refused_login(folder: str, error: errors.M365Error) -> None:
    """
    Note that a sign-in was refused, and what *error* demands of the next one.

    A demand to ask for consent counts once: where only an administrator can consent, asking again is useless.
    """
    state = _read(folder)
    if state["demand"].get("prompt") == "consent":
        del state["demand"]["prompt"]
    _add_demand(state, error)
    _add_event(state, "failed", error)
    _write(folder, state)


def remember(folder: str, error: errors.M365Error, refresh_token: str) -> None:
    """
    Store *error*, met with *refresh_token*, for as long as contract §5.6 says.

    An error in the local configuration (a CA file that is missing) is not stored: once repaired, it is over.
    """
    if isinstance(error, errors.Misconfigured) and error.code is None:
        return
    seconds = min(error.retry_after, _LONGEST) if isinstance(error, errors.Temporary) else REFUSED
    state = _read(folder)
    state["failure"] = {name: getattr(error, name) for name in ("exit_code", "fact", "place", *_PARTS)} | {
        "remedy": {name: getattr(error.remedy, name) for name in _REMEDY},
        "until": time.time() + seconds,
        "refresh_token": fingerprint(refresh_token),
    }
    if not isinstance(error, errors.Temporary):
        state["failing_since"] = _number(state, "failing_since") or time.time()
    _add_demand(state, error)
    _add_event(state, "failed", error)
    _write(folder, state)


def succeeded(folder: str, event: str) -> None:
    """Forget the last failure and what it demanded; note the *event*: ``login``, ``refresh`` or ``logout``."""
    before = _read(folder)
    state = {
        "certificate_ends": before.get("certificate_ends"),
        "events": before["events"],
        "notified": {reason: subject for reason, subject in before["notified"].items() if subject},
        "worked_at": time.time(),
    }
    _add_event(state, event)
    _write(folder, state)


def note_certificate(folder: str, ends: float | None) -> None:
    """Remember when the certificate expires that was used last, in seconds since 1970; None for none."""
    state = _read(folder)
    if ends != state.get("certificate_ends"):
        _write(folder, {**state, "certificate_ends": ends})


def certificate_ends(folder: str) -> float | None:
    """Return when the certificate expires that was used last, in seconds since 1970; None if there was none."""
    return _number(_read(folder), "certificate_ends") or None


def unused_seconds(folder: str) -> float | None:
    """Return for how many seconds the sign-in has not been used; None if that is not known."""
    since = _number(_read(folder), "worked_at")
    return max(0.0, time.time() - since) if since else None


def first_failure(folder: str) -> float:
    """Return when a failure was first met since the last success, in seconds since 1970: now, if none was before."""
    state = _read(folder)
    since = _number(state, "first_failure") or time.time()
    if since != state.get("first_failure"):
        _write(folder, {**state, "first_failure": since})
    return since


def notified(folder: str) -> dict[str, str]:
    """
    Return the reasons for which a person was notified since the last success, each with its subject.

    A reason with a subject, such as a certificate, outlives a success; one with an empty text ends with it.
    """
    return {reason: subject for reason, subject in _read(folder)["notified"].items() if isinstance(subject, str)}


def note_notified(folder: str, reason: str, subject: str) -> bool:
    """Remember that a person is notified, while holding the lock; return whether it will be remembered."""
    state = _read(folder)
    state["notified"][reason] = subject
    return _write(folder, state)


def events(folder: str) -> list[dict[str, Any]]:
    """Return the last 20 events, oldest first: time, what, code, correlation_id; of a failure also its fact."""
    return [row for row in _read(folder)["events"] if isinstance(row, dict)]


def _add_demand(state: dict[str, Any], error: errors.M365Error) -> None:
    """Add to what the next sign-in must do; earlier demands remain until a success."""
    new = {"claims": usable_claims(error.claims), "prompt": error.prompt}
    state["demand"] |= {name: value for name, value in new.items() if value}


def _add_event(state: dict[str, Any], event: str, error: errors.M365Error | None = None) -> None:
    row = {"time": time_words.timestamp(), "what": event, "code": None, "correlation_id": None}
    if error is not None:  # only the fact tells of a failure without a code, such as no network
        row |= {"code": error.code, "correlation_id": error.correlation_id, "fact": error.fact}
    state["events"] = [*state["events"], row][-_MOST_EVENTS:]


def _texts(fields: object, names: tuple[str, ...]) -> dict[str, str]:
    """Return those of *fields* with one of the *names* that are texts and not empty."""
    found = fields if isinstance(fields, dict) else {}
    return {name: found[name] for name in names if found.get(name) and isinstance(found[name], str)}


def _number(fields: dict[str, Any], name: str) -> float:
    """Return a number of the file, 0 for anything that is none or that no time can be."""
    value = fields.get(name)
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= _LAST else 0.0


def _read(folder: str) -> dict[str, Any]:
    """Return what the file holds; its objects and its list are always there. A damaged file holds nothing."""
    try:
        state = json.loads(safe_file.read(f"{folder}/state.json", is_ours=True))
    except (FileNotFoundError, ValueError, RecursionError, errors.M365Error):
        state = None
    fields = state if isinstance(state, dict) else {}
    for name, kind in (("failure", dict), ("demand", dict), ("notified", dict), ("events", list)):
        if not isinstance(fields.get(name), kind):
            fields[name] = kind()
    return fields


def _write(folder: str, state: dict[str, Any]) -> bool:
    """Write the file if that is possible now; return whether it was."""
    data = json.dumps({**state, "version": 1}, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        atomic_file.write_whole(f"{folder}/state.json", data)
        return True
    return False

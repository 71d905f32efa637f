"""
What happened to an account: its last failure, remembered so that nobody hammers the provider, and its last events.

Kept in the account's ``state.json``, which holds no secret: of a refresh token only its SHA-256. Losing the file loses
nothing but memory, so failing to write it is no error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import atomic_file, errors

#: Seconds for which a refusal counts for the same refresh token (contract §5.6).
REFUSED = 900.0
#: Days for which Microsoft keeps a refresh token that nobody uses (entra-docs, refresh-tokens.md), and for how many
#: before the end of them a person should hear of it.
LONGEST_UNUSED, UNUSED_SOON = 90, 14
#: No failure is remembered for longer than this many seconds, whatever a server or a wrong clock says.
_LONGEST = 3600.0
_EVENTS = 20
#: More characters than these of what happened are not kept with an event.
_LONGEST_FACT = 300
#: For so many seconds a way of signing in that was refused is not suggested again: policies and registrations change.
_TRIED = 86_400.0
#: What a claims challenge may be long, in characters; real ones have some hundred.
_CLAIMS = 8192
#: The end of the year 9999 in seconds since 1970: no number in the file is larger.
_LAST = 253_402_300_799


def fingerprint(refresh_token: str) -> str:
    """Return what stands for a refresh token in the memory of failures: its SHA-256."""
    return hashlib.sha256(refresh_token.encode("utf-8")).hexdigest()


def last_failure(folder: str, refresh_token: str | None = None) -> errors.M365Error | None:
    """
    Return the failure that still counts, or None.

    With *refresh_token* only one that was met with it and whose time is not over; without, the last one whatever its
    age, as long as nothing succeeded since.
    """
    failure = _read(folder).get("failure")
    if not isinstance(failure, dict):
        return None
    if refresh_token is not None:
        left = _number(failure.get("until")) - time.time()
        if failure.get("refresh_token") != fingerprint(refresh_token) or not 0 < left <= _LONGEST:
            return None
    kind = errors.for_exit_code(int(_number(failure.get("exit_code"))))
    names = ("account", "meaning", "remedy", "code", "correlation_id", "time")
    parts = {name: failure[name] for name in names if failure.get(name) and isinstance(failure[name], str)}
    found = kind(str(failure.get("fact", "A failure")), **parts)
    found.place = failure.get("place") is True
    return found


def failing_since(folder: str) -> float | None:
    """
    Return since when each refresh of the account was refused, in seconds since 1970; None if the last one was not.

    What passes by itself (no network, an outage) neither begins nor ends it.
    """
    state = _read(folder)
    since = _number(state.get("failing_since"))
    return since if since > 0 and isinstance(state.get("failure"), dict) else None


@dataclasses.dataclass(frozen=True)
class Demand:
    """
    What the next sign-in must do, since Microsoft refused something for want of it.

    *claims* is what it must prove (OpenID Connect Core §5.5: a JSON object, as text), *prompt* how it must ask
    (§3.1.2.1); None for nothing of the kind.
    """

    claims: str | None = None
    prompt: str | None = None


def demand(folder: str) -> Demand:
    """Return what the next sign-in to the account must do; a success of any kind has met it."""
    kept = _read(folder).get("demand")
    kept = kept if isinstance(kept, dict) else {}
    prompt = kept.get("prompt")
    return Demand(usable_claims(kept.get("claims")), prompt if prompt in ("login", "consent") else None)


def usable_claims(text: object) -> str | None:
    """Return the claims challenge in *text* if it can be sent: a JSON object that is no larger than real ones are."""
    if not isinstance(text, str) or len(text) > _CLAIMS or not text.isascii():
        return None
    try:
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, RecursionError):
        return None


def tried(folder: str, client_id: str) -> frozenset[str]:
    """Return the ways of signing in (``browser``, ...) with *client_id* that were refused within the last day."""
    now = time.time()
    rows = [row for row in _rows(_read(folder), "tried") if row.get("client_id") == client_id]
    return frozenset(str(row.get("flow")) for row in rows if 0 <= now - _number(row.get("at")) < _TRIED)


def refused_login(folder: str, error: errors.M365Error, *, flow: str | None, client_id: str) -> None:
    """
    Note that a sign-in was refused, by *flow* with *client_id* if it is because of them, and what *error* demands.

    A demand to ask for consent counts once: where an administrator has to give it, it would be asked for in vain.
    """
    state = _read(folder)
    if flow is not None:
        row = {"flow": flow, "client_id": client_id, "code": error.code, "at": time.time()}
        state["tried"] = [*_rows(state, "tried"), row][-_EVENTS:]
    kept = state.get("demand")
    if isinstance(kept, dict) and kept.get("prompt") == "consent":
        kept["prompt"] = None
    _demand(state, error)
    _note(state, "failed", error)
    _write(folder, state)


def _demand(state: dict[str, Any], error: errors.M365Error) -> None:
    """Add to what the next sign-in must do; what an earlier refusal demanded stays until a success."""
    new = {name: value for name, value in (("claims", usable_claims(error.claims)), ("prompt", error.prompt)) if value}
    if new:
        kept = state.get("demand")
        state["demand"] = {**(kept if isinstance(kept, dict) else {}), **new}


def _number(value: object) -> float:
    """Return what should be a number in a file that anything may have happened to; 0 if it is none."""
    return float(value) if isinstance(value, (int, float)) and abs(value) <= _LAST else 0.0


def remember(folder: str, error: errors.M365Error, refresh_token: str) -> None:
    """
    Keep *error*, met with *refresh_token*, for as long as contract §5.6 says.

    What is wrong here and not at the provider (a CA file that is not there) is not kept: once repaired, it is over.
    """
    if isinstance(error, errors.Misconfigured) and error.code is None:
        return
    if isinstance(error, errors.Temporary):
        until = time.time() + min(error.retry_after, _LONGEST)
    else:
        until = time.time() + REFUSED
    state = _read(folder)
    state["failure"] = {
        "exit_code": error.exit_code,
        "fact": error.fact,
        "account": error.account,
        "meaning": error.meaning,
        "remedy": error.remedy,
        "code": error.code,
        "correlation_id": error.correlation_id,
        "time": error.time,
        "until": until,
        "refresh_token": fingerprint(refresh_token),
        "place": error.place,
    }
    if not isinstance(error, errors.Temporary):
        state["failing_since"] = _number(state.get("failing_since")) or time.time()
    _demand(state, error)
    _note(state, "failed", error)
    _write(folder, state)


def succeeded(folder: str, what: str) -> None:
    """Forget the last failure and what it demanded; note the event *what*: ``login``, ``refresh`` or ``logout``."""
    state = _read(folder)
    state |= dict.fromkeys(("failure", "failing_since", "demand", "tried"))
    state["notified"] = {reason: about for reason, about in _notified(state).items() if about}
    state["worked_at"] = time.time()
    _note(state, what)
    _write(folder, state)


def note_certificate(folder: str, ends: float | None) -> None:
    """Remember when the certificate ends that was used last, in seconds since 1970; None for none."""
    state = _read(folder)
    if ends != state.get("certificate_ends"):
        _write(folder, {**state, "certificate_ends": ends})


def certificate_ends(folder: str) -> float | None:
    """Return when the certificate ends that was used last, in seconds since 1970; None if there was none."""
    ends = _number(_read(folder).get("certificate_ends"))
    return ends if ends > 0 else None


def unused_seconds(folder: str) -> float | None:
    """Return for how many seconds the sign-in has not been used; None if that is not known."""
    since = _number(_read(folder).get("worked_at"))
    return max(0.0, time.time() - since) if since > 0 else None


def notified(folder: str) -> dict[str, str]:
    """
    Return of what a person was notified since it worked last: the reason, and what it was about.

    What is about something, such as a certificate, outlives a success; all else (an empty text) ends with it.
    """
    return _notified(_read(folder))


def note_notified(folder: str, reason: str, about: str) -> bool:
    """Remember that a person is notified; the lock is held. Return whether it will be remembered."""
    state = _read(folder)
    state["notified"] = {**_notified(state), reason: about}
    return _write(folder, state)


def _notified(state: dict[str, Any]) -> dict[str, str]:
    found = state.get("notified")
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def events(folder: str) -> list[dict[str, Any]]:
    """Return the last 20 events, oldest first: time, what, code, correlation_id; of a failure also its fact."""
    return _events(_read(folder))


def _events(state: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows(state, "events")


def _rows(state: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = state.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _note(state: dict[str, Any], what: str, error: errors.M365Error | None = None) -> None:
    event = {"time": profiles.now(), "what": what, "code": None, "correlation_id": None}
    if error is not None:  # a failure without a code, such as no network, says why by its fact alone
        event |= {"code": error.code, "correlation_id": error.correlation_id, "fact": error.fact[:_LONGEST_FACT]}
    state["events"] = [*_events(state), event][-_EVENTS:]


def _read(folder: str) -> dict[str, Any]:
    try:
        state = json.loads((Path(folder) / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _write(folder: str, state: dict[str, Any]) -> bool:
    """Write the file if that is possible now; return whether it was."""
    data = json.dumps({**state, "version": 1}, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        atomic_file.write_whole(Path(folder) / "state.json", data)
        return True
    return False

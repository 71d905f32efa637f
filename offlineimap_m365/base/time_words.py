"""
Times as a person says them (``41 min``, ``5 min ago``) and as files and reports give them.
"""

from __future__ import annotations

import time

#: Each unit with its seconds; a larger one is used from two of it on, since "90 min" says more than "1 h".
_UNITS = ((86_400, "days"), (3_600, "h"))


def duration(seconds: float) -> str:
    """Return a length of time, rounded down: ``50 s``, ``41 min``, ``3 h``, ``12 days``."""
    for size, name in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {name}"
    return f"{int(seconds // 60)} min" if seconds >= 60 else f"{int(max(0, seconds))} s"  # noqa: PLR2004 - a minute


def days(number: int) -> str:
    """Return a number of days: ``1 day``, ``2 days``."""
    return "1 day" if number == 1 else f"{number} days"


def until(seconds: float) -> str:
    """Return the time of day in so many *seconds*, and how far it is: ``11:12 (in 29 min)``."""
    return f"{time.strftime('%H:%M', time.localtime(time.time() + seconds))} (in {duration(seconds)})"


def timestamp(seconds: float | None = None) -> str:
    """Return *seconds* since 1970 (None: now) as RFC 3339 in UTC, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

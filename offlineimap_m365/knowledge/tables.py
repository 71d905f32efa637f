"""
The tables that ship with this package (codes, clouds, clients), and what a user puts over them.

A file of the same name in the ``data`` folder of the home directory wins, entry by entry, so that one row can
be corrected without copying the table. What a user wrote is checked before anybody reads it.
"""

from __future__ import annotations

import json
import os
import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offlineimap_m365.base.errors import Misconfigured, quoted

#: What a remedy may be filled in with; anything else in braces is a mistake in the table.
FILL_INS = frozenset({"account", "command", "client_id", "tenant", "redirect_uri"})

#: What an answer of Microsoft can ask for, and the exit code of each (contract §3).
EXIT_CODES = {
    "LOGIN": 77,
    "CLAIMS": 77,
    "PASSWORD": 77,
    "ACCOUNT": 77,
    "ADMIN": 77,
    "DEVICE": 77,
    "CONFIG": 78,
    "WAIT": 75,
}

#: Where a code is met: on Microsoft's page that never comes back; as ``error`` in the last address; in the answers to
#: a device code; at the token endpoint.
SEEN = frozenset({"page", "redirect", "device", "token"})
#: How the next sign-in can be told to ask (OpenID Connect Core §3.1.2.1).
PROMPTS = frozenset({"login", "consent"})

_SHIPPED = Path(__file__).with_name("data")

_Shape = Mapping[str, type[str | list[Any]]]

_EXPLANATION: _Shape = {"class": str, "meaning": str, "remedy": str, "source": str}
_CLOUD: _Shape = {
    **dict.fromkeys(
        ("title", "login", "issuer", "instance", "sub_scope", "imap", "smtp", "scope_prefix", "app_scope"), str
    ),
    **dict.fromkeys(("domains", "also"), list),
}
_LIMIT: _Shape = {"what": str, "versions": str, "source": str}
_CLIENT: _Shape = {"browser": str, "paste": str}

#: Per table: its sections, and what every row of each must have.
_SHAPES: dict[str, dict[str, _Shape]] = {
    "aadsts": {
        "codes": _EXPLANATION,
        "errors": _EXPLANATION,
        "suberrors": _EXPLANATION,
        "pages": {"code": str, "source": str},
        "replies": _EXPLANATION,
    },
    "clouds": {"clouds": _CLOUD},
    "clients": {"clients": {**_CLIENT, "name": str, "publisher": str}},
    "programs": {"programs": {"title": str, "tested": str, "limits": list, "source": list}},
}

#: Sections that are one row.
_SINGLE: dict[str, dict[str, _Shape]] = {
    "aadsts": {},
    "clouds": {"consumers": {"tenant": str, "imap": str, "smtp": str, "imap_switch": str}},
    "clients": {"other": _CLIENT},
    "programs": {},
}

#: The tables that load() knows. A user's folders.json is loaded by ``folders``, under any Python.
TABLES = tuple(_SHAPES)


def load(name: str, home: Path | None = None) -> dict[str, Any]:
    """
    Return the table *name* (``aadsts``, ``clouds``, ``clients`` or ``programs``), with the user's own file over it.

    *home* is this package's home directory; None means the shipped table only.

    Raises:
        Misconfigured: the user's file cannot be read, can be changed by others, is no JSON object, or has a row of the
            wrong shape.

    """
    table = _read(_SHIPPED / f"{name}.json")
    own = override(name, home)
    if own is None:
        return table
    unsafe = open_to_others(own.parent) or open_to_others(own)
    if unsafe:
        raise unsafe
    merged = _over(table, _read(own))
    wrong = _find_fault(name, merged)
    if wrong:
        raise _broken(own, wrong)
    return merged


def override(name: str, home: Path | None) -> Path | None:
    """
    Return the user's own file for the table *name*, None if there is none; ``doctor`` shows it.

    Raises Misconfigured where that cannot be told.
    """
    if home is None:
        return None
    path = home / "data" / f"{name}.json"
    try:
        return path if path.exists() or path.is_symlink() else None
    except OSError as error:  # its folder is closed to us
        raise _broken(path, error.strerror or type(error).__name__) from error


def open_to_others(path: Path) -> Misconfigured | None:
    """Return the error for a table, or its folder, that somebody else could change: it names where secrets are sent."""
    try:
        found = path.stat()
    except OSError:
        return None  # whoever reads it says so
    if found.st_uid not in (0, os.geteuid()):
        return Misconfigured(
            f"{path} belongs to user id {found.st_uid}", remedy=f"Run: sudo chown -R $(id -un) {quoted(str(path))}"
        )
    if found.st_mode & 0o022:
        return Misconfigured(f"Others may write to {path}", remedy=f"Run: chmod go-w {quoted(str(path))}")
    return None


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file *path*."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _broken(path, error.strerror or type(error).__name__) from error
    except ValueError as error:  # not UTF-8, or not JSON
        raise _broken(path, "it is not JSON") from error
    except RecursionError as error:
        raise _broken(path, "it is nested too deeply") from error
    if not isinstance(found, dict):
        raise _broken(path, "it is not a JSON object")
    return found


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return *below* with the entries of *above* put over it; objects are merged, all else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _find_fault(name: str, table: dict[str, Any]) -> str:
    """Return what is wrong with the *table*, an empty text if nothing is."""
    for section, shape in _SINGLE[name].items():
        if not _has(table.get(section), shape):
            return f'"{section}" lacks {", ".join(shape)}, or one of them has the wrong type'
    for section, shape in _SHAPES[name].items():
        rows = table.get(section)
        if not isinstance(rows, dict):
            return f'"{section}" is not an object'
        for key, row in rows.items():
            if not _has(row, shape):
                return f'"{section}", "{key}" lacks {", ".join(shape)}, or one of them has the wrong type'
    return _find_stray(name, table)


def _find_stray(name: str, table: dict[str, Any]) -> str:
    """Return which entry of the *table* points to something that does not exist."""
    if name == "clients" and table.get("default") not in list(table["clients"]):  # it may be anything
        return '"default" is not one of "clients"'
    if name == "programs":
        return _find_wrong_limit(table["programs"])
    if name != "aadsts":
        return ""
    for section in ("codes", "errors", "suberrors", "replies"):
        for key, row in table[section].items():
            wrong = _find_wrong_words(row) or _find_wrong_column(row)
            if wrong:
                return f'"{section}", "{key}": {wrong}'
    for phrase, row in table["pages"].items():
        if row["code"] not in table["codes"]:
            return f'"pages", "{phrase}": its code is not in "codes"'
    return ""


def _find_wrong_limit(programs: dict[str, Any]) -> str:
    """Return which limit of the *programs* is told in another way, an empty text if none is."""
    for name, row in programs.items():
        if not all(_has(limit, _LIMIT) and isinstance(limit.get("system", ""), str) for limit in row["limits"]):
            return f'"programs", "{name}": each of its limits has {", ".join(_LIMIT)}'
        if not isinstance(row.get("needs", ""), str) or not re.fullmatch(r"\d+(\.\d+)*", row.get("needs", "0")):
            return f'"programs", "{name}": "needs" is a version in numbers'
        longest = row.get("longest_token", 1)
        if not isinstance(longest, int) or isinstance(longest, bool) or longest < 1:
            return f'"programs", "{name}": "longest_token" is a number of characters'
    return ""


def _find_wrong_words(row: dict[str, Any]) -> str:
    """Return what is wrong with the words of one explanation, an empty text if nothing is."""
    if row["class"] not in EXIT_CODES:
        return "no such class"
    personal = row.get("personal", row)
    if not _has(personal, {"meaning": str, "remedy": str}):
        return '"personal" lacks meaning or remedy'
    if not all(_is_template(words[part]) for words in (row, personal) for part in ("meaning", "remedy")):
        return f"braces hold one of {', '.join(sorted(FILL_INS))}"
    return ""


def _find_wrong_column(row: dict[str, Any]) -> str:
    """Return which of the columns that a row may have is wrong, an empty text if none is."""
    seen = row.get("seen", [])
    if not isinstance(seen, list) or not all(isinstance(place, str) and place in SEEN for place in seen):
        return f'"seen" is a list of {", ".join(sorted(SEEN))}'
    if not isinstance(row.get("place", False), bool):
        return '"place" is true or false'
    prompt = row.get("prompt")
    if prompt is not None and not (isinstance(prompt, str) and prompt in PROMPTS):
        return f'"prompt" is one of {", ".join(sorted(PROMPTS))}'
    return ""


def _has(row: object, shape: _Shape) -> bool:
    """Tell whether *row* is an object with every field of the *shape*."""
    return isinstance(row, dict) and all(isinstance(row.get(field), kind) for field, kind in shape.items())


def _is_template(text: str) -> bool:
    """Tell whether *text* can be filled in: no attribute look-ups, formats or unknown names in braces."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return False
    return all(field is None or (field in FILL_INS and not form and not how) for _, field, form, how in parts)


def _broken(path: Path, why: str) -> Misconfigured:
    """Return the error about the table in the file *path*."""
    return Misconfigured(
        f"The data file {path} cannot be used: {why}",
        remedy=f"Correct it, or remove it so that the shipped table counts: rm {quoted(str(path))}",
    )

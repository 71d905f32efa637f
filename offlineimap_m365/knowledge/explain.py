"""
What an answer of Microsoft means, and the next command.

Microsoft asks programs to react to ``error`` and to use the AADSTS codes only to explain
(learn.microsoft.com/entra/identity-platform/reference-error-codes). So a transient ``error`` stays transient
whatever the code says, and one that wants the person stays a matter for the person; otherwise a known code chooses
the class, since the class is advice to a person. What mail servers say is explained too, from the same table.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from offlineimap_m365.base.errors import COMMAND, M365Error, for_exit_code, printable
from offlineimap_m365.knowledge.error_text import find_codes, find_named, find_reference, own_words
from offlineimap_m365.knowledge.tables import EXIT_CODES, load

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Explanation", "Situation", "error_for", "explain", "find_codes"]

#: Microsoft's page about a code, whose number ends it (reference-error-codes: "look up a single error code").
PAGE_OF_CODE = "https://login.microsoftonline.com/error?code="
#: Names of errors that want the person, whatever the code (OpenID Connect Core §3.1.2.6).
_FOR_A_PERSON = frozenset({"interaction_required", "consent_required", "login_required"})
#: A word that may be base64 of a JSON object: a mail server's refusal of XOAUTH2. A JWT has dots, so it is none.
_BASE64_OBJECT = re.compile(r"(?<![\w.+/=-])(?:eyJ|ewog|eyAi)[A-Za-z0-9+/]{8,2000}={0,2}(?![\w.+/=-])")

#: What stands in a sentence for something that is not known.
_UNKNOWN = {
    "account": "ACCOUNT",
    "client_id": "in use",
    "tenant": "of the account",
    "redirect_uri": "of this sign-in",
}

_FACTS = {
    75: "Microsoft could not answer for {}",
    77: "Microsoft refused to sign in {}",
    78: "Microsoft does not take the configuration of {}",
}


@dataclass(frozen=True)
class Explanation:
    """
    What a code or a page means: *klass* is one of ``data.EXIT_CODES``; *time* is RFC 3339, UTC.

    *place* and *prompt* are those of ``errors.M365Error``.
    """

    code: str
    klass: str
    meaning: str
    remedy: str
    exit_code: int
    correlation_id: str | None = None
    time: str | None = None
    place: bool = False
    prompt: str | None = None


@dataclass(frozen=True)
class Situation:
    """
    Who asked, with what; every part may be unknown.

    *is_personal*: people with a personal account (outlook.com) have no organisation and no administrator.
    """

    account: str | None = None
    client_id: str | None = None
    tenant: str | None = None
    redirect_uri: str | None = None
    is_personal: bool = False

    def suit(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return *row* with the words for a personal account if this is one and the row has such."""
        personal = row.get("personal") if self.is_personal else None
        return {**row, **personal} if isinstance(personal, dict) else dict(row)

    def fill(self, text: str) -> str:
        """Return *text* with its braces filled in."""
        values = {name: printable(getattr(self, name) or unknown).strip() for name, unknown in _UNKNOWN.items()}
        values["account"] = shlex.quote(values["account"])
        return text.format_map({**values, "command": COMMAND})


def explain(text: str, situation: Situation | None = None) -> Explanation | None:
    """
    Explain a code, the name of an OAuth error or the pasted *text* of a page; None if nothing in it is known.

    A code counts more than a phrase, a phrase of a page more than one of a mail server, and that more than the name
    of an error. No request is made.
    """
    situation = situation or Situation()
    table = load("aadsts")
    found = _find_code(text, table) or _find_phrase(text, table)
    if found:
        return _explanation(f"AADSTS{found}", table["codes"][found], situation, text)
    reply = _find_reply(text, table["replies"])
    if reply:
        return _explanation(reply, table["replies"][reply], situation, text)
    name = _find_name(text, table["errors"])
    return _explanation(name, table["errors"][name], situation, text) if name else None


def error_for(response: Mapping[str, Any], situation: Situation) -> M365Error:
    """
    Turn an OAuth error *response* into ``Temporary``, ``SignInNeeded`` or ``Misconfigured``.

    Any of its fields may be missing or of another type: a generic provider sends ``error`` alone
    (RFC 6749 §5.2). What is not known at all is a refusal, with Microsoft's own words; without ``error`` it
    is no OAuth answer, and trying again may help.
    """
    table = load("aadsts")
    words = _text(response, "error_description")
    code, row = _choose(response, table)
    row = situation.suit(row)
    reference = find_reference(words)
    exit_code = EXIT_CODES[row["class"]]
    error = for_exit_code(exit_code)(
        _FACTS[exit_code].format(situation.account or "this account"),
        account=situation.account,
        code=code,
        meaning=situation.fill(row["meaning"]) or own_words(words),
        remedy=situation.fill(row["remedy"]),
        correlation_id=_text(response, "correlation_id") or reference.correlation_id,
        time=find_reference(_text(response, "timestamp")).time or reference.time,
    )
    error.claims = _text(response, "claims") or None
    error.place, error.prompt = _place(row), _prompt(row)
    error.named = find_named(words)
    return error


def _place(row: Mapping[str, Any]) -> bool:
    """Tell whether what *row* explains depends on where one is."""
    return row.get("place") is True


def _prompt(row: Mapping[str, Any]) -> str | None:
    """Return how the next sign-in must ask because of what *row* explains."""
    prompt = row.get("prompt")
    return prompt if prompt in ("login", "consent") else None


def _choose(response: Mapping[str, Any], table: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return the code to show and the row that explains it; its meaning is empty if Microsoft's words do."""
    error, suberror = _text(response, "error"), _text(response, "suberror")
    by_error = table["errors"].get(error)
    codes = _codes_of(response)
    known = next((code for code in codes if code in table["codes"]), None)
    shown = f"AADSTS{known or codes[0]}" if codes else error or None
    if by_error and by_error["class"] == "WAIT":
        row = table["codes"].get(known, by_error)
        return shown, row if row["class"] == "WAIT" else by_error
    if known:
        row = table["codes"][known]
        if error in _FOR_A_PERSON and EXIT_CODES[row["class"]] != EXIT_CODES["LOGIN"]:
            row = {**row, "class": "LOGIN", "remedy": by_error["remedy"] if by_error else row["remedy"]}
        return shown, _with_claims(row, response)
    by_name = table["suberrors"].get(suberror) or by_error
    if by_name and not codes:
        return shown, _with_claims(by_name, response)
    if by_name:  # a code that this table does not know: its class by the name, its meaning from Microsoft
        return shown, {
            **by_name,
            "meaning": "" if _text(response, "error_description") else by_name["meaning"],
            "remedy": f"{by_name['remedy']}. Microsoft explains the code: {PAGE_OF_CODE}{codes[0]}",
        }
    return shown, _unknown(error, response)


def _unknown(error: str, response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row for an answer that no table knows."""
    if not error:
        return {
            "class": "WAIT",
            "meaning": "The answer was not one of a sign-in service",
            "remedy": "Try again later: {command} refresh {account}",
        }
    said = bool(_text(response, "error_description"))
    return {
        "class": "LOGIN",
        "meaning": "" if said else "Microsoft gave no reason",
        "remedy": "Run: {command} login {account}",
    }


def _with_claims(row: dict[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """Return *row* as of class CLAIMS if Microsoft named what the next sign-in must prove."""
    return {**row, "class": "CLAIMS"} if row["class"] == "LOGIN" and response.get("claims") else row


def _codes_of(response: Mapping[str, Any]) -> list[str]:
    """Return the AADSTS numbers of a *response*, those of ``error_codes`` first."""
    listed = response.get("error_codes")
    numbers = [str(code) for code in listed] if isinstance(listed, list | tuple) else []
    described = re.findall(r"AADSTS(\d{4,9})", _text(response, "error_description"))
    return [code for code in dict.fromkeys(numbers + described) if re.fullmatch(r"[0-9]{4,9}", code)]


def _find_code(text: str, table: dict[str, Any]) -> str | None:
    """Return the first code in *text* that the *table* knows."""
    return next((code for code in find_codes(text) if code in table["codes"]), None)


def _find_phrase(text: str, table: dict[str, Any]) -> str | None:
    """Return the code of the longest phrase of an error page in *text*: the longest says most."""
    plain = _plain(text)
    found = max((phrase for phrase in table["pages"] if _plain(phrase) in plain), key=len, default=None)
    return None if found is None else str(table["pages"][found]["code"])


def _find_reply(text: str, replies: Mapping[str, Any]) -> str | None:
    """Return the longest phrase of a mail server in *text*, the JSON of a refusal of XOAUTH2 if it holds one."""
    plain = _plain(text)
    found = [phrase for phrase in replies if re.search(rf"(?<![\w.]){re.escape(_plain(phrase))}(?!\w|\.\w)", plain)]
    return max(found, key=len, default=None) or _find_refusal(text, replies)


def _find_refusal(text: str, replies: Mapping[str, Any]) -> str | None:
    """Return the phrase for the ``status`` in a base64 JSON object, or in such an object as it is."""
    words = [_decoded(word) for word in _BASE64_OBJECT.findall(text)]
    for word in [*words, text]:
        status = re.search(r'"status"\s*:\s*"?(\d{3})\b', word)
        if status and f"XOAUTH2 status {status[1]}" in replies:
            return f"XOAUTH2 status {status[1]}"
    return None


def _decoded(word: str) -> str:
    """Return what *word* is the base64 of if that is a JSON object, else an empty text."""
    try:
        text = base64.b64decode(word + "=" * (-len(word) % 4), validate=True).decode()
        return text if isinstance(json.loads(text), dict) else ""
    except (binascii.Error, ValueError, RecursionError):
        return ""


def _find_name(text: str, errors: dict[str, Any]) -> str | None:
    """Return the OAuth error whose name stands in *text* as a whole word."""
    words = set(re.findall(r"[a-z]+(?:_[a-z]+)+", text.lower()))
    return next((name for name in errors if name in words), None)


def _plain(text: str) -> str:
    """Return *text* in lower case, with straight apostrophes, single spaces: pages break lines anywhere."""
    return " ".join(text.replace("\u2019", "'").lower().split())


def _text(response: Mapping[str, Any], field: str) -> str:
    """Return the *field* of a *response* if it is text, else an empty one."""
    value = response.get(field)
    return value if isinstance(value, str) else ""


def _explanation(code: str, row: dict[str, Any], situation: Situation, text: str) -> Explanation:
    """Return what *row* says of *code*, filled in, with what *text* gives a help desk to look for."""
    reference = find_reference(text)
    row = situation.suit(row)
    return Explanation(
        code=code,
        klass=row["class"],
        meaning=situation.fill(row["meaning"]),
        remedy=situation.fill(row["remedy"]),
        exit_code=EXIT_CODES[row["class"]],
        correlation_id=reference.correlation_id,
        time=reference.time,
        place=_place(row),
        prompt=_prompt(row),
    )

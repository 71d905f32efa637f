"""
What an answer of Microsoft means, and what to do: the one function behind every error and ``explain``.

Microsoft asks programs to react to ``error`` and to use the AADSTS codes only to explain
(learn.microsoft.com/entra/identity-platform/reference-error-codes). So an ``error`` that is temporary stays temporary
whatever the code says, and one that wants a person stays so. Otherwise a known code decides.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from offlineimap_m365.base.errors import COMMAND, M365Error, Remedy, for_exit_code, printable, quoted
from offlineimap_m365.knowledge import error_text, powershell
from offlineimap_m365.knowledge.tables import EXIT_CODES, load

#: Microsoft's page about a code, whose number ends it (reference-error-codes: "look up a single error code").
PAGE_OF_CODE = "https://login.microsoftonline.com/error?code="
#: Names of errors that want a person, whatever the code (OpenID Connect Core §3.1.2.6).
_FOR_A_PERSON = frozenset({"interaction_required", "consent_required", "login_required"})
#: A word that may be base64 of a JSON object: a mail server's refusal of XOAUTH2. A JWT has dots, so it is none.
_BASE64_OBJECT = re.compile(r"(?<![\w.+/=-])(?:eyJ|ewog|eyAi)[A-Za-z0-9+/]{8,2000}={0,2}(?![\w.+/=-])")
#: What a sentence has in the place of a value that is not known.
_UNKNOWN = {"account": "ACCOUNT", "client_id": "in use", "tenant": "of the account", "redirect_uri": "of this sign-in"}
_FACTS = {
    75: "Microsoft could not answer for {}",
    77: "Microsoft refused to sign in {}",
    78: "Microsoft does not accept the configuration of {}",
}

_Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """
    What a code, a page or a mail server's answer means, and what helps.

    *code* is the one in the text: an AADSTS code, the name of an OAuth error, a phrase of a mail server; empty for a
    page that shows none. *klass* is one of ``tables.EXIT_CODES``, *time* RFC 3339, UTC. *ask* is what a letter to the
    help desk asks for, empty where a help desk is not the first to ask. *place*, *prompt*, *topic*: see M365Error.
    """

    code: str
    klass: str
    meaning: str
    remedy: Remedy
    correlation_id: str | None = None
    time: str | None = None
    ask: str = ""
    place: bool = False
    prompt: str | None = None
    topic: str = ""

    @property
    def exit_code(self) -> int:
        """The exit code of an error with this explanation (contract §3)."""
        return EXIT_CODES[self.klass]


@dataclasses.dataclass(frozen=True)
class Situation:
    """
    Who asked, with what, how; every part may be unknown.

    *is_personal*: people with a personal account (outlook.com) have no organisation and no administrator. *flow* is
    ``browser``, ``paste`` or ``device``, *cloud* None for a provider of one's own, *chosen* what the person chose.
    """

    account: str | None = None
    client_id: str | None = None
    tenant: str | None = None
    redirect_uri: str | None = None
    is_personal: bool = False
    flow: str = "paste"
    scopes: Collection[str] = ()
    cloud: str | None = "global"
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def fill(self, text: str, where: str = "") -> str:
        """Return *text* with its braces filled in, the account as a word of the shell or PowerShell in *where*."""
        values = {name: printable(getattr(self, name) or unknown).strip() for name, unknown in _UNKNOWN.items()}
        quote = powershell.quoted if where == "powershell" else quoted
        return text.format_map({**values, "account": quote(values["account"]), "command": COMMAND})


def explain(text: str, situation: Situation | None = None) -> Explanation | None:
    """
    Explain a code, the name of an OAuth error or the pasted *text* of a page or log; None if nothing is recognised.

    A known code counts more than a phrase of a page, that more than one of a mail server, and that more than the name
    of an error. The code of a page is always shown, even if it is not known. No request is made.
    """
    text = error_text.unescape(text)
    table, reference = load("aadsts"), error_text.find_reference(text)
    codes = error_text.find_codes(text)
    if not (reference.correlation_id or "AADSTS" in text.upper()):
        codes = [code for code in codes if code in table["codes"]]  # another program's number
    words = list(dict.fromkeys(re.findall("[a-z_]+", text.lower())))
    names = [word for section in ("suberrors", "errors") for word in words if word in table[section]]
    phrase, row = "", _row(table["pages"].get(_longest_phrase(text, table["pages"])))
    if not row and not codes:
        phrase = _longest_phrase(text, table["replies"]) or _find_status(text)
        row = table["replies"].get(phrase)
    code, row = _recognise(text, codes, names, row)
    return _explanation(code or phrase, row, situation or Situation(), reference) if row else None


def error_for(response: Mapping[str, Any], situation: Situation) -> M365Error:
    """
    Turn an OAuth error *response* into ``Temporary``, ``SignInNeeded`` or ``Misconfigured``.

    Any of its fields may be missing or of another type: a generic provider sends ``error`` alone (RFC 6749 §5.2). An
    unknown ``error`` is a refusal. Without ``error`` it is no OAuth answer, and trying again may help.
    """
    texts = {field: value for field, value in response.items() if isinstance(value, str)}
    names = [texts.get("suberror", ""), texts.get("error", "")]
    words, listed = texts.get("error_description", ""), response.get("error_codes")
    numbers = [f"AADSTS{code}" for code in listed] if isinstance(listed, list | tuple) else []
    code, row = _recognise(words, error_text.find_codes(" ".join([*numbers, words])), names)
    row = row or load("aadsts")["explanations"]["not-oauth"]
    reference = error_text.find_reference(words)
    reference = error_text.Reference(
        texts.get("correlation_id") or reference.correlation_id,
        error_text.find_reference(f"timestamp {texts.get('timestamp')}").time or reference.time,
    )
    explanation = _explanation(code, row, situation, reference)
    error = to_error(explanation, _FACTS[explanation.exit_code].format(situation.account or "this account"), situation)
    error.claims = texts.get("claims") or None
    error.named = error_text.find_named(words)
    return error


def to_error(
    explanation: Explanation, fact: str, situation: Situation, kind: type[M365Error] | None = None
) -> M365Error:
    """Return the error with *fact*, of the explanation's class or of *kind*; its command can print a letter."""
    remedy = explanation.remedy
    if explanation.ask:
        about = (explanation.code or "-", explanation.correlation_id, explanation.time)
        words = [quoted(word) for word in (situation.account, *about) if word]
        remedy = Remedy(f"{remedy.advice}. This prints a letter to them", " ".join([COMMAND, "explain", *words]))
    error = (kind or for_exit_code(explanation.exit_code))(
        fact,
        account=situation.account,
        code=explanation.code or None,
        meaning=explanation.meaning,
        remedy=remedy,
        correlation_id=explanation.correlation_id,
        time=explanation.time,
    )
    error.place, error.prompt, error.topic = explanation.place, explanation.prompt, explanation.topic
    return error


def _recognise(
    text: str, codes: Sequence[str], names: Sequence[str], by_phrase: _Row | None = None
) -> tuple[str, _Row | None]:
    """Return the code or name to show, and the row of the table that explains it; None if nothing is known."""
    table = load("aadsts")
    entries = [table["suberrors"].get(name) or table["errors"].get(name) for name in names]
    by_name = _row(next(filter(None, entries), None))
    known = [code for code in codes if code in table["codes"]]
    if known:
        wrappers = table["wrappers"]  # a code that stands around another counts only alone
        code = max(known, key=lambda code: wrappers.index(code) if code in wrappers else len(wrappers))
        return f"AADSTS{code}", _by_error(_row(table["codes"][code]) or {}, by_name, names)
    if codes:
        return f"AADSTS{codes[0]}", _unknown(codes[0], text, by_phrase, by_name)
    if by_phrase or not any(names):
        return "", by_phrase
    return names[-1], by_name or {**table["explanations"]["no-reason"], "words": error_text.own_words(text)}


def _by_error(row: _Row, by_name: _Row | None, names: Sequence[str]) -> _Row:
    """Return *row*, or what the OAuth error makes of it: temporary, or a matter for a person."""
    if by_name and by_name["class"] == "WAIT":
        return row if row["class"] == "WAIT" else by_name
    if by_name and _FOR_A_PERSON & set(names) and EXIT_CODES[row["class"]] != EXIT_CODES["LOGIN"]:
        return {**row, "class": "LOGIN", "remedy": by_name["remedy"]}
    return row


def _unknown(code: str, text: str, by_phrase: _Row | None, by_name: _Row | None) -> _Row:
    """Return the row for a *code* that the table lacks: Microsoft's own sentence, and its page about the code."""
    row = by_phrase or by_name or load("aadsts")["explanations"]["no-reason"]
    unknown = "" if by_phrase or by_name else "This release does not know the code"
    remedy = _remedy(row)
    advice = ". ".join(filter(None, (remedy.get("advice"), f"Microsoft explains the code at {PAGE_OF_CODE}{code}")))
    return {**row, "words": error_text.own_words(text, code) or unknown, "remedy": {**remedy, "advice": advice}}


def _row(entry: _Row | None) -> _Row | None:
    """Return the explanation that an *entry* of the table names, with what the entry says otherwise."""
    return {**load("aadsts")["explanations"][entry["is"]], **entry} if entry else None


def _remedy(row: _Row) -> dict[str, str]:
    """Return the remedy of a *row*, which may be one that several share."""
    remedy: dict[str, str] | str = row["remedy"]
    return dict(load("aadsts")["remedies"][remedy]) if isinstance(remedy, str) else remedy


def _longest_phrase(text: str, phrases: Iterable[str]) -> str:
    """Return the longest of *phrases* in *text*: it says most. An ellipsis in a phrase stands for any words."""
    plain = _plain(text)
    known = [
        phrase for phrase in phrases if all(_is_in(plain, part) for part in _plain(phrase).split("\u2026") if part)
    ]
    return max(known, key=len, default="")


def _is_in(plain: str, part: str) -> bool:
    """Is *part* in the text? A number, such as 5.7.3, must not be a part of a longer one."""
    if not part[:1].isdigit():
        return part.strip() in plain
    return re.search(rf"(?<![\w.]){re.escape(part)}(?!\w|\.\w)", plain) is not None


def _find_status(text: str) -> str:
    """Return the phrase for the ``status`` in the JSON of a refusal of XOAUTH2, as it is or in base64."""
    for word in _BASE64_OBJECT.findall(text):
        text = f"{base64.b64decode(word[: len(word) // 4 * 4]).decode(errors='replace')}\n{text}"
    status = re.search(r'"status"\s{0,4}:\s{0,4}"?(\d{3})\b', text)
    return f"XOAUTH2 status {status[1]}" if status else ""


def _plain(text: str) -> str:
    """Return *text* in small letters, with single spaces and plain apostrophes."""
    return " ".join(text.replace("\u2019", "'").lower().split())


def _explanation(code: str, row: _Row, situation: Situation, reference: error_text.Reference) -> Explanation:
    """Return the explanation of *code* by *row*, in words for the *situation*."""
    row = _suited(row, situation)
    remedy = _remedy(row)
    where = remedy.get("where", "shell")
    return Explanation(
        code=code,
        klass=row["class"],
        meaning=row.get("words") or situation.fill(row["meaning"]),
        remedy=Remedy(
            situation.fill(remedy.get("advice", "")), situation.fill(remedy.get("command", ""), where) or None, where
        ),
        correlation_id=reference.correlation_id,
        time=reference.time,
        ask="" if situation.is_personal else remedy.get("ask", ""),
        place=row.get("place", False),
        prompt=row.get("prompt"),
        topic=row.get("topic", ""),
    )


def _suited(row: _Row, situation: Situation) -> _Row:
    """Return *row* with the words for the default client id or for a personal account, if there are such."""
    is_default = situation.client_id == load("clients")["default"]
    name = (row.get("personal") if situation.is_personal else None) or (row.get("default_client") if is_default else "")
    other = load("aadsts")["explanations"][name] if name else {}
    return {**row, **{part: other[part] for part in ("meaning", "remedy") if part in other}}

"""
Which folders of a mailbox are left out, language by language, read out of the table by asking the filter itself.

``python -m tests.languages >tests/results/languages.md`` writes the list; a test looks whether it is current.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from offlineimap_m365.folders.folder_filter import build_filter, known_languages, load_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Row = Mapping[str, Any]

#: What the tags (BCP 47) mean, as IANA's registry of language subtags and their regions have it.
LANGUAGES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "as": "Assamese", "az": "Azerbaijani", "be": "Belarusian",
    "bg": "Bulgarian", "bn-BD": "Bangla (Bangladesh)", "bn-IN": "Bangla (India)", "bs": "Bosnian", "ca": "Catalan",
    "ca-valencia": "Valencian", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fil": "Filipino", "fr": "French", "ga": "Irish", "gd": "Scottish Gaelic", "gl": "Galician", "gu": "Gujarati",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer",
    "kn": "Kannada", "ko": "Korean", "kok": "Konkani", "lb": "Luxembourgish", "lt": "Lithuanian", "lv": "Latvian",
    "mi": "Māori", "mk": "Macedonian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "nb": "Norwegian Bokmål",
    "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "or": "Odia", "pa": "Punjabi", "pl": "Polish",
    "pt-BR": "Portuguese (Brazil)", "pt-PT": "Portuguese (Portugal)", "quz": "Quechua", "ro": "Romanian",
    "ru": "Russian", "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian",
    "sr-Cyrl-BA": "Serbian (Cyrillic, Bosnia and Herzegovina)", "sr-Cyrl-RS": "Serbian (Cyrillic)",
    "sr-Latn-RS": "Serbian (Latin)", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai",
    "tk": "Turkmen", "tr": "Turkish", "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek",
    "vi": "Vietnamese", "zh-CN": "Chinese (simplified)", "zh-TW": "Chinese (traditional)",
}  # fmt: skip
#: The columns; every other kind without mail is in the last one.
KINDS = ("calendar", "contacts", "tasks", "notes", "journal", "outbox", "sync_issues")
_HEAD = """# Folders without mail, in {languages} languages

Made by `python -m tests.languages >tests/results/languages.md` from `offlineimap_m365/folders/folders.json`, by asking
the filter about every name in it; a test checks that it is current. [NOTICE](../../NOTICE) says how the table was made.

`folderfilter` leaves out {always} names, in modified UTF-7 as in Unicode, with all below them. Those in *italics*,
{doubtful} in all, are ordinary folder names elsewhere: they are kept until the language is known, by
`offlineimap-m365 folders ACCOUNT --learn` or by `make_folderfilter(languages=...)`. All other names are kept. In a
language with few names here, `--learn` tells calendars and contacts by their messages.
"""


@dataclasses.dataclass(frozen=True)
class Language:
    """
    One language's names: *always* left out, and left out only if the language *is known* (with the other meaning).

    *sources*: who has seen one of its names, by number of names.
    """

    code: str | None
    always: tuple[Row, ...]
    if_known: tuple[Row, ...]
    sources: Counter[str]


def languages(table: Mapping[str, Any]) -> list[Language]:
    """Return all languages of *table* in order; the last one is what any mailbox has, whatever its language."""
    return [_language(table, code) for code in (*known_languages(table), None)]


def _language(table: Mapping[str, Any], code: str | None) -> Language:
    plain, known = build_filter(table=table), build_filter(languages=[code] if code else (), table=table)
    rows = [row for row in table["names"] if row["language"] == code]
    return Language(
        code=code,
        always=tuple(row for row in rows if not plain(row["name"])),
        if_known=tuple(row for row in rows if plain(row["name"]) and not known(row["name"])),
        sources=Counter(source for row in rows for source in row["sources"]),
    )


def document(table: Mapping[str, Any]) -> str:
    """Return the whole list."""
    *found, common = languages(table)
    always = {row["name"] for language in (*found, common) for row in language.always}
    doubtful = {row["name"] for language in found for row in language.if_known}
    head = _HEAD.format(languages=len(found), always=len(always), doubtful=len(doubtful - always))
    names = ", ".join(sorted(row["name"] for row in common.always))
    headings = ["", *(_said(kind) for kind in KINDS), "others", "seen by"]
    return "\n".join(
        [
            head,
            f"In a mailbox of any language: {names}.\n",
            _table(headings, [_cells(language) for language in found]),
            "## Words that count only if the language is known\n",
            _table(["name", "language", "there it is", "elsewhere"], _doubts(found)),
            "## Where the names were seen\n",
            _table(["source", "what it is", "licence", "names", "alone"], _sources(table)),
        ]
    )


def _cells(language: Language) -> list[str]:
    """Return the row of one *language*."""
    columns: dict[str, list[str]] = {kind: [] for kind in (*KINDS, "others")}
    for row in (*language.always, *language.if_known):
        name = f"*{row['name']}*" if row in language.if_known else row["name"]
        columns[row["kind"] if row["kind"] in KINDS else "others"].append(name)
    code = str(language.code)
    seen_by = ", ".join(name for name, _ in language.sources.most_common())
    return [f"{LANGUAGES[code]} ({code})", *("<br>".join(names) for names in columns.values()), seen_by]


def _doubts(found: Sequence[Language]) -> list[list[str]]:
    rows = [(row, language) for language in found for row in language.if_known]
    return [
        [row["name"], LANGUAGES[str(language.code)], _said(row["kind"]), row["ambiguous"]]
        for row, language in sorted(rows, key=lambda pair: (pair[0]["name"].casefold(), str(pair[1].code)))
    ]


def _sources(table: Mapping[str, Any]) -> list[list[str]]:
    named = Counter(source for row in table["names"] for source in row["sources"])
    alone = Counter(row["sources"][0] for row in table["names"] if len(row["sources"]) == 1)
    return [
        [name, about["what"], about.get("licence", ""), str(named[name]), str(alone[name])]
        for name, about in sorted(table["sources"].items(), key=lambda item: (-named[item[0]], item[0]))
    ]


def _said(kind: str) -> str:
    return kind.replace("_", " ")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, in whose cells nothing is markup but what was put there for that."""
    lines = [list(headings), ["---"] * len(headings), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document(load_table()))

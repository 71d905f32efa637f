"""
Pseudonyms for what tells who somebody is: addresses, ids, hosts, paths, names of folders and sections.

They are numbers in the order in which the values were met, so nothing can be found out by hashing a guess; the same
value has the same one, compared without case unless it is a path. What is public and helps to understand a report stays
readable: Microsoft's own hosts and codes, the client ids of programs, where programs usually lie. In doubt a word goes:
what reads badly can be asked for, and what was published cannot be taken back.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.doctor.output import public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    #: What is looked for, and what becomes of it; None for what another rule may have.
    _Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]]

#: Characters of a line that is looked at closely: patterns may take as long as its square.
_LONGEST = 2000
#: An option with its value in the midst of a sentence.
_SET = re.compile(r"(?<!\w)(?P<name>[a-z]\w*)(?P<sign> ?= ?)(?P<value>[^\s,;=<>()\[\]]+(?:, ?[^\s,;=<>()\[\]]+)*)")
_QUOTED = re.compile(r'"(?P<a>[^"\n]*)"|“(?P<b>[^”\n]*)”|`(?P<c>[^`\n]*)`|(?<!\w)\'(?P<d>[^\'\n]*)\'(?!\w)')
_SECTION = re.compile(r"\[\s*(Account|Repository)\s+([^\]\n]+?)\s*\]", re.IGNORECASE)
_OPTION = re.compile(r"(?P<before>\s*(?:#\s*)?)(?P<name>\w+)(?P<sign>\s*[=:]\s*)(?P<value>.*)", re.DOTALL)
_ADDRESS = re.compile(
    r"(?<!\w')(?<![^\s<>\"'`(),:;@=\[\]/\\])(?:[^\s<>\"'`(),:;@=\[\]/\\]|(?<=\w)'(?=\w))+(?:@|%40)[^\W_](?:[\w.-]*[^\W_])?",
    re.IGNORECASE,
)
_REST = r"(?:[^\s'\"`,;:()<>\[\]“”]|(?<=\w)'(?=\w))*"
_LAST = r"[^\s'\"`,;:()<>\[\]“”./]"
_URL = re.compile(
    r"(?<![a-z0-9+])(?P<scheme>[a-z][a-z0-9+]*://)(?P<user>[^\s/@\"']*@)?(?P<host>\[[^\]\s]*\]|[^\s/:?#\"'`,;)]*[^\s/:?#\"'`,;).])?"
    rf"(?P<port>:\d+)?(?P<rest>[/?#]{_REST}{_LAST}|/)?",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(rf"(?<!\w)(?:(?:~\w*)?/{_REST}{_LAST}|~[a-z_][\w-]*)")
#: What ConfigParser puts the value of another option in the place of.
_INTERPOLATED = re.compile(r"%\(\w+\)s")
_CODE = re.compile(r"AADSTS\d{4,9}")
_GUID = re.compile(r"(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])", re.IGNORECASE)
_IP = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)|(?<![\w:.])[0-9a-f]*:[0-9a-f:.]*[0-9a-f:](?:%\w+)?", re.IGNORECASE
)
_PORT = re.compile(r"(?<![\w.-])(?=[\d_-]*[^\W\d_])[\w-]+(?=:\d{1,5}(?![\w:]))")
_KEY = re.compile(r"(?<=\bgpg:)[^\s,;)]*[^\s,;).]")
#: A user of a domain, as Windows writes it.
_DOMAIN_USER = re.compile(r"(?<![\w\\])[\w-]+(?:\.[\w-]+)*\\[^\W\d_][\w.$-]*[\w$]")
_DN = re.compile(r"(?<=\b(?:CN|OU|ST|DC)=)[^,;/+)\n]+|(?<=\b[OLC]=)[^,;/+)\n]+")
_OPAQUE = re.compile(r"(?<![\w-])(?!oauth2(?:_[a-z]+)+(?![\w-]))(?=[\w-]*\d)[\w-]{20,}(?![\w-])")


class Pseudonyms:
    """Gives out pseudonyms, and puts them into texts."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._given: dict[str, dict[str, str]] = {}
        self._known: dict[str, Callable[[str], str]] = {}
        self._folders: set[str] = set()

    def know(self, kind: str, values: Iterable[str | None]) -> None:
        """
        Let *values* be replaced wherever they stand, since their form alone tells nothing.

        *kind* is ``account``, ``id``, ``host``, ``name``, ``user`` or ``path``. Public ones and empty ones stay.
        """
        give = self._giver(kind)
        for value in filter(None, values):
            if value.lower() in public.WORDS | public.values() or public.PATHS.fullmatch(value):
                continue
            if kind == "path":
                self._folders.add(value.rstrip("/"))
                continue
            self._known[value.lower()] = give
            if kind in ("account", "id"):  # numbered now, so that what the doctor finds changes nothing of theirs
                give(value)
        self.__dict__.pop("_rules", None)

    def account(self, value: str) -> str:
        """Return what stands for an address, or for an account of another name."""
        local, _, domain = value.lower().replace("%40", "@").rpartition("@")
        if not local:
            return self._give("account", value.lower())
        if not profiles.is_consumer(value):
            domain = self._give("domain", domain) + ".example"
        return f"{self._give('account', value.lower().replace('%40', '@'))}@{domain}"

    def id(self, value: str) -> str:
        """Return what stands for an id; those of public programs are no secret."""
        return value if value.lower() in public.values() else self._give("id", value.lower())

    def host(self, value: str) -> str:
        """Return what stands for a host, the same as in addresses if it is a domain of some."""
        key = value.lower().rstrip(".")
        if key in public.values() or public.DOTTED.fullmatch(value):
            return value
        with contextlib.suppress(ValueError):
            found = ipaddress.ip_address(key.strip("[]").partition("%")[0])
            return value if found.is_loopback or found.is_unspecified else self._give("ip", str(found))
        known = self._given.get("domain", {}).get(key)
        return f"{known}.example" if known else self._give("host", key)

    def path(self, value: str) -> str:
        """Return what stands for a path; a last part that is everybody's stays."""
        if public.PATHS.fullmatch(value) or value in ("", "/", "~"):
            return value
        folder, _, last = value.rstrip("/").rpartition("/")
        return (
            f"{self.path(folder)}/{last}"
            if folder and public.TAILS.fullmatch(last)
            else "/" + self._give("path", value)
        )

    def _giver(self, kind: str) -> Callable[[str], str]:
        givers = {"account": self.account, "host": self.host, "path": self.path, "id": self.id}
        return givers.get(kind, lambda value: self._give(kind, value.lower()))

    def _give(self, kind: str, key: str) -> str:
        given = self._given.setdefault(kind, {})
        return given.setdefault(key, f"{kind}-{len(given) + 1}")

    def learn(self, text: str) -> None:
        """Know the domains and the names of sections in *text*, before a host or a word in another one is met."""
        for line in filter(_is_short, text.split("\n")):
            for found in _ADDRESS.finditer(_URL.sub(" ", line)):
                self.account(found[0])
            self.know("name", [found[2] for found in _SECTION.finditer(line)])

    def learn_file(self, text: str) -> None:
        """Know what an offlineimaprc names: its sections, accounts, hosts, users and places, in quotes or not."""
        self.learn(text)
        option = ""
        for line in filter(_is_short, text.splitlines()):
            found = _OPTION.fullmatch(line)
            is_more = line[:1].isspace()  # of the value above
            if found and not is_more:
                option = found["name"].lower()
            value = line if is_more else found["value"] if found else ""
            self._learn_value(option, value.strip().strip("'\""))

    def _learn_value(self, option: str, value: str) -> None:
        """Know what is named by a *value* of an *option* in an offlineimaprc."""
        kind = public.KINDS.get(option)
        if option in public.LISTS:
            self.know("name", map(str.strip, value.split(",")))
        elif kind == "path" and len(PurePosixPath(value).parts) > 2:  # noqa: PLR2004 - /home is everybody's
            self.know(kind, [value, os.path.expanduser(os.path.expandvars(value))])  # noqa: PTH111 - in OfflineIMAP's way
        elif kind in ("host", "account"):
            self.know(kind, [value])

    def scrub(self, text: str) -> str:
        """Return *text*, one sentence or several, with pseudonyms."""
        for value in (*self._known, *self._folders):
            if "'" in value:  # as a command has it, it is no word in quotes
                text = text.replace(errors.quoted(value), value)
        return self._around(_QUOTED, text, self._quoted)

    def scrub_lines(self, text: str) -> str:
        """Return lines of an offlineimaprc with pseudonyms, for all of a value that is not everybody's."""
        return "\n".join(map(self._scrub_line, text.splitlines()))

    def _scrub_line(self, line: str) -> str:
        if not _is_short(line):
            return self._give("name", line)
        found = _OPTION.fullmatch(line)
        if found is None:
            return self.scrub(line)
        name, value = found["name"].lower(), found["value"].rstrip()
        if public.OPTIONS.fullmatch(name) or not value:
            value = self.scrub(value)
        else:
            value = self._giver(public.KINDS.get(name, "name"))(value)
        return found["before"] + found["name"] + found["sign"] + value

    def _around(self, pattern: re.Pattern[str], text: str, replace: Callable[[re.Match[str]], str]) -> str:
        made, end = [], 0
        for found in pattern.finditer(text):
            made += [self._plain(text[end : found.start()]), replace(found)]
            end = found.end()
        return "".join([*made, self._plain(text[end:])])

    def _quoted(self, found: re.Match[str]) -> str:
        """Return what was in quotes: public words, what the rules replace as a whole, or else a name."""
        content = next(group for group in found.groups() if group is not None)
        first, last = found[0][0], found[0][-1]
        if content.startswith(("/", "~")):
            return f"{first}{self.path(content)}{last}"
        left = _INTERPOLATED.sub("", "".join(text for text, is_done in self._parts(content) if not is_done))
        words = {word.lower() for word in re.findall(r"[\w-]*[^\W\d_][\w-]*", left) if not _CODE.fullmatch(word)}
        if public.is_phrase(content) or words <= public.WORDS:
            return f"{first}{self._plain(content)}{last}"
        return f"{first}{self._give('name', content.lower())}{last}"

    def _plain(self, text: str) -> str:
        return "".join(part for part, _ in self._parts(text))

    def _parts(self, text: str) -> list[tuple[str, bool]]:
        """Return *text* in parts, each with whether a rule has dealt with it; no rule sees what another one made."""
        parts = [(text, False)]
        for pattern, replace in self._rules:
            parts = [
                new for part, done in parts for new in ([(part, True)] if done else _split(pattern, part, replace))
            ]
        return parts

    @functools.cached_property
    def _rules(self) -> list[_Rule]:
        """What is looked for, in this order: what may hold something else comes first."""
        rules: list[_Rule] = [(_URL, self._url)]
        if self._folders:
            rules.append((re.compile(f"{_any(self._folders)}{_REST}"), lambda found: self.path(found[0])))
        rules += [
            (_ABSOLUTE, lambda found: self.path(found[0])),
            (_DN, lambda found: self._give("name", found[0].strip().lower())),
            (_KEY, lambda found: self.id(found[0])),
            (_DOMAIN_USER, lambda found: self._give("user", found[0].lower())),
            (_SET, self._set),
            (_SECTION, lambda found: f"[{found[1]} {self._give('name', found[2].lower())}]"),
        ]
        if self._known:
            known = re.compile(rf"(?<![\w.@-]){_any(self._known)}(?![\w@-])", re.IGNORECASE)
            rules.append((known, lambda found: self._known.get(found[0].lower(), self._giver("name"))(found[0])))
        return [
            *rules,
            (_ADDRESS, lambda found: self.account(found[0])),
            (_GUID, lambda found: self.id(found[0])),
            (_IP, self._ip),
            (public.HOST, lambda found: self.host(found[0])),
            (_PORT, lambda found: None if found[0].lower() in public.WORDS else self.host(found[0])),
            (_OPAQUE, lambda found: self.id(found[0])),
        ]

    def _ip(self, found: re.Match[str]) -> str | None:
        """Return what stands for the address of a machine, which a colon may follow; None for what is none."""
        for end in (len(found[0]), len(found[0]) - 1, len(found[0]) - 2):
            with contextlib.suppress(ValueError):
                ipaddress.ip_address(found[0][:end].partition("%")[0])
                return self.host(found[0][:end]) + found[0][end:]
        return None

    def _set(self, found: re.Match[str]) -> str | None:
        """Return an option with a pseudonym for its value, None if the other rules know what that is."""
        name, value = found["name"].lower(), found["value"]
        has_form = any(form.search(value) for form in (_ADDRESS, _ABSOLUTE, public.HOST, _GUID, _IP, _OPAQUE))
        if public.OPTIONS.fullmatch(name) or (name not in public.KINDS and has_form) or value.lower() in public.WORDS:
            return None
        return f"{found['name']}{found['sign']}{self._giver(public.KINDS.get(name, 'name'))(value)}"

    def _url(self, found: re.Match[str]) -> str:
        """Return a URL with pseudonyms; what leads on from a host of Microsoft's stays as far as it can."""
        host, rest = found["host"] or "", found["rest"] or ""
        shown = self.host(host) if host else ""
        if host and shown == host:
            rest = re.sub(r"[^/?&=#]+", lambda part: self._plain(part[0]), rest)
        elif rest.strip("/"):
            rest = self.path(rest)
        return found["scheme"] + ("user@" if found["user"] else "") + shown + (found["port"] or "") + rest


def _is_short(line: str) -> bool:
    """Can a *line* be looked at in no time, whatever is in it?"""
    return len(line) <= _LONGEST


def _split(
    pattern: re.Pattern[str], text: str, replace: Callable[[re.Match[str]], str | None]
) -> Iterator[tuple[str, bool]]:
    """Yield *text* in parts, each with whether it is what became of a match."""
    end = 0
    for found in pattern.finditer(text):
        new = replace(found)
        if new is not None:
            yield text[end : found.start()], False
            yield new, True
            end = found.end()
    yield text[end:], False


def _any(values: Iterable[str]) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(values, key=len, reverse=True))) + ")"

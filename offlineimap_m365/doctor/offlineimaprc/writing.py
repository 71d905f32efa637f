"""
What is wrong in an offlineimaprc, with the line or lines as they should be.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from offlineimap_m365.base import errors
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.plugin import log_redaction, stub

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from offlineimap_m365.doctor.offlineimaprc.reading import Rc

#: Options of OfflineIMAP (its offlineimap.conf): those that are like another one are no slips of the pen.
OPTIONS = frozenset(
    {
        "folderfilter",
        "folderincludes",
        "foldersort",
        "localfolders",
        "localrepository",
        "nametrans",
        "oauth2_access_token",
        "oauth2_access_token_eval",
        "oauth2_client_id",
        "oauth2_client_id_eval",
        "oauth2_client_secret",
        "oauth2_client_secret_eval",
        "oauth2_refresh_token",
        "oauth2_refresh_token_eval",
        "oauth2_request_url",
        "remotehost",
        "remotehosteval",
        "remotepass",
        "remotepasseval",
        "remotepassfile",
        "remoteport",
        "remoteporteval",
        "remoterepository",
        "remoteuser",
        "remoteusereval",
        "sep",
        "ssl",
        "ssl_version",
        "sslcacertfile",
        "sslclientcert",
        "sslclientkey",
        "type",
    }
)

_MARKS = str.maketrans("“”", '""')
#: More that begin a line in the sections where those stand.
OTHERS = frozenset(
    {
        "accounts",
        "auth_mechanisms",
        "autorefresh",
        "cert_fingerprint",
        "createfolders",
        "maxage",
        "maxconnections",
        "maxsyncaccounts",
        "pythonfile",
        "readonly",
        "starttls",
        "utf8foldernames",
    }
)

#: Characters of a line that is looked at closely; a token has 3,000.
_LONGEST = 8192


def replaced(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, name: str, section: str, option: str, value: str, meaning: str, advice: str = ""
) -> Check:
    """Return the finding *name*, with *option* set to *value* (quoted for the file) in the place where it stands."""
    place = rc.place(section, option)
    return instead(rc, name, (place.line, place.last), [f"{option} = {value}"], meaning, advice)


def added(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, name: str, section: str, option: str, value: str, meaning: str, advice: str = ""
) -> Check:
    """Return the finding *name*, with the missing *option* below the header, or where a slip of the pen left it."""
    strangers = [found for found in rc.options(section) if found not in OPTIONS]
    slips = difflib.get_close_matches(option, strangers, 1, 0.85)
    if slips:
        place = rc.place(section, slips[0])
        said = f"{meaning}; {slips[0]} is no option that OfflineIMAP knows"
        return instead(rc, name, (place.line, place.last), [f"{option} = {value}"], said, advice)
    line = rc.place(section).line
    return instead(rc, name, (line, line), [rc.lines[line - 1], f"{option} = {value}"], meaning, advice)


def struck(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, name: str, section: str, option: str, meaning: str, advice: str = ""
) -> Check:
    """Return the finding *name*, with a comment where *option* stood: what it holds is not shown."""
    place = rc.place(section, option)
    return instead(rc, name, (place.line, place.last), [f"# {option} was here: nothing needs it"], meaning, advice)


def switched_off(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, name: str, section: str, option: str, meaning: str, advice: str = ""
) -> Check:
    """Return the finding *name*, with the lines of *option*, which is no secret, as comments."""
    place = rc.place(section, option)
    lines = [f"#{line}" for line in rc.lines[place.line - 1 : place.last]]
    return instead(rc, name, (place.line, place.last), lines, meaning, advice)


def set_to(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, name: str, section: str, option: str, value: str, meaning: str, advice: str = ""
) -> Check:
    """Return the finding *name*, with *option* set to *value*, whether it stands there or not."""
    write = replaced if rc.has(section, option) else added
    return write(rc, name, section, option, value, meaning, advice)


def instead(  # noqa: PLR0913, PLR0917 - the parts of a finding
    rc: Rc, name: str, span: tuple[int, int], lines: Sequence[str], meaning: str, advice: str = ""
) -> Check:
    """Return the finding *name*, with *lines* instead of those from *span*'s first to its last."""
    first, last = span
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    write = f"Put this in the place of {where}" if len(lines) == 1 else f"Put these lines in the place of {where}"
    return Check(
        name,
        ok=False,
        meaning=errors.printable(meaning),
        remedy=errors.Remedy(f"{advice}. {write}" if advice else write),
        file=str(rc.path),
        line=first,
        last_line=last if last != first else None,
        corrected="\n".join(lines),
    )


def commanded(path: Path, name: str, meaning: str, remedy: str, line: int | None = None) -> Check:
    """Return the finding *name* that a command heals."""
    return Check(
        name, ok=False, meaning=errors.printable(meaning), remedy=errors.Remedy(remedy), file=str(path), line=line
    )


def untold(rc: Rc, name: str, meaning: str) -> Check:
    """Return a check that was not tried, or cannot be told."""
    return Check(name, ok=None, meaning=errors.printable(meaning), file=str(rc.path))


def quoted(text: str) -> str:
    """Return *text* as a value for the file: a per cent sign is doubled."""
    return text.replace("%", "%%")


def show(value: str) -> str:
    """Return a piece of the file for a sentence: short, printable, and nothing that looks like a secret."""
    if looks_secret(value):
        return "…"
    text = errors.printable(value)
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 - one line


def cited(name: str) -> str:
    """Return a folder's name for a sentence, in quotation marks: it may be any words, which a report leaves out."""
    return f"“{show(name).translate(_MARKS)}”"


def is_clean(text: str) -> bool:
    """Is there no secret in *text*, by its form? What is too long to be looked at is none that could be shown."""
    return all(len(line) <= _LONGEST and log_redaction.clean(line) == line for line in text.split("\n"))


def looks_secret(text: str) -> bool:
    """Could *text* hold a token or a client secret? Such words are long, and mix letters and digits."""
    if not is_clean(text):
        return True
    words = re.findall(r"[A-Za-z0-9._~!*-]{30,}", text)
    return any(re.search(r"\d", word) and word.lower() != word != word.upper() for word in words)


def without(check: Check, secrets: Iterable[str]) -> Check:
    """Return *check* as it may be shown: if one of the *secrets* got into it, its corrected lines are left out."""
    shown = f"{check.meaning}\n{check.remedy}\n{check.corrected or ''}"
    for known in (check.file or "", str(stub.stub_path())):
        shown = shown.replace(known, "")
    if not any(secret in shown for secret in secrets) and not looks_secret(shown):
        return check
    again = f"{errors.COMMAND} doctor --config {errors.quoted(check.file or '')}"
    return Check(
        check.name,
        ok=check.ok,
        meaning="What is wrong here holds something that looks like a secret, so that it is not shown",
        remedy=errors.Remedy("Take it out of the file, and look again", again),
        file=check.file,
        line=check.line,
    )

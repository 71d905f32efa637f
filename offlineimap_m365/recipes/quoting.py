"""
How each mail program's configuration file is written: every function returns an account's values quoted for its file.

A function may add values of its own, and raises WrongUsage or Misconfigured for a value that the file cannot hold.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from offlineimap_m365.base import environment, errors
from offlineimap_m365.folders import folder_filter, learned, patterns, utf7
from offlineimap_m365.recipes import limits, template_values
from offlineimap_m365.recipes.template_values import fill

if TYPE_CHECKING:
    from offlineimap_m365.recipes.template_values import Values

#: How many mailboxes OfflineIMAP syncs at the same time: more share one connection, and Exchange throttles.
_AT_ONCE = 4
#: What msmtp 1.8 replaces in ``from``, without a way to quote it (its manual, "from").
_MSMTP_PATTERNS = re.compile(r"%[UHCM]")
#: What has a meaning between double quotes of a muttrc (mutt's manual, "Syntax of Initialization Files").
_MUTT_SPECIAL = re.compile(r'[\\"$`]')
#: What go-ini, with which aerc reads its file, takes unquoted; ``#`` and ``;`` begin a comment anywhere.
_INI_PLAIN = re.compile(r"[^\s\"'`#;\\][^#;]*")
#: The languages whose names mbsync leaves out where nothing was learned: English, and names used everywhere.
_USUAL_LANGUAGES = ("en", None)


def _in_quotes(text: str) -> str:
    """Return *text* in double quotes, with a backslash before each quote and backslash."""
    return f'"{_escape(text)}"'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _offlineimap(values: Values) -> dict[str, str]:
    """
    Return values for the ConfigParser of OfflineIMAP; *account_literal* and *mailbox_literal* are Python in its file.

    A mailbox is an address that Exchange takes, so it has neither quotes nor backslashes.
    """
    for name in ("pythonfile", "certificates"):
        _without_variables(values[name], "~/.offlineimaprc")
    is_own = values["mailbox"].lower() == values["account"].lower()
    quoted = {key: value if key == "login" else value.replace("%", "%%") for key, value in values.items()}
    quoted["mailbox_literal"] = '"%(remoteuser)s"'
    quoted["account_literal"] = quoted["mailbox_literal"] if is_own else _in_quotes(quoted["account"])
    quoted["certificates"] = quoted["certificates"] or "OS-DEFAULT"
    learnt = f"make_folderfilter(account={quoted['account_literal']}, mailbox={quoted['mailbox_literal']})"
    quoted["folderfilter"] = learnt if learned.find(values["account"], values["mailbox"]) else "folderfilter"
    pair = f'make_nametrans({{"{values["trash"]}": "Trash"}})'
    is_personal = values["trash"] == template_values.PERSONAL_FOLDERS["trash"]
    quoted["nametrans_remote"] = f"{pair}[0]" if is_personal else "nametrans_remote"
    quoted["nametrans_local"] = f"{pair}[1]" if is_personal else "nametrans_local"
    return quoted


def _offlineimap_head(quoted: Sequence[Values]) -> dict[str, str]:
    at_once = min(len(quoted), _AT_ONCE)
    many = f"\n# How many mailboxes are synced at the same time.\nmaxsyncaccounts = {at_once}" if at_once > 1 else ""
    return {**quoted[0], "sections": ", ".join(values["section"] for values in quoted), "many": many}


def _without_variables(path: str, file: str) -> None:
    if "$" in path:
        raise errors.Misconfigured(
            f"{path} cannot be in {file}, where what follows a $ is a variable",
            remedy=errors.Remedy(
                "Use a path without a $; OFFLINEIMAP_M365_HOME names the home, SSL_CERT_FILE the certificates"
            ),
        )


def _getmail(values: Values) -> dict[str, str]:
    """
    Return values for Python's RawConfigParser, with Python for a command, and no quotes elsewhere.

    getmail expands variables of the environment in paths (getmailcore/utilities.py, expand_user_vars). Its Maildir is
    its own, since two programs cannot share one.
    """
    if not values["certificates"]:
        command = f"SSL_CERT_FILE=/path/to/ca.pem {errors.COMMAND} config {values['login']} getmail"
        raise errors.Misconfigured(
            "getmail verifies no certificate without a file of trusted ones, and none was found on this system",
            remedy=errors.Remedy("Name one", command),
        )
    _without_variables(values["certificates"], "getmail's file")
    words = ", ".join(ascii(word) for word in shlex.split(values["token_command"]))
    return {**values, "maildir": f"~/Mail/getmail/{values['section']}", "token_words": f"({words},)"}


def _fetchmail(values: Values) -> dict[str, str]:
    r"""Return values for fetchmailrc, in whose double quotes ``\xhh`` is a character by its code (fetchmail(1))."""
    path = "".join(f"\\x{ord(c):02x}" if c in '"\\' else c for c in values["certificates"])
    return {**values, "certificate_file": f' sslcertfile "{path}"' if path else ""}


def _mbsync(values: Values) -> dict[str, str]:
    """
    Return values for mbsync, quoted as mbsync(1) says under "Configuration".

    Its Maildir is its own, since two programs cannot share one. PipelineDepth 1 in the template is what mbsync(1)
    recommends for Exchange; mutt-wizard#377 needed it with outlook.com.
    """
    own = environment.certificates()[1]
    finding = learned.find(values["account"], values["mailbox"])
    unlearned = f"by their English names. For others first run: {errors.COMMAND} folders {values['login']} --learn"
    return {
        **values,
        "mailbox": _in_quotes(values["mailbox"]),
        "token_command": _in_quotes(values["token_command"]),
        "maildir": f"~/Mail/mbsync/{values['section']}",
        # Only certificates that the system does not trust belong there (mbsync(1), CertificateFile).
        "certificate_file": f"CertificateFile {_in_quotes(own)}" if own else "# The system's certificates are trusted.",
        "how": "as offlineimap-m365 folders --learn found them." if finding else unlearned,
        "patterns": "\n".join(map(_mbsync_pattern, _mbsync_unwanted(finding or {}))),
    }


def _mbsync_unwanted(finding: dict[str, list[str]]) -> list[str]:
    """Return the top-level folders that hold no mail, in Unicode; mbsync cannot quote the wildcards * and %."""
    table = folder_filter.load_table()
    names = [utf7.decode(name) for name in finding.get("not_mail", [])]
    names += [
        row["name"]
        for row in table["names"]
        if row["kind"] in table["not_mail"] and row["language"] in _USUAL_LANGUAGES
    ]
    mail = {patterns.key(name) for name in finding.get("mail", [])}
    return [name for name in dict.fromkeys(names) if patterns.key(name) not in mail and not {"*", "%"} & set(name)]


def _mbsync_pattern(name: str) -> str:
    """Return the line that leaves out the folder *name* and all below it, in Unicode and in modified UTF-7."""
    spellings = dict.fromkeys([name, utf7.encode(name)])
    return "Patterns " + " ".join(_in_quotes(f"!{spelling}{end}") for spelling in spellings for end in ("", "/*"))


def _mbsync_head(quoted: Sequence[Values]) -> dict[str, str]:
    return {**quoted[0], "maildirs": " ".join(values["maildir"] for values in quoted)}


def _msmtp(values: Values) -> dict[str, str]:
    """Return values for msmtp, which removes one pair of quotes around a value and knows no escapes."""
    if _MSMTP_PATTERNS.search(values["mailbox"]):
        fact = f"{values['mailbox']} cannot be msmtp's from, in which the % has another meaning"
        raise errors.WrongUsage(fact, remedy=errors.Remedy("Leave that line out, and give msmtp the address with -f"))
    path = values["certificates"] or "system"
    return {**values, "certificates": f'"{path}"' if '"' in path else path}


def _git(values: Values) -> dict[str, str]:
    """Return values for git's files, quoted with backslashes (git-config(1), Syntax)."""
    msmtp = shlex.join([shutil.which("msmtp") or "msmtp", "-a", values["section"]])
    helper = f'!f() {{ test "$1" = get && printf \'password=%s\\n\' "$({values["token_command"]})"; }}; f'
    quoted = {"sendmail": msmtp, "mailbox": values["mailbox"], "user": values["user"], "helper": helper}
    return {**values, **{name: _in_quotes(value) for name, value in quoted.items()}}


def _mutt(values: Values) -> dict[str, str]:
    """Return values as they are written between double quotes; *login_url* is for a URL."""
    values = {**values, "login_url": quote(values["user"], safe="")}
    return {key: value if key == "login" else _mutt_escape(value) for key, value in values.items()}


def _neomutt(values: Values) -> dict[str, str]:
    """Return the same for neomutt, where the certificates are in a command that is itself between double quotes."""
    quoted = _mutt(values)
    return {**quoted, "certificates": _mutt_escape(quoted["certificates"])}


def _mutt_escape(value: str) -> str:
    return _MUTT_SPECIAL.sub(lambda match: "\\" + match[0], value)


def _aerc(values: Values) -> dict[str, str]:
    """
    Return values for aerc: *imap_user* and *login_url* as parts of a URL, the others for go-ini.

    go-ini also replaces ``%(key)s`` by the value of another key and cannot quote it: the two characters are split into
    two shell words without a space, which the shell joins. *starttls* is a comment unless the installed aerc needs it:
    since 0.15 it is no setting any more, and a warning about it covers the screen (CHANGELOG; measured with 0.20.0).
    """
    line, installed = "smtp-starttls = yes", limits.version("aerc")
    return {
        **values,
        "starttls": line if installed and limits.is_older(installed, "0.15") else f"#{line}",
        "imap_user": quote(values["mailbox"], safe=""),
        "login_url": quote(values["user"], safe=""),
        "sender": _for_ini(f"<{values['mailbox']}>"),
        "token_command": _for_ini(values["token_command"].replace("%(", "%''(")),
    }


def _for_ini(value: str) -> str:
    """Return *value* as go-ini reads it: between backticks, of which the last one counts, if it is not plain."""
    return value if _INI_PLAIN.fullmatch(value) else f"`{value}`"


def _himalaya(values: Values) -> dict[str, str]:
    """Return values as strings of TOML, whose escapes are those of JSON; the hosts are in strings already."""
    hosts = ("imap_host", "imap_port", "smtp_host", "smtp_port", "login")
    quoted = {key: value if key in hosts else _toml(value) for key, value in values.items()}
    quoted["token_command"] = f"[{', '.join(map(_toml, shlex.split(values['token_command'])))}]"
    return quoted


_toml = functools.partial(json.dumps, ensure_ascii=False)


def _emacs(values: Values) -> dict[str, str]:
    """
    Return values as strings of Lisp without their quotes (Emacs Lisp manual, "Syntax for Strings").

    No shell is used and nothing is searched in PATH, which an Emacs started from a dock does not have. *command* is
    the content of a list, *environment* a list, *trust* what adds the certificates to the trusted ones.
    """
    words = shlex.split(values["token_command"])
    environ = words[1:2] if words[0] == "env" else []
    quoted = {key: value if key == "login" else _escape(value) for key, value in values.items()}
    quoted["command"] = " ".join(map(_in_quotes, words[2:] if environ else words))
    quoted["environment"] = f"'({_in_quotes(environ[0])})" if environ else "nil"
    add = f"(require 'gnutls)\n(add-to-list 'gnutls-trustfiles \"{quoted['certificates']}\")"
    quoted["trust"] = add if quoted["certificates"] else ";; Emacs uses the certificates that it finds."
    return quoted


def _gnus(values: Values) -> dict[str, str]:
    """Return the same with *sending*, the recipe of Emacs itself, and *offlineimap*, the command by its whole path."""
    quoted = _emacs(values)
    program = _escape(shlex.quote(shutil.which("offlineimap") or "offlineimap"))
    return {**quoted, "sending": fill("emacs", quoted), "offlineimap": program}


#: The function that quotes the values of each program.
QUOTE: dict[str, Callable[[Values], dict[str, str]]] = {
    "offlineimap": _offlineimap,
    "mbsync": _mbsync,
    "getmail": _getmail,
    "fetchmail": _fetchmail,
    "msmtp": _msmtp,
    "git-send-email": _git,
    "mutt": _mutt,
    "neomutt": _neomutt,
    "aerc": _aerc,
    "himalaya": _himalaya,
    "emacs": _emacs,
    "gnus": _gnus,
    "mu4e": _gnus,
}
#: The functions that make the values of a file's head from the quoted values of all mailboxes.
HEAD: dict[str, Callable[[Sequence[Values]], dict[str, str]]] = {
    "offlineimap": _offlineimap_head,
    "mbsync": _mbsync_head,
}

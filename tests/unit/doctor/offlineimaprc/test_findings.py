"""What breaks in practice in an offlineimaprc: each way is planted, named alone, and healed by its corrected line."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from offlineimap_m365.doctor.check import Subject
from offlineimap_m365.plugin import stub
from tests.kept import ALICE
from tests.unit.desk import (
    EVAL,
    FILTER,
    FOLDERS,
    GRANT,
    JWT,
    LAMBDA,
    LOCAL,
    REMOTE,
    Desk,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Way:
    """
    One way to break the sample: *old* becomes *new*, and *finds* is the one finding, at the line that begins with *at*.

    *at* is the first line of *new* where it is not said; *steps* are the corrections that heal it.
    """

    finds: str
    old: str
    new: str
    at: str = ""
    steps: int = 1
    folders: tuple[str, ...] | None = None

    @property
    def where(self) -> str:
        """How the line begins."""
        return self.at or self.new.splitlines()[0]


def below(section: str, *lines: str) -> tuple[str, str]:
    """Return a section's header, and the header with *lines* below it."""
    return section, "\n".join([section, *lines])


WAYS = {
    # what the parser does not take
    "no equals sign": Way("config-syntax", "ssl = yes", "ssl yes"),
    "an option twice": Way("config-syntax", "ssl = yes", "ssl = yes\nremoteport = 993", "remoteport = 993 again"),
    "a section twice": Way(
        "config-syntax", "# For a new Maildir only: in", "[Repository work-local]\n# For a new", "", 1
    ),
    "a header left open": Way("config-syntax", "[general]", "[general"),
    "a byte order mark": Way("config-syntax", "# OfflineIMAP and", "\ufeff# OfflineIMAP and"),
    "a per cent sign": Way("config-percent", "localfolders = ", "localfolders = /100%/"),
    "a reference to nothing": Way("config-percent", EVAL, EVAL.replace("remoteuser", "remoteusr")),
    "an option behind white space": Way("config-indent", "remoteuser = ", "  remoteuser = "),
    "a header and an option behind white space": Way("config-indent", "auth_mechanisms = ", "\tauth_mechanisms: "),
    # accounts and repositories
    "no [general]": Way("config-accounts", "[general]", "[General]"),
    "no accounts": Way("config-accounts", "accounts = work\n", "", "[general]"),
    "an account without section": Way("config-accounts", "accounts = work", "accounts = wrok"),
    "an account too many": Way("config-accounts", "accounts = work", "accounts = work, other"),
    "a space in an account's name": Way("config-accounts", "[Account work]", "[Account w ork]", steps=1),
    "a remote repository of no section": Way(
        "config-repository", "remoterepository = work-remote", "remoterepository = work-remot"
    ),
    "no remote repository": Way("config-repository", "remoterepository = work-remote\n", "", "[Account work]"),
    "a local repository of no section": Way(
        "config-repository", "localrepository = work-local", "localrepository = work-locale"
    ),
    "no local repository": Way("config-repository", "localrepository = work-local\n", "", "[Account work]"),
    "a type that is none": Way("config-type", "type = IMAP", "type = imap"),
    "no type": Way("config-type", "type = Maildir\n", "", LOCAL),
    "no Maildir": Way("config-localfolders", "localfolders = ", "#localfolders = ", LOCAL),
    # the pythonfile
    "no pythonfile": Way("config-pythonfile", "pythonfile = ", "#pythonfile = ", "[general]"),
    "a pythonfile misspelt": Way("config-pythonfile", "pythonfile = ", "python_file = "),
    "a pythonfile that is not there": Way("config-pythonfile", "pythonfile = ", "pythonfile = /nowhere", "pythonfile"),
    "a pythonfile that is a directory": Way("config-pythonfile", "pythonfile = ", "pythonfile = /tmp\n#", "pythonfile"),
    "a pythonfile that is a room of ours": Way(
        "config-pythonfile", "pythonfile = ", f"pythonfile = {stub.__file__}\n#", "pythonfile"
    ),
    # the line that gives the token
    "a shell's line": Way("config-eval-shell", EVAL, f"oauth2_access_token_eval = offlineimap-m365 token {ALICE}"),
    "a shell's line of others": Way(
        "config-eval-shell", EVAL, "oauth2_access_token_eval = get-refresh-token --profile mail"
    ),
    "a script": Way("config-eval-shell", EVAL, "oauth2_access_token_eval = ~/bin/mutt_oauth2.py ~/.token"),
    "a bracket missing": Way("config-eval-syntax", EVAL, EVAL[:-1]),
    "typographic quotes": Way(
        "config-eval-syntax", EVAL, f"oauth2_access_token_eval = get_access_token(\u201c{ALICE}\u201d)"
    ),
    "a letter missing": Way("config-eval-name", EVAL, EVAL.replace("get_access", "get_acess")),
    "a name of nobody": Way("config-eval-name", EVAL, f'oauth2_access_token_eval = xyz("{ALICE}", get_access_token)'),
    "the module in front": Way("config-eval-name", EVAL, EVAL.replace("get_access", "offlineimap_m365.get_access")),
    "one argument too many": Way("config-eval-arguments", EVAL, EVAL[:-1] + ", 3)"),
    "an argument of no name": Way("config-eval-arguments", EVAL, EVAL.replace("1800", "validity=1800")),
    "an account that is a number": Way(
        "config-eval-arguments", EVAL, "oauth2_access_token_eval = get_access_token(1800)"
    ),
    "quotes around it": Way(
        "config-eval-quoted", EVAL, f"oauth2_access_token_eval = 'get_access_token(\"{ALICE}\", 1800)'"
    ),
    "a token in quotes": Way(
        "config-eval-quoted", EVAL, f'oauth2_access_token_eval = "{JWT}"', "oauth2_access_token_eval"
    ),
    "None": Way("config-eval-constant", EVAL, "oauth2_access_token_eval = None"),
    "nothing": Way("config-eval-empty", EVAL, "oauth2_access_token_eval ="),
    "no brackets": Way("config-eval-uncalled", EVAL, "oauth2_access_token_eval = get_access_token"),
    "the refresh token": Way(
        "config-eval-function", EVAL, EVAL.replace("get_access", "get_refresh").replace(", 1800", "")
    ),
    "a lambda": Way("config-eval-function", EVAL, EVAL.replace("= get", "= lambda: get")),
    "no such line": Way("config-token", EVAL + "\n", "", REMOTE),
    "a slip in its name": Way("config-token", EVAL, EVAL.replace("access_token_eval", "acces_token_eval")),
    "an account that is a slip": Way("config-account", EVAL, EVAL.replace("%(remoteuser)s", "alcie@example.org")),
    # secrets in the file
    "a token": Way("config-access-token", EVAL, f"oauth2_access_token = {JWT}"),
    "a token beside the line": Way(
        "config-access-token-beside", *below(REMOTE, f"oauth2_access_token = {JWT}"), "oauth2_a"
    ),
    "a refresh token beside the line": Way(
        "config-refresh-token", *below(REMOTE, f"oauth2_refresh_token = {GRANT}"), "oauth2_refresh_token"
    ),
    "a client secret beside the line": Way(
        "config-client-secret", *below(REMOTE, "oauth2_client_secret = abcDEF~123456789"), "oauth2_client_secret"
    ),
    "the secret None": Way(
        "config-client-secret-none", *below(REMOTE, "oauth2_client_secret = None"), "oauth2_client_secret"
    ),
    "the secret None, evaluated": Way(
        "config-client-secret-none", *below(REMOTE, "oauth2_client_secret_eval = None"), "oauth2_client_secret_eval"
    ),
    "the predecessor's section": Way(
        "config-predecessor",
        EVAL,
        "oauth2_request_url = https://login.microsoftonline.com/common/oauth2/v2.0/token\n"
        "oauth2_client_id = 9e5f94bc-e8a4-4e73-b8be-63364c29d753\noauth2_client_secret =\n"
        f"oauth2_refresh_token = {GRANT}",
        REMOTE,
    ),
    "the predecessor's section, evaluated": Way(
        "config-predecessor",
        EVAL,
        "oauth2_request_url = https://login.microsoftonline.com/common/oauth2/v2.0/token\n"
        "oauth2_client_id_eval = get_client_id()\noauth2_refresh_token_eval = get_refresh_token()",
        REMOTE,
    ),
    "a refresh token, evaluated": Way(
        "config-refresh-token-eval", EVAL, f'oauth2_refresh_token_eval = get_refresh_token("{ALICE}")', REMOTE
    ),
    "a refresh token in a comment": Way(
        "config-secret", "ssl = yes", f"ssl = yes\n#oauth2_refresh_token = {GRANT}", "#oauth2_refresh_token"
    ),
    "a password": Way("config-password", *below(REMOTE, "remotepass = hunter2"), "remotepass"),
    "a password with a per cent sign": Way("config-percent", *below(REMOTE, "remotepass = 50%hunter"), "remotepass"),
    "a password's file": Way("config-password", *below(REMOTE, "remotepassfile = ~/.password"), "remotepassfile"),
    "a password, evaluated": Way("config-password", *below(REMOTE, "remotepasseval = 'x'"), "remotepasseval"),
    # plain settings
    "another host": Way("config-host", "remotehost = outlook.office365.com", "remotehost = imap.example.com"),
    "no host": Way("config-host", "remotehost = outlook.office365.com\n", "", REMOTE),
    "a host that is evaluated": Way("config-host", *below(REMOTE, "remotehosteval = 'localhost'"), "remotehosteval"),
    "another port": Way("config-port", "remoteport = 993", "remoteport = 143"),
    "a port that is none": Way("config-port", "remoteport = 993", "remoteport = imaps"),
    "no user": Way("config-remoteuser", f"remoteuser = {ALICE}\n", "", REMOTE),
    "a user that is evaluated": Way(
        "config-remoteuser", *below(REMOTE, f"remoteusereval = '{ALICE}'"), "remoteusereval"
    ),
    "no TLS": Way("config-ssl", "ssl = yes", "ssl = no"),
    "no certificates": Way("config-certificates", "sslcacertfile = ", "#sslcacertfile = ", REMOTE),
    "certificates that are not there": Way(
        "config-certificates", "sslcacertfile = ", "sslcacertfile = /nowhere", "sslca"
    ),
    "no mechanism": Way("config-auth-mechanisms", "auth_mechanisms = XOAUTH2\n", "", REMOTE),
    "a slip in the mechanisms": Way("config-auth-mechanisms", "auth_mechanisms", "auth_mechanism", "auth_mechanism"),
    "PLAIN as well": Way("config-auth-mechanisms", "= XOAUTH2", "= XOAUTH2, PLAIN", "auth_mechanisms"),
    "another mechanism": Way("config-auth-mechanisms", "= XOAUTH2", "= LOGIN", "auth_mechanisms"),
    "many connections": Way("config-maxconnections", *below(REMOTE, "maxconnections = 30"), "maxconnections"),
    "connections that are no number": Way(
        "config-maxconnections", *below(REMOTE, "maxconnections = all"), "maxconnections"
    ),
    "decodefoldernames": Way(
        "config-decodefoldernames", *below(REMOTE, "decodefoldernames = yes"), "decodefoldernames"
    ),
    "neither yes nor no": Way("config-boolean", *below(REMOTE, "createfolders = perhaps"), "createfolders"),
    # folders
    "no folderfilter": Way("config-folderfilter", FILTER + "\n", "", REMOTE),
    "a slip in the filter's name": Way("config-folderfilter", FILTER, "folder_filter = folderfilter"),
    "a slip in the filter": Way("config-eval-name", FILTER, "folderfilter = foldefilter"),
    "a filter that is called": Way("config-eval-called", FILTER, "folderfilter = folderfilter()"),
    "a filter in quotes": Way("config-eval-quoted", FILTER, "folderfilter = 'folderfilter'"),
    "a maker of filters": Way("config-eval-function", FILTER, "folderfilter = make_folderfilter"),
    "a renaming as filter": Way("config-eval-function", FILTER, "folderfilter = nametrans_remote"),
    "a filter of no argument": Way("config-eval-arguments", FILTER, "folderfilter = lambda: True"),
    "a language that is none": Way("config-eval-refused", FILTER, 'folderfilter = make_folderfilter(languages=["xx"])'),
    "a filter that keeps calendars": Way(
        "config-filter-keeps", FILTER, "folderfilter = lambda f: f not in ['Contacts', 'Tasks']"
    ),
    "a filter that keeps everything": Way("config-filter-keeps", FILTER, "folderfilter = lambda name: True"),
    "a filter of a pattern": Way(
        "config-filter-keeps", FILTER, "folderfilter = lambda f: not re.search('^(Calendar|Contacts)', f)"
    ),
    "a filter without INBOX": Way("config-filter-drops", FILTER, "folderfilter = lambda name: name.startswith('Sent')"),
    "a filter that drops by a beginning": Way(
        "config-filter-drops",
        FILTER,
        f"folderfilter = lambda name: ({LAMBDA})(name) and not name.startswith('Proj')".replace(
            f"({LAMBDA})(name)", LAMBDA.removeprefix("lambda name: ")
        ),
        folders=FOLDERS,
    ),
    "a renaming one way": Way("config-nametrans", *below(REMOTE, "nametrans = nametrans_remote"), LOCAL),
    "a renaming of one's own one way": Way(
        "config-nametrans", *below(REMOTE, "nametrans = lambda f: re.sub('^Sent Items$', 'sent', f)"), LOCAL
    ),
    "a renaming by a map one way": Way(
        "config-nametrans", *below(REMOTE, "nametrans = lambda f: {'Sent Items': 'sent'}.get(f, f)"), LOCAL
    ),
    "a renaming that is no pair's side": Way(
        "config-eval-pair", *below(REMOTE, 'nametrans = make_nametrans({"Sent Items": "sent"})'), "nametrans", steps=2
    ),
    "a renaming that cannot be read one way": Way(
        "config-nametrans", *below(REMOTE, "nametrans = lambda f: re.sub('.*/', '', f)"), "nametrans"
    ),
    "a renaming here only": Way("config-nametrans", *below(LOCAL, "nametrans = nametrans_local"), "nametrans"),
    "two folders under one name": Way(
        "config-nametrans-twins",
        *below(REMOTE, "nametrans = lambda f: 'Sent' if 'Sent' in f else f"),
        "nametrans",
        folders=FOLDERS,
    ),
    "createfolders = False": Way("config-createfolders", *below(REMOTE, "createfolders = False"), "createfolders"),
    "createfolders = False and one way": Way(
        "config-createfolders",
        *below(REMOTE, "createfolders = no", "nametrans = nametrans_remote"),
        "createfolders",
        steps=2,
    ),
    # whose mail it is, and how it is reached
    "an address in quotes": Way("config-remoteuser", f"remoteuser = {ALICE}", f'remoteuser = "{ALICE}"'),
    "an address in single quotes": Way("config-remoteuser", f"remoteuser = {ALICE}", f"remoteuser = '{ALICE}'"),
    "an address with a comment": Way("config-remoteuser", f"remoteuser = {ALICE}", f"remoteuser = {ALICE} ; me"),
    "an address with a name": Way("config-remoteuser", f"remoteuser = {ALICE}", f"remoteuser = Alice <{ALICE}>"),
    "the type of another provider": Way("config-type", "type = IMAP", "type = Gmail"),
    "an old TLS": Way("config-tls", "ssl = yes", "ssl = yes\nssl_version = tls1", "ssl_version"),
    "one certificate alone": Way(
        "config-certificates", "sslcacertfile = ", "cert_fingerprint = 0123456789abcdef\n#sslcacertfile = "
    ),
    "one certificate beside those that are trusted": Way(
        "config-certificates", *below(REMOTE, "cert_fingerprint = 0123456789abcdef"), "cert_fingerprint"
    ),
    "a directory of certificates": Way("config-certificates", "sslcacertfile = ", "sslcacertfile = /tmp\n#"),
    "a reference without its end": Way("config-percent", EVAL, EVAL.replace(")s", ")")),
    "a repository in small letters": Way("config-repository", REMOTE, REMOTE.lower()),
    "a repository behind two spaces": Way("config-repository", REMOTE, REMOTE.replace(" ", "  ")),
    "an account in small letters": Way("config-accounts", "[Account work]", "[account work]"),
    "the local repository for both": Way(
        "config-repository", "remoterepository = work-remote", "remoterepository = work-local"
    ),
    "the remote repository for both": Way(
        "config-repository", "localrepository = work-local", "localrepository = work-remote"
    ),
    "local and remote changed places": Way(
        "config-repository",
        "localrepository = work-local\nremoterepository = work-remote",
        "localrepository = work-remote\nremoterepository = work-local",
        "remoterepository",
        steps=2,
    ),
    # the Maildir
    "a Maildir that depends on where one is": Way("config-localfolders", "localfolders = /", "localfolders = "),
    "a Maildir in quotes": Way("config-localfolders", "localfolders = ", 'localfolders = "~/Mail/work"\n#'),
    "a local repository that is readonly": Way("config-readonly", *below(LOCAL, "readonly = True"), "readonly"),
    "an empty sep": Way("config-sep", "sep = /", "sep ="),
    "a sep in quotes": Way("config-sep", "sep = /", 'sep = "/"'),
}


def test_the_sample_has_nothing_wrong(desk: Desk, program: Path) -> None:
    """The shipped sample, filled in, is well: one check, which says what is synced."""
    assert program.exists()

    found = desk.examine()

    assert [(check.name, check.ok) for check in found] == [("config", True)]
    assert ALICE in found[0].meaning


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_way_to_break_it_is_named_alone_and_healed(desk: Desk, way: Way) -> None:
    """Exactly one finding with the right line; following it, once or twice, leaves nothing that is wrong."""
    if way.folders:
        desk.subjects = [Subject(ALICE, ALICE)]
        desk.folders = way.folders
    desk.change(way.old, way.new)

    check = desk.only(way.finds)
    line = desk.line(check)
    steps = 1
    desk.follow(check)
    while (found := desk.found()) and steps < way.steps:
        assert len(found) == 1
        desk.follow(found[0])
        steps += 1

    assert line.startswith(way.where.removesuffix(" again"))
    assert [check.as_dict() for check in found] == []
    assert steps == way.steps
    assert not any(secret in desk.text for secret in (JWT, GRANT, "abcDEF~123456789"))


def test_what_a_slip_hides_is_told_as_well(desk: Desk) -> None:
    """White space and quotes are seen through: all that is wrong besides is told at the same look."""
    desk.change(f"remoteuser = {ALICE}", f'  remoteuser = "{ALICE}"')
    desk.change("auth_mechanisms = XOAUTH2", "auth_mechanisms = LOGIN")
    desk.change("sep = /", "sep = //")

    found = desk.found()

    names = ["config-indent", "config-remoteuser", "config-auth-mechanisms", "config-sep"]
    assert [check.name for check in found] == names


def test_white_space_before_an_option_that_is_a_line_of_python_is_right(desk: Desk) -> None:
    """A folderfilter of several lines may say what looks like an option's name."""
    desk.change(FILTER, "folderfilter = make_folderfilter(\n  keep=[],\n  drop=['Archive'])")

    assert desk.found() == []


@pytest.mark.parametrize("secret", [JWT, GRANT, "abc8Q~DEFghiJKLmno.PQRstuVWXyz0123456789a"])
def test_a_secret_is_never_shown_wherever_it_stands(desk: Desk, secret: str) -> None:
    """Put in the place of any value, or behind one in its line, it does not come out, nor does its beginning."""
    lines = desk.text.split("\n")
    for number, line in enumerate(lines):
        if " = " not in line or line.startswith("#"):
            continue
        name, _, value = line.partition(" = ")
        for changed in (
            f"{name} = {secret}",
            f"{name} = {value}{secret}",
            f"{name} {secret}",
            f'{name} = x("{secret}"',
        ):
            desk.write("\n".join([*lines[:number], changed, *lines[number + 1 :]]))

            said = json.dumps([check.as_dict() for check in desk.examine()])

            assert secret[:24] not in said, changed

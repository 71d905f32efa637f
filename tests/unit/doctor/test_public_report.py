"""The report for a public place: what helps stays, what tells who somebody is does not."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offlineimap_m365.accounts import profiles
from offlineimap_m365.base import errors
from offlineimap_m365.cli import arguments
from offlineimap_m365.doctor.check import Check
from offlineimap_m365.doctor.offlineimaprc import writing
from offlineimap_m365.doctor.output import public_report
from offlineimap_m365.doctor.output.pseudonyms import Pseudonyms
from offlineimap_m365.mail import server_text
from tests.kept import ALICE, invent

if TYPE_CHECKING:
    from tests.world import World

#: Rules of ours, which no Python can change.
pytestmark = pytest.mark.once

THUNDERBIRD = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
_LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéжλ"
#: Parts of names that are no part of what is public, nor of a pseudonym.
_PART = st.text(_LETTERS, min_size=3, max_size=8).map(lambda text: f"q{text}z")
_HOST = st.lists(_PART, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(["example", "org", "edu.py", "co"]).map(lambda end: ".".join([*parts, end]))
)
_ADDRESS = st.tuples(st.lists(_PART, min_size=1, max_size=2), st.sampled_from([".", "+", "_", "-", "'"]), _HOST).map(
    lambda parts: f"{parts[1].join(parts[0])}@{parts[2]}"
)
_PATH = st.tuples(
    st.sampled_from(["/home/", "~/", "/srv/", "/Users/", "/etc/", "/usr/share/"]),
    st.lists(_PART | _ADDRESS, min_size=1, max_size=3),
    st.sampled_from(["", "/cache.json", "/.offlineimaprc", "/x.pem"]),
).map(lambda parts: parts[0] + "/".join(parts[1]) + parts[2])
_IP = st.ip_addresses(v=4).filter(lambda ip: not ip.is_loopback and not ip.is_unspecified).map(str) | st.ip_addresses(
    v=6
).filter(lambda ip: not ip.is_loopback and not ip.is_unspecified).map(str)
_ID = st.uuids().map(str) | st.text("0123456789ABCDEF", min_size=40, max_size=40).filter(re.compile(r"\d").search)
#: What a value may stand between, in a sentence, a command, an address of the web and a file.
_AROUND = st.sampled_from(
    [
        "{}",
        "it is {} and not",
        "{}: no",
        "({})",
        "'{}'",
        '"{}"',
        "“{}”",
        "<{}>",
        "{}.",
        "a, {}, b",
        "Run: offlineimap-m365 login {}",
        "In PowerShell: Add-MailboxPermission -Identity {} -User x",
        "key = {}",
        "oauth2_access_token_eval = get_access_token(account='{}')",
        "[{}]",
        "said\t{}\nand",
    ]
)
_VALUE = {
    "address": _ADDRESS,
    "host": _HOST,
    "path": _PATH,
    "ip": _IP,
    "id": _ID,
    "host and port": _HOST.map(lambda host: f"{host}:993"),
    "url": st.tuples(_HOST, _PART).map(
        lambda parts: f"https://{parts[1]}:{parts[1]}@{parts[0]}:8443/{parts[1]}?x={parts[1]}"
    ),
    "tenant's page": _ID.map(lambda tenant: f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"),
    "hint": _ADDRESS.map(
        lambda address: f"https://login.microsoftonline.com/?login_hint={address.replace('@', '%40')}"
    ),
    "section": _PART.map(lambda name: f"[Repository {name}]"),
    "option": _PART.map(lambda name: f"accounts = {name}, work"),
    "folder": st.lists(_PART, min_size=1, max_size=3).map(lambda parts: f'"{" ".join(parts)}"'),
    "subject": _PART.map(lambda name: f"CN={name}, O={name} GmbH"),
}
#: What is told by its own form, wherever it stands; the others by what is round them.
_FORMED = ("address", "host", "path", "ip", "id", "host and port", "url", "tenant's page", "hint")
_FRAMED = ("section", "option", "folder", "subject")
_TEXT = st.tuples(_AROUND, st.sampled_from(_FORMED).flatmap(_VALUE.__getitem__)).map(
    lambda parts: parts[0].replace("{}", parts[1])
) | st.tuples(
    st.sampled_from(["{}", "it is {} and not", "{}."]), st.sampled_from(_FRAMED).flatmap(_VALUE.__getitem__)
).map(lambda parts: parts[0].replace("{}", parts[1]))


def _private(text: str) -> set[str]:
    """Return the made-up parts of names, ids and addresses of machines in *text*."""
    found = set(re.findall(rf"q[{_LETTERS}]{{3,8}}z", text))
    found |= set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9A-F]{40}\b|\d+\.\d+\.\d+\.\d+", text))
    return found | set(re.findall(r"[0-9a-f]*:[0-9a-f:]*:[0-9a-f:]+", text))


@given(
    st.lists(
        st.builds(
            Check,
            name=st.sampled_from(["refresh", "imap-list", "clock"]),
            ok=st.sampled_from([True, False, None]),
            meaning=_TEXT,
            remedy=_TEXT,
            account=st.none() | _ADDRESS | _PART,
            mailbox=st.none() | _ADDRESS,
            file=st.none() | _PATH | _PATH.map(lambda path: f"{path} of mine/x"),
            line=st.none() | st.integers(1, 99),
            corrected=st.none() | _TEXT,
            code=st.sampled_from([None, "AADSTS50173", "invalid_grant"]) | _TEXT,
            correlation_id=st.none() | _ID,
        ),
        max_size=4,
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_nothing_private_survives(world: World, checks: list[Check]) -> None:
    """No address, id, host, path, name of a section or folder, whichever field of a check carries it; schema 1."""
    given_ones = {part for check in checks for value in dataclasses.astuple(check) for part in _private(str(value))}

    text = json.dumps(public_report.document(checks), ensure_ascii=False)

    assert [part for part in given_ones if part in text] == []
    document = json.loads(text)
    assert document["schema"] == 1
    assert [(row["name"], row["ok"]) for row in document["checks"]] == [(check.name, check.ok) for check in checks]


@given(
    st.sampled_from(["address", "host", "path", "ip", "id"]).flatmap(lambda kind: st.tuples(_VALUE[kind], _VALUE[kind]))
)
@settings(max_examples=100)
def test_the_same_value_has_the_same_pseudonym(values: tuple[str, str]) -> None:
    """Within a report, in any sentence and in any case but a path's; another value has another one."""
    one, other = values
    names = Pseudonyms()
    names.learn(f"{one} {other}")

    first, second, again = (names.scrub(f"it is {value} here") for value in (one, other, one))

    assert first == again
    assert one not in first
    assert (first == second) == (one.lower() == other.lower())
    if "/" not in one:
        assert names.scrub(f"it is {one.upper()} here") == first or one.upper().lower() != one


@pytest.mark.parametrize(
    "text",
    [
        "outlook.office365.com:993 and smtp.office365.com:587 answered",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token took the refresh token",
        "Microsoft explains it: https://login.microsoftonline.com/error?code=50173",
        f"The client id {THUNDERBIRD} is Thunderbird's",
        "AADSTS50076 at 2026-01-09T02:02:12Z",
        '5.7.139 "SmtpClientAuthentication is disabled"',
        'said "User is authenticated but not connected"',
        "/usr/bin/offlineimap runs under /usr/bin/python3 (3.11.2), MSAL 1.32.3",
        "The scopes are IMAP.AccessAsUser.All and SMTP.Send",
        "No auth_mechanisms = XOAUTH2 in ~/.offlineimaprc",
        "oauth2_access_token_eval stands beside oauth2_access_token",
        "Run: offlineimap-m365 store ACCOUNT --to keyring",
        "Redirects to http://localhost and https://localhost",
        "profile.json and cache.json are closed",
        "read/write over IMAP/SMTP, in 12:30:59 h and/or 50 %",
        "In PowerShell: Set-CASMailbox -ImapEnabled $true",
    ],
)
def test_what_helps_stays(world: World, text: str) -> None:
    """What is Microsoft's, a program's or ours is everybody's."""
    [row] = public_report.document([Check("x", ok=False, meaning=text, remedy=text, code="AADSTS50173")])["checks"]

    assert row["meaning"] == row["remedy"] == text
    assert row["code"] == "AADSTS50173"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("auth_mechanisms = XOAUTH2", "auth_mechanisms = XOAUTH2"),
        ("remotehost = mailhost", "remotehost = host-1"),
        ("remoteuser = alice@uni.example", "remoteuser = account-1@domain-1.example"),
        ("accounts = Firma, privat", "accounts = name-1"),
        ("[Account Firma]", "[Account name-1]"),
        ("localfolders = ~/Mail/Firma", "localfolders = /path-1"),
        ("pythonfile = ~/.offlineimaprc", "pythonfile = ~/.offlineimaprc"),
        ("folderfilter = folderfilter", "folderfilter = folderfilter"),
        ("folderfilter = make_folderfilter(drop=['Firma'])", "folderfilter = make_folderfilter(drop=['name-1'])"),
        (
            'oauth2_access_token_eval = get_access_token("alice@uni.example", 1800)',
            'oauth2_access_token_eval = get_access_token("account-1@domain-1.example", 1800)',
        ),
        ("remotepass = a password", "remotepass = name-1"),
        (
            'oauth2_access_token_eval = get_access_token("%(remoteuser)s")',
            'oauth2_access_token_eval = get_access_token("%(remoteuser)s")',
        ),
    ],
)
def test_a_corrected_line_keeps_what_is_everybodys(world: World, line: str, shown: str) -> None:
    """Of an option only values that say nothing of anybody, or a pseudonym."""
    [row] = public_report.document([Check("x", ok=False, meaning="It is wrong", corrected=line)])["checks"]

    assert row["corrected"] == shown


def test_what_only_the_profile_tells_is_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of any form, hosts of one word, names that are no address, folders with spaces, the user and the machine."""
    monkeypatch.setenv("HTTPS_PROXY", "http://alice:secret@gatekeeper:3128")
    monkeypatch.setenv("LOGNAME", "aliddell")
    monkeypatch.setattr("platform.node", lambda: "wonderland.corp.invalid")
    invent(
        "daemon",
        client_id="our own id",
        tenant="contoso",
        identity="Alice Liddell",
        imap="postbox:993",
        authority="https://gateway/contoso",
        store="gpg:Alice",
        kind=profiles.APP_ONLY,
        credential={"client_secret_command": "pass show work/m365"},
        mailboxes={"info@corp.invalid": {}},
        person={"oid": "a.b.c"},
    )
    home = "/srv/data of alice/m365"
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", home)
    monkeypatch.setattr("offlineimap_m365.accounts.profiles.names", lambda: ["daemon"])
    loaded = profiles.load
    monkeypatch.setattr(profiles, "load", lambda name: _at_home(loaded, name, world, monkeypatch, home))
    text = (
        "daemon of Alice Liddell in contoso with our own id at postbox through gatekeeper from wonderland by aliddell"
        f" with pass show work/m365 for a.b.c in {home}/accounts/daemon/cache.json or below /srv/data of alice"
    )

    [row] = public_report.document([Check("x", ok=True, meaning=text, account="daemon")])["checks"]

    assert not re.search(
        r"daemon|Alice|Liddell|contoso|own id|postbox|gate|wonder|lidd|show|a\.b\.c|data of", row["meaning"]
    )
    assert row["meaning"].startswith(f"{row['account']} of ")
    assert "/cache.json" in row["meaning"]


def _at_home(load: Any, name: str, world: World, monkeypatch: pytest.MonkeyPatch, home: str) -> Any:
    """Load an account from the world's home, while another one is named."""
    monkeypatch.delenv("OFFLINEIMAP_M365_HOME")
    found = load(name)
    monkeypatch.setenv("OFFLINEIMAP_M365_HOME", home)
    return found


def test_what_only_the_offlineimaprc_tells_is_known(world: World) -> None:
    """Its sections, hosts and users have no form either."""
    rc = world.root / "rc"
    rc.write_text(
        "[general]\naccounts = Firma\n[Account Firma]\nlocalrepository = Schrank\n[Repository Schrank]\n"
        "type = Maildir\n[Repository Amt]\nremotehost = postbox\nremoteuser = 'aliddell'\n",
        encoding="utf-8",
    )
    checks = [Check("x", ok=False, meaning="The accounts Firma and Amt of aliddell at postbox sync into Schrank")]

    [row] = public_report.document(checks, rc)["checks"]

    assert (
        re.sub(r"\d", "N", row["meaning"]) == "The accounts name-N and name-N of account-N at host-N sync into name-N"
    )
    assert public_report.document([], world.root / "gone")["checks"] == []


@pytest.mark.parametrize(
    "text",
    [
        "The account Privates has no section",
        "remoterepository names Kanzlei, which has no section",
        "The accounts firma and Nebenan sync into the same Maildir",
        "There is no file /srv/Kanzlei & Co/x y.py, which pythonfile names",
        "There is no file {home}/Geheim und Co/x.py, which pythonfile names",
    ],
)
def test_what_leads_nowhere_in_the_offlineimaprc_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Accounts and repositories without a section, in several lines; files with blanks in their paths."""
    rc = world.root / "rc"
    rc.write_text(
        "[general]\naccounts = Firma,\n  Nebenan, Privates\npythonfile = /srv/Kanzlei & Co/x y.py\n"
        "[Account Firma]\nremoterepository = Kanzlei\n[Repository x]\nlocalfolders = ~/Geheim und Co/x.py\n",
        encoding="utf-8",
    )

    [row] = public_report.document([Check("x", ok=False, meaning=text.format(home=Path.home()))], rc)["checks"]

    assert not re.search(r"(?i)privates|kanzlei|co/|x y|firma|nebenan|geheim", row["meaning"])


def test_a_file_that_is_none_holds_up_no_report(world: World) -> None:
    """A named pipe in the place of the offlineimaprc is not waited for."""
    os.mkfifo(world.root / "rc")

    assert public_report.document([], world.root / "rc")["checks"] == []


def test_no_line_takes_long(world: World) -> None:
    """Whatever stands in a file of the largest size that is read, a report comes (it took hours)."""
    rc = world.root / "rc"
    lines = ["x" * 900_000, " " * 50_000, "[Account " + "a " * 25_000, *["a+" * 500] * 20]
    rc.write_text("\n".join(lines), encoding="utf-8")
    check = Check("x", ok=False, meaning="It is wrong", corrected="Geheim" * 100_000)

    assert public_report.document([check], rc)["checks"][0]["corrected"] == "name-1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"It leaves out mail: {writing.cited('Fusion (geheim), Teil 2')}", "It leaves out mail: “name-1”"),
        (f"It leaves out mail: {writing.cited('a” b “c')}", "It leaves out mail: “name-1”"),
        (f"It leaves out mail: {writing.cited('Sent Items')}", "It leaves out mail: “Sent Items”"),
        (f"localhost answers 554 {server_text.cited('Firma, ask Bob')}", "localhost answers 554 “name-1”"),
        ("no user FIRMA\\alice there", "no user user-1 there"),
    ],
)
def test_a_folder_may_be_called_anything(text: str, shown: str) -> None:
    """What stands in quotation marks goes as a whole, unless it is everybody's."""
    assert Pseudonyms().scrub(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("was issued by “Firma, Firma Root (CA) G2”, which is", "was issued by “name-1”, which is"),
        ("(expired), issued by “Firma”. Run: x", "(expired), issued by “name-1”. Run: x"),
        ("was issued by itself, which is not", "was issued by itself, which is not"),
    ],
)
def test_who_made_a_certificate_is_nobody(text: str, shown: str) -> None:
    """A company that looks into connections is known by the name of its authority."""
    assert Pseudonyms().scrub(text) == shown


def test_it_tells_what_it_was_found_with(world: World) -> None:
    """Versions, platform, encoding; of each account kind, store, cloud: nothing of whom."""
    invent(
        client_id=THUNDERBIRD, tenant=TENANT, authority=f"https://login.microsoftonline.us/{TENANT}", store="gpg:Alice"
    )

    about = public_report.document([])["about"]

    assert about["accounts"] == [
        {
            "account": "account-1@domain-1.example",
            "kind": "delegated",
            "store": "gpg",
            "cloud": "usgov",
            "personal": False,
            "client_id": THUNDERBIRD,
            "credential": None,
            "signed_in": True,
        }
    ]
    assert {"offlineimap-m365", "python", "msal", "platform", "encoding", "stdout_encoding"} <= set(about)
    assert TENANT not in json.dumps(about)
    assert about["platform"].startswith(("Linux ", "Darwin "))


def test_a_broken_profile_stops_no_report(world: World) -> None:
    """It is what the report is about: its checks are told, under a pseudonym."""
    (Path(invent().folder) / "profile.json").write_text("{", encoding="utf-8")

    found = public_report.document(
        [Check("profile", ok=False, meaning=f"The profile of {ALICE} is broken", account=ALICE)]
    )

    assert found["about"]["accounts"] == []
    assert found["checks"][0]["meaning"] == "The profile of account-1@domain-1.example is broken"


def test_numbers_stay_between_two_reports(world: World) -> None:
    """Accounts that are kept come first, so that what the doctor finds changes nothing of theirs."""
    invent()
    invent("zoe@other.example")
    checks = [
        Check("x", ok=True, meaning="about zoe@other.example"),
        Check("x", ok=True, meaning="about bob@third.example"),
    ]

    one, other = public_report.document(checks), public_report.document(checks[::-1])

    assert one["about"]["accounts"] == other["about"]["accounts"]
    assert one["checks"][0] == other["checks"][1]


def test_the_domain_that_anybody_may_have_stays(world: World) -> None:
    """That it is an outlook.com address helps, and names nobody."""
    assert Pseudonyms().scrub("alice.liddell@outlook.com") == "account-1@outlook.com"


def test_the_issue_template_asks_for_it() -> None:
    """What somebody is asked to run is what the command line takes."""
    template = Path(__file__).parents[3] / ".github" / "ISSUE_TEMPLATE" / "bug.yml"

    named = re.findall(
        rf"{errors.COMMAND}((?: [\w~./-]+)+)`", template.read_text(encoding="utf-8").replace("\n       ", "")
    )

    assert " doctor --report" in named
    assert len(named) == 5
    for words in named:
        arguments.parser().parse_args(words.split())
